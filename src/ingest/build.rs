//! The vectors of another model, made of the chunks that are stored: nothing is read or cut anew.
//!
//! Each batch is one transaction, and what is done is seen from the vectors themselves, so that a build that was cut off
//! goes on where it was, and chunks that come meanwhile are only more of what is lacking. A chunk that is longer than the
//! model reads at once is read as far as it goes. Questions are none of this: they go on being asked of the generation
//! that is active.

use std::collections::HashMap;

use super::{IngestError, Model, Rooms, chunk, embed_patiently, index};
use crate::domain::chunk::StoredChunk;
use crate::domain::id::{ChunkId, JobId, SourceId};

/// Chunks of one transaction: what a process that is cut off loses at most. A large model takes seconds for as many.
const CHUNKS_AT_ONCE: usize = 32;

/// Makes what the generation of `model` lacks, for `job`, and then its scan segments. `false` if the job was taken away
/// meanwhile.
///
/// Safe to run twice. Chunks may have come since: only the switch itself can tell that nothing is lacking.
pub async fn make(rooms: &Rooms, model: &Model, job: JobId, now: fn() -> i64) -> Result<bool, IngestError> {
    let mut after = ChunkId(0);
    loop {
        let lacking = rooms.store.chunks_lacking(model.generation, after, CHUNKS_AT_ONCE).await?;
        let Some(last) = lacking.last() else { break };
        after = last.id;
        let ids: Vec<ChunkId> = lacking.iter().map(|chunk| chunk.id).collect();
        let vectors = embed_patiently(&model.embedder, texts(model, &lacking)).await?;
        let vectors = ids.into_iter().zip(vectors).collect();
        if !rooms.store.put_vectors(job, model.generation, vectors, now()).await? {
            return Ok(false);
        }
    }
    for account in rooms.store.accounts().await? {
        index::meaning(rooms, model, account.id).await?;
    }
    Ok(true)
}

/// What the model is given of each chunk: the same as when a document comes in.
fn texts(model: &Model, chunks: &[StoredChunk]) -> Vec<String> {
    let count = |text: &str| model.embedder.count_tokens(text);
    let mut titles: HashMap<SourceId, &str> = HashMap::new();
    let texts = chunks.iter().map(|stored| {
        let title = titles.entry(stored.source);
        let title = title.or_insert_with(|| chunk::context_title(&stored.title, model.rules, &count));
        stored.chunk.embedded_text(title)
    });
    texts.collect()
}
