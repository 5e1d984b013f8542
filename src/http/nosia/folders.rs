//! `/api/v1/folders`: folders of the server, kept in step.

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use crate::app::folders;
use crate::clock;
use crate::domain::folder::{Folder, FolderFile, FolderState};
use crate::domain::id::FolderId;
use crate::http::body::{self, Form};
use crate::http::error::Failure;
use crate::http::gate::Caller;
use crate::http::{Site, nosia};

/// `POST /api/v1/folders`: `{"path": "/srv/documents"}`.
pub async fn add(
    site: web::Data<Site>,
    caller: Caller,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Failure> {
    let fields = body::json(&request, payload).await?;
    let added = folders::add(&site.app, caller.principal(), fields.text("path")?).await?;
    let mut shape = shape(&added.folder);
    shape["existed"] = added.existed.into();
    Ok(HttpResponse::Accepted().json(shape))
}

/// `GET /api/v1/folders`.
pub async fn list(site: web::Data<Site>, caller: Caller) -> Result<HttpResponse, Failure> {
    let found = folders::list(&site.app, caller.principal()).await?;
    Ok(HttpResponse::Ok().json(json!({ "folders": found.iter().map(shape).collect::<Vec<_>>() })))
}

/// `GET /api/v1/folders/{id}`.
pub async fn get(site: web::Data<Site>, caller: Caller, path: web::Path<String>) -> Result<HttpResponse, Failure> {
    let folder = folders::get(&site.app, caller.principal(), id(&path)?).await?;
    Ok(HttpResponse::Ok().json(shape(&folder)))
}

/// `GET /api/v1/folders/{id}/files?offset=&limit=`.
pub async fn files(
    site: web::Data<Site>,
    caller: Caller,
    path: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let (offset, limit) = nosia::window(&Form::parse(request.query_string().as_bytes()))?;
    let found = folders::files(&site.app, caller.principal(), id(&path)?, offset, limit).await?;
    Ok(HttpResponse::Ok().json(json!({
        "files": found.rows.iter().map(file).collect::<Vec<_>>(),
        "offset": offset,
        "total": found.total,
    })))
}

/// `POST /api/v1/folders/{id}/read`.
pub async fn read(site: web::Data<Site>, caller: Caller, path: web::Path<String>) -> Result<HttpResponse, Failure> {
    let folder = folders::read_again(&site.app, caller.principal(), id(&path)?).await?;
    Ok(HttpResponse::Accepted().json(shape(&folder)))
}

/// `DELETE /api/v1/folders/{id}`.
pub async fn delete(site: web::Data<Site>, caller: Caller, path: web::Path<String>) -> Result<HttpResponse, Failure> {
    folders::remove(&site.app, caller.principal(), id(&path)?).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The number in an address; anything else is nothing that exists.
pub fn id(path: &str) -> Result<FolderId, Failure> {
    path.parse().map_err(|_| Failure::not_found())
}

fn shape(folder: &Folder) -> Value {
    let mut shape = json!({
        "id": folder.id.0,
        "path": folder.path,
        "state": folder.state.as_str(),
        "note": folder.note,
        "files": folder.files,
        "failed_files": folder.failed,
        "gone_files": folder.gone,
        "read_at": folder.read_at_ms.map(clock::iso),
        "created_at": clock::iso(folder.created_at_ms),
    });
    if let FolderState::Failed { reason } = &folder.state {
        shape["reason"] = json!(reason);
    }
    shape
}

fn file(file: &FolderFile) -> Value {
    json!({
        "path": file.path,
        "bytes": file.bytes,
        "state": file.state.as_str(),
        "reason": file.state.reason(),
        "source": file.source.map(|source| source.0),
        "read_at": clock::iso(file.read_at_ms),
    })
}
