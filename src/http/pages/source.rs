//! One source: its text with pages and the mark of a citation, what was not read, and deleting it.

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::passage::read_place;
use super::reading::{self, Block, Shown, Style};
use super::sources::{state_line, unread_lines};
use super::texts::{Texts, say, unit_label};
use super::{Page, Pager, go_to, html, may_change, size};
use crate::app::error::Kind;
use crate::app::sources::{self, SourceText};
use crate::clock;
use crate::domain::extract::{Extract, Span, page_at};
use crate::domain::language;
use crate::domain::source::{Source, SourceState};
use crate::http::Site;
use crate::http::body::Form;
use crate::http::error::Failure;
use crate::http::gate::Caller;
use crate::http::nosia::sources::id;

#[derive(Template)]
#[template(path = "source.html")]
struct SourcePage {
    page: Page,
    id: i64,
    title: String,
    facts: Vec<(&'static str, String)>,
    added_at: String,
    added_on: String,
    reason: Option<String>,
    /// What was not read and why: pages, then whatever else.
    notes: Vec<String>,
    may_stop: bool,
    /// Whether it was written here.
    may_edit: bool,
    /// The document that it lies within: number and title.
    within: Option<(i64, String)>,
    /// What lies within it, but not deeper: number and title.
    parts: Vec<(i64, String)>,
    older_version: bool,
    may_change: bool,
    part: Part,
}

/// The stretch of a long text that one page shows.
#[derive(Default)]
struct Part {
    blocks: Vec<Block>,
    /// Where there is more than this.
    pager: Option<Pager>,
}

/// `GET /sources/{id}?version=&start=&end=&part=`.
pub async fn show(
    site: web::Data<Site>,
    request: HttpRequest,
    caller: Caller,
    path: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let (version, span) = read_place(&request)?;
    let source = sources::get(&site.app, caller.principal(), id(&path)?).await?;
    let read = match sources::text(&site.app, caller.principal(), source.id, version).await {
        Ok(read) => Some(read),
        Err(error) if error.kind == Kind::NotFound => None,
        Err(error) => return Err(error.into()),
    };
    let page = Page::of(&site, &request, &caller, "sources", None).await?;
    let named = |source: Source| (source.id.0, source.title);
    let within = match source.parent {
        Some(parent) => sources::get(&site.app, caller.principal(), parent).await.ok().map(named),
        None => None,
    };
    let parts = sources::parts(&site.app, caller.principal(), source.id).await?.into_iter().map(named).collect();
    let reason = match &source.state {
        SourceState::Failed { reason } => Some(reason.clone()),
        _ => None,
    };
    let wanted = Form::parse(request.query_string().as_bytes()).get("part").parse().ok();
    html(&SourcePage {
        id: source.id.0,
        facts: facts(page.t, &source, read.as_ref()),
        added_at: clock::iso(source.created_at_ms),
        added_on: clock::iso(source.created_at_ms)[..10].to_owned(),
        reason,
        notes: read.as_ref().map(|read| not_read(page.t, &read.extract)).unwrap_or_default(),
        may_stop: matches!(
            source.state,
            SourceState::Waiting | SourceState::Reading { .. } | SourceState::Embedding { .. }
        ),
        may_edit: source.kind.is_written(),
        older_version: read.as_ref().is_some_and(|read| read.version < source.version),
        may_change: may_change(&caller),
        part: read.map(|read| part(page.t, &read, span, wanted)).unwrap_or_default(),
        title: source.title,
        within,
        parts,
        page,
    })
}

fn not_read(t: &'static Texts, extract: &Extract) -> Vec<String> {
    let pages = unread_lines(t, extract.unit, &extract.unread).into_iter();
    pages.chain(extract.notes.iter().cloned()).collect()
}

fn facts(t: &'static Texts, source: &Source, read: Option<&SourceText>) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        (t.fact_state, state_line(t, &source.state)),
        (t.fact_file, source.file_name.clone()),
        (t.fact_size, size(t, source.bytes)),
    ];
    if source.pages > 0 {
        facts.push((t.fact_pages, source.pages.to_string()));
    }
    let about = read.map(|read| &read.extract);
    let author = about.and_then(|extract| extract.author.clone());
    let date = about.and_then(|extract| extract.date.clone());
    facts.extend(author.map(|author| (t.fact_author, author)));
    facts.extend(date.map(|date| (t.fact_date, date)));
    let told = about.and_then(|extract| extract.language.as_deref());
    facts.extend(told.map(|tag| (t.fact_language, language::name(tag).to_owned())));
    facts
}

/// The part that holds `mark`, or the part `wanted` (counted from 1), or the first.
fn part(t: &'static Texts, read: &SourceText, mark: Option<Span>, wanted: Option<usize>) -> Part {
    let windows = reading::windows(&read.extract.markdown, &read.extract.pages);
    if windows.is_empty() {
        return Part::default();
    }
    let holds = |mark: Span| windows.iter().position(|window| mark.start < window.end);
    let at = match (wanted, mark.and_then(holds)) {
        (Some(wanted), _) => wanted.clamp(1, windows.len()) - 1,
        (None, Some(at)) => at,
        (None, None) => 0,
    };
    let window = windows[at];
    let blocks = reading::blocks(
        &read.extract.markdown,
        &read.extract.pages,
        &Shown { window, mark, page_label: unit_label(t, read.extract.unit) },
    );
    let href = |part: usize| format!("/sources/{}?version={}&part={}", read.source.id, read.version, part + 1);
    let line = match (
        page_at(&read.extract.pages, window.start),
        page_at(&read.extract.pages, window.end - 1),
        read.extract.pages.last(),
    ) {
        (Some(first), Some(last), Some(end)) => say(t.part_pages, &[&first, &last, &end.number]),
        _ => say(t.part, &[&(at + 1), &windows.len()]),
    };
    let pager =
        Pager { line, previous: at.checked_sub(1).map(href), next: (at + 1 < windows.len()).then(|| href(at + 1)) };
    Part { blocks, pager: (windows.len() > 1).then_some(pager) }
}

#[derive(Template)]
#[template(path = "delete_source.html")]
struct DeletePage {
    page: Page,
    id: i64,
    title: String,
}

/// `GET /sources/{id}/delete`: asks first.
pub async fn ask_to_delete(
    site: web::Data<Site>,
    request: HttpRequest,
    caller: Caller,
    path: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let source = sources::get(&site.app, caller.principal(), id(&path)?).await?;
    let page = Page::of(&site, &request, &caller, "sources", None).await?;
    html(&DeletePage { page, id: source.id.0, title: source.title })
}

/// `POST /sources/{id}/delete`.
pub async fn delete(site: web::Data<Site>, caller: Caller, path: web::Path<String>) -> Result<HttpResponse, Failure> {
    sources::delete(&site.app, caller.principal(), id(&path)?).await?;
    Ok(go_to("/sources"))
}
