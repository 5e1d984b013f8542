//! The face for people: pages rendered here, one page or action a file, made better by scripts but not made of them.

pub mod ask;
pub mod chat;
pub mod error;
pub mod folders;
pub mod passage;
mod reading;
pub mod settings;
pub mod setup;
pub mod sign_in;
pub mod source;
pub mod sources;
mod texts;
pub mod tokens;
pub mod website;
pub mod websites;
pub mod written;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, http::StatusCode};
use askama::Template;

use crate::app::{chats, folders as watched};
use crate::clock;
use crate::domain::answer::Citation;
use crate::domain::extract::Span;
use crate::domain::id::{ChatId, SourceId};
use crate::http::error::Failure;
use crate::http::gate::Caller;
use crate::http::{Site, embedded};
use texts::{Texts, say};

/// What every page needs.
struct Page {
    t: &'static Texts,
    /// The entry of the navigation that is shown as current.
    here: &'static str,
    /// `None` for pages that anyone sees.
    member: Option<Member>,
}

struct Member {
    form_token: String,
    name: String,
    account: String,
    /// Whether the account's settings are shown.
    is_owner: bool,
    /// Whether folders of the server may be watched for the account.
    has_folders: bool,
    chats: Vec<ChatRow>,
}

struct ChatRow {
    id: ChatId,
    title: String,
    here: bool,
}

impl Page {
    /// A page that anyone sees.
    fn open(request: &HttpRequest) -> Page {
        Page { t: language(request), here: "", member: None }
    }

    /// A page of `caller`, with the chat `open` shown as current.
    async fn of(
        site: &Site,
        request: &HttpRequest,
        caller: &Caller,
        here: &'static str,
        open: Option<ChatId>,
    ) -> Result<Page, Failure> {
        let principal = caller.principal();
        let chats = match &principal.user {
            Some(_) => chats::list(&site.app, principal).await?,
            None => Vec::new(),
        };
        let row =
            |chat: crate::domain::chat::Chat| ChatRow { here: open == Some(chat.id), id: chat.id, title: chat.title };
        let member = Member {
            form_token: caller.form_token(),
            name: principal.user.as_ref().map_or_else(String::new, |user| user.name.clone()),
            account: principal.account.name.clone(),
            is_owner: principal.must_own().is_ok(),
            has_folders: !watched::allowed(&site.app, principal).is_empty(),
            chats: chats.into_iter().map(row).collect(),
        };
        Ok(Page { t: language(request), here, member: Some(member) })
    }

    fn asset(&self, name: &str) -> String {
        embedded::url(name)
    }

    fn form_token(&self) -> &str {
        self.member.as_ref().map_or("", |member| &member.form_token)
    }
}

/// The language that the reader's browser asks for.
fn language(request: &HttpRequest) -> &'static Texts {
    let header = request.headers().get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    Texts::preferred(header.unwrap_or_default())
}

/// A rendered page or fragment.
fn html(template: &impl Template) -> Result<HttpResponse, Failure> {
    html_with(StatusCode::OK, template)
}

fn html_with(status: StatusCode, template: &impl Template) -> Result<HttpResponse, Failure> {
    rendered(HttpResponse::build(status), template)
}

fn rendered(mut response: HttpResponseBuilder, template: &impl Template) -> Result<HttpResponse, Failure> {
    let text = template.render().map_err(Failure::internal)?;
    Ok(response
        .content_type("text/html; charset=utf-8")
        .insert_header((header::VARY, "Accept-Language, Cookie"))
        .body(text))
}

/// Rows for the page's script. The header `x-settled` tells whether all that they show has come to rest.
fn rows(template: &impl Template, settled: bool) -> Result<HttpResponse, Failure> {
    let mut response = HttpResponse::Ok();
    response.insert_header(("x-settled", if settled { "true" } else { "false" }));
    rendered(response, template)
}

/// Whether the caller is shown what changes sources.
fn may_change(caller: &Caller) -> bool {
    caller.principal().must_edit().is_ok()
}

/// After something was done: the browser goes on to `path`, by GET.
fn go_to(path: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((header::LOCATION, path)).finish()
}

/// The addresses of a cited stretch of text.
struct Place {
    /// The page of the whole text, at the mark.
    href: String,
    /// The stretch in its surroundings, for the panel.
    fragment: String,
}

impl Place {
    fn new(source: SourceId, version: u32, span: Span) -> Place {
        let query = format!("version={version}&start={}&end={}", span.start, span.end);
        Place {
            href: format!("/sources/{source}?{query}#mark"),
            fragment: format!("/sources/{source}/passage?{query}"),
        }
    }

    fn of(citation: &Citation) -> Place {
        Place::new(citation.source, citation.version, citation.span)
    }
}

/// Where one page of a long list or text lies within it.
struct Pager {
    line: String,
    previous: Option<String>,
    next: Option<String>,
}

impl Pager {
    /// Of page `number`, from 1, with `shown` of `total` rows, where a page has `rows` at most. `href` gives the address of
    /// a page.
    fn of(t: &Texts, number: u32, rows: u32, shown: usize, total: u64, href: impl Fn(u32) -> String) -> Pager {
        let first = u64::from((number - 1) * rows);
        let last = first + shown as u64;
        Pager {
            line: if last > first { say(t.range, &[&(first + 1), &last, &total]) } else { String::new() },
            previous: (number > 1).then(|| href(number - 1)),
            next: (last < total).then(|| href(number + 1)),
        }
    }
}

/// A moment as a page writes it before a script knows better.
struct Day {
    at: String,
    on: String,
}

impl Day {
    fn of(ms: i64) -> Day {
        let at = clock::iso(ms);
        Day { on: at[..10].to_owned(), at }
    }
}

/// `bytes` as a reader knows sizes: `12 KB`, `3.4 MB`.
fn size(t: &Texts, bytes: u64) -> String {
    if bytes < 1_000_000 {
        return say(t.kilobytes, &[&bytes.div_ceil(1000).max(1)]);
    }
    let tenths = bytes / 100_000;
    say(t.megabytes, &[&format!("{}{}{}", tenths / 10, t.decimal, tenths % 10)])
}

#[cfg(test)]
mod tests {
    use super::size;
    use super::texts::{ENGLISH, FRENCH};

    #[test]
    fn sizes_are_written_for_people() {
        let cases = [(0, "1 KB"), (999, "1 KB"), (12_001, "13 KB"), (1_000_000, "1.0 MB"), (3_449_999, "3.4 MB")];
        for (bytes, written) in cases {
            assert_eq!(size(&ENGLISH, bytes), written);
        }
        assert_eq!(size(&FRENCH, 3_400_000), "3,4 Mo");
    }
}
