//! What the tests of this room share.

use crate::domain::extract::Span;
use crate::domain::id::SourceId;
use crate::domain::passage::Passage;

/// A passage that begins 1,000 bytes into its source and supports an answer.
pub fn passage(source: i64, page: Option<u32>, text: &str) -> Passage {
    Passage {
        chunks: Vec::new(),
        source: SourceId(source),
        version: 1,
        title: format!("Source {source}"),
        file_name: format!("{source}.pdf"),
        headings: Vec::new(),
        page,
        span: Span { start: 1000, end: 1000 + text.len() },
        text: text.to_owned(),
        score: 1.0,
        similarity: 0.9,
        coverage: 1.0,
    }
}
