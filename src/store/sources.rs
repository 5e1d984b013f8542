//! Sources: what was put in, and how far each is. Their listing is in `listings`.

use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

use super::Store;
use super::error::{Result, StoreError, conflict};
use super::{changes, columns, jobs, listings};
use crate::domain::account::Scope;
use crate::domain::id::{AccountId, CollectionId, Seq, SourceId, UserId};
use crate::domain::source::{Sha256, Source, SourceKind, SourceState};

/// A source that is not stored yet; its original is in `blobs` already.
#[derive(Clone, Debug)]
pub struct NewSource {
    pub account: AccountId,
    pub collection: CollectionId,
    pub kind: SourceKind,
    pub title: String,
    pub file_name: String,
    pub media_type: String,
    pub bytes: u64,
    pub sha256: Sha256,
    pub added_by: Option<UserId>,
    /// The document that it lies within.
    pub parent: Option<SourceId>,
}

/// What came of adding a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Created {
    /// It is new, and its job is queued.
    New(Source),
    /// The collection has the same bytes already, as this source.
    Same(Source),
}

/// What came of deleting a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deleted {
    /// The number of the change, which the derived indexes have yet to follow.
    pub seq: Seq,
    /// It and what lay within it, the innermost first.
    pub sources: Vec<SourceId>,
    /// The originals that no other source has.
    pub unreferenced: Vec<Sha256>,
}

/// A query for whole sources, `s`.
macro_rules! select_sources {
    ($rest:literal) => {
        concat!(
            "SELECT s.id, s.account, s.collection, s.parent, s.depth, s.kind, s.title, s.file_name, s.media_type, s.bytes,
                    coalesce(s.original, s.sha256) AS sha256,
                    s.version, s.state, s.done, s.total, s.reason, s.pages, s.unread, s.chunks, s.created_at_ms,
                    s.updated_at_ms
             FROM sources s ",
            $rest
        )
    };
}
pub(super) use select_sources;

const COLLECTION_EXISTS: &str = "SELECT EXISTS (SELECT 1 FROM collections WHERE account = ?1 AND id = ?2)";

const INSERT_SOURCE: &str = "
    INSERT INTO sources (account, collection, kind, title, file_name, names, media_type, bytes, sha256, state,
                         added_by, created_at_ms, updated_at_ms, parent, depth)
    VALUES (:account, :collection, :kind, :title, :file_name, :names, :media_type, :bytes, :sha256, 'waiting',
            :added_by, :now_ms, :now_ms, :parent, coalesce((SELECT depth + 1 FROM sources WHERE id = :parent), 0))";

const SAME_SOURCE: &str = select_sources!("WHERE s.collection = ?1 AND s.sha256 = ?2");

const SOURCE_UNSCOPED: &str = select_sources!("WHERE s.id = ?1");

pub(super) const SOURCE: &str =
    select_sources!("WHERE s.id = ?3 AND s.account = ?1 AND s.collection IN (SELECT value FROM json_each(?2))");

/// What lies within a source, however deep, the innermost first.
const WITHIN: &str = select_sources!(
    "WHERE s.id IN (
        WITH RECURSIVE within (id) AS (
            SELECT id FROM sources WHERE parent = ?1
            UNION SELECT c.id FROM sources c JOIN within w ON c.parent = w.id)
        SELECT id FROM within)
     ORDER BY s.depth DESC, s.id"
);

/// What lies in a source, but not deeper.
pub(super) const PARTS: &str = select_sources!(
    "WHERE s.parent = ?3 AND s.account = ?1 AND s.collection IN (SELECT value FROM json_each(?2)) ORDER BY s.id LIMIT ?4"
);

const DELETE_SOURCE: &str = "DELETE FROM sources WHERE id = ?1";

pub(super) const REFERENCED: &str = "
    SELECT EXISTS (SELECT 1 FROM sources WHERE sha256 = ?1) OR EXISTS (SELECT 1 FROM sources WHERE original = ?1)";

const SET_WAITING: &str = "
    UPDATE sources SET state = 'waiting', done = 0, total = 0, reason = NULL, updated_at_ms = ?2
    WHERE id = ?1 AND state = 'failed'";

const SET_BACK: &str = "UPDATE sources SET state = 'waiting', updated_at_ms = ?2 WHERE id = ?1";

const SET_FAILED: &str = "
    UPDATE sources SET state = 'failed', done = 0, total = 0, reason = ?2, updated_at_ms = ?3 WHERE id = ?1";

const SET_STOPPED: &str = "
    UPDATE sources SET state = 'failed', done = 0, total = 0, reason = ?2, updated_at_ms = ?3
    WHERE id = ?1 AND state IN ('waiting', 'reading', 'embedding')";

const SET_PROGRESS: &str = "
    UPDATE sources SET state = ?2, done = ?3, total = ?4
    WHERE id = ?1 AND EXISTS (SELECT 1 FROM jobs WHERE source = ?1)";

const MARK_READY: &str = "
    UPDATE sources INDEXED BY sources_indexing SET state = 'ready', updated_at_ms = ?3
    WHERE account = ?1 AND state = 'indexing' AND seq <= ?2";

impl Store {
    /// Adds a source and its job, or finds the source of the same collection that has the same bytes.
    /// `Conflict("collection")` if the account has no such collection.
    pub async fn create_source(&self, source: NewSource, now_ms: i64) -> Result<Created> {
        self.write(move |rows| {
            let key = params![source.collection.0, source.sha256.0];
            if !rows
                .prepare_cached(COLLECTION_EXISTS)?
                .query_row([source.account.0, source.collection.0], |row| row.get(0))?
            {
                return Err(StoreError::Conflict("collection"));
            }
            if let Some(same) = rows.prepare_cached(SAME_SOURCE)?.query_row(key, read).optional()? {
                // A part of something that has changed or vanished, and is there once more.
                if same.state == SourceState::Gone {
                    rows.prepare_cached(SET_BACK)?.execute(params![same.id.0, now_ms])?;
                    jobs::enqueue_ingest(rows, same.id, now_ms)?;
                    return Ok(Created::New(Source { state: SourceState::Waiting, ..same }));
                }
                return Ok(Created::Same(same));
            }
            let id = insert(rows, &source, now_ms)?;
            jobs::enqueue_ingest(rows, id, now_ms)?;
            let stored = find_unscoped(rows, id)?.expect("a row inserted in this transaction is there");
            Ok(Created::New(stored))
        })
        .await
    }

    /// The source with this number, if it lies in the scope.
    pub async fn source(&self, scope: &Scope, id: SourceId) -> Result<Option<Source>> {
        let scope = scope.clone();
        self.read(move |rows| find(rows, &scope, id)).await
    }

    /// Deletes a source of the scope with its texts, chunks, vectors and job, and all that lies within it; `None` if there
    /// is no such one.
    ///
    /// Messages that quote it keep the quotation.
    pub async fn delete_source(&self, scope: &Scope, id: SourceId, now_ms: i64) -> Result<Option<Deleted>> {
        let scope = scope.clone();
        self.write(move |rows| {
            let Some(source) = find(rows, &scope, id)? else { return Ok(None) };
            delete(rows, &source, now_ms).map(Some)
        })
        .await
    }

    /// The sources that lie in a source of the scope, but not deeper, in the order in which they were found.
    pub async fn parts(&self, scope: &Scope, id: SourceId, limit: u32) -> Result<Vec<Source>> {
        let scope = scope.clone();
        self.read(move |rows| {
            let asked = params![scope.account.0, columns::collections(&scope), id.0, limit];
            Ok(rows.prepare_cached(PARTS)?.query_map(asked, read)?.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    /// Queues a failed source of the scope again; false if there is no such one, or if it has not failed.
    pub async fn retry_source(&self, scope: &Scope, id: SourceId, now_ms: i64) -> Result<bool> {
        let scope = scope.clone();
        self.write(move |rows| {
            if find(rows, &scope, id)?.is_none()
                || rows.prepare_cached(SET_WAITING)?.execute(params![id.0, now_ms])? == 0
            {
                return Ok(false);
            }
            jobs::enqueue_ingest(rows, id, now_ms)?;
            Ok(true)
        })
        .await
    }

    /// Fails a source of the scope that waits, is read or is embedded, for `reason`, and ends its job; false if there is no
    /// such one, or if there is nothing to stop.
    pub async fn stop_source(&self, scope: &Scope, id: SourceId, reason: String, now_ms: i64) -> Result<bool> {
        let scope = scope.clone();
        self.write(move |rows| {
            if find(rows, &scope, id)?.is_none()
                || rows.prepare_cached(SET_STOPPED)?.execute(params![id.0, reason, now_ms])? == 0
            {
                return Ok(false);
            }
            jobs::end_ingest(rows, id)?;
            Ok(true)
        })
        .await
    }

    /// Notes how far the reading or embedding of a source is; nothing happens if its job is gone.
    /// `Conflict("state")` for any other state, since those are decided by the job's end.
    pub async fn set_progress(&self, id: SourceId, state: SourceState) -> Result<()> {
        let (SourceState::Reading { done, total } | SourceState::Embedding { done, total }) = state else {
            return Err(StoreError::Conflict("state"));
        };
        self.write(move |rows| {
            rows.prepare_cached(SET_PROGRESS)?.execute(params![id.0, state.as_str(), done, total])?;
            Ok(())
        })
        .await
    }

    /// Says that the derived indexes have committed every change of an account up to `up_to`; the number of sources
    /// that became ready by it.
    pub async fn mark_ready(&self, account: AccountId, up_to: Seq, now_ms: i64) -> Result<u32> {
        self.write(move |rows| {
            let marked = rows.prepare_cached(MARK_READY)?.execute(params![account.0, up_to, now_ms])?;
            Ok(u32::try_from(marked).unwrap_or(u32::MAX))
        })
        .await
    }

    /// Whether any source, of whatever account, has this original.
    pub async fn referenced(&self, sha256: Sha256) -> Result<bool> {
        self.read(move |rows| referenced(rows, sha256)).await
    }
}

/// The source with this number, if it lies in the scope.
pub(super) fn find(rows: &Connection, scope: &Scope, id: SourceId) -> Result<Option<Source>> {
    let mut statement = rows.prepare_cached(SOURCE)?;
    Ok(statement.query_row(params![scope.account.0, columns::collections(scope), id.0], read).optional()?)
}

/// The source with this number, for the worker, who serves all accounts.
pub(super) fn find_unscoped(rows: &Connection, id: SourceId) -> Result<Option<Source>> {
    Ok(rows.prepare_cached(SOURCE_UNSCOPED)?.query_row([id.0], read).optional()?)
}

/// Deletes a source of whomever with what lies within it; the originals that no other source has.
pub(super) fn remove(rows: &Connection, id: SourceId, now_ms: i64) -> Result<Vec<Sha256>> {
    let Some(source) = find_unscoped(rows, id)? else { return Ok(Vec::new()) };
    Ok(delete(rows, &source, now_ms)?.unreferenced)
}

/// Deletes a source and what lies within it, the innermost first.
fn delete(rows: &Connection, source: &Source, now_ms: i64) -> Result<Deleted> {
    let mut all = within(rows, source.id)?;
    all.push(source.clone());
    let mut seq = 0;
    for source in &all {
        rows.prepare_cached(DELETE_SOURCE)?.execute([source.id.0])?;
        seq = changes::append(rows, source, changes::ChangeKind::Drop, now_ms)?;
    }
    let mut unreferenced = Vec::new();
    for source in &all {
        unreferenced.extend((!referenced(rows, source.sha256)?).then_some(source.sha256));
    }
    Ok(Deleted { seq, sources: all.iter().map(|source| source.id).collect(), unreferenced })
}

/// What lies within a source, however deep, the innermost first.
pub(super) fn within(rows: &Connection, id: SourceId) -> Result<Vec<Source>> {
    Ok(rows.prepare_cached(WITHIN)?.query_map([id.0], read)?.collect::<rusqlite::Result<_>>()?)
}

/// Gives a source up with a reason that a person understands.
pub(super) fn set_failed(rows: &Connection, id: SourceId, reason: &str, now_ms: i64) -> Result<()> {
    rows.prepare_cached(SET_FAILED)?.execute(params![id.0, reason, now_ms])?;
    Ok(())
}

/// Adds a row for a source; `Conflict("source")` if its collection has one of the same hash.
pub(super) fn insert(rows: &Connection, source: &NewSource, now_ms: i64) -> Result<SourceId> {
    let inserted = rows.prepare_cached(INSERT_SOURCE)?.insert(named_params! {
        ":account": source.account.0,
        ":collection": source.collection.0,
        ":kind": source.kind.as_str(),
        ":title": source.title,
        ":file_name": source.file_name,
        ":names": listings::names(&source.title, &source.file_name),
        ":media_type": source.media_type,
        ":bytes": columns::size(source.bytes)?,
        ":sha256": source.sha256.0,
        ":added_by": source.added_by.map(|user| user.0),
        ":now_ms": now_ms,
        ":parent": source.parent.map(|parent| parent.0),
    });
    inserted.map(SourceId).map_err(conflict("source"))
}

/// Whether any source has this original.
pub(super) fn referenced(rows: &Connection, sha256: Sha256) -> Result<bool> {
    Ok(rows.prepare_cached(REFERENCED)?.query_row([sha256.0], |row| row.get(0))?)
}

/// Reads a row of [`select_sources`].
pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Source> {
    Ok(Source {
        id: SourceId(row.get("id")?),
        account: AccountId(row.get("account")?),
        collection: CollectionId(row.get("collection")?),
        parent: row.get::<_, Option<i64>>("parent")?.map(SourceId),
        depth: row.get("depth")?,
        kind: columns::read_word(row, "kind", SourceKind::parse)?,
        title: row.get("title")?,
        file_name: row.get("file_name")?,
        media_type: row.get("media_type")?,
        bytes: row.get::<_, i64>("bytes")? as u64,
        sha256: columns::read_sha256(row, "sha256")?,
        version: row.get("version")?,
        state: read_state(row)?,
        pages: row.get("pages")?,
        unread: row.get("unread")?,
        chunks: row.get("chunks")?,
        created_at_ms: row.get("created_at_ms")?,
        updated_at_ms: row.get("updated_at_ms")?,
    })
}

fn read_state(row: &Row<'_>) -> rusqlite::Result<SourceState> {
    let (done, total) = (row.get("done")?, row.get("total")?);
    let reason: Option<String> = row.get("reason")?;
    let state = columns::read_word(row, "state", |word| match word {
        "waiting" => Some(SourceState::Waiting),
        "reading" => Some(SourceState::Reading { done: 0, total: 0 }),
        "embedding" => Some(SourceState::Embedding { done: 0, total: 0 }),
        "indexing" => Some(SourceState::Indexing),
        "ready" => Some(SourceState::Ready),
        "failed" => Some(SourceState::Failed { reason: String::new() }),
        "gone" => Some(SourceState::Gone),
        _ => None,
    })?;
    Ok(match state {
        SourceState::Reading { .. } => SourceState::Reading { done, total },
        SourceState::Embedding { .. } => SourceState::Embedding { done, total },
        SourceState::Failed { .. } => SourceState::Failed { reason: reason.unwrap_or_default() },
        settled => settled,
    })
}
