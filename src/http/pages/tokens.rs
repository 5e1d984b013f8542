//! API tokens: made, shown once, listed, revoked.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::{Day, Page, go_to, html_with};
use crate::app::error::Kind;
use crate::app::models;
use crate::app::tokens;
use crate::clock;
use crate::domain::account::ApiToken;
use crate::domain::id::TokenId;
use crate::http::Site;
use crate::http::body::Form;
use crate::http::error::Failure;
use crate::http::gate::{self, Caller};

#[derive(Template)]
#[template(path = "tokens.html")]
struct TokensPage {
    page: Page,
    /// The secret of the token just made.
    made: Option<String>,
    example: String,
    wrong: Option<String>,
    tokens: Vec<Row>,
}

struct Row {
    id: TokenId,
    name: String,
    prefix: String,
    used: Option<Day>,
    state: State,
}

enum State {
    Valid,
    Until(Day),
    Expired,
}

/// `GET /tokens`.
pub async fn list(site: web::Data<Site>, request: HttpRequest, caller: Caller) -> Result<HttpResponse, Failure> {
    page(&site, &request, &caller, None, None).await
}

/// `POST /tokens`: the page again, with the secret this once.
pub async fn create(
    site: web::Data<Site>,
    request: HttpRequest,
    caller: Caller,
    form: Form,
) -> Result<HttpResponse, Failure> {
    let days = match form.get("days") {
        "" => None,
        days => Some(
            days.parse().map_err(|_| Failure::field("days", "`days` must be a whole number, or empty for never."))?,
        ),
    };
    match tokens::create(&site.app, caller.principal(), form.get("name"), days).await {
        Ok((secret, _)) => page(&site, &request, &caller, Some(secret.reveal().to_owned()), None).await,
        Err(error) if error.kind == Kind::Invalid => page(&site, &request, &caller, None, Some(error.message)).await,
        Err(error) => Err(error.into()),
    }
}

/// `POST /tokens/{id}/revoke`.
pub async fn revoke(site: web::Data<Site>, caller: Caller, path: web::Path<String>) -> Result<HttpResponse, Failure> {
    let id = path.parse().map_err(|_| Failure::not_found())?;
    tokens::revoke(&site.app, caller.principal(), id).await?;
    Ok(go_to("/tokens"))
}

async fn page(
    site: &Site,
    request: &HttpRequest,
    caller: &Caller,
    made: Option<String>,
    wrong: Option<String>,
) -> Result<HttpResponse, Failure> {
    let tokens = tokens::list(&site.app, caller.principal()).await?;
    let page = Page::of(site, request, caller, "tokens", None).await?;
    let now_ms = clock::now_ms();
    let status = if wrong.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let template = TokensPage {
        example: made.as_deref().map(|secret| example(site, request, caller, secret)).unwrap_or_default(),
        made,
        wrong,
        tokens: tokens.into_iter().map(|token| Row::of(token, now_ms)).collect(),
        page,
    };
    html_with(status, &template)
}

/// A command to paste.
fn example(site: &Site, request: &HttpRequest, caller: &Caller, secret: &str) -> String {
    let model = models::list(&site.app, caller.principal()).into_iter().find(|row| row.kind == "chat");
    let model = model.map_or_else(String::new, |row| row.id);
    let base = gate::base_url(site, request);
    let insecure = if base.starts_with("https:") && site.public_url.is_none() { " -k" } else { "" };
    format!(
        "curl{insecure} {base}/v1/chat/completions \\\n  -H 'Authorization: Bearer {secret}' \\\n  -H 'Content-Type: application/json' \\\n  -d '{{\"model\": \"{model}\", \"messages\": [{{\"role\": \"user\", \"content\": \"...\"}}]}}'"
    )
}

impl Row {
    fn of(token: ApiToken, now_ms: i64) -> Row {
        Row {
            id: token.id,
            name: token.name,
            prefix: token.prefix,
            used: token.used_at_ms.map(Day::of),
            state: match token.expires_at_ms {
                None => State::Valid,
                Some(at_ms) if at_ms > now_ms => State::Until(Day::of(at_ms)),
                Some(_) => State::Expired,
            },
        }
    }
}
