//! `POST /api/v1/texts`: a text written by the caller, under a title.

use actix_web::{HttpRequest, HttpResponse, web};

use crate::app::sources;
use crate::http::error::Failure;
use crate::http::gate::Caller;
use crate::http::{Site, body, nosia};

/// Adds `{"title": ..., "text": ...}`.
pub async fn add(
    site: web::Data<Site>,
    caller: Caller,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Failure> {
    let fields = body::json(&request, payload).await?;
    let added = sources::add_text(&site.app, caller.principal(), fields.text("title")?, fields.text("text")?).await?;
    let mut shape = nosia::source(&added.source);
    shape["existed"] = added.existed.into();
    Ok(HttpResponse::Accepted().json(shape))
}
