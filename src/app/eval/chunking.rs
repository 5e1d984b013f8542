//! How well documents are cut: whether the words that answer a question are in the chunks nearest to it, and how much else.
//!
//! Each corpus is cut in several ways, the chunks are embedded, and the nearest to each question are compared with the
//! spans that answer it. After Smith and Troynikov, "Evaluating Chunking Strategies for Retrieval" (2024); text that two
//! chunks share counts once.

mod recursive;
mod set;

use std::time::Duration;

use serde::Serialize;

use crate::app::App;
use crate::app::error::{Error, Result};
use crate::domain::chunk::{Chunk, ChunkRules};
use crate::domain::extract::{Extract, Span};
use crate::inference::{Embedder, InferenceError, Urgency};
use crate::ingest::chunk;

pub use set::Set;

/// Chunks that are looked at for each question.
const NEAREST: usize = 5;
/// Texts embedded by one call, and the wait for an embedder that has enough to do.
const EMBED_AT_ONCE: usize = 64;
const BUSY_WAIT: Duration = Duration::from_millis(50);
/// The size and the overlap of the chunks compared with, in characters: the defaults of the Rails product.
const SIZE: usize = 512;
const OVERLAP: usize = 128;

/// One way to cut, over all questions.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    pub cut: String,
    pub chunks: usize,
    pub characters_mean: f64,
    /// The share of the answering characters that are in the nearest chunks, mean.
    pub recall: f64,
    /// The share of the characters of the nearest chunks that answer, mean.
    pub precision: f64,
    /// Characters in both, over characters in either, mean.
    pub overlap: f64,
}

/// A piece of a corpus and what is embedded of it.
struct Piece {
    span: Span,
    embedded: String,
}

/// A way to cut a text that has a name.
type Cut<'a> = dyn Fn(&str, &str) -> Vec<Piece> + Send + Sync + 'a;

/// Cuts in each way and reports. `progress` hears how many texts are embedded, of how many.
pub async fn run(app: &App, set: &Set, progress: &mut (dyn FnMut(u64, u64) + Send)) -> Result<Vec<Row>> {
    let model = app.ingest_rooms().model.ok_or_else(|| Error::invalid("There is no embedding model."))?;
    let (count, special) = (|text: &str| model.embedder.count_tokens(text), model.embedder.count_tokens(""));
    let by_rules =
        |rules: ChunkRules, context: bool| move |name: &str, text: &str| ours(name, text, rules, context, &count);
    let recursive =
        |_: &str, text: &str| recursive::cut(text, SIZE, OVERLAP).into_iter().map(|span| plain(text, span)).collect();
    let target = characters(&set.corpora, &recursive);
    // The largest chunks that are no longer on average than those compared with.
    let same = (special + 24..=model.rules.tokens_max)
        .map(|tokens_max| ChunkRules {
            tokens_max,
            tokens_min: model.rules.tokens_min.min(tokens_max / 4),
            ..model.rules
        })
        .rev()
        .step_by(4)
        .find(|rules| characters(&set.corpora, &by_rules(*rules, true)) <= target)
        .unwrap_or(model.rules);
    let ways: [(String, Box<Cut<'_>>); 5] = [
        (format!("recursive, {SIZE} characters, overlap {OVERLAP}"), Box::new(recursive)),
        (format!("by structure, same size ({} tokens)", same.tokens_max), Box::new(by_rules(same, true))),
        ("  without title and headings".to_owned(), Box::new(by_rules(same, false))),
        (format!("by structure, as set ({} tokens)", model.rules.tokens_max), Box::new(by_rules(model.rules, true))),
        ("  without title and headings".to_owned(), Box::new(by_rules(model.rules, false))),
    ];
    let mut rows = Vec::new();
    for ((cut, way), done) in ways.iter().zip(0..) {
        progress(done, ways.len() as u64);
        rows.push(measured(&model.embedder, set, cut.clone(), way.as_ref()).await?);
    }
    progress(rows.len() as u64, rows.len() as u64);
    Ok(rows)
}

/// Cuts as documents are cut, with or without title and headings before what is embedded.
fn ours(name: &str, text: &str, rules: ChunkRules, context: bool, count: &dyn Fn(&str) -> usize) -> Vec<Piece> {
    let extract = Extract { markdown: text.to_owned(), ..Extract::default() };
    let title = chunk::context_title(name, rules, count);
    let chunks = chunk::chunk(&extract, name, rules, count).into_iter();
    let embedded = |chunk: &Chunk| if context { chunk.embedded_text(title) } else { chunk.text.clone() };
    chunks.map(|chunk| Piece { span: chunk.span, embedded: embedded(&chunk) }).collect()
}

fn plain(text: &str, span: Span) -> Piece {
    Piece { span, embedded: span.of(text).to_owned() }
}

/// Characters of a piece, mean over all corpora.
fn characters(corpora: &[(String, String)], cut: &Cut<'_>) -> f64 {
    let lengths: Vec<usize> = corpora
        .iter()
        .flat_map(|(name, text)| cut(name, text).into_iter().map(|piece| piece.span.of(text).chars().count()))
        .collect();
    lengths.iter().sum::<usize>() as f64 / lengths.len().max(1) as f64
}

async fn measured(embedder: &Embedder, set: &Set, cut: String, way: &Cut<'_>) -> Result<Row> {
    let mut row = Row { cut, chunks: 0, characters_mean: 0.0, recall: 0.0, precision: 0.0, overlap: 0.0 };
    let mut asked = 0;
    for (name, text) in &set.corpora {
        let pieces = way(name, text);
        row.chunks += pieces.len();
        row.characters_mean += pieces.iter().map(|piece| piece.span.of(text).chars().count()).sum::<usize>() as f64;
        let vectors = embedded(embedder, pieces.iter().map(|piece| piece.embedded.clone()).collect()).await?;
        let starts: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
        for question in set.questions.iter().filter(|question| question.corpus == *name) {
            let wanted = embedder.embed_question(&question.question).await?;
            let found: Vec<Span> = nearest(&wanted, &vectors).into_iter().map(|at| pieces[at].span).collect();
            let byte = |at: usize| starts[at.min(starts.len() - 1)];
            let right: Vec<Span> =
                question.spans.iter().map(|&(start, end)| Span { start: byte(start), end: byte(end) }).collect();
            let (found, right) = (merged(found), merged(right));
            let (both, found, right) = (in_both(&found, &right), length(&found), length(&right));
            row.recall += both / right.max(1.0);
            row.precision += both / found.max(1.0);
            row.overlap += both / (found + right - both).max(1.0);
            asked += 1;
        }
    }
    row.characters_mean /= row.chunks.max(1) as f64;
    for sum in [&mut row.recall, &mut row.precision, &mut row.overlap] {
        *sum /= f64::from(asked.max(1));
    }
    Ok(row)
}

/// The vectors of texts as those of passages are made.
async fn embedded(embedder: &Embedder, texts: Vec<String>) -> Result<Vec<Vec<f32>>> {
    let mut vectors = Vec::with_capacity(texts.len());
    for group in texts.chunks(EMBED_AT_ONCE) {
        loop {
            match embedder.embed_passages(group.to_vec(), Urgency::Passages).await {
                Err(InferenceError::Busy) => tokio::time::sleep(BUSY_WAIT).await,
                made => break vectors.extend(made?),
            }
        }
    }
    Ok(vectors)
}

/// The places of the [`NEAREST`] vectors by their inner product; all are of length 1.
fn nearest(wanted: &[f32], vectors: &[Vec<f32>]) -> Vec<usize> {
    let score = |vector: &[f32]| wanted.iter().zip(vector).map(|(a, b)| a * b).sum::<f32>();
    let mut ranked: Vec<(f32, usize)> = vectors.iter().map(|vector| score(vector)).zip(0..).collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    ranked.into_iter().take(NEAREST).map(|(_, at)| at).collect()
}

/// The same bytes in ascending spans that neither touch nor overlap.
fn merged(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_unstable();
    let mut out: Vec<Span> = Vec::new();
    for span in spans {
        match out.last_mut() {
            Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
            _ => out.push(span),
        }
    }
    out
}

fn length(spans: &[Span]) -> f64 {
    spans.iter().map(|span| span.end - span.start).sum::<usize>() as f64
}

/// Bytes that are in both lists of spans.
fn in_both(a: &[Span], b: &[Span]) -> f64 {
    let common = |x: &Span, y: &Span| x.end.min(y.end).saturating_sub(x.start.max(y.start));
    a.iter().flat_map(|x| b.iter().map(move |y| common(x, y))).sum::<usize>() as f64
}

#[cfg(test)]
mod tests {
    use super::{Span, in_both, length, merged};

    #[test]
    fn shared_bytes_count_once() {
        let spans = |list: &[(usize, usize)]| list.iter().map(|&(start, end)| Span { start, end }).collect::<Vec<_>>();
        let found = merged(spans(&[(10, 20), (0, 5), (15, 30)]));
        assert_eq!(found, spans(&[(0, 5), (10, 30)]));
        assert_eq!(length(&found), 25.0);
        assert_eq!(in_both(&found, &spans(&[(4, 12), (29, 40)])), 4.0);
    }
}
