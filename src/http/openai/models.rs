//! `GET /v1/models` and `GET /v1/models/{id}`.

use actix_web::{HttpResponse, web};
use serde_json::{Value, json};

use crate::app::models::{self, ModelRow};
use crate::http::Site;
use crate::http::error::Failure;
use crate::http::gate::Caller;

/// Every model that a request may name.
pub async fn list(site: web::Data<Site>, caller: Caller) -> HttpResponse {
    let rows: Vec<_> = models::list(&site.app, caller.principal()).iter().map(shape).collect();
    HttpResponse::Ok().json(json!({ "object": "list", "data": rows }))
}

/// One model.
pub async fn get(site: web::Data<Site>, caller: Caller, id: web::Path<String>) -> Result<HttpResponse, Failure> {
    let rows = models::list(&site.app, caller.principal());
    let row = rows.iter().find(|row| row.id == *id).ok_or_else(Failure::not_found)?;
    Ok(HttpResponse::Ok().json(shape(row)))
}

/// `created` is a date that OpenAI's clients demand and that means nothing here.
fn shape(row: &ModelRow) -> Value {
    json!({ "id": row.id, "object": "model", "created": 0, "owned_by": row.owned_by, "nosia": { "kind": row.kind } })
}
