//! The derived indexes follow the store: each from the last number that it holds itself, exactly once.
//!
//! An index that was deleted or set aside holds number 0, so that following it is also how it is rebuilt. One that
//! holds a number which the store has not given out belongs to another store, and is forgotten: so an older state
//! of the store can be put back without a thought for its indexes.

use std::collections::BTreeMap;

use super::{IngestError, Model, Rooms};
use crate::domain::chunk::StoredChunk;
use crate::domain::id::{AccountId, ChunkId, CollectionId, Seq, SourceId};
use crate::limits;
use crate::store::{Change, ChangeKind};
use crate::vectors::SegmentKey;

/// Brings both indexes of `account` up to the store and marks what they hold as ready. Returns the number reached.
///
/// Safe to run twice and at the same time: an index takes no number that it holds already, and what is put anew
/// replaces what was there. One at a time does the same with less work.
pub async fn catch_up(rooms: &Rooms, account: AccountId, now_ms: i64) -> Result<Seq, IngestError> {
    let up_to = rooms.store.last_seq(account).await?;
    words(rooms, account).await?;
    if let Some(model) = &rooms.model {
        meaning(rooms, model, account).await?;
    }
    rooms.store.mark_ready(account, up_to, now_ms).await?;
    Ok(up_to)
}

/// Brings the scan segments of `account`, for the generation of `model`, up to the store: each as far as the vectors of
/// that generation are there.
pub async fn meaning(rooms: &Rooms, model: &Model, account: AccountId) -> Result<(), IngestError> {
    for collection in rooms.store.collections(account).await? {
        segment(rooms, model, account, collection.id).await?;
    }
    Ok(())
}

/// The full-text index of an account.
async fn words(rooms: &Rooms, account: AccountId) -> Result<(), IngestError> {
    let fulltext = rooms.fulltext.clone();
    let held = off_thread(move || fulltext.last_seq(account)).await??;
    if is_ahead(rooms, account, held).await? {
        let fulltext = rooms.fulltext.clone();
        off_thread(move || fulltext.forget(account)).await??;
    }
    loop {
        let fulltext = rooms.fulltext.clone();
        let after = off_thread(move || fulltext.last_seq(account)).await??;
        let changes = rooms.store.changes_by_account(account, after, limits::CHANGES_PER_COMMIT_MAX).await?;
        let mut step = Step::<StoredChunk>::default();
        for change in changes {
            let put = matches!(change.kind, ChangeKind::Put);
            let chunks = if put { rooms.store.chunks_of(change.source).await? } else { Vec::new() };
            if step.take(&change, chunks) {
                break;
            }
        }
        let Some(seq) = step.seq else { return Ok(()) };
        let (puts, drops) = step.into_parts();
        let fulltext = rooms.fulltext.clone();
        off_thread(move || fulltext.apply(account, seq, &puts, &drops)).await??;
    }
}

/// The scan segment of a collection. It stops before a source that lacks vectors of the generation, which are being
/// made: were it passed over, nothing would tell the segment when they come.
async fn segment(
    rooms: &Rooms,
    model: &Model,
    account: AccountId,
    collection: CollectionId,
) -> Result<(), IngestError> {
    let key = SegmentKey { generation: model.generation, collection };
    let dimensions = model.embedder.dimensions();
    if is_ahead(rooms, account, rooms.vectors.last_seq(key)).await? {
        let vectors = rooms.vectors.clone();
        off_thread(move || vectors.forget(key)).await??;
    }
    loop {
        let after = rooms.vectors.last_seq(key);
        let changes = rooms.store.changes_by_collection(collection, after, limits::CHANGES_PER_COMMIT_MAX).await?;
        let mut step = Step::<(ChunkId, SourceId, Vec<f32>)>::default();
        for change in changes {
            let put = matches!(change.kind, ChangeKind::Put);
            let rows =
                if put { rooms.store.vectors_of(model.generation, change.source).await? } else { Some(Vec::new()) };
            let Some(rows) = rows else { break };
            let rows = rows.into_iter().map(|(chunk, vector)| (chunk, change.source, vector)).collect();
            if step.take(&change, rows) {
                break;
            }
        }
        let Some(seq) = step.seq else { return Ok(()) };
        let (puts, drops) = step.into_parts();
        let vectors = rooms.vectors.clone();
        off_thread(move || vectors.apply(key, dimensions, seq, &puts, &drops)).await??;
    }
}

/// Whether an index of `account` that held the number `held` knows of changes which the store does not.
async fn is_ahead(rooms: &Rooms, account: AccountId, held: Seq) -> Result<bool, IngestError> {
    let last = rooms.store.last_seq(account).await?;
    if held > last {
        tracing::warn!(%account, held, last, "an index is ahead of the store, which was put back; it is rebuilt");
    }
    Ok(held > last)
}

/// What one commit takes in.
struct Step<T> {
    seq: Option<Seq>,
    /// By source, the last change of each: a source that is put is dropped first.
    rows: BTreeMap<SourceId, Vec<T>>,
    count: usize,
}

impl<T> Default for Step<T> {
    fn default() -> Step<T> {
        Step { seq: None, rows: BTreeMap::new(), count: 0 }
    }
}

impl<T> Step<T> {
    /// Adds a change with its rows; whether the step is full now.
    fn take(&mut self, change: &Change, rows: Vec<T>) -> bool {
        self.seq = Some(change.seq);
        self.count += rows.len();
        self.rows.insert(change.source, rows);
        self.count >= limits::CHUNKS_PER_COMMIT_MAX
    }

    /// The rows to put and the sources to drop before.
    fn into_parts(self) -> (Vec<T>, Vec<SourceId>) {
        let drops = self.rows.keys().copied().collect();
        (self.rows.into_values().flatten().collect(), drops)
    }
}

/// Runs an index's blocking work off the async threads.
async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, IngestError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| IngestError::Later(error.to_string()))
}
