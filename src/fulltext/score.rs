//! BM25 over the readable documents: title and headings count as text said several times (BM25F).
//!
//! The engine keeps the postings; the sums are made here, because every number in them must come from the readable
//! documents alone: the engine's own statistics count foreign and deleted ones, and its pruning bounds are computed
//! from them. Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009, equation 3.18.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use tantivy::fieldnorm::FieldNormReader;
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{SegmentReader, Term};

use super::question::Asked;
use super::schema::CHUNK;
use super::scope::{Part, Statistics, View};
use crate::domain::id::ChunkId;
use crate::domain::passage::Candidate;
use crate::limits;

/// How soon more of the same word stops to matter.
const K1: f32 = 0.9;
/// How much long documents are held back, 0 to 1.
const B: f32 = 0.6;
/// How many times the title and headings count as said.
const HEAD_WEIGHT: f32 = 2.0;

/// The weight of a word that `containing` of `documents` hold.
pub fn idf(containing: u64, documents: u64) -> f32 {
    let (containing, documents) = (containing as f32, documents as f32);
    (1.0 + (documents - containing + 0.5) / (containing + 0.5)).ln()
}

/// The `k` documents that hold the most of what is asked, best first, equals by chunk.
pub fn best(view: &View, statistics: &Statistics, asked: &[Asked], k: usize) -> tantivy::Result<Vec<Candidate>> {
    let mut sums = Vec::new();
    for (segment, _) in view.segments() {
        sums.push(Sums::of(view, statistics, segment)?);
    }
    for asked in heaviest(view, statistics, asked)? {
        let postings = Postings::of(view, &asked.terms(&statistics.languages))?;
        let weight = idf(postings.documents, statistics.documents) * asked.times as f32;
        sums.iter_mut().zip(&postings.segments).for_each(|(sums, postings)| sums.add(weight, postings));
    }
    let mut best = BinaryHeap::with_capacity(k + 1);
    for ((segment, _), sums) in view.segments().zip(&sums) {
        offer(segment, &sums.scores, k, &mut best)?;
    }
    let mut ranked: Vec<Candidate> = best.into_iter().map(|Reverse(candidate)| candidate).collect();
    ranked.sort_unstable_by(|a, b| b.cmp(a));
    Ok(ranked)
}

/// Readable documents that hold a term in their text.
pub fn containing(view: &View, terms: &[String]) -> tantivy::Result<u64> {
    let mut documents = 0;
    for (segment, part) in view.segments() {
        for term in terms {
            let term = Term::from_field_text(view.fields.body, term);
            if part.is_whole() {
                documents += u64::from(segment.inverted_index(view.fields.body)?.doc_freq(&term)?);
            } else {
                each_posting(segment, view.fields.body, &term, |document, _| {
                    documents += u64::from(part.holds(document))
                })?;
            }
        }
    }
    Ok(documents)
}

/// Of a question with too many words, the ones that weigh most, in the order of the question.
fn heaviest<'a>(view: &View, statistics: &Statistics, asked: &'a [Asked]) -> tantivy::Result<Vec<&'a Asked>> {
    let asked = &asked[..asked.len().min(limits::QUESTION_WORDS_READ_MAX)];
    if asked.len() <= limits::QUESTION_WORDS_MAX {
        return Ok(asked.iter().collect());
    }
    let mut weighed = Vec::new();
    for (place, asked) in asked.iter().enumerate() {
        let containing = containing(view, &asked.terms(&statistics.languages))?;
        let weight = if containing == 0 { 0.0 } else { idf(containing, statistics.documents) };
        weighed.push((weight, place));
    }
    weighed.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut places: Vec<usize> = weighed[..limits::QUESTION_WORDS_MAX].iter().map(|(_, place)| *place).collect();
    places.sort_unstable();
    Ok(places.into_iter().map(|place| &asked[place]).collect())
}

/// The readable documents that hold a word, with its weighted frequency in each.
struct Postings {
    /// For each segment, no document twice.
    segments: Vec<Vec<(u32, f32)>>,
    documents: u64,
}

impl Postings {
    fn of(view: &View, terms: &[String]) -> tantivy::Result<Postings> {
        let mut postings = Postings { segments: Vec::new(), documents: 0 };
        for (segment, part) in view.segments() {
            let body = lists(segment, part, view.fields.body, terms, 1.0)?;
            let head = lists(segment, part, view.fields.head, terms, HEAD_WEIGHT)?;
            let merged = if head.is_empty() { body } else { sum_by_document(body, head) };
            postings.documents += merged.len() as u64;
            postings.segments.push(merged);
        }
        Ok(postings)
    }
}

/// The readable postings of `terms` in `field`. No document has two of them, so none comes twice.
fn lists(
    segment: &SegmentReader,
    part: &Part,
    field: Field,
    terms: &[String],
    weight: f32,
) -> tantivy::Result<Vec<(u32, f32)>> {
    let mut found = Vec::new();
    for term in terms {
        each_posting(segment, field, &Term::from_field_text(field, term), |document, frequency| {
            if part.holds(document) {
                found.push((document, frequency as f32 * weight));
            }
        })?;
    }
    Ok(found)
}

fn each_posting(
    segment: &SegmentReader,
    field: Field,
    term: &Term,
    mut visit: impl FnMut(u32, u32),
) -> tantivy::Result<()> {
    let index = segment.inverted_index(field)?;
    let Some(mut block) = index.read_block_postings(term, IndexRecordOption::WithFreqs)? else {
        return Ok(());
    };
    while block.block_len() > 0 {
        block.docs().iter().zip(block.freqs()).for_each(|(document, frequency)| visit(*document, *frequency));
        block.advance();
    }
    Ok(())
}

fn sum_by_document(mut one: Vec<(u32, f32)>, other: Vec<(u32, f32)>) -> Vec<(u32, f32)> {
    one.extend(other);
    one.sort_by_key(|(document, _)| *document);
    one.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        if same {
            kept.1 += next.1;
        }
        same
    });
    one
}

/// The scores of a segment's documents so far.
struct Sums {
    scores: Vec<f32>,
    body: FieldNormReader,
    head: FieldNormReader,
    /// The average length of the readable documents of all segments.
    average: f32,
}

impl Sums {
    fn of(view: &View, statistics: &Statistics, segment: &SegmentReader) -> tantivy::Result<Sums> {
        let (body, head) = view.lengths(segment)?;
        let average = (statistics.body_terms + HEAD_WEIGHT * statistics.head_terms).max(1.0);
        Ok(Sums { scores: vec![0.0; segment.max_doc() as usize], body, head, average })
    }

    fn add(&mut self, weight: f32, postings: &[(u32, f32)]) {
        for (document, frequency) in postings {
            let share = frequency / (frequency + self.held_against(*document));
            self.scores[*document as usize] += weight * (K1 + 1.0) * share;
        }
    }

    /// What a frequency is held against: K1, more for documents longer than the average.
    fn held_against(&self, document: u32) -> f32 {
        let length = self.body.fieldnorm(document) as f32 + HEAD_WEIGHT * self.head.fieldnorm(document) as f32;
        K1 * (1.0 - B + B * length / self.average)
    }
}

/// Offers the documents with a score to the best of all segments.
fn offer(
    segment: &SegmentReader,
    scores: &[f32],
    k: usize,
    best: &mut BinaryHeap<Reverse<Candidate>>,
) -> tantivy::Result<()> {
    let chunks = segment.fast_fields().i64(CHUNK)?.first_or_default_col(0);
    for (document, score) in (0..).zip(scores).filter(|(_, score)| **score > 0.0) {
        let full = best.len() >= k;
        if full && best.peek().is_none_or(|Reverse(worst)| *score < worst.score) {
            continue;
        }
        best.push(Reverse(Candidate { score: *score, chunk: ChunkId(chunks.get_val(document)) }));
        if full {
            best.pop();
        }
    }
    Ok(())
}
