//! The pages of web sites: found, visited, and followed by sources.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::error::Result;
use super::followed::{self, Content, Followed};
use super::sources::{self, NewSource};
use super::websites::{self, Round};
use super::{Store, columns};
use crate::domain::account::Scope;
use crate::domain::id::{SourceId, WebPageId, WebsiteId};
use crate::domain::source::{Source, SourceKind};
use crate::domain::website::{WebPage, WebPageState};
use crate::limits;

/// A page whose turn it is to be visited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageToVisit {
    pub id: WebPageId,
    pub url: String,
    pub depth: u32,
    /// Entity tag and date that came with what its source holds; none of what is to be fetched whole.
    pub etag: Option<String>,
    pub modified: Option<String>,
}

/// What a visit brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PageVisited {
    /// Its content, which may be what it was before.
    Read { title: String, content: Content, etag: Option<String>, modified: Option<String> },
    /// It is what it was, its server says.
    Unchanged,
    /// It has vanished.
    Gone(String),
    /// It is not for us.
    Skipped(String),
    /// It could not be read this time.
    Failed(String),
}

/// One page of a listing of pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebPages {
    /// In the order in which they are visited.
    pub rows: Vec<WebPage>,
    pub total: u64,
}

const TOUCH: &str = "UPDATE website_pages SET listed = ?3, depth = min(depth, ?4) WHERE website = ?1 AND url = ?2";

const INSERT: &str = "INSERT INTO website_pages (website, url, depth, listed, state) VALUES (?1, ?2, ?4, ?3, 'found')";

const COUNT_WANTED: &str = "SELECT count(*) FROM website_pages WHERE website = ?1 AND state NOT IN ('skipped', 'gone')";

const COUNT: &str = "SELECT count(*) FROM website_pages WHERE website = ?1";

const COUNT_LIKE: &str = "
    SELECT count(*) FROM website_pages WHERE website = ?1 AND url >= ?2 AND url < ?3";

/// The next page of the round. What somebody deleted is left alone.
pub(super) const NEXT: &str = "
    SELECT id, url, depth, etag, modified FROM website_pages
    WHERE website = ?1 AND visited < ?2 AND NOT (state = 'read' AND source IS NULL)
    ORDER BY depth, id LIMIT 1";

const PAGE: &str = "SELECT website, url, source FROM website_pages WHERE id = ?1";

const SET_VISITED: &str = "
    UPDATE website_pages SET visited = ?2, state = ?3, reason = ?4, read_at_ms = ?5 WHERE id = ?1";

const SET_READ: &str = "UPDATE website_pages SET etag = ?2, modified = ?3, source = ?4 WHERE id = ?1";

const FORGET_VALIDATORS: &str = "UPDATE website_pages SET etag = NULL, modified = NULL WHERE id = ?1";

const UNLISTED: &str = "
    SELECT id, source FROM website_pages
    WHERE website = ?1 AND listed < ?2 AND source IS NOT NULL AND state <> 'gone'";

const SET_GONE: &str =
    "UPDATE website_pages SET state = 'gone', reason = ?2, etag = NULL, modified = NULL WHERE id = ?1";

const SOURCES: &str = "SELECT source FROM website_pages WHERE website = ?1 AND source IS NOT NULL LIMIT ?2";

const LIST: &str = "
    SELECT id, url, state, reason, source, read_at_ms FROM website_pages
    WHERE website = ?1 ORDER BY depth, id LIMIT ?2 OFFSET ?3";

impl Store {
    /// Notes that a round found pages, `depth` steps from the beginning; how many were left out because the site has as
    /// many as it may. Of addresses that differ in their query alone only so many are taken
    /// ([`limits::WEB_QUERIES_MAX`]): calendars and shops have no end of them.
    pub async fn list_pages(&self, round: &Round, depth: u32, urls: Vec<String>) -> Result<u32> {
        let (website, number, most) = (round.website.id, round.number, i64::from(round.website.pages_max));
        self.write(move |rows| {
            let count = |sql: &'static str| -> Result<i64> {
                Ok(rows.prepare_cached(sql)?.query_row([website.0], |row| row.get(0))?)
            };
            let (mut wanted, mut known, mut left_out) = (count(COUNT_WANTED)?, count(COUNT)?, 0);
            for url in urls {
                let row = params![website.0, url, number, depth];
                if rows.prepare_cached(TOUCH)?.execute(row)? > 0 || is_endless(rows, website, &url)? {
                    continue;
                }
                // Pages that turn out not to be for us count too, or there would be no end of them.
                if wanted >= most || known >= most.saturating_mul(limits::WEB_VISITS_PER_PAGE_MAX) {
                    left_out += 1;
                    continue;
                }
                rows.prepare_cached(INSERT)?.execute(row)?;
                (wanted, known) = (wanted + 1, known + 1);
            }
            Ok(left_out)
        })
        .await
    }

    /// The next page to visit in a round, nearest first; `None` when all were, or when the round was ended by somebody.
    pub async fn next_page(&self, round: &Round, now_ms: i64) -> Result<Option<PageToVisit>> {
        let round = round.clone();
        self.write(move |rows| {
            if !websites::renew(rows, &round, now_ms)? {
                return Ok(None);
            }
            let next = rows.prepare_cached(NEXT)?.query_row(params![round.website.id.0, round.number], |row| {
                Ok(PageToVisit {
                    id: WebPageId(row.get("id")?),
                    url: row.get("url")?,
                    depth: row.get("depth")?,
                    etag: row.get("etag")?,
                    modified: row.get("modified")?,
                })
            });
            Ok(next.optional()?)
        })
        .await
    }

    /// Stores what a visit brought, with the source that follows the page and its job; what became of that source, where
    /// the page has one. `None` too if the web site was removed meanwhile.
    pub async fn page_visited(
        &self,
        round: &Round,
        page: WebPageId,
        visited: PageVisited,
        now_ms: i64,
    ) -> Result<Option<Followed>> {
        let round = round.clone();
        self.write(move |rows| {
            if !websites::renew(rows, &round, now_ms)? {
                return Ok(None);
            }
            let known = rows.prepare_cached(PAGE)?.query_row([page.0], |row| {
                Ok((row.get::<_, String>("url")?, row.get::<_, Option<i64>>("source")?.map(SourceId)))
            });
            let Some((url, source)) = known.optional()? else { return Ok(None) };
            let source = source.map(|id| sources::find_unscoped(rows, id)).transpose()?.flatten();
            let (state, reason) = match &visited {
                PageVisited::Read { .. } | PageVisited::Unchanged => ("read", None),
                PageVisited::Gone(reason) if source.is_some() => ("gone", Some(reason)),
                PageVisited::Gone(reason) | PageVisited::Failed(reason) => ("failed", Some(reason)),
                PageVisited::Skipped(reason) => ("skipped", Some(reason)),
            };
            rows.prepare_cached(SET_VISITED)?.execute(params![page.0, round.number, state, reason, now_ms])?;
            match visited {
                PageVisited::Read { title, content, etag, modified } => {
                    let followed = follow(rows, &round, page, source, title, content, now_ms)?;
                    rows.prepare_cached(SET_READ)?.execute(params![page.0, etag, modified, followed.source.0])?;
                    tracing::debug!(%url, changed = followed.changed, "a page was read");
                    Ok(Some(followed))
                }
                PageVisited::Gone(_) | PageVisited::Skipped(_) => {
                    rows.prepare_cached(FORGET_VALIDATORS)?.execute([page.0])?;
                    let Some(source) = source else { return Ok(None) };
                    followed::retire(rows, &source, now_ms)?;
                    Ok(Some(Followed { source: source.id, changed: true, unreferenced: None }))
                }
                PageVisited::Unchanged | PageVisited::Failed(_) => Ok(None),
            }
        })
        .await
    }

    /// Pages of a web site of the scope; `None` if there is no such one.
    pub async fn web_pages(&self, scope: &Scope, id: WebsiteId, offset: u32, limit: u32) -> Result<Option<WebPages>> {
        let scope = scope.clone();
        self.read(move |rows| {
            if !websites::exists(rows, &scope, id)? {
                return Ok(None);
            }
            let asked = params![id.0, limit.min(limits::PAGE_ROWS_MAX), offset];
            let found =
                rows.prepare_cached(LIST)?.query_map(asked, read)?.collect::<rusqlite::Result<Vec<WebPage>>>()?;
            let total = rows.prepare_cached(COUNT)?.query_row([id.0], |row| row.get::<_, i64>(0))?;
            Ok(Some(WebPages { rows: found, total: total as u64 }))
        })
        .await
    }
}

/// Whether the site has as many addresses like `url`, but for the query, as it may.
fn is_endless(rows: &Connection, website: WebsiteId, url: &str) -> Result<bool> {
    let Some((path, _)) = url.split_once('?') else { return Ok(false) };
    // `@` follows `?`: between the two lies every query of the path.
    let alike = params![website.0, format!("{path}?"), format!("{path}@")];
    let count: i64 = rows.prepare_cached(COUNT_LIKE)?.query_row(alike, |row| row.get(0))?;
    Ok(count >= limits::WEB_QUERIES_MAX)
}

/// Has the page's source take in `content`, or makes it.
fn follow(
    rows: &Connection,
    round: &Round,
    page: WebPageId,
    source: Option<Source>,
    title: String,
    content: Content,
    now_ms: i64,
) -> Result<Followed> {
    if let Some(source) = source {
        return followed::change(rows, &source, &content, now_ms);
    }
    let new = NewSource {
        account: round.website.account,
        collection: round.website.collection,
        kind: SourceKind::Website,
        title,
        file_name: content.file_name,
        media_type: content.media_type,
        bytes: content.bytes,
        sha256: content.sha256,
        added_by: round.added_by,
        parent: None,
    };
    followed::create(rows, &format!("web page {page}"), new, now_ms)
}

/// Retires the pages that this round did not find any more.
pub(super) fn retire_unlisted(rows: &Connection, website: WebsiteId, round: u32, now_ms: i64) -> Result<()> {
    let mut statement = rows.prepare_cached(UNLISTED)?;
    let unlisted = statement.query_map(params![website.0, round], |row| Ok((row.get(0)?, row.get(1)?)))?;
    for (page, source) in unlisted.collect::<rusqlite::Result<Vec<(i64, i64)>>>()? {
        if let Some(source) = sources::find_unscoped(rows, SourceId(source))? {
            followed::retire(rows, &source, now_ms)?;
        }
        rows.prepare_cached(SET_GONE)?.execute(params![page, "The site map no longer lists it."])?;
    }
    Ok(())
}

/// Up to `limit` sources that follow pages of a web site.
pub(super) fn sources_of(rows: &Connection, website: WebsiteId, limit: usize) -> Result<Vec<SourceId>> {
    let mut statement = rows.prepare_cached(SOURCES)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let found = statement.query_map(params![website.0, limit], |row| row.get(0).map(SourceId))?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<WebPage> {
    let (source, reason) =
        (row.get::<_, Option<i64>>("source")?.map(SourceId), row.get::<_, Option<String>>("reason")?);
    let reason = reason.unwrap_or_default();
    let state = columns::read_word(row, "state", |word| match word {
        "found" => Some(WebPageState::Found),
        "read" => Some(WebPageState::Read),
        "gone" => Some(WebPageState::Gone { reason: String::new() }),
        "skipped" => Some(WebPageState::Skipped { reason: String::new() }),
        "failed" => Some(WebPageState::Failed { reason: String::new() }),
        _ => None,
    })?;
    let state = match state {
        WebPageState::Read if source.is_none() => WebPageState::Dropped,
        WebPageState::Gone { .. } => WebPageState::Gone { reason },
        WebPageState::Skipped { .. } => WebPageState::Skipped { reason },
        WebPageState::Failed { .. } => WebPageState::Failed { reason },
        other => other,
    };
    Ok(WebPage {
        id: WebPageId(row.get("id")?),
        url: row.get("url")?,
        state,
        source,
        read_at_ms: row.get("read_at_ms")?,
    })
}
