//! `/api/v1/texts` and `/api/v1/qnas`: what is written here, added, read back and changed.

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::Value;

use super::sources::id;
use crate::app::texts;
use crate::domain::source::{Source, SourceKind};
use crate::domain::written::Written;
use crate::http::body::Fields;
use crate::http::error::Failure;
use crate::http::gate::Caller;
use crate::http::{Site, body, nosia};

/// `POST /api/v1/texts`: `{"title": ..., "text": ...}`.
pub async fn add(
    site: web::Data<Site>,
    caller: Caller,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Failure> {
    added(&site, &caller, text(&body::json(&request, payload).await?)?).await
}

/// `POST /api/v1/qnas`: `{"question": ..., "answer": ...}`.
pub async fn add_qna(
    site: web::Data<Site>,
    caller: Caller,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Failure> {
    added(&site, &caller, qna(&body::json(&request, payload).await?)?).await
}

/// `GET /api/v1/texts/{id}`.
pub async fn get(site: web::Data<Site>, caller: Caller, path: web::Path<String>) -> Result<HttpResponse, Failure> {
    read(&site, &caller, &path, SourceKind::Text).await
}

/// `GET /api/v1/qnas/{id}`.
pub async fn get_qna(site: web::Data<Site>, caller: Caller, path: web::Path<String>) -> Result<HttpResponse, Failure> {
    read(&site, &caller, &path, SourceKind::Qna).await
}

/// `PUT /api/v1/texts/{id}`: the same fields as when it was added.
pub async fn change(
    site: web::Data<Site>,
    caller: Caller,
    path: web::Path<String>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Failure> {
    changed(&site, &caller, &path, text(&body::json(&request, payload).await?)?).await
}

/// `PUT /api/v1/qnas/{id}`: the same fields as when it was added.
pub async fn change_qna(
    site: web::Data<Site>,
    caller: Caller,
    path: web::Path<String>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Failure> {
    changed(&site, &caller, &path, qna(&body::json(&request, payload).await?)?).await
}

async fn added(site: &Site, caller: &Caller, written: Written) -> Result<HttpResponse, Failure> {
    let added = texts::add(&site.app, caller.principal(), &written).await?;
    Ok(HttpResponse::Accepted().json(nosia::added(&added)))
}

async fn read(site: &Site, caller: &Caller, path: &str, kind: SourceKind) -> Result<HttpResponse, Failure> {
    let (source, written) = texts::get(&site.app, caller.principal(), id(path)?).await?;
    texts::must_be(source.kind, kind)?;
    Ok(HttpResponse::Ok().json(shape(&source, &written)))
}

async fn changed(site: &Site, caller: &Caller, path: &str, written: Written) -> Result<HttpResponse, Failure> {
    let source = texts::change(&site.app, caller.principal(), id(path)?, &written).await?;
    Ok(HttpResponse::Accepted().json(shape(&source, &written)))
}

fn text(fields: &Fields) -> Result<Written, Failure> {
    Ok(Written::Text { title: fields.text("title")?.to_owned(), text: fields.text("text")?.to_owned() })
}

fn qna(fields: &Fields) -> Result<Written, Failure> {
    Ok(Written::Qna { question: fields.text("question")?.to_owned(), answer: fields.text("answer")?.to_owned() })
}

/// The source, and what was written.
fn shape(source: &Source, written: &Written) -> Value {
    let mut shape = nosia::source(source);
    let (title, body) = match written {
        Written::Text { .. } => ("title", "text"),
        Written::Qna { .. } => ("question", "answer"),
    };
    shape[title] = written.title().into();
    shape[body] = written.body().into();
    shape
}
