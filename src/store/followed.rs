//! Sources that change: those that follow something outside, a page of the web or a file in a folder, are made, changed
//! and retired with it; those that were written here are written anew.
//!
//! A collection has the same upload once; what is followed stands for itself, however like another it is, because it
//! changes and vanishes by itself. So its `sha256` in the table is the hash of what it follows, and the hash of its
//! content is `original`.

use rusqlite::{Connection, OptionalExtension, params};
use sha2::Digest as _;

use super::error::Result;
use super::sources::{self, NewSource};
use super::{Store, changes, jobs, listings};
use crate::domain::account::Scope;
use crate::domain::id::SourceId;
use crate::domain::source::{Sha256, Source, SourceState};

/// What a followed thing holds now; its original is in `blobs` already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    pub file_name: String,
    pub media_type: String,
    pub bytes: u64,
    pub sha256: Sha256,
}

/// A source after it took in new content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Followed {
    pub source: SourceId,
    /// Whether it is read anew.
    pub changed: bool,
    /// The original that it had, if it has another now and no other source has the old one.
    pub unreferenced: Option<Sha256>,
}

/// What came of writing a source anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rewritten {
    /// There is no such source.
    Missing,
    /// The collection has the same text already, under this title.
    Same(String),
    /// It says that already.
    Unchanged,
    /// It will be read anew.
    Changed {
        /// The original that it had, if no other source has it.
        unreferenced: Option<Sha256>,
    },
}

const SET_ORIGINAL: &str = "UPDATE sources SET original = ?2 WHERE id = ?1";

const SET_CONTENT: &str = "
    UPDATE sources SET original = ?2, file_name = ?3, media_type = ?4, bytes = ?5, state = 'waiting', done = 0, total = 0,
                       reason = NULL, updated_at_ms = ?6
    WHERE id = ?1";

const SAME: &str = "SELECT title FROM sources WHERE collection = ?1 AND sha256 = ?2 AND id <> ?3";

const SET_WRITTEN: &str = "UPDATE sources SET sha256 = ?2, original = NULL, title = ?3, names = ?4 WHERE id = ?1";

const SET_GONE: &str = "
    UPDATE sources SET state = 'gone', done = 0, total = 0, reason = NULL, chunks = 0, unread = 0, updated_at_ms = ?2
    WHERE id = ?1";

const DELETE_CHUNKS: &str = "DELETE FROM chunks WHERE source = ?1";

/// Adds a source that follows what `key` names among all things that can be followed, and its job.
pub(super) fn create(rows: &Connection, key: &str, new: NewSource, now_ms: i64) -> Result<Followed> {
    let original = new.sha256;
    let identity = Sha256(sha2::Sha256::digest(key.as_bytes()).into());
    let source = sources::insert(rows, &NewSource { sha256: identity, ..new }, now_ms)?;
    rows.prepare_cached(SET_ORIGINAL)?.execute(params![source.0, original.0])?;
    jobs::enqueue_ingest(rows, source, now_ms)?;
    Ok(Followed { source, changed: true, unreferenced: None })
}

impl Store {
    /// Has a source of the scope that was written here say something else: `content`, whose file name is its title.
    pub async fn rewrite_source(
        &self,
        scope: &Scope,
        id: SourceId,
        content: Content,
        now_ms: i64,
    ) -> Result<Rewritten> {
        let scope = scope.clone();
        self.write(move |rows| {
            let Some(source) = sources::find(rows, &scope, id)? else { return Ok(Rewritten::Missing) };
            if source.sha256 == content.sha256 && source.title == content.file_name {
                return Ok(Rewritten::Unchanged);
            }
            let key = params![source.collection.0, content.sha256.0, id.0];
            if let Some(title) = rows.prepare_cached(SAME)?.query_row(key, |row| row.get(0)).optional()? {
                return Ok(Rewritten::Same(title));
            }
            let title = &content.file_name;
            let names = listings::names(title, title);
            take_in(rows, &source, &content, now_ms)?;
            rows.prepare_cached(SET_WRITTEN)?.execute(params![id.0, content.sha256.0, title, names])?;
            let unreferenced = (!sources::referenced(rows, source.sha256)?).then_some(source.sha256);
            Ok(Rewritten::Changed { unreferenced })
        })
        .await
    }
}

/// Has `source` take in `content`. One that has it already is read only if it was retired meanwhile.
pub(super) fn change(rows: &Connection, source: &Source, content: &Content, now_ms: i64) -> Result<Followed> {
    if source.sha256 == content.sha256 && source.state != SourceState::Gone {
        return Ok(Followed { source: source.id, changed: false, unreferenced: None });
    }
    take_in(rows, source, content, now_ms)?;
    let unreferenced = (!sources::referenced(rows, source.sha256)?).then_some(source.sha256);
    Ok(Followed { source: source.id, changed: true, unreferenced })
}

fn take_in(rows: &Connection, source: &Source, content: &Content, now_ms: i64) -> Result<()> {
    rows.prepare_cached(SET_CONTENT)?.execute(params![
        source.id.0,
        content.sha256.0,
        content.file_name,
        content.media_type,
        super::columns::size(content.bytes)?,
        now_ms
    ])?;
    for part in sources::within(rows, source.id)? {
        retire_alone(rows, &part, now_ms)?;
    }
    // A job that has begun reads what was there before: its end must not count any more.
    jobs::end_ingest(rows, source.id)?;
    jobs::enqueue_ingest(rows, source.id, now_ms)
}

/// Takes what has vanished out of the search, with all that lies within it. Its texts stay, so that citations of them open.
pub(super) fn retire(rows: &Connection, source: &Source, now_ms: i64) -> Result<()> {
    for part in sources::within(rows, source.id)? {
        retire_alone(rows, &part, now_ms)?;
    }
    retire_alone(rows, source, now_ms)
}

fn retire_alone(rows: &Connection, source: &Source, now_ms: i64) -> Result<()> {
    if source.state == SourceState::Gone {
        return Ok(());
    }
    jobs::end_ingest(rows, source.id)?;
    rows.prepare_cached(DELETE_CHUNKS)?.execute([source.id.0])?;
    rows.prepare_cached(SET_GONE)?.execute(params![source.id.0, now_ms])?;
    changes::append(rows, source, changes::ChangeKind::Drop, now_ms)?;
    Ok(())
}
