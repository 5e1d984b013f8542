//! The page of sources: what there is, how far each has come, and adding more.

use actix_multipart::Multipart;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::texts::{Texts, say, unit_label};
use super::{Page, Pager, go_to, html_with, language, may_change, size};
use crate::app::sources::{self, SourceCounts, SourceFilter, SourcePage};
use crate::domain::extract::{Unit, Unread};
use crate::domain::id::SourceId;
use crate::domain::source::{Source, SourceKind, SourceState};
use crate::domain::written::Written;
use crate::http::Site;
use crate::http::body::Form;
use crate::http::error::Failure;
use crate::http::gate::Caller;
use crate::http::nosia::sources::{id, receive};
use crate::{clock, limits};

/// Rows on one page.
const ROWS: u32 = 50;

#[derive(Template)]
#[template(path = "sources.html")]
struct SourcesPage {
    page: Page,
    t: &'static Texts,
    wrong: Option<String>,
    counts_line: String,
    may_change: bool,
    form_token: String,
    text: Typed,
    qna: Typed,
    words: String,
    state: String,
    state_links: Vec<StateLink>,
    states_href: String,
    settled: bool,
    rows: Vec<Row>,
    empty_line: &'static str,
    pager: Pager,
    upload_bytes_max: u64,
    too_large: String,
}

/// What was typed into a form that is shown again.
#[derive(Default)]
struct Typed {
    is_open: bool,
    title: String,
    body: String,
}

struct StateLink {
    label: String,
    href: String,
    here: bool,
}

#[derive(Template)]
#[template(path = "source_states.html")]
struct States {
    counts_line: String,
    t: &'static Texts,
    may_change: bool,
    form_token: String,
    rows: Vec<Row>,
    empty_line: &'static str,
}

/// One source as the page shows it.
struct Row {
    id: SourceId,
    title: String,
    facts: String,
    added_at: String,
    added_on: String,
    icon: SourceKind,
    state: &'static str,
    state_line: String,
    progress: Option<(u32, u32)>,
    reason: Option<String>,
    /// Which pages were not read and why, where the listing is about that.
    unread: Vec<String>,
    may_stop: bool,
}

/// What the address asks for.
struct Wanted {
    words: String,
    /// A state's word, or empty for all.
    state: String,
    /// Counted from 1.
    page: u32,
}

impl Wanted {
    fn read(request: &HttpRequest) -> Wanted {
        let query = Form::parse(request.query_string().as_bytes());
        let state = Some(query.get("state")).filter(|state| ["ready", "working", "failed", "unread"].contains(state));
        Wanted {
            words: query.get("words").trim().to_owned(),
            state: state.unwrap_or_default().to_owned(),
            page: query.get("page").parse().unwrap_or(1).clamp(1, u32::MAX / ROWS),
        }
    }

    fn filter(&self) -> SourceFilter {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        SourceFilter {
            words: some(&self.words),
            state: some(&self.state),
            kind: None,
            offset: (self.page - 1) * ROWS,
            limit: ROWS,
        }
    }

    /// The address of `path` with this wish, but for another state and page.
    fn href(&self, path: &str, state: &str, page: u32) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in [("words", self.words.as_str()), ("state", state)] {
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        if page > 1 {
            query.append_pair("page", &page.to_string());
        }
        match query.finish() {
            query if query.is_empty() => path.to_owned(),
            query => format!("{path}?{query}"),
        }
    }
}

/// What was filled in or went wrong before the page is shown again.
#[derive(Default)]
pub(super) struct Before {
    pub wrong: Option<String>,
    pub written: Option<Written>,
}

impl Before {
    fn typed(&self, kind: SourceKind) -> Typed {
        let written = self.written.as_ref().filter(|written| written.kind() == kind);
        written.map_or_else(Typed::default, |written| Typed {
            is_open: true,
            title: written.title(),
            body: written.body().to_owned(),
        })
    }
}

/// `GET /sources?words=&state=&page=`.
pub async fn list(site: web::Data<Site>, request: HttpRequest, caller: Caller) -> Result<HttpResponse, Failure> {
    page(&site, &request, &caller, StatusCode::OK, Before::default()).await
}

/// `GET /sources/states`, with the same query: the counts and the rows, for the page's script.
pub async fn states(site: web::Data<Site>, request: HttpRequest, caller: Caller) -> Result<HttpResponse, Failure> {
    let wanted = Wanted::read(&request);
    let found = sources::list(&site.app, caller.principal(), wanted.filter()).await?;
    let t = language(&request);
    let settled = is_settled(&found);
    let counts = sources::counts(&site.app, caller.principal()).await?;
    let states = States {
        counts_line: counts_line(t, &counts),
        t,
        may_change: may_change(&caller),
        form_token: caller.form_token(),
        empty_line: empty_line(t, &wanted),
        rows: rows(&site, &caller, t, &wanted, found).await?,
    };
    super::rows(&states, settled)
}

/// `POST /sources`: files from the plain form.
pub async fn upload(
    site: web::Data<Site>,
    request: HttpRequest,
    caller: Caller,
    form: Multipart,
) -> Result<HttpResponse, Failure> {
    let received = receive(&site, &caller, form).await?;
    let wrong: Vec<_> = received
        .iter()
        .filter_map(|(name, result)| result.as_ref().err().map(|failure| format!("{name}: {failure}")))
        .collect();
    if wrong.is_empty() {
        return Ok(go_to("/sources"));
    }
    let before = Before { wrong: Some(wrong.join(" ")), ..Before::default() };
    page(&site, &request, &caller, StatusCode::BAD_REQUEST, before).await
}

/// `POST /sources/{id}/stop`.
pub async fn stop(site: web::Data<Site>, caller: Caller, path: web::Path<String>) -> Result<HttpResponse, Failure> {
    sources::stop(&site.app, caller.principal(), id(&path)?).await?;
    Ok(go_to("/sources"))
}

/// `POST /sources/{id}/retry`.
pub async fn retry(site: web::Data<Site>, caller: Caller, path: web::Path<String>) -> Result<HttpResponse, Failure> {
    sources::retry(&site.app, caller.principal(), id(&path)?).await?;
    Ok(go_to("/sources"))
}

pub(super) async fn page(
    site: &Site,
    request: &HttpRequest,
    caller: &Caller,
    status: StatusCode,
    before: Before,
) -> Result<HttpResponse, Failure> {
    let wanted = Wanted::read(request);
    let found = sources::list(&site.app, caller.principal(), wanted.filter()).await?;
    let counts = sources::counts(&site.app, caller.principal()).await?;
    let page = Page::of(site, request, caller, "sources", None).await?;
    let t = page.t;
    let template = SourcesPage {
        t,
        text: before.typed(SourceKind::Text),
        qna: before.typed(SourceKind::Qna),
        wrong: before.wrong,
        counts_line: counts_line(t, &counts),
        may_change: may_change(caller),
        form_token: caller.form_token(),
        state_links: state_links(t, &wanted, &counts),
        states_href: wanted.href("/sources/states", &wanted.state, wanted.page),
        settled: is_settled(&found),
        empty_line: empty_line(t, &wanted),
        pager: Pager::of(t, wanted.page, ROWS, found.rows.len(), found.total, |page| {
            wanted.href("/sources", &wanted.state, page)
        }),
        rows: rows(site, caller, t, &wanted, found).await?,
        upload_bytes_max: limits::UPLOAD_BYTES_MAX,
        too_large: say(t.too_large, &[&size(t, limits::UPLOAD_BYTES_MAX)]),
        words: wanted.words,
        state: wanted.state,
        page,
    };
    html_with(status, &template)
}

fn is_settled(found: &SourcePage) -> bool {
    found.rows.iter().all(|source| source.state.is_settled())
}

fn empty_line(t: &'static Texts, wanted: &Wanted) -> &'static str {
    if wanted.words.is_empty() && wanted.state.is_empty() { t.none_yet } else { t.none_found }
}

fn counts_line(t: &Texts, counts: &SourceCounts) -> String {
    let mut parts = match counts.total {
        0 => return String::new(),
        1 => vec![t.count_one.to_owned()],
        many => vec![say(t.count_many, &[&many])],
    };
    if counts.working > 0 {
        parts.push(say(t.count_working, &[&counts.working]));
    }
    if counts.failed > 0 {
        parts.push(say(t.count_failed, &[&counts.failed]));
    }
    parts.join(" · ")
}

/// Links to the states that some source is in; none if all are ready.
fn state_links(t: &Texts, wanted: &Wanted, counts: &SourceCounts) -> Vec<StateLink> {
    if counts.unread + counts.working == 0 && wanted.state.is_empty() {
        return Vec::new();
    }
    [
        ("", t.all, counts.total),
        ("ready", t.ready, counts.ready),
        ("working", t.working, counts.working),
        ("failed", t.failed, counts.failed),
        ("unread", t.unread_filter, counts.unread),
    ]
    .into_iter()
    .map(|(state, label, count)| StateLink {
        label: format!("{label} ({count})"),
        href: wanted.href("/sources", state, 1),
        here: wanted.state == state,
    })
    .collect()
}

impl Row {
    fn of(t: &'static Texts, source: Source) -> Row {
        let mut facts = Vec::new();
        if source.title != source.file_name {
            facts.push(source.file_name);
        }
        match source.pages {
            0 => {}
            1 => facts.push(t.pages_one.to_owned()),
            many => facts.push(say(t.pages_many, &[&many])),
        }
        match source.unread {
            0 => {}
            1 => facts.push(t.unread_one.to_owned()),
            many => facts.push(say(t.unread_many, &[&many])),
        }
        facts.push(size(t, source.bytes));
        let added_at = clock::iso(source.created_at_ms);
        Row {
            id: source.id,
            title: source.title,
            facts: facts.join(" · "),
            added_on: added_at[..10].to_owned(),
            added_at,
            icon: source.kind,
            state: source.state.as_str(),
            state_line: state_line(t, &source.state),
            progress: match source.state {
                SourceState::Reading { done, total } | SourceState::Embedding { done, total } if total > 0 => {
                    Some((done, total))
                }
                _ => None,
            },
            may_stop: matches!(
                source.state,
                SourceState::Waiting | SourceState::Reading { .. } | SourceState::Embedding { .. }
            ),
            unread: Vec::new(),
            reason: match source.state {
                SourceState::Failed { reason } => Some(reason),
                _ => None,
            },
        }
    }
}

/// The rows of a listing. One of what was not read tells of each source which pages and why.
async fn rows(
    site: &Site,
    caller: &Caller,
    t: &'static Texts,
    wanted: &Wanted,
    found: SourcePage,
) -> Result<Vec<Row>, Failure> {
    let mut unread = Vec::new();
    if wanted.state == "unread" {
        let partly: Vec<SourceId> = found.rows.iter().filter(|row| row.unread > 0).map(|row| row.id).collect();
        unread = sources::unread(&site.app, caller.principal(), &partly).await?;
    }
    let row = |source: Source| {
        let id = source.id;
        let mut row = Row::of(t, source);
        let of_it = unread.iter().find(|unread| unread.source == id);
        row.unread = of_it.map(|unread| unread_lines(t, unread.unit, &unread.pages)).unwrap_or_default();
        row
    };
    Ok(found.rows.into_iter().map(row).collect())
}

/// Pages that were not read, a line for each reason: "Page 3, 5–7: It holds only a picture."
pub fn unread_lines(t: &'static Texts, unit: Unit, unread: &[Unread]) -> Vec<String> {
    let mut reasons: Vec<(&str, Vec<u32>)> = Vec::new();
    for Unread { page, reason } in unread {
        match reasons.iter_mut().find(|(known, _)| known == reason) {
            Some((_, pages)) => pages.push(*page),
            None => reasons.push((reason, vec![*page])),
        }
    }
    reasons.iter().map(|(reason, pages)| format!("{}: {reason}", say(unit_label(t, unit), &[&ranges(pages)]))).collect()
}

/// Numbers that rise, with those that follow each other as a range: "3, 5–7".
fn ranges(numbers: &[u32]) -> String {
    let following = |a: &u32, b: &u32| a.checked_add(1) == Some(*b);
    let range = |run: &[u32]| match run {
        [only] => only.to_string(),
        [first, .., last] => format!("{first}–{last}"),
        [] => String::new(),
    };
    numbers.chunk_by(following).map(range).collect::<Vec<_>>().join(", ")
}

/// Where a source stands, in words.
pub fn state_line(t: &Texts, state: &SourceState) -> String {
    match state {
        SourceState::Waiting => t.state_waiting.to_owned(),
        SourceState::Reading { total: 0, .. } => t.state_reading.to_owned(),
        SourceState::Reading { done, total } => say(t.state_reading_page, &[done, total]),
        SourceState::Embedding { total: 0, .. } => t.state_embedding.to_owned(),
        SourceState::Embedding { done, total } => say(t.state_embedding_of, &[done, total]),
        SourceState::Indexing => t.state_indexing.to_owned(),
        SourceState::Ready => t.state_ready.to_owned(),
        SourceState::Failed { .. } => t.state_failed.to_owned(),
        SourceState::Gone => t.state_gone.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Wanted, ranges, unread_lines};
    use crate::domain::extract::{Unit, Unread};
    use crate::http::pages::texts::ENGLISH;

    #[test]
    fn pages_not_read_are_told_reason_by_reason() {
        assert_eq!(ranges(&[1, 3, 5, 6, 7, 9, 10]), "1, 3, 5–7, 9–10");
        let unread = |page, reason: &str| Unread { page, reason: reason.to_owned() };
        let pages = [unread(2, "A."), unread(3, "B."), unread(4, "A."), unread(5, "A.")];
        let lines = unread_lines(&ENGLISH, Unit::Slide, &pages);
        assert_eq!(lines, ["Slide 2, 4–5: A.", "Slide 3: B."]);
    }

    #[test]
    fn addresses_carry_only_what_differs_from_the_plain_list() {
        let wanted = |words: &str| Wanted { words: words.to_owned(), state: String::new(), page: 1 };
        let cases = [
            (wanted("").href("/sources", "", 1), "/sources"),
            (wanted("").href("/sources", "", 3), "/sources?page=3"),
            (wanted("a&b c").href("/sources", "failed", 1), "/sources?words=a%26b+c&state=failed"),
        ];
        for (href, expected) in cases {
            assert_eq!(href, expected);
        }
    }
}
