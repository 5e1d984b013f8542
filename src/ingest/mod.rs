//! Bytes to searchable chunks: extract, chunk, embed, store; then both derived indexes follow the store.
//!
//! A document is read in a child process ([`sandbox`], on [`extract`]), cut along its own structure ([`chunk`]),
//! embedded, and stored with its vectors in one transaction. What the store has acknowledged, [`index`] brings to the
//! full-text index and the scan segments. What another model would need to search them, [`build`] makes of the chunks
//! that are stored. Nothing here knows who may read the document, or what will be asked.

pub mod build;
pub mod chunk;
mod error;
pub mod extract;
pub mod folder;
pub mod index;
mod language;
pub mod ocr;
mod parts;
mod pictures;
mod progress;
pub mod sandbox;
pub mod web;

use std::sync::Arc;
use std::time::{Duration, Instant};

use sha2::Digest as _;
use tokio::io::AsyncRead;
use tokio::sync::RwLock;

use crate::blobs::{Blobs, BlobsError};
use crate::domain::chunk::{Chunk, ChunkRules};
use crate::domain::extract::Extract;
use crate::domain::id::{GenerationId, JobId, Seq};
use crate::domain::job::Job;
use crate::domain::source::{Sha256, Source, SourceKind, SourceState};
use crate::fulltext::Fulltext;
use crate::inference::{Embedder, InferenceError, Urgency};
use crate::limits;
use crate::store::{Finished, Store, StoreError};
use crate::vectors::Vectors;

pub use error::IngestError;
pub use extract::ExtractError;
use extract::PartHead;
use parts::Parts;
use progress::Reporter;

/// The engines that ingestion uses.
#[derive(Clone)]
pub struct Rooms {
    pub store: Store,
    pub blobs: Blobs,
    pub vectors: Vectors,
    pub fulltext: Fulltext,
    /// Without one no document can be cut and embedded; deletions are followed nevertheless.
    pub model: Option<Model>,
    pub reader: sandbox::Reader,
    pub ocr: ocr::Ocr,
    /// Held to read from a file's rename to its row, to write while an unreferenced file is removed.
    pub blob_gate: Arc<RwLock<()>>,
}

/// Removes an original if no source has it any more. `gate` is the one of [`Rooms::blob_gate`].
pub async fn remove_original<E: From<StoreError> + From<BlobsError>>(
    store: &Store,
    blobs: &Blobs,
    gate: &RwLock<()>,
    sha256: Sha256,
) -> Result<(), E> {
    // No upload of the same file may stand between its rename and its row while this looks and removes.
    let _gate = gate.write().await;
    if !store.referenced(sha256).await? {
        blobs.remove(sha256).await?;
    }
    Ok(())
}

/// An embedding model: what documents are cut for, and what makes their vectors.
#[derive(Clone)]
pub struct Model {
    pub embedder: Embedder,
    /// The generation of its vectors.
    pub generation: GenerationId,
    pub rules: ChunkRules,
}

/// Where the time of one document went, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stages {
    pub extract_ms: f64,
    /// Cutting, which is mostly counting tokens.
    pub chunk_ms: f64,
    pub embed_ms: f64,
    pub store_ms: f64,
}

/// A document that is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Ingested {
    /// The number that both derived indexes must reach before it is ready.
    pub seq: Seq,
    pub pages: usize,
    pub chunks: usize,
    pub stages: Stages,
}

/// Texts embedded by one call: enough to sort by length, few enough that a question waits for one only.
const EMBED_AT_ONCE: usize = 64;
/// Chunks of a document above which its vectors are kept as they are made; fewer are soon made again.
const KEPT_FROM: usize = 4 * EMBED_AT_ONCE;
/// The first wait for a busy embedder; it doubles with each try.
const BUSY_WAIT: Duration = Duration::from_millis(50);
const BUSY_WAIT_MAX: Duration = Duration::from_secs(2);

/// Reads the source of `job` and stores its chunks and vectors; `None` if it was deleted meanwhile.
///
/// Safe to run twice: the last run's chunks replace those of any before. `now` is asked for the time of each step.
pub async fn ingest(
    rooms: &Rooms,
    job: &Job,
    source: &Source,
    now: fn() -> i64,
) -> Result<Option<Ingested>, IngestError> {
    let reporter = Reporter::new();
    let report = reporter.report(&rooms.store, job.id, source.id, now);
    tokio::select! {
        biased;
        done = steps(rooms, job, source, &reporter, now) => done,
        never = report => match never {},
    }
}

/// The pipeline itself, in the order it happens.
async fn steps(
    rooms: &Rooms,
    job: &Job,
    source: &Source,
    reporter: &Reporter,
    now: fn() -> i64,
) -> Result<Option<Ingested>, IngestError> {
    let begun = Instant::now();
    let Some(model) = &rooms.model else {
        return Err(IngestError::Later("there is no embedding model to cut and embed it".to_owned()));
    };
    let (extract, media_type) = read(rooms, job.id, source, reporter, now).await?;
    let extracted = Instant::now();
    let title = title(source, &extract).to_owned();
    let (extract, chunks) = cut(model, extract, title.clone()).await?;
    let cut_at = Instant::now();
    let vectors = embed(rooms, model, job.id, &title, &chunks, reporter).await?;
    let embedded = Instant::now();
    let (pages, count) = (extract.pages.len(), chunks.len());
    let finished = Finished {
        job: job.id,
        source: source.id,
        extract,
        media_type,
        generation: model.generation,
        chunks: chunks.into_iter().zip(vectors).collect(),
    };
    let seq = rooms.store.finish_ingest(finished, now()).await?;
    let ms = |from: Instant, to: Instant| to.duration_since(from).as_secs_f64() * 1000.0;
    let stages = Stages {
        extract_ms: ms(begun, extracted),
        chunk_ms: ms(extracted, cut_at),
        embed_ms: ms(cut_at, embedded),
        store_ms: ms(embedded, Instant::now()),
    };
    Ok(seq.map(|seq| Ingested { seq, pages, chunks: count, stages }))
}

/// Extracts the text in a child process, and recognises that of its pictures.
async fn read(
    rooms: &Rooms,
    job: JobId,
    source: &Source,
    reporter: &Reporter,
    now: fn() -> i64,
) -> Result<(Extract, String), IngestError> {
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
    let mut reading = Reading { reporter, parts: Parts::of(source, rooms, now) };
    let (mut extract, media_type) = rooms.reader.read(&path, file_name, &mut reading).await?;
    pictures::recognise(rooms, job, source, (&path, &media_type), &mut extract, reporter).await?;
    extract.notes.extend(reading.parts.notes());
    if !extract.markdown.chars().any(char::is_alphanumeric) {
        return Err(IngestError::Document(match extract.unread.first() {
            Some(unread) => ExtractError::Stopped(unread.reason.trim_end_matches('.').to_owned()),
            None => ExtractError::NoText("the document holds no letters and no digits".to_owned()),
        }));
    }
    extract.language = extract.language.take().or_else(|| language::told(&extract.markdown));
    Ok((extract, media_type))
}

/// What becomes of what is found while a document is read.
struct Reading<'a> {
    reporter: &'a Reporter,
    parts: Parts<'a>,
}

impl sandbox::Listener for Reading<'_> {
    fn page(&mut self, done: u32, total: u32) {
        self.reporter.tell(SourceState::Reading { done, total });
    }

    async fn part(&mut self, head: PartHead, content: &mut (impl AsyncRead + Unpin + Send)) -> std::io::Result<()> {
        self.parts.take(head, content).await
    }
}

/// The title under which the store will keep the source: a title that a person gave stays, a file may name itself.
fn title<'a>(source: &'a Source, extract: &'a Extract) -> &'a str {
    match (source.kind, &extract.title) {
        (SourceKind::Document | SourceKind::Website, Some(own)) => own,
        _ => &source.title,
    }
}

/// Cuts the text off the async threads: counting tokens takes a while.
async fn cut(model: &Model, extract: Extract, title: String) -> Result<(Extract, Vec<Chunk>), IngestError> {
    let (embedder, rules) = (model.embedder.clone(), model.rules);
    let cut = move || {
        let chunks = chunk::chunk(&extract, &title, rules, &|text| embedder.count_tokens(text));
        (extract, chunks)
    };
    let (extract, chunks) =
        tokio::task::spawn_blocking(cut).await.map_err(|error| IngestError::Later(error.to_string()))?;
    if chunks.is_empty() {
        return Err(IngestError::Document(ExtractError::NoText("the document holds nothing to search for".to_owned())));
    }
    if chunks.len() > limits::CHUNKS_PER_SOURCE_MAX {
        let reason =
            format!("it makes more than {} chunks; split it into several files", limits::CHUNKS_PER_SOURCE_MAX);
        return Err(IngestError::Document(ExtractError::TooLarge(reason)));
    }
    Ok((extract, chunks))
}

/// One vector a chunk, in order. Chunks of like length go together: a batch is as slow as its longest text.
///
/// Of a long document what is made is kept as it goes, so that a process that dies does not begin again.
async fn embed(
    rooms: &Rooms,
    model: &Model,
    job: JobId,
    title: &str,
    chunks: &[Chunk],
    reporter: &Reporter,
) -> Result<Vec<Vec<f32>>, IngestError> {
    let title = chunk::context_title(title, model.rules, &|text| model.embedder.count_tokens(text));
    let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
    let mut order: Vec<usize> = (0..chunks.len()).collect();
    order.sort_by_key(|&at| chunks[at].tokens);
    let mut vectors = vec![Vec::new(); chunks.len()];
    let keeps = chunks.len() > KEPT_FROM;
    if keeps {
        let kept = rooms.store.kept_vectors(job, model.generation).await?;
        order.retain(|&at| match kept.get(&hash(&chunks[at].embedded_text(title))) {
            Some(vector) => {
                vectors[at].clone_from(vector);
                false
            }
            None => true,
        });
    }
    let before = chunks.len() - order.len();
    for (group, begun) in order.chunks(EMBED_AT_ONCE).zip((before..).step_by(EMBED_AT_ONCE)) {
        reporter.tell(SourceState::Embedding { done: count(begun), total: count(chunks.len()) });
        let texts: Vec<String> = group.iter().map(|&at| chunks[at].embedded_text(title)).collect();
        let hashes: Vec<Sha256> = if keeps { texts.iter().map(|text| hash(text)).collect() } else { Vec::new() };
        let made = embed_patiently(&model.embedder, texts).await?;
        if keeps {
            let kept = hashes.into_iter().zip(made.iter().cloned()).collect();
            rooms.store.keep_vectors(job, model.generation, kept).await?;
        }
        for (&at, vector) in group.iter().zip(made) {
            vectors[at] = vector;
        }
    }
    Ok(vectors)
}

fn hash(text: &str) -> Sha256 {
    Sha256(sha2::Sha256::digest(text.as_bytes()).into())
}

/// One vector a text. Waits for as long as the embedder is busy: the document is in no hurry.
async fn embed_patiently(embedder: &Embedder, texts: Vec<String>) -> Result<Vec<Vec<f32>>, IngestError> {
    let mut wait = BUSY_WAIT;
    loop {
        match embedder.embed_passages(texts.clone(), Urgency::Passages).await {
            Err(InferenceError::Busy) => tokio::time::sleep(wait).await,
            Ok(made) if made.len() != texts.len() => {
                return Err(IngestError::Later(format!("{} vectors came for {} texts", made.len(), texts.len())));
            }
            other => return Ok(other?),
        }
        wait = (wait * 2).min(BUSY_WAIT_MAX);
    }
}

#[cfg(test)]
mod tests;
