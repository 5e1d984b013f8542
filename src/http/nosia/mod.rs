//! Nosia's own face: `/api/v1`, and the JSON shapes of the nouns that every face shares.

pub mod folders;
pub mod instructions;
pub mod openapi;
pub mod search;
pub mod sources;
pub mod texts;
pub mod websites;

use serde_json::{Value, json};

use crate::app::sources::Added;
use crate::clock;
use crate::domain::answer::{Citation, Doubt};
use crate::domain::passage::Passage;
use crate::domain::source::{Source, SourceState};
use crate::http::body::Form;
use crate::http::error::Failure;
use crate::limits;

/// Rows of a listing, where nobody said how many.
const ROWS: u32 = 50;

/// The stretch of a listing that a query asks for: `offset` and `limit`.
pub fn window(query: &Form) -> Result<(u32, u32), Failure> {
    let number = |name: &str, otherwise: u32| match query.get(name).trim() {
        "" => Ok(otherwise),
        text => text
            .parse()
            .map_err(|_| Failure::field(name, format!("`{name}` must be a whole number from 0, not {text:?}."))),
    };
    Ok((number("offset", 0)?, number("limit", ROWS)?.clamp(1, limits::PAGE_ROWS_MAX)))
}

/// A source with where it stands.
pub fn source(source: &Source) -> Value {
    let mut shape = json!({
        "id": source.id.0,
        "parent": source.parent.map(|parent| parent.0),
        "kind": source.kind.as_str(),
        "title": source.title,
        "file_name": source.file_name,
        "media_type": source.media_type,
        "bytes": source.bytes,
        "sha256": source.sha256.to_string(),
        "version": source.version,
        "state": source.state.as_str(),
        "pages": source.pages,
        "unread_pages": source.unread,
        "chunks": source.chunks,
        "created_at": clock::iso(source.created_at_ms),
        "updated_at": clock::iso(source.updated_at_ms),
    });
    match &source.state {
        SourceState::Reading { done, total } | SourceState::Embedding { done, total } => {
            shape["progress"] = json!({ "done": done, "total": total });
        }
        SourceState::Failed { reason } => shape["reason"] = json!(reason),
        SourceState::Waiting | SourceState::Indexing | SourceState::Ready | SourceState::Gone => {}
    }
    shape
}

/// A source that was sent, and whether it was there before.
pub fn added(added: &Added) -> Value {
    let mut shape = source(&added.source);
    shape["existed"] = added.existed.into();
    shape
}

/// A citation: enough to open the passage in the version that was read.
pub fn citation(citation: &Citation) -> Value {
    json!({
        "number": citation.number,
        "source": citation.source.0,
        "version": citation.version,
        "title": citation.title,
        "file_name": citation.file_name,
        "page": citation.page,
        "start": citation.span.start,
        "end": citation.span.end,
        "quote": citation.quote,
        "label": citation.label(),
    })
}

/// A sentence of the answer `text` that its passages do not bear out.
pub fn unsupported(doubt: &Doubt, text: &str) -> Value {
    json!({
        "start": doubt.span.start,
        "end": doubt.span.end,
        "text": doubt.span.of(text),
        "reason": doubt.reason.as_str(),
    })
}

/// A passage that an answer may rest on, with the label that its citation would have.
pub fn found(found: &Passage) -> Value {
    let mut shape = passage(found);
    shape["label"] = json!(found.label());
    shape
}

/// A found passage with its scores.
pub fn passage(passage: &Passage) -> Value {
    json!({
        "source": passage.source.0,
        "version": passage.version,
        "title": passage.title,
        "file_name": passage.file_name,
        "headings": passage.headings,
        "page": passage.page,
        "start": passage.span.start,
        "end": passage.span.end,
        "text": passage.text,
        "score": passage.score,
        "similarity": passage.similarity,
        "coverage": passage.coverage,
    })
}
