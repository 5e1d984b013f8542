//! `/api/v1/websites`: pages and sites of the web, kept in step.

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use crate::app::websites::{self, Wish};
use crate::domain::id::WebsiteId;
use crate::domain::website::{Every, Reach, WebPage, Website, WebsiteState};
use crate::http::body::{self, Fields, Form};
use crate::http::error::Failure;
use crate::http::gate::Caller;
use crate::http::{Site, nosia};
use crate::{clock, limits};

/// `POST /api/v1/websites`: `{"url": ..., "reach": "page", "depth_max": 3, "pages_max": 500, "every": "never"}`.
pub async fn add(
    site: web::Data<Site>,
    caller: Caller,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Failure> {
    let fields = body::json(&request, payload).await?;
    let depth_max = whole(&fields, "depth_max", 0, limits::WEB_DEPTH_MAX)?.unwrap_or(limits::WEB_DEPTH_MAX_DEFAULT);
    let wish = Wish {
        url: fields.text("url")?.to_owned(),
        reach: reach(fields.text_if_any("reach")?.unwrap_or("page"), depth_max)?,
        pages_max: whole(&fields, "pages_max", 1, limits::WEB_PAGES_MAX)?,
        every: every(fields.text_if_any("every")?.unwrap_or("never"))?,
    };
    let added = websites::add(&site.app, caller.principal(), &wish).await?;
    let mut shape = shape(&added.website);
    shape["existed"] = added.existed.into();
    Ok(HttpResponse::Accepted().json(shape))
}

/// `GET /api/v1/websites`.
pub async fn list(site: web::Data<Site>, caller: Caller) -> Result<HttpResponse, Failure> {
    let found = websites::list(&site.app, caller.principal()).await?;
    Ok(HttpResponse::Ok().json(json!({ "websites": found.iter().map(shape).collect::<Vec<_>>() })))
}

/// `GET /api/v1/websites/{id}`.
pub async fn get(site: web::Data<Site>, caller: Caller, path: web::Path<String>) -> Result<HttpResponse, Failure> {
    let website = websites::get(&site.app, caller.principal(), id(&path)?).await?;
    Ok(HttpResponse::Ok().json(shape(&website)))
}

/// `GET /api/v1/websites/{id}/pages?offset=&limit=`.
pub async fn pages(
    site: web::Data<Site>,
    caller: Caller,
    path: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let (offset, limit) = nosia::window(&Form::parse(request.query_string().as_bytes()))?;
    let found = websites::pages(&site.app, caller.principal(), id(&path)?, offset, limit).await?;
    Ok(HttpResponse::Ok().json(json!({
        "pages": found.rows.iter().map(page).collect::<Vec<_>>(),
        "offset": offset,
        "total": found.total,
    })))
}

/// `PATCH /api/v1/websites/{id}`: `{"every": "daily"}`.
pub async fn change(
    site: web::Data<Site>,
    caller: Caller,
    path: web::Path<String>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Failure> {
    let (id, fields) = (id(&path)?, body::json(&request, payload).await?);
    let website = websites::set_every(&site.app, caller.principal(), id, every(fields.text("every")?)?).await?;
    Ok(HttpResponse::Ok().json(shape(&website)))
}

/// `POST /api/v1/websites/{id}/read`.
pub async fn read(site: web::Data<Site>, caller: Caller, path: web::Path<String>) -> Result<HttpResponse, Failure> {
    let website = websites::read_again(&site.app, caller.principal(), id(&path)?).await?;
    Ok(HttpResponse::Accepted().json(shape(&website)))
}

/// `POST /api/v1/websites/{id}/stop`.
pub async fn stop(site: web::Data<Site>, caller: Caller, path: web::Path<String>) -> Result<HttpResponse, Failure> {
    let website = websites::stop(&site.app, caller.principal(), id(&path)?).await?;
    Ok(HttpResponse::Ok().json(shape(&website)))
}

/// `DELETE /api/v1/websites/{id}`.
pub async fn delete(site: web::Data<Site>, caller: Caller, path: web::Path<String>) -> Result<HttpResponse, Failure> {
    websites::remove(&site.app, caller.principal(), id(&path)?).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The number in an address; anything else is nothing that exists.
pub fn id(path: &str) -> Result<WebsiteId, Failure> {
    path.parse().map_err(|_| Failure::not_found())
}

/// The reach that `word` names.
pub fn reach(word: &str, depth_max: u32) -> Result<Reach, Failure> {
    let wrong = || format!("`reach` must be one of page, sitemap, crawl, not {word:?}.");
    Reach::parse(word, depth_max).ok_or_else(|| Failure::field("reach", wrong()))
}

/// The interval that `word` names.
pub fn every(word: &str) -> Result<Every, Failure> {
    let wrong = || format!("`every` must be one of never, daily, weekly, not {word:?}.");
    Every::parse(word).ok_or_else(|| Failure::field("every", wrong()))
}

fn whole(fields: &Fields, name: &str, least: u32, most: u32) -> Result<Option<u32>, Failure> {
    let number = fields.whole(name, i64::from(least)..=i64::from(most))?;
    Ok(number.and_then(|number| u32::try_from(number).ok()))
}

fn shape(website: &Website) -> Value {
    let mut shape = json!({
        "id": website.id.0,
        "url": website.url,
        "reach": website.reach.as_str(),
        "pages_max": website.pages_max,
        "every": website.every.as_str(),
        "state": website.state.as_str(),
        "note": website.note,
        "pages": website.pages,
        "failed_pages": website.failed,
        "gone_pages": website.gone,
        "read_at": website.read_at_ms.map(clock::iso),
        "due_at": website.due_at_ms.map(clock::iso),
        "created_at": clock::iso(website.created_at_ms),
    });
    if let Reach::Crawl { depth_max } = website.reach {
        shape["depth_max"] = depth_max.into();
    }
    if let WebsiteState::Failed { reason } = &website.state {
        shape["reason"] = json!(reason);
    }
    shape
}

fn page(page: &WebPage) -> Value {
    json!({
        "url": page.url,
        "state": page.state.as_str(),
        "reason": page.state.reason(),
        "source": page.source.map(|source| source.0),
        "read_at": page.read_at_ms.map(clock::iso),
    })
}
