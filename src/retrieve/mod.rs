//! The pipeline from a question to ranked passages.
//!
//! Two searches run at once: by meaning in the vectors, by words in full text. Neither is trusted alone: their scores
//! are fused, a chunk is lifted if the question names its document, and by what stands beside it there, the best are read
//! by a reranker where there is one, twins are dropped, what lies together is joined into one passage of one page, and as many passages go on as the budget takes. How many are asked for never
//! changes their order. Nothing here knows what the passages are for.

mod error;
mod meaning;
mod fuse;
mod named;
mod nearby;
mod rerank;
mod twins;
mod pick;
mod join;
mod trim;

use std::time::Instant;

use crate::domain::account::Scope;
use crate::domain::id::{ChunkId, GenerationId, SourceId};
use crate::domain::passage::{Candidate, Passage};
use crate::domain::question::Question;
use crate::fulltext::Fulltext;
use crate::inference::{Embedder, Urgency};
use crate::store::{Store, StoredPassage};
use crate::vectors::Vectors;

pub use error::RetrieveError;
pub use rerank::Rereader;

/// The engines that retrieval asks.
#[derive(Clone)]
pub struct Rooms {
    pub store: Store,
    pub vectors: Vectors,
    pub fulltext: Fulltext,
    /// What the question's meaning is compared by. Without it words alone are searched.
    pub meaning: Option<Meaning>,
    /// What tells, without vectors of its own, how near the passages come that words alone have found.
    pub stand_in: Option<Embedder>,
    /// What ranks the best candidates anew.
    pub rereader: Option<Rereader>,
}

/// An embedding model and the generation of its vectors.
#[derive(Clone)]
pub struct Meaning {
    pub embedder: Embedder,
    pub generation: GenerationId,
}

/// The question as one generation knows it.
struct Asked {
    generation: GenerationId,
    /// Of unit length.
    vector: Vec<f32>,
}

/// What one search may take and give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Candidates asked of each index.
    pub fetch_k: usize,
    /// The most passages.
    pub passages_max: usize,
    /// The most tokens of all passages together.
    pub tokens_max: usize,
    pub mode: Mode,
}

/// Which searches are asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    #[default]
    Hybrid,
    /// Full text alone, for comparison.
    Words,
    /// Vectors alone, for comparison.
    Meaning,
}

/// What a search found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// Best first.
    pub passages: Vec<Passage>,
    /// Every chunk that was ranked, best first, before any was joined or dropped.
    pub candidates: Vec<Ranked>,
    pub timings: Timings,
}

/// A candidate and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranked {
    pub chunk: ChunkId,
    pub source: SourceId,
    pub title: String,
    pub file_name: String,
    pub page: Option<u32>,
    pub score: f32,
}

/// Where the time of a search went, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Timings {
    /// The question's vector.
    pub embed_ms: f64,
    /// Both indexes, until the later one answered.
    pub search_ms: f64,
    /// The best candidates read by the reranker, where there is one.
    pub rerank_ms: f64,
    /// Rows loaded, ranked, joined and measured.
    pub load_ms: f64,
}

/// A chunk on its way to becoming a passage.
#[derive(Clone, Debug)]
struct Scored {
    row: StoredPassage,
    /// Fused score: 0 to 1, and a little more for its document's name and its neighbours.
    score: f32,
    /// Cosine similarity to the question, where meaning was asked and knows the chunk.
    similarity: f32,
}

/// Finds the passages worth showing, best first.
///
/// An empty result is not an error: the reader may simply have nothing on the subject.
pub async fn passages(
    rooms: &Rooms,
    scope: &Scope,
    question: &Question,
    options: &Options,
) -> Result<Found, RetrieveError> {
    let begun = Instant::now();
    let asked = embed(rooms, question).await?;
    let embedded = Instant::now();
    let (by_meaning, by_words) = tokio::try_join!(
        meaning::nearest(rooms, scope, asked.as_ref(), options),
        by_words(rooms, scope, question, options)
    )?;
    let searched = Instant::now();
    let fused = fuse::by_scores(&by_meaning, &by_words, options.fetch_k);
    let chunks = load(rooms, scope, asked, fused, &by_meaning).await?;
    let named = named::lift(rooms, scope, question, options.mode, chunks).await?;
    let loaded = Instant::now();
    let rereader = rooms.rereader.as_ref().filter(|_| options.mode == Mode::Hybrid);
    let ranked = rerank::reread(rereader, question, nearby::lift(named)).await;
    let reread = Instant::now();
    let candidates = ranked.iter().map(Ranked::of).collect();
    let picked = pick::diverse(twins::drop(ranked), options.passages_max);
    let joined = join::fill(rooms, scope, picked).await?;
    let trimmed = trim::to_budget(joined, options.tokens_max);
    let passages = measure(rooms, scope, question, trimmed).await?;
    let timings = Timings {
        embed_ms: ms(begun, embedded),
        search_ms: ms(embedded, searched),
        rerank_ms: ms(loaded, reread),
        load_ms: ms(searched, loaded) + ms(reread, Instant::now()),
    };
    Ok(Found { passages, candidates, timings })
}

impl Ranked {
    fn of(scored: &Scored) -> Ranked {
        Ranked {
            chunk: scored.row.chunk,
            source: scored.row.source,
            title: scored.row.title.clone(),
            file_name: scored.row.file_name.clone(),
            page: scored.row.page,
            score: scored.score,
        }
    }
}

/// The question's vector, where there is a model to make one.
async fn embed(rooms: &Rooms, question: &Question) -> Result<Option<Asked>, RetrieveError> {
    let Some(Meaning { embedder, generation }) = &rooms.meaning else { return Ok(None) };
    let vector = embedder.embed_question(question.text()).await?;
    Ok(Some(Asked { generation: *generation, vector }))
}

/// The chunks that match the question's words best, best first.
async fn by_words(
    rooms: &Rooms,
    scope: &Scope,
    question: &Question,
    options: &Options,
) -> Result<Vec<Candidate>, RetrieveError> {
    if options.mode == Mode::Meaning {
        return Ok(Vec::new());
    }
    let (fulltext, scope, text, k) =
        (rooms.fulltext.clone(), scope.clone(), question.text().to_owned(), options.fetch_k);
    Ok(tokio::task::spawn_blocking(move || fulltext.search(&scope, &text, k)).await??)
}

/// The rows of the fused candidates with their scores, best first. A chunk deleted meanwhile is left out.
async fn load(
    rooms: &Rooms,
    scope: &Scope,
    asked: Option<Asked>,
    fused: Vec<Candidate>,
    by_meaning: &[Candidate],
) -> Result<Vec<Scored>, RetrieveError> {
    let ids: Vec<ChunkId> = fused.iter().map(|candidate| candidate.chunk).collect();
    let mut similarities = fuse::scores(by_meaning);
    let unknown: Vec<ChunkId> = ids.iter().copied().filter(|id| !similarities.contains_key(id)).collect();
    let more = async {
        match asked {
            Some(Asked { generation, vector }) => rooms.store.similarities(scope, generation, vector, unknown).await,
            None => Ok(Vec::new()),
        }
    };
    let (rows, more) = tokio::try_join!(rooms.store.stored_passages(scope, ids), more)?;
    similarities.extend(fuse::scores(&more));
    let scores = fuse::scores(&fused);
    let scored = |row: StoredPassage| Scored {
        score: scores.get(&row.chunk).copied().unwrap_or_default(),
        similarity: similarities.get(&row.chunk).copied().unwrap_or_default(),
        row,
    };
    Ok(rows.into_iter().map(scored).collect())
}

/// Fills in how much of the question's weight in words each passage holds: title and headings count as its own words.
/// Where nobody compared meanings, also how near it comes to the question.
async fn measure(
    rooms: &Rooms,
    scope: &Scope,
    question: &Question,
    mut passages: Vec<Passage>,
) -> Result<Vec<Passage>, RetrieveError> {
    let texts: Vec<String> = passages
        .iter()
        .map(|passage| {
            format!("{}\n{}\n{}\n{}", passage.title, passage.file_name, passage.headings.join("\n"), passage.text)
        })
        .collect();
    let nearness = stand_in(rooms, question, &passages).await?;
    for (passage, near) in passages.iter_mut().zip(nearness) {
        passage.similarity = near;
    }
    for (passage, share) in passages.iter_mut().zip(coverage(rooms, scope, question, texts).await?) {
        passage.coverage = share;
    }
    Ok(passages)
}

/// How near each passage comes to the question, by the model that stands in; nothing where the right one was asked.
async fn stand_in(rooms: &Rooms, question: &Question, passages: &[Passage]) -> Result<Vec<f32>, RetrieveError> {
    let Some(embedder) = rooms.stand_in.as_ref().filter(|_| rooms.meaning.is_none()) else { return Ok(Vec::new()) };
    let text = |passage: &Passage| format!("{} > {}\n{}", passage.title, passage.headings.join(" > "), passage.text);
    let texts = passages.iter().map(text).collect();
    let (asked, vectors) =
        tokio::try_join!(embedder.embed_question(question.text()), embedder.embed_passages(texts, Urgency::Question))?;
    Ok(vectors.iter().map(|vector| asked.iter().zip(vector).map(|(a, b)| a * b).sum()).collect())
}

/// The share of the question's weight in words that each text holds, 0 to 1.
async fn coverage(
    rooms: &Rooms,
    scope: &Scope,
    question: &Question,
    texts: Vec<String>,
) -> Result<Vec<f32>, RetrieveError> {
    let (fulltext, scope, question) = (rooms.fulltext.clone(), scope.clone(), question.text().to_owned());
    let shares = move || {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        fulltext.coverage(&scope, &question, &texts)
    };
    Ok(tokio::task::spawn_blocking(shares).await??)
}

fn ms(from: Instant, to: Instant) -> f64 {
    to.duration_since(from).as_secs_f64() * 1e3
}
