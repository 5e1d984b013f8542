//! Pieces of a source's text, sized for the embedder.

use super::extract::Span;
use super::id::{ChunkId, CollectionId, SourceId};

/// A piece of an extract before it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// The headings above it, outermost first.
    pub headings: Vec<String>,
    /// The page on which it begins; `None` where the format has no pages.
    pub page: Option<u32>,
    /// Where its text lies in the extract.
    pub span: Span,
    /// Exactly the extract's text within `span`.
    pub text: String,
    /// Tokens of [`Chunk::embedded_text`] in the embedding model, special tokens included.
    pub tokens: u32,
}

impl Chunk {
    /// The text given to the embedder: title and headings as context, then the chunk itself.
    pub fn embedded_text(&self, title: &str) -> String {
        let mut text = String::with_capacity(title.len() + self.text.len() + 64);
        text.push_str(title);
        for heading in &self.headings {
            text.push_str(" > ");
            text.push_str(heading);
        }
        text.push('\n');
        text.push_str(&self.text);
        text
    }
}

/// A stored chunk with what is needed to index it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredChunk {
    pub id: ChunkId,
    pub source: SourceId,
    pub collection: CollectionId,
    /// The title of its source.
    pub title: String,
    /// The file name of its source.
    pub file_name: String,
    pub chunk: Chunk,
}

/// How documents are cut, as `CHUNK_MAX_TOKENS`, `CHUNK_MIN_TOKENS` and `CHUNK_MERGE_PEERS` say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkRules {
    /// The most tokens of one embedded text: the smaller of `CHUNK_MAX_TOKENS` and the embedder's own limit.
    pub tokens_max: usize,
    /// Neighbours of the same section smaller than this are joined while they fit.
    pub tokens_min: usize,
    /// Whether neighbours under the same heading are joined up to `tokens_max`.
    pub merge_peers: bool,
}
