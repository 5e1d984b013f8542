//! The one table of errors of this door: what kind gives which status, and how each of the three faces says it.
//!
//! A handler returns a [`Failure`] and does not care who asked. [`render`] wraps every route: it turns the failure into
//! a page for a browser, into OpenAI's shape below `/v1`, into plain JSON below `/api`, and logs it once with its cause.

use std::fmt;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{StatusCode, header};
use actix_web::middleware::Next;
use actix_web::{HttpResponse, ResponseError};
use serde_json::{Value, json};

use crate::app;
use crate::app::error::Kind;
use crate::http::pages;

/// Why a request was not done, before anyone decided how to say so.
#[derive(Debug)]
pub struct Failure {
    pub kind: Kind,
    /// For the reader: a sentence, and what to do.
    pub message: String,
    /// The field of the request that is wrong, where it is one.
    pub field: Option<String>,
    /// For the operator, already written out.
    cause: Option<String>,
}

impl Failure {
    /// A failure of `kind` that tells the reader `message`.
    pub fn new(kind: Kind, message: impl Into<String>) -> Failure {
        Failure { kind, message: message.into(), field: None, cause: None }
    }

    /// The request is wrong at `field`, and `message` says how.
    pub fn field(field: impl Into<String>, message: impl Into<String>) -> Failure {
        Failure::new(Kind::Invalid, message).at(field)
    }

    /// The same, with the field of the request that it is about.
    pub fn at(self, field: impl Into<String>) -> Failure {
        Failure { field: Some(field.into()), ..self }
    }

    /// What is asked for does not exist, or the caller may not see it.
    pub fn not_found() -> Failure {
        Failure::new(Kind::NotFound, "There is nothing at this address, or it is not yours to see.")
    }

    /// The door itself failed: `cause` is for the log.
    pub fn internal(cause: impl fmt::Display) -> Failure {
        Failure {
            cause: Some(cause.to_string()),
            ..Failure::new(Kind::Internal, "Something went wrong here. The log of the appliance says what.")
        }
    }

    /// `{"error": {...}}` as `/api` says it.
    pub fn json(&self) -> Value {
        let mut error = json!({ "kind": word(self.kind), "message": self.message });
        if let Some(field) = &self.field {
            error["field"] = json!(field);
        }
        json!({ "error": error })
    }

    /// `{"error": {...}}` as OpenAI's clients expect it.
    pub fn openai_json(&self) -> Value {
        let (kind, code) = match self.kind {
            Kind::Invalid | Kind::TooLarge | Kind::Conflict => ("invalid_request_error", None),
            Kind::Unauthenticated => ("invalid_request_error", Some("invalid_api_key")),
            Kind::Forbidden => ("permission_error", Some("forbidden")),
            Kind::NotFound => ("invalid_request_error", Some("not_found")),
            Kind::Busy => ("rate_limit_error", Some("rate_limit_exceeded")),
            Kind::DiskFull => ("server_error", Some("disk_full")),
            Kind::Unavailable | Kind::Internal => ("server_error", None),
        };
        json!({ "error": { "message": self.message, "type": kind, "param": self.field, "code": code } })
    }

    /// Writes the failure to the log, once: loudly if the appliance is at fault.
    pub fn log(&self, path: &str) {
        let cause = self.cause.as_deref().unwrap_or("");
        match self.kind {
            Kind::Internal | Kind::Unavailable | Kind::DiskFull => {
                tracing::error!(path, kind = word(self.kind), cause, "{}", self.message)
            }
            _ => tracing::debug!(path, kind = word(self.kind), cause, "{}", self.message),
        }
    }
}

impl From<app::error::Error> for Failure {
    fn from(error: app::error::Error) -> Failure {
        let mut cause = String::new();
        let mut next: Option<&dyn std::error::Error> = std::error::Error::source(&error);
        while let Some(source) = next {
            if !cause.is_empty() {
                cause.push_str(": ");
            }
            cause.push_str(&source.to_string());
            next = source.source();
        }
        Failure {
            kind: error.kind,
            message: error.message,
            field: None,
            cause: Some(cause).filter(|text| !text.is_empty()),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl ResponseError for Failure {
    fn status_code(&self) -> StatusCode {
        status(self.kind)
    }

    /// A bare status: [`render`] fills it, knowing who asked.
    fn error_response(&self) -> HttpResponse<BoxBody> {
        HttpResponse::new(self.status_code())
    }
}

/// The table: what kind gives which status.
fn status(kind: Kind) -> StatusCode {
    match kind {
        Kind::Invalid => StatusCode::BAD_REQUEST,
        Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
        Kind::Forbidden => StatusCode::FORBIDDEN,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::DiskFull => StatusCode::INSUFFICIENT_STORAGE,
        Kind::Busy => StatusCode::TOO_MANY_REQUESTS,
        Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The word for `kind` in JSON and in the log.
fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Invalid => "invalid",
        Kind::Unauthenticated => "unauthenticated",
        Kind::Forbidden => "forbidden",
        Kind::NotFound => "not_found",
        Kind::Conflict => "conflict",
        Kind::TooLarge => "too_large",
        Kind::DiskFull => "disk_full",
        Kind::Busy => "busy",
        Kind::Unavailable => "unavailable",
        Kind::Internal => "internal",
    }
}

/// Seconds after which a caller that was told "busy" or "unavailable" may try again.
const RETRY_AFTER_SECONDS: u32 = 2;

/// Who is told: this decides the shape of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Face {
    OpenAi,
    Nosia,
    /// A script of our own pages, which wants JSON and no redirection.
    Script,
    Page,
}

impl Face {
    /// The face that `request` looks at.
    pub fn of(request: &ServiceRequest) -> Face {
        let path = request.path();
        let script = request.headers().contains_key("x-fragment") || request.headers().contains_key("x-form-token");
        if path.starts_with("/v1/") {
            Face::OpenAi
        } else if path.starts_with("/api/") || path == "/metrics" {
            Face::Nosia
        } else if script {
            Face::Script
        } else {
            Face::Page
        }
    }
}

/// Middleware around every route: gives failures the shape that whoever asked expects.
pub async fn render(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let face = Face::of(&request);
    let response = next.call(request).await?.map_into_boxed_body();
    let Some(failure) = failure_of(&response) else { return Ok(response) };
    failure.log(response.request().path());
    let mut shaped = shape(face, &failure, &response);
    for (name, value) in response.headers() {
        if name == header::ALLOW || name == header::SET_COOKIE {
            shaped.headers_mut().append(name.clone(), value.clone());
        }
    }
    Ok(response.into_response(shaped))
}

/// The failure that `response` stands for, if it does. Errors of the framework itself are the request's fault.
fn failure_of(response: &ServiceResponse) -> Option<Failure> {
    if let Some(error) = response.response().error() {
        return Some(match error.as_error::<Failure>() {
            Some(failure) => Failure {
                kind: failure.kind,
                message: failure.message.clone(),
                field: failure.field.clone(),
                cause: failure.cause.clone(),
            },
            None if response.status().is_server_error() => Failure::internal(error),
            None => Failure::new(Kind::Invalid, error.to_string()),
        });
    }
    (response.status() == StatusCode::METHOD_NOT_ALLOWED)
        .then(|| Failure::new(Kind::Invalid, "This address does not know that method."))
}

fn shape(face: Face, failure: &Failure, response: &ServiceResponse) -> HttpResponse {
    let mut builder = HttpResponse::build(match response.status() {
        StatusCode::METHOD_NOT_ALLOWED => StatusCode::METHOD_NOT_ALLOWED,
        _ => status(failure.kind),
    });
    if matches!(failure.kind, Kind::Busy | Kind::Unavailable) {
        builder.insert_header((header::RETRY_AFTER, RETRY_AFTER_SECONDS.to_string()));
    }
    if failure.kind == Kind::Unauthenticated && face != Face::Script {
        builder.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
    }
    match face {
        Face::OpenAi => builder.json(failure.openai_json()),
        Face::Nosia | Face::Script => builder.json(failure.json()),
        Face::Page => pages::error::page(response.request(), failure, builder),
    }
}

#[cfg(test)]
mod tests {
    use super::{Failure, Kind, status, word};

    const KINDS: [Kind; 10] = [
        Kind::Invalid,
        Kind::Unauthenticated,
        Kind::Forbidden,
        Kind::NotFound,
        Kind::Conflict,
        Kind::TooLarge,
        Kind::DiskFull,
        Kind::Busy,
        Kind::Unavailable,
        Kind::Internal,
    ];

    #[test]
    fn every_kind_has_a_status_and_a_word_of_its_own() {
        let mut seen = std::collections::BTreeSet::new();
        for kind in KINDS {
            assert!(status(kind).as_u16() >= 400);
            assert!(seen.insert((status(kind).as_u16(), word(kind))), "{} is not its own", word(kind));
        }
    }

    #[test]
    fn both_shapes_name_the_field() {
        let failure = Failure::field("messages[0].role", "must be one of system, user, assistant");
        assert_eq!(failure.openai_json()["error"]["param"], "messages[0].role");
        assert_eq!(failure.openai_json()["error"]["type"], "invalid_request_error");
        assert_eq!(failure.json()["error"]["field"], "messages[0].role");
        assert_eq!(Failure::not_found().json()["error"].get("field"), None);
    }
}
