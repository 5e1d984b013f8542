//! Sources that follow something outside, a page of the web or a file in a folder: made, changed and retired with it.
//!
//! A collection has the same upload once; what is followed stands for itself, however like another it is, because it
//! changes and vanishes by itself. So its `sha256` in the table is the hash of what it follows, and the hash of its
//! content is `original`.

use rusqlite::{Connection, params};
use sha2::Digest as _;

use super::error::Result;
use super::sources::{self, NewSource};
use super::{changes, jobs};
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

const SET_ORIGINAL: &str = "UPDATE sources SET original = ?2 WHERE id = ?1";

const SET_CONTENT: &str = "
    UPDATE sources SET original = ?2, file_name = ?3, media_type = ?4, bytes = ?5, state = 'waiting', done = 0, total = 0,
                       reason = NULL, updated_at_ms = ?6
    WHERE id = ?1";

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

/// Has `source` take in `content`. One that has it already is read only if it was retired meanwhile.
pub(super) fn change(rows: &Connection, source: &Source, content: &Content, now_ms: i64) -> Result<Followed> {
    if source.sha256 == content.sha256 && source.state != SourceState::Gone {
        return Ok(Followed { source: source.id, changed: false, unreferenced: None });
    }
    rows.prepare_cached(SET_CONTENT)?.execute(params![
        source.id.0,
        content.sha256.0,
        content.file_name,
        content.media_type,
        super::columns::size(content.bytes)?,
        now_ms
    ])?;
    // A job that has begun reads what was there before: its end must not count any more.
    jobs::end_ingest(rows, source.id)?;
    jobs::enqueue_ingest(rows, source.id, now_ms)?;
    let unreferenced = (!sources::referenced(rows, source.sha256)?).then_some(source.sha256);
    Ok(Followed { source: source.id, changed: true, unreferenced })
}

/// Takes what has vanished out of the search. Its texts stay, so that citations of them open.
pub(super) fn retire(rows: &Connection, source: &Source, now_ms: i64) -> Result<()> {
    if source.state == SourceState::Gone {
        return Ok(());
    }
    jobs::end_ingest(rows, source.id)?;
    rows.prepare_cached(DELETE_CHUNKS)?.execute([source.id.0])?;
    rows.prepare_cached(SET_GONE)?.execute(params![source.id.0, now_ms])?;
    changes::append(rows, source, changes::ChangeKind::Drop, now_ms)?;
    Ok(())
}
