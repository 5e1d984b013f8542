//! How fast whole retrieval is, at a given number of chunks.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::made::{Made, STOP_WORDS};
use super::quantile;
use crate::app::error::{Error, Result};
use crate::app::open;
use crate::blobs::Blobs;
use crate::clock;
use crate::config::Settings;
use crate::domain::account::Scope;
use crate::domain::chunk::Chunk;
use crate::domain::extract::{Extract, Span};
use crate::domain::id::{AccountId, CollectionId, GenerationId};
use crate::domain::question::Question;
use crate::domain::source::{Sha256, SourceKind};
use crate::fulltext::Fulltext;
use crate::ingest::{self, Model};
use crate::limits;
use crate::retrieve;
use crate::store::{Created, Finished, NewSource, Store};
use crate::vectors::{SegmentKey, Vectors};

/// Chunks of one made document.
const CHUNKS_PER_SOURCE: usize = 1_000;
/// Words of one made chunk.
const WORDS_PER_CHUNK: usize = 90;
/// Words of one made question that are searched for.
const WORDS_ASKED: usize = 8;

/// What was measured at one size.
#[derive(Clone, Debug)]
pub struct SearchSpeed {
    pub chunks: usize,
    pub questions: usize,
    /// Whole retrieval without embedding the question, in milliseconds.
    pub p50_ms: f64,
    pub p95_ms: f64,
    /// Embedding the question alone.
    pub embed_p50_ms: f64,
    /// Of the ten exact nearest vectors, the share that the scan's rescored candidates hold.
    pub recall_at_10: f64,
    /// Making the data and indexing it, in seconds.
    pub build_s: f64,
}

/// Measures search at `chunks` chunks in `folder`, which must be empty.
pub async fn search(
    settings: &Settings,
    program: &Path,
    folder: &Path,
    chunks: usize,
    questions: usize,
) -> Result<SearchSpeed> {
    let begun = Instant::now();
    let embedder = open::local_embedder(settings, program).await?;
    let store = Store::open(&folder.join("nosia.db"))?;
    let account = store.create_account("Bench".to_owned(), clock::now_ms()).await?;
    let collections = store.collections(account.id).await?;
    let collection = collections.first().ok_or_else(|| Error::internal("an account without a collection"))?.id;
    let generation = store.generation(embedder.identity().clone(), clock::now_ms()).await?;
    let rooms = ingest::Rooms {
        store: store.clone(),
        blobs: Blobs::open(&folder.join("blobs"))?,
        vectors: Vectors::open(&folder.join("vectors"))?,
        fulltext: Fulltext::open(&folder.join("fulltext"))?,
        model: Some(Model {
            rules: settings.chunk_rules(embedder.tokens_max()),
            embedder: embedder.clone(),
            generation,
        }),
        reader: ingest::sandbox::Reader { program: program.to_owned() },
        ocr: ingest::ocr::Ocr::new(None),
        blob_gate: Arc::default(),
    };
    let mut made = Made::new(embedder.dimensions());
    for number in 0..chunks.div_ceil(CHUNKS_PER_SOURCE) {
        let count = CHUNKS_PER_SOURCE.min(chunks - number * CHUNKS_PER_SOURCE);
        add(&rooms, generation, &mut made, account.id, collection, number, count).await?;
    }
    ingest::index::catch_up(&rooms, account.id, clock::now_ms()).await?;
    let build_s = begun.elapsed().as_secs_f64();
    let scope = store.scope(account.id).await?;
    let (mut totals, mut embeds) = (Vec::new(), Vec::new());
    let search_rooms = retrieve::Rooms {
        store: store.clone(),
        vectors: rooms.vectors.clone(),
        fulltext: rooms.fulltext.clone(),
        meaning: Some(retrieve::Meaning { embedder: embedder.clone(), generation }),
        stand_in: None,
        rereader: None,
    };
    let options = retrieve::Options {
        fetch_k: settings.retrieval_fetch_k,
        passages_max: limits::PASSAGES_MAX,
        tokens_max: limits::PASSAGES_TOKENS_MAX,
        mode: retrieve::Mode::Hybrid,
    };
    for _ in 0..questions {
        let question = Question::parse(&made.words(WORDS_ASKED, STOP_WORDS))?;
        let found = retrieve::passages(&search_rooms, &scope, &question, &options).await?;
        totals.push(found.timings.search_ms + found.timings.load_ms);
        embeds.push(found.timings.embed_ms);
    }
    let recall_at_10 = recall(&rooms, generation, &scope, collection, &mut made, questions.min(20)).await?;
    store.close().await;
    Ok(SearchSpeed {
        chunks,
        questions,
        p50_ms: quantile(&mut totals, 0.50),
        p95_ms: quantile(&mut totals, 0.95),
        embed_p50_ms: quantile(&mut embeds, 0.50),
        recall_at_10,
        build_s,
    })
}

/// Stores one made document with its vectors, as a finished job would.
async fn add(
    rooms: &ingest::Rooms,
    generation: GenerationId,
    made: &mut Made,
    account: AccountId,
    collection: CollectionId,
    number: usize,
    count: usize,
) -> Result<()> {
    let mut sha256 = [0; 32];
    sha256[..8].copy_from_slice(&(number as u64).to_le_bytes());
    let new = NewSource {
        account,
        collection,
        kind: SourceKind::Document,
        title: format!("Made document {number}"),
        file_name: format!("made-{number}.txt"),
        media_type: "text/plain".to_owned(),
        bytes: 0,
        sha256: Sha256(sha256),
        added_by: None,
        parent: None,
    };
    let (Created::New(source) | Created::Same(source)) = rooms.store.create_source(new, clock::now_ms()).await?;
    let job = rooms.store.claim_job(clock::now_ms()).await?.ok_or_else(|| Error::internal("the made job is gone"))?;
    let mut markdown = String::new();
    let mut chunks = Vec::with_capacity(count);
    for _ in 0..count {
        let text = made.words(WORDS_PER_CHUNK, 1);
        let span = Span { start: markdown.len(), end: markdown.len() + text.len() };
        markdown.push_str(&text);
        markdown.push_str("\n\n");
        let tokens = WORDS_PER_CHUNK as u32;
        chunks.push((Chunk { headings: Vec::new(), page: None, span, text, tokens }, made.vector()));
    }
    let extract = Extract { markdown, ..Extract::default() };
    let finished =
        Finished { job: job.id, source: source.id, extract, media_type: "text/plain".to_owned(), generation, chunks };
    rooms.store.finish_ingest(finished, clock::now_ms()).await?;
    Ok(())
}

/// How many of the ten exact nearest the scan's candidates hold after rescoring.
async fn recall(
    rooms: &ingest::Rooms,
    generation: GenerationId,
    scope: &Scope,
    collection: CollectionId,
    made: &mut Made,
    tries: usize,
) -> Result<f64> {
    let key = SegmentKey { generation, collection };
    let mut hits = 0;
    for _ in 0..tries {
        let question = made.vector();
        let near = rooms.vectors.nearest(&[key], &question, limits::CANDIDATES_DEFAULT)?;
        let ids = near.iter().map(|candidate| candidate.chunk).collect();
        let mut scored = rooms.store.similarities(scope, generation, question.clone(), ids).await?;
        scored.sort_by(|a, b| b.score.total_cmp(&a.score));
        let exact = rooms.store.nearest_exact(scope, generation, question, 10).await?;
        hits += exact.iter().filter(|one| scored.iter().take(10).any(|other| other.chunk == one.chunk)).count();
    }
    Ok(hits as f64 / (10 * tries.max(1)) as f64)
}
