//! What is found: candidates from one index, and passages worth showing.

use std::cmp::Ordering;

use super::extract::Span;
use super::id::{ChunkId, SourceId};

/// A chunk that one index proposes, with that index's own score (larger is better).
///
/// The greater of two is the better one, and of two equally good ones the older: a question asked twice gets the same
/// order twice.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    pub chunk: ChunkId,
    pub score: f32,
}

impl Ord for Candidate {
    fn cmp(&self, other: &Candidate) -> Ordering {
        self.score.total_cmp(&other.score).then_with(|| other.chunk.cmp(&self.chunk))
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Candidate) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Candidate) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Candidate {}

/// A stretch of a source's text chosen for a question.
#[derive(Clone, Debug, PartialEq)]
pub struct Passage {
    /// The chunks it is made of: one, or neighbours that were joined.
    pub chunks: Vec<ChunkId>,
    pub source: SourceId,
    /// The version of the source that `span` points into.
    pub version: u32,
    pub title: String,
    pub file_name: String,
    pub headings: Vec<String>,
    /// The one page that its citation prints; `None` where the format has none.
    pub page: Option<u32>,
    pub span: Span,
    pub text: String,
    /// Rank score after fusion; comparable within one result only.
    pub score: f32,
    /// Cosine similarity of its best chunk to the question, -1 to 1.
    pub similarity: f32,
    /// Share of the question's weight in words that the passage holds, 0 to 1.
    pub coverage: f32,
}

impl Passage {
    /// `handbook.pdf p. 7`, as its citation prints it.
    pub fn label(&self) -> String {
        label(&self.file_name, self.page)
    }
}

/// A place in a file, for people.
pub(super) fn label(file_name: &str, page: Option<u32>) -> String {
    match page {
        Some(page) => format!("{file_name} p. {page}"),
        None => file_name.to_owned(),
    }
}
