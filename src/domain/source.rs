//! What was put in: sources, their kinds, and where each stands on its way to being searchable.

use super::id::{AccountId, CollectionId, SourceId};

/// The kinds of source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SourceKind {
    /// An uploaded file.
    Document,
    /// A page or site fetched from the web.
    Website,
    /// A text written in the appliance.
    Text,
    /// A question with its answer.
    Qna,
}

impl SourceKind {
    /// The word used on pages, in the API and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            SourceKind::Document => "document",
            SourceKind::Website => "website",
            SourceKind::Text => "text",
            SourceKind::Qna => "qna",
        }
    }

    /// Whether it was written in the appliance, and can be changed there.
    pub fn is_written(self) -> bool {
        matches!(self, SourceKind::Text | SourceKind::Qna)
    }

    /// The kind that `word` names.
    pub fn parse(word: &str) -> Option<SourceKind> {
        [SourceKind::Document, SourceKind::Website, SourceKind::Text, SourceKind::Qna]
            .into_iter()
            .find(|kind| kind.as_str() == word)
    }
}

/// Where a source stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceState {
    /// Acknowledged and on disk; its job has not begun.
    Waiting,
    /// Being read: pages done of pages (`total` 0 while not yet known).
    Reading { done: u32, total: u32 },
    /// Being embedded: chunks done of chunks.
    Embedding { done: u32, total: u32 },
    /// Stored; the derived indexes have not yet committed it.
    Indexing,
    /// Searchable by words and by meaning.
    Ready,
    /// Given up, with a reason that a person understands.
    Failed { reason: String },
    /// What it follows has vanished: its text is kept for old citations, and no longer searched.
    Gone,
}

impl SourceState {
    /// The word used on pages, in the API and in the store.
    pub fn as_str(&self) -> &'static str {
        match self {
            SourceState::Waiting => "waiting",
            SourceState::Reading { .. } => "reading",
            SourceState::Embedding { .. } => "embedding",
            SourceState::Indexing => "indexing",
            SourceState::Ready => "ready",
            SourceState::Failed { .. } => "failed",
            SourceState::Gone => "gone",
        }
    }

    /// Whether no more work is under way or planned.
    pub fn is_settled(&self) -> bool {
        matches!(self, SourceState::Ready | SourceState::Failed { .. } | SourceState::Gone)
    }
}

/// A source as listings and pages show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub id: SourceId,
    pub account: AccountId,
    pub collection: CollectionId,
    /// The document that it lies within: an archive, a message that it is attached to.
    pub parent: Option<SourceId>,
    /// How many documents it lies within.
    pub depth: u32,
    pub kind: SourceKind,
    /// What readers call it: the document's own title, or else the file name.
    pub title: String,
    /// The name under which the file came; a text's or pair's title otherwise.
    pub file_name: String,
    pub media_type: String,
    /// Size of the original.
    pub bytes: u64,
    /// Hash of the original, by which `blobs` keeps it.
    pub sha256: Sha256,
    /// Counts up from 1 each time the source is read anew.
    pub version: u32,
    pub state: SourceState,
    /// Pages read; 0 where the format has none.
    pub pages: u32,
    /// Pages that were not read, of the present version.
    pub unread: u32,
    pub chunks: u32,
    pub created_at_ms: i64,
    pub updated_at_ms: i64,
}

/// A SHA-256 digest, written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sha256(pub [u8; 32]);

impl Sha256 {
    /// Reads 64 hexadecimal digits.
    pub fn parse(hex: &str) -> Option<Sha256> {
        if hex.len() != 64 || !hex.is_ascii() {
            return None;
        }
        let mut bytes = [0; 32];
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).ok()?;
        }
        Some(Sha256(bytes))
    }
}

impl std::fmt::Display for Sha256 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}
