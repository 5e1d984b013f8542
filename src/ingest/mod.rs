//! Bytes to searchable chunks: extract, chunk, embed, store; then both derived indexes follow.
//!
//! A job may be run twice, or die at any point: nothing is seen of it before the store's one transaction at its end,
//! and the indexes catch up from their own numbers ([`index`]).

pub mod extract;
pub mod sandbox;
pub mod chunk;
pub mod index;
mod progress;
mod stages;

use std::time::{Duration, Instant};

use crate::blobs::Blobs;
use crate::domain::chunk::{Chunk, ChunkRules};
use crate::domain::extract::Extract;
use crate::domain::id::{GenerationId, Seq};
use crate::domain::job::Job;
use crate::domain::source::{Source, SourceKind, SourceState};
use crate::fulltext::Fulltext;
use crate::inference::{Embedder, InferenceError, Urgency};
use crate::limits;
use crate::store::{Finished, Store, StoreError};
use crate::vectors::Vectors;
use progress::Progress;

pub use extract::ExtractError;
pub use stages::Stages;

/// The engines that a document passes through.
#[derive(Clone)]
pub struct Rooms {
    pub store: Store,
    pub blobs: Blobs,
    pub vectors: Vectors,
    pub fulltext: Fulltext,
    pub embedder: Embedder,
    /// The generation of `embedder`'s vectors.
    pub generation: GenerationId,
    pub rules: ChunkRules,
    pub reader: sandbox::Reader,
}

/// What an ingest made, and where its time went.
#[derive(Clone, Copy, Debug)]
pub struct Done {
    /// The number of the change that the derived indexes have to follow.
    pub seq: Seq,
    pub pages: u32,
    pub chunks: u32,
    pub stages: Stages,
}

/// Why a source could not be ingested.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The document's own fault: another try would end the same. The text is for the person who added it.
    #[error("{0}")]
    Document(ExtractError),
    /// Something else's fault: the job is to be tried again later. The text is for the operator.
    #[error("{0}")]
    Later(String),
}

/// How long to wait before the embedder is asked again that was busy.
const BUSY_WAIT: Duration = Duration::from_millis(200);

/// Makes `source` searchable by words and meaning, up to the store; `None` if it was deleted meanwhile.
///
/// The job's lease is renewed and the source's progress shown as it goes. Dropped, the future leaves nothing behind,
/// and the job can be run again.
pub async fn ingest(
    rooms: &Rooms,
    job: &Job,
    source: &Source,
    now: fn() -> i64,
) -> Result<Option<Done>, IngestError> {
    let progress = Progress::default();
    tokio::select! {
        done = steps(rooms, job, source, now, &progress) => done,
        never = progress.report(&rooms.store, job.id, source.id, now) => match never {},
    }
}

async fn steps(
    rooms: &Rooms,
    job: &Job,
    source: &Source,
    now: fn() -> i64,
    progress: &Progress,
) -> Result<Option<Done>, IngestError> {
    let mut stages = Stages::default();
    let started = Instant::now();
    let (extract, media_type) = read(rooms, source, progress).await?;
    let started = stages.extract(started);
    let title = title(source, &extract).to_owned();
    let (extract, chunks) = chunk_apart(rooms, extract, title.clone()).await?;
    let started = stages.chunk(started);
    let chunks = embed(rooms, chunks, &title, progress).await?;
    let started = stages.embed(started);
    let (pages, count) = (count(extract.pages.len()), count(chunks.len()));
    let finished =
        Finished { job: job.id, source: source.id, extract, media_type, generation: rooms.generation, chunks };
    let seq = rooms.store.finish_ingest(finished, now()).await?;
    stages.store(started);
    Ok(seq.map(|seq| Done { seq, pages, chunks: count, stages }))
}

/// Has the original read in a child process.
async fn read(rooms: &Rooms, source: &Source, progress: &Progress) -> Result<(Extract, String), IngestError> {
    let path = rooms.blobs.path(source.sha256);
    if tokio::fs::metadata(&path).await.is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
        let said = "The original file is no longer in the data folder; add the document again";
        return Err(IngestError::Document(ExtractError::Stopped(said.to_owned())));
    }
    // What is written in the appliance is Markdown, whatever its title looks like.
    let file_name = match source.kind {
        SourceKind::Text | SourceKind::Qna => "text.md",
        SourceKind::Document | SourceKind::Website => &source.file_name,
    };
    let on_page = |done, total| progress.at(SourceState::Reading { done, total });
    Ok(rooms.reader.read(&path, file_name, on_page).await?)
}

/// The title under which the store will keep the source, by which its chunks are embedded.
fn title<'a>(source: &'a Source, extract: &'a Extract) -> &'a str {
    match (source.kind, &extract.title) {
        (SourceKind::Document | SourceKind::Website, Some(own)) => own,
        _ => &source.title,
    }
}

/// Cuts the text into chunks on a thread where that may take its time.
async fn chunk_apart(rooms: &Rooms, extract: Extract, title: String) -> Result<(Extract, Vec<Chunk>), IngestError> {
    let (embedder, rules) = (rooms.embedder.clone(), rooms.rules);
    let cut = tokio::task::spawn_blocking(move || {
        let chunks = chunk::chunk(&extract, &title, rules, &|text| embedder.count_tokens(text));
        (extract, chunks)
    });
    let (extract, chunks) = cut.await.map_err(|error| IngestError::Later(format!("chunking failed: {error}")))?;
    if chunks.len() > limits::CHUNKS_PER_SOURCE_MAX {
        let most = limits::CHUNKS_PER_SOURCE_MAX;
        let said = format!("it makes more than {most} passages; split it and add the parts");
        return Err(IngestError::Document(ExtractError::TooLarge(said)));
    }
    Ok((extract, chunks))
}

/// The chunks with their vectors. Chunks of like length are embedded together, since a batch is as slow as its longest.
async fn embed(
    rooms: &Rooms,
    chunks: Vec<Chunk>,
    title: &str,
    progress: &Progress,
) -> Result<Vec<(Chunk, Vec<f32>)>, IngestError> {
    let title = chunk::context_title(title, rooms.rules, &|text| rooms.embedder.count_tokens(text));
    let total = count(chunks.len());
    let mut order: Vec<usize> = (0..chunks.len()).collect();
    order.sort_by_key(|&at| chunks[at].tokens);
    let mut vectors: Vec<Vec<f32>> = vec![Vec::new(); chunks.len()];
    for (batch, done) in order.chunks(limits::EMBED_CHUNKS_AT_ONCE).zip((0..).step_by(limits::EMBED_CHUNKS_AT_ONCE)) {
        progress.at(SourceState::Embedding { done, total });
        let texts = batch.iter().map(|&at| chunks[at].embedded_text(title)).collect();
        for (&at, vector) in batch.iter().zip(embed_patiently(&rooms.embedder, texts).await?) {
            vectors[at] = vector;
        }
    }
    progress.at(SourceState::Embedding { done: total, total });
    Ok(chunks.into_iter().zip(vectors).collect())
}

/// Embeds `texts`, waiting while the embedder has too much to do.
async fn embed_patiently(embedder: &Embedder, texts: Vec<String>) -> Result<Vec<Vec<f32>>, IngestError> {
    let expected = texts.len();
    let vectors = loop {
        match embedder.embed(texts.clone(), Urgency::Passages).await {
            Err(InferenceError::Busy) => tokio::time::sleep(BUSY_WAIT).await,
            Err(error) => return Err(IngestError::Later(error.to_string())),
            Ok(vectors) => break vectors,
        }
    };
    match vectors.len() == expected {
        true => Ok(vectors),
        false => Err(IngestError::Later(format!("{} vectors came back for {expected} texts", vectors.len()))),
    }
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

impl From<ExtractError> for IngestError {
    /// Reading a file may fail for reasons of the disk or the system; all else is in the document.
    fn from(error: ExtractError) -> IngestError {
        match error {
            ExtractError::Io(error) => IngestError::Later(error.to_string()),
            error => IngestError::Document(error),
        }
    }
}

impl From<StoreError> for IngestError {
    fn from(error: StoreError) -> IngestError {
        IngestError::Later(error.to_string())
    }
}

#[cfg(test)]
mod tests;
