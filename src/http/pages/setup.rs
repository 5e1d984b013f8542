//! Making the first administrator, by the one-time link alone.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::texts::say;
use super::{Page, go_to, html_with};
use crate::app::error::Kind;
use crate::app::sign_in;
use crate::http::Site;
use crate::http::body::Form;
use crate::http::error::Failure;
use crate::http::gate;
use crate::limits;

#[derive(Template)]
#[template(path = "setup.html")]
struct Setup<'a> {
    page: Page,
    secret: &'a str,
    wrong: Option<String>,
    name: &'a str,
    email: &'a str,
    password_chars_min: usize,
    password_chars_max: usize,
    password_rule: String,
}

/// `GET /setup/{secret}`.
pub async fn show(
    site: web::Data<Site>,
    request: HttpRequest,
    secret: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    if !sign_in::setup_link_valid(&site.app, &secret).await? {
        return dead_link(&request);
    }
    form(&request, StatusCode::OK, &secret, None, &Form::default())
}

/// `POST /setup/{secret}`.
pub async fn claim(
    site: web::Data<Site>,
    request: HttpRequest,
    secret: web::Path<String>,
    filled: Form,
) -> Result<HttpResponse, Failure> {
    let claimed =
        sign_in::claim(&site.app, &secret, filled.get("email"), filled.get("name"), filled.get("password")).await;
    match claimed {
        Ok(session) => {
            let mut response = go_to("/");
            response.add_cookie(&gate::cookie(&site, &request, session.reveal())).map_err(Failure::internal)?;
            Ok(response)
        }
        Err(error) if error.kind == Kind::Invalid => {
            form(&request, StatusCode::BAD_REQUEST, &secret, Some(error.message), &filled)
        }
        Err(error) if error.kind == Kind::NotFound => dead_link(&request),
        Err(error) => Err(error.into()),
    }
}

fn form(
    request: &HttpRequest,
    status: StatusCode,
    secret: &str,
    wrong: Option<String>,
    filled: &Form,
) -> Result<HttpResponse, Failure> {
    let page = Page::open(request);
    let password_rule = say(page.t.password_rule, &[&limits::PASSWORD_CHARS_MIN]);
    html_with(
        status,
        &Setup {
            page,
            secret,
            wrong,
            name: filled.get("name"),
            email: filled.get("email"),
            password_chars_min: limits::PASSWORD_CHARS_MIN,
            password_chars_max: limits::PASSWORD_CHARS_MAX,
            password_rule,
        },
    )
}

#[derive(Template)]
#[template(path = "error.html")]
struct DeadLink {
    page: Page,
    title: &'static str,
    message: &'static str,
    back: &'static str,
    back_label: &'static str,
}

fn dead_link(request: &HttpRequest) -> Result<HttpResponse, Failure> {
    let page = Page::open(request);
    let t = page.t;
    let link = DeadLink {
        page,
        title: t.error_not_found,
        message: t.setup_link_dead,
        back: "/sign-in",
        back_label: t.sign_in,
    };
    html_with(StatusCode::NOT_FOUND, &link)
}
