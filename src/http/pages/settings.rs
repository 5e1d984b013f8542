//! The account's settings, for its owners: what the model that writes answers is told to do, and what questions are
//! compared by.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::texts::{Texts, say};
use super::{Page, go_to, html_with};
use crate::app::error::Kind;
use crate::app::instructions;
use crate::app::models::{self, Comparing};
use crate::http::Site;
use crate::http::body::Form;
use crate::http::error::Failure;
use crate::http::gate::Caller;
use crate::limits;

#[derive(Template)]
#[template(path = "settings.html")]
struct SettingsPage {
    page: Page,
    /// What holds, or what was typed and refused.
    text: String,
    /// Whether the account has its own.
    own: bool,
    chars_max: usize,
    wrong: Option<String>,
    saved: bool,
    /// What questions are compared by, a line each.
    search: Vec<String>,
}

/// `GET /settings`, with `?saved` after something was.
pub async fn show(site: web::Data<Site>, request: HttpRequest, caller: Caller) -> Result<HttpResponse, Failure> {
    page(&site, &request, &caller, None).await
}

/// `POST /settings`: new instructions, or with `default` the appliance's again.
pub async fn save(
    site: web::Data<Site>,
    request: HttpRequest,
    caller: Caller,
    form: Form,
) -> Result<HttpResponse, Failure> {
    let typed = form.get("instructions");
    let text = form.get("default").is_empty().then_some(typed);
    match instructions::set(&site.app, caller.principal(), text).await {
        Ok(()) => Ok(go_to("/settings?saved")),
        Err(error) if error.kind == Kind::Invalid => {
            page(&site, &request, &caller, Some((typed.to_owned(), error.message))).await
        }
        Err(error) => Err(error.into()),
    }
}

/// The page; `refused` is a text and what was wrong with it.
async fn page(
    site: &Site,
    request: &HttpRequest,
    caller: &Caller,
    refused: Option<(String, String)>,
) -> Result<HttpResponse, Failure> {
    let found = instructions::get(&site.app, caller.principal()).await?;
    let page = Page::of(site, request, caller, "settings", None).await?;
    let (status, text, wrong) = match refused {
        None => (StatusCode::OK, found.text().to_owned(), None),
        Some((text, wrong)) => (StatusCode::BAD_REQUEST, text, Some(wrong)),
    };
    let saved = wrong.is_none() && request.query_string() == "saved";
    let (own, chars_max) = (found.own.is_some(), limits::INSTRUCTIONS_CHARS_MAX);
    let search = search(page.t, models::comparing(&site.app).await?);
    html_with(status, &SettingsPage { page, text, own, chars_max, wrong, saved, search })
}

/// What questions are compared by, and what is on its way.
fn search(t: &Texts, comparing: Comparing) -> Vec<String> {
    let now = comparing.by.map_or_else(|| t.words_only.to_owned(), |name| say(t.comparing_by, &[&name]));
    let next = comparing.next.map(|next| say(t.comparing_next, &[&next.name, &next.percent]));
    [now].into_iter().chain(next).collect()
}
