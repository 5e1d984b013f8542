//! For whoever watches the appliance: does it run, can it work, and its numbers.

use actix_web::http::header::ContentType;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;

use crate::app::error::Kind;
use crate::app::health;
use crate::http::Site;
use crate::http::error::Failure;
use crate::http::gate::Caller;
use crate::telemetry;

/// `GET /up`: the process answers. Says nothing about its rooms.
pub async fn up() -> HttpResponse {
    HttpResponse::Ok().content_type(ContentType::plaintext()).body("up\n")
}

/// `GET /ready`: 200 if questions can be answered and files taken, 503 if not. Only a member or this machine is told
/// the rooms' details.
pub async fn ready(site: web::Data<Site>, request: HttpRequest, caller: Option<Caller>) -> HttpResponse {
    let health = health::check(&site.app).await;
    let mut said = json!({ "ready": health.ready });
    if caller.is_some() || is_local(&request) {
        let room = |room: &health::RoomHealth| json!({ "name": room.name, "well": room.well, "detail": room.detail });
        said["rooms"] = health.rooms.iter().map(room).collect();
    }
    match health.ready {
        true => HttpResponse::Ok().json(said),
        false => HttpResponse::ServiceUnavailable().json(said),
    }
}

/// `GET /metrics`: the numbers as Prometheus reads them, for this machine and for members.
pub async fn metrics(request: HttpRequest, caller: Option<Caller>) -> Result<HttpResponse, Failure> {
    if caller.is_none() && !is_local(&request) {
        return Err(Failure::new(
            Kind::Unauthenticated,
            "The numbers are for this machine, or for a caller with an API token.",
        ));
    }
    Ok(HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(telemetry::metrics().render()))
}

/// Whether the request was made on this machine, and not passed on by a proxy that runs here.
fn is_local(request: &HttpRequest) -> bool {
    let passed_on =
        ["forwarded", "x-forwarded-for", "x-real-ip"].iter().any(|name| request.headers().contains_key(*name));
    !passed_on && request.peer_addr().is_some_and(|peer| peer.ip().to_canonical().is_loopback())
}
