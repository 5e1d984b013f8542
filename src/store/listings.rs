//! Listings of sources, and how many there are.

use rusqlite::{Connection, Row, params};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::Store;
use super::columns;
use super::error::Result;
use super::sources::{read, select_sources};
use crate::domain::account::Scope;
use crate::domain::source::{Source, SourceKind};
use crate::limits;

/// Which sources a listing shows. `None` does not narrow it.
#[derive(Clone, Debug)]
pub struct SourceFilter {
    /// Words that must all occur in title or file name, without regard to case and accents.
    pub words: Option<String>,
    /// The word of a [`SourceState`](crate::domain::source::SourceState), `working` for every state that is not settled, or
    /// `unread` for what was not read, as a whole or some pages of it.
    pub state: Option<String>,
    pub kind: Option<SourceKind>,
    /// Sources to skip, newest first.
    pub offset: u32,
    /// Rows wanted, at most [`limits::PAGE_ROWS_MAX`].
    pub limit: u32,
}

/// One page of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourcePage {
    /// Newest first.
    pub rows: Vec<Source>,
    /// All that the filter lets through, on whatever page.
    pub total: u64,
}

/// How many sources a scope holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceCounts {
    pub total: u64,
    pub ready: u64,
    pub failed: u64,
    /// On their way.
    pub working: u64,
    /// Followed something that has vanished.
    pub gone: u64,
    /// Failed, or with pages that were not read.
    pub unread: u64,
}

/// The states of sources that are on their way.
const WORKING: [&str; 4] = ["waiting", "reading", "embedding", "indexing"];

/// Newest first until the page is full. The longest word, `?6`, is looked for alone first: taking a list of words apart
/// for every row would cost more than the search.
pub(super) const PAGE: &str = select_sources!(
    "INDEXED BY sources_newest
     WHERE s.account = ?1 AND s.collection IN (SELECT value FROM json_each(?2))
       AND (?3 IS NULL OR s.kind = ?3)
       AND (?4 IS NULL OR s.state IN (SELECT value FROM json_each(?4)))
       AND (?9 = 0 OR s.state = 'failed' OR s.unread > 0)
       AND instr(s.names, ?6) > 0
       AND NOT EXISTS (SELECT 1 FROM json_each(?5) w WHERE instr(s.names, w.value) = 0)
     ORDER BY s.id DESC LIMIT ?7 OFFSET ?8"
);

/// The same without words: a state may be rare, so its sources are chosen in an index of their own.
pub(super) const PAGE_BY_STATE: &str = select_sources!(
    "WHERE s.id IN (
        SELECT f.id FROM sources f INDEXED BY sources_by_state
        WHERE f.account = ?1 AND f.collection IN (SELECT value FROM json_each(?2))
          AND (?3 IS NULL OR f.kind = ?3)
          AND f.state IN (SELECT value FROM json_each(?4))
        ORDER BY f.id DESC LIMIT ?5 OFFSET ?6)
     ORDER BY s.id DESC"
);

/// The same of what was not read.
pub(super) const PAGE_UNREAD: &str = select_sources!(
    "WHERE s.id IN (
        SELECT f.id FROM sources f INDEXED BY sources_not_read
        WHERE f.account = ?1 AND f.collection IN (SELECT value FROM json_each(?2))
          AND (?3 IS NULL OR f.kind = ?3)
          AND (f.state = 'failed' OR f.unread > 0)
        ORDER BY f.id DESC LIMIT ?4 OFFSET ?5)
     ORDER BY s.id DESC"
);

pub(super) const COUNT_UNREAD: &str = "
    SELECT count(*) FROM sources f INDEXED BY sources_not_read
    WHERE f.account = ?1 AND f.collection IN (SELECT value FROM json_each(?2))
      AND (?3 IS NULL OR f.kind = ?3)
      AND (f.state = 'failed' OR f.unread > 0)";

pub(super) const COUNT_BY_WORDS: &str = "
    SELECT count(*) FROM sources s INDEXED BY sources_newest
    WHERE s.account = ?1 AND s.collection IN (SELECT value FROM json_each(?2))
      AND (?3 IS NULL OR s.kind = ?3)
      AND (?4 IS NULL OR s.state IN (SELECT value FROM json_each(?4)))
      AND (?7 = 0 OR s.state = 'failed' OR s.unread > 0)
      AND instr(s.names, ?6) > 0
      AND NOT EXISTS (SELECT 1 FROM json_each(?5) w WHERE instr(s.names, w.value) = 0)";

pub(super) const COUNT: &str = "
    SELECT coalesce(sum(count), 0) FROM source_counts
    WHERE collection IN (SELECT id FROM collections WHERE account = ?1 AND id IN (SELECT value FROM json_each(?2)))
      AND (?3 IS NULL OR kind = ?3)
      AND (?4 IS NULL OR state IN (SELECT value FROM json_each(?4)))";

pub(super) const COUNTS: &str = "
    SELECT state, sum(count) FROM source_counts
    WHERE collection IN (SELECT id FROM collections WHERE account = ?1 AND id IN (SELECT value FROM json_each(?2)))
    GROUP BY state";

impl Store {
    /// One page of the sources in the scope, newest first.
    pub async fn sources(&self, scope: &Scope, filter: SourceFilter) -> Result<SourcePage> {
        let scope = scope.clone();
        self.read(move |rows| page(rows, &scope, &filter)).await
    }

    /// How many sources the scope holds, and how they stand.
    pub async fn source_counts(&self, scope: &Scope) -> Result<SourceCounts> {
        let scope = scope.clone();
        self.read(move |rows| {
            let mut counts = SourceCounts { unread: count_unread(rows, &scope, None)?, ..SourceCounts::default() };
            let mut statement = rows.prepare_cached(COUNTS)?;
            let mut groups = statement.query(params![scope.account.0, columns::collections(&scope)])?;
            while let Some(group) = groups.next()? {
                let count = group.get::<_, i64>(1)? as u64;
                counts.total += count;
                match group.get_ref(0)?.as_str().map_err(rusqlite::Error::from)? {
                    "ready" => counts.ready += count,
                    "failed" => counts.failed += count,
                    "gone" => counts.gone += count,
                    _ => counts.working += count,
                }
            }
            Ok(counts)
        })
        .await
    }
}

/// What listings search: title and file name without case and accents.
pub(super) fn names(title: &str, file_name: &str) -> String {
    format!("{}\n{}", folded(title), folded(file_name))
}

fn folded(text: &str) -> String {
    text.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase).collect()
}

fn page(rows: &Connection, scope: &Scope, filter: &SourceFilter) -> Result<SourcePage> {
    let (account, collections) = (scope.account.0, columns::collections(scope));
    let kind = filter.kind.map(SourceKind::as_str);
    let unread = filter.state.as_deref() == Some("unread");
    let states = filter.state.as_deref().filter(|_| !unread).map(|state| match state {
        "working" => columns::list(&WORKING),
        state => columns::list(&[state]),
    });
    let words: Vec<String> = filter.words.iter().flat_map(|words| words.split_whitespace()).map(folded).collect();
    let longest = words.iter().max_by_key(|word| word.len()).cloned().unwrap_or_default();
    let (any_words, words) = (!words.is_empty(), columns::list(&words));
    let (limit, offset) = (filter.limit.min(limits::PAGE_ROWS_MAX), filter.offset);
    let found = if unread && !any_words {
        let asked = params![account, collections, kind, limit, offset];
        rows.prepare_cached(PAGE_UNREAD)?.query_map(asked, read)?.collect::<rusqlite::Result<_>>()?
    } else if states.is_some() && !any_words {
        let asked = params![account, collections, kind, states, limit, offset];
        rows.prepare_cached(PAGE_BY_STATE)?.query_map(asked, read)?.collect::<rusqlite::Result<_>>()?
    } else {
        let asked = params![account, collections, kind, states, words, longest, limit, offset, unread];
        rows.prepare_cached(PAGE)?.query_map(asked, read)?.collect::<rusqlite::Result<_>>()?
    };
    let total = if any_words {
        let asked = params![account, collections, kind, states, words, longest, unread];
        rows.prepare_cached(COUNT_BY_WORDS)?.query_row(asked, read_count)?
    } else if unread {
        count_unread(rows, scope, kind)?
    } else {
        let asked = params![account, collections, kind, states];
        rows.prepare_cached(COUNT)?.query_row(asked, read_count)?
    };
    Ok(SourcePage { rows: found, total })
}

fn count_unread(rows: &Connection, scope: &Scope, kind: Option<&str>) -> Result<u64> {
    let asked = params![scope.account.0, columns::collections(scope), kind];
    Ok(rows.prepare_cached(COUNT_UNREAD)?.query_row(asked, read_count)?)
}

fn read_count(row: &Row<'_>) -> rusqlite::Result<u64> {
    row.get::<_, i64>(0).map(|count| count as u64)
}
