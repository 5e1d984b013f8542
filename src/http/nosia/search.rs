//! `POST /api/v1/search`: the passages for a question, without an answer.

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;

use crate::app::ask;
use crate::domain::question::Question;
use crate::http::error::Failure;
use crate::http::gate::Caller;
use crate::http::{Site, body, nosia};
use crate::limits;

/// Searches for `{"question": ..., "limit": 8}`.
pub async fn search(
    site: web::Data<Site>,
    caller: Caller,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Failure> {
    let fields = body::json(&request, payload).await?;
    let question =
        Question::parse(fields.text("question")?).map_err(|error| Failure::field("question", error.to_string()))?;
    let limit = fields.whole("limit", 1..=limits::CANDIDATES_MAX as i64)?;
    let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(limits::PASSAGES_MAX);
    let found = ask::search(&site.app, caller.principal(), &question, limit).await?;
    Ok(HttpResponse::Ok().json(json!({
        "passages": found.passages.iter().map(nosia::passage).collect::<Vec<_>>(),
        "supported": ask::supported(&found.passages),
        "timings": {
            "embed_ms": found.timings.embed_ms,
            "search_ms": found.timings.search_ms,
            "rerank_ms": found.timings.rerank_ms,
            "load_ms": found.timings.load_ms,
        },
    })))
}
