//! The page for what could not be done.

use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use askama::Template;

use super::{Page, rendered};
use crate::app::error::Kind;
use crate::http::error::Failure;

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    page: Page,
    title: &'a str,
    message: &'a str,
    back: &'a str,
    back_label: &'a str,
}

/// Fills `response` with a page that says what `failure` is, in the reader's language as far as it is our own sentence.
pub fn page(request: &HttpRequest, failure: &Failure, response: HttpResponseBuilder) -> HttpResponse {
    let page = Page::open(request);
    let t = page.t;
    let (title, message) = match failure.kind {
        Kind::NotFound => (t.error_not_found, t.error_not_found_page),
        Kind::Forbidden | Kind::Unauthenticated => (t.error_forbidden, failure.message.as_str()),
        Kind::Busy | Kind::Unavailable => (t.error_busy, failure.message.as_str()),
        Kind::Internal | Kind::DiskFull => (t.error_internal, failure.message.as_str()),
        Kind::Invalid | Kind::Conflict | Kind::TooLarge => (t.error_invalid, failure.message.as_str()),
    };
    let (back, back_label) = match request.path() {
        path if path.starts_with("/sources") || path.starts_with("/texts") || path.starts_with("/qnas") => {
            ("/sources", t.documents)
        }
        _ => ("/", t.back_home),
    };
    let template = ErrorPage { page, title, message, back, back_label };
    rendered(response, &template).unwrap_or_else(|_| HttpResponse::InternalServerError().body(failure.message.clone()))
}
