//! Signing in and out.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::{Page, go_to, html_with};
use crate::app::error::Kind;
use crate::app::sign_in;
use crate::http::Site;
use crate::http::body::Form;
use crate::http::error::Failure;
use crate::http::gate::{self, Caller};

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn<'a> {
    page: Page,
    claimed: bool,
    wrong: Option<String>,
    email: &'a str,
    next: &'a str,
}

/// `GET /sign-in?next=`.
pub async fn show(
    site: web::Data<Site>,
    request: HttpRequest,
    caller: Option<Caller>,
) -> Result<HttpResponse, Failure> {
    let query = Form::parse(request.query_string().as_bytes());
    let next = local(query.get("next"));
    if caller.is_some() {
        return Ok(go_to(next));
    }
    let claimed = sign_in::is_claimed(&site.app).await?;
    let page = Page::open(&request);
    html_with(StatusCode::OK, &SignIn { page, claimed, wrong: None, email: "", next })
}

/// `POST /sign-in`: the cookie, or the form again with what was wrong.
pub async fn sign_in(site: web::Data<Site>, request: HttpRequest, form: Form) -> Result<HttpResponse, Failure> {
    let (email, next) = (form.get("email"), local(form.get("next")));
    let address = gate::address(&site, &request);
    let error = match sign_in::sign_in(&site.app, email, form.get("password"), address).await {
        Ok(secret) => {
            let mut response = go_to(next);
            response.add_cookie(&gate::cookie(&site, &request, secret.reveal())).map_err(Failure::internal)?;
            return Ok(response);
        }
        Err(error) => error,
    };
    let page = Page::open(&request);
    let (status, wrong) = match error.kind {
        Kind::Unauthenticated => (StatusCode::UNAUTHORIZED, page.t.wrong_password.to_owned()),
        Kind::Forbidden => (StatusCode::FORBIDDEN, error.message),
        Kind::Busy => (StatusCode::TOO_MANY_REQUESTS, error.message),
        _ => return Err(error.into()),
    };
    html_with(status, &SignIn { page, claimed: true, wrong: Some(wrong), email, next })
}

/// `POST /sign-out`.
pub async fn sign_out(site: web::Data<Site>, request: HttpRequest, caller: Caller) -> Result<HttpResponse, Failure> {
    if let Some(session) = caller.session() {
        sign_in::sign_out(&site.app, session).await?;
    }
    let mut response = go_to("/sign-in");
    response.add_cookie(&gate::no_cookie(&site, &request)).map_err(Failure::internal)?;
    Ok(response)
}

/// `next` if it is an address of ours, or else the first page: a link must not lead away from here after signing in.
fn local(next: &str) -> &str {
    let leads_away = next.starts_with("//") || next.contains('\\') || next.contains(char::is_control);
    if next.starts_with('/') && !leads_away { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::local;

    #[test]
    fn signing_in_leads_nowhere_else() {
        let cases = [
            ("/sources?words=a&page=2", "/sources?words=a&page=2"),
            ("/", "/"),
            ("", "/"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("https://evil.example", "/"),
            ("javascript:alert(1)", "/"),
            ("/a\r\nset-cookie: b", "/"),
        ];
        for (next, kept) in cases {
            assert_eq!(local(next), kept, "{next:?}");
        }
    }
}
