//! The derived indexes follow the store: each from the last number that it holds itself, in bounded commits.
//!
//! An index that was set aside holds nothing, so the same steps build it anew. Steps may be repeated: a number that an
//! index holds already changes nothing, and putting a source replaces what the index had of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::Rooms;
use crate::domain::chunk::StoredChunk;
use crate::domain::id::{AccountId, ChunkId, CollectionId, Seq, SourceId};
use crate::fulltext::FulltextError;
use crate::store::{Change, ChangeKind, StoreError};
use crate::vectors::{SegmentKey, VectorsError};
use crate::{clock, limits};

/// Why an index could not follow. What it has committed stays; a later call goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Vectors(#[from] VectorsError),
    #[error(transparent)]
    Fulltext(#[from] FulltextError),
    #[error("indexing was stopped: {0}")]
    Stopped(#[from] tokio::task::JoinError),
}

/// Has both indexes of `account` take in every change that the store has now, then says of its sources that they are
/// ready. Returns the number up to which that holds.
///
/// Calls for one account run one after the other; the later one finds little left to do.
pub async fn catch_up(rooms: &Rooms, account: AccountId) -> Result<Seq, IndexError> {
    let turn = turn(account);
    let _mine = turn.lock().await;
    let up_to = rooms.store.last_seq(account).await?;
    words(rooms, account, up_to).await?;
    for collection in rooms.store.collections(account).await? {
        vectors(rooms, collection.id, up_to).await?;
    }
    rooms.store.mark_ready(account, up_to, clock::now_ms()).await?;
    Ok(up_to)
}

/// The word index takes in the changes of its account.
async fn words(rooms: &Rooms, account: AccountId, up_to: Seq) -> Result<(), IndexError> {
    let index = rooms.fulltext.clone();
    let mut after = tokio::task::spawn_blocking(move || index.last_seq(account)).await??;
    while after < up_to {
        let changes = rooms.store.changes_by_account(account, after, limits::CHANGES_PER_COMMIT_MAX).await?;
        let mut batch: Batch<StoredChunk> = Batch::default();
        for change in changes {
            if batch.is_full() {
                break;
            }
            let chunks = match change.kind {
                ChangeKind::Put => rooms.store.chunks_of(change.source).await?,
                ChangeKind::Drop => Vec::new(),
            };
            batch.take(change, chunks);
        }
        let Some(seq) = batch.seq else { break };
        let index = rooms.fulltext.clone();
        tokio::task::spawn_blocking(move || index.apply(account, seq, &batch.puts, &batch.drops)).await??;
        after = seq;
    }
    Ok(())
}

/// The scan segment of one collection takes in the changes of that collection.
async fn vectors(rooms: &Rooms, collection: CollectionId, up_to: Seq) -> Result<(), IndexError> {
    let key = SegmentKey { generation: rooms.generation, collection };
    let dimensions = rooms.embedder.dimensions();
    let mut after = rooms.vectors.last_seq(key);
    while after < up_to {
        let changes = rooms.store.changes_by_collection(collection, after, limits::CHANGES_PER_COMMIT_MAX).await?;
        let mut batch: Batch<(ChunkId, SourceId, Vec<f32>)> = Batch::default();
        for change in changes {
            if batch.is_full() {
                break;
            }
            let source = change.source;
            let vectors = match change.kind {
                ChangeKind::Put => rooms.store.vectors_of(rooms.generation, source).await?,
                ChangeKind::Drop => Vec::new(),
            };
            batch.take(change, vectors.into_iter().map(|(chunk, vector)| (chunk, source, vector)).collect());
        }
        let Some(seq) = batch.seq else { break };
        let segments = rooms.vectors.clone();
        tokio::task::spawn_blocking(move || segments.apply(key, dimensions, seq, &batch.puts, &batch.drops)).await??;
        after = seq;
    }
    Ok(())
}

/// What one commit takes in.
struct Batch<T> {
    puts: Vec<T>,
    /// Every source that changed: what an index had of it goes before what it has now comes.
    drops: Vec<SourceId>,
    seq: Option<Seq>,
}

impl<T> Default for Batch<T> {
    fn default() -> Batch<T> {
        Batch { puts: Vec::new(), drops: Vec::new(), seq: None }
    }
}

impl<T> Batch<T> {
    fn is_full(&self) -> bool {
        self.puts.len() >= limits::CHUNKS_PER_COMMIT_MAX
    }

    fn take(&mut self, change: Change, puts: Vec<T>) {
        self.seq = Some(change.seq);
        self.drops.push(change.source);
        self.puts.extend(puts);
    }
}

/// The lock that lets one call at a time work on an account.
fn turn(account: AccountId) -> Arc<tokio::sync::Mutex<()>> {
    static TURNS: Mutex<Option<HashMap<AccountId, Arc<tokio::sync::Mutex<()>>>>> = Mutex::new(None);
    let mut turns = TURNS.lock().unwrap_or_else(PoisonError::into_inner);
    turns.get_or_insert_default().entry(account).or_default().clone()
}
