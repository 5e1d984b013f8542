//! `/api/v1/instructions`: what the model that writes the account's answers is told to do, for its owners.

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;

use crate::app::instructions;
use crate::http::error::Failure;
use crate::http::gate::Caller;
use crate::http::{Site, body};

/// The instructions that hold, and those that hold for accounts without their own.
pub async fn get(site: web::Data<Site>, caller: Caller) -> Result<HttpResponse, Failure> {
    let found = instructions::get(&site.app, caller.principal()).await?;
    Ok(HttpResponse::Ok().json(json!({
        "instructions": found.text(),
        "own": found.own.is_some(),
        "default": found.default,
    })))
}

/// Sets them to `{"instructions": "..."}`.
pub async fn set(
    site: web::Data<Site>,
    caller: Caller,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Failure> {
    let fields = body::json(&request, payload).await?;
    instructions::set(&site.app, caller.principal(), Some(fields.text("instructions")?)).await?;
    get(site, caller).await
}

/// Takes the account's own back: the default holds again.
pub async fn unset(site: web::Data<Site>, caller: Caller) -> Result<HttpResponse, Failure> {
    instructions::set(&site.app, caller.principal(), None).await?;
    get(site, caller).await
}
