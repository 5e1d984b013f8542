//! What parent and child say to each other: a line of JSON and the document one way, lines of JSON the other.

use serde::{Deserialize, Serialize};

use crate::domain::extract::{Extract, PageSpan, Span};
use crate::ingest::extract::ExtractError;
use crate::limits;

/// The most bytes that a child may send: each byte of text may need two in JSON, pages and notes need some more.
pub(super) const ANSWER_BYTES_MAX: u64 = 2 * limits::EXTRACT_BYTES_MAX as u64 + (8 << 20);
/// The most notes kept of one document.
const NOTES_MAX: usize = 100;

/// The first line to the child; the document's bytes follow it.
#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
pub(super) struct Request {
    pub file_name: String,
    pub bytes: u64,
}

impl Request {
    pub fn line(&self) -> String {
        let mut line = serde_json::to_string(self).expect("a request is plain data");
        line.push('\n');
        line
    }
}

/// One line from the child.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    Page { done: u32, total: u32 },
    Outcome(Box<Outcome>),
}

/// The last line from the child.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    Read {
        title: Option<String>,
        markdown: String,
        /// Number, start and end of each page.
        pages: Vec<(u32, usize, usize)>,
        notes: Vec<String>,
        media_type: String,
    },
    Refused {
        kind: Refusal,
        detail: String,
    },
}

/// The kinds of [`ExtractError`] that are the document's own.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Refusal {
    Empty,
    Unsupported,
    Encrypted,
    Damaged,
    TooLarge,
    NoText,
    Stopped,
}

impl Answer {
    /// The answer in `line`; `None` if it is none, or the line broke off.
    pub fn parse(line: &[u8]) -> Option<Answer> {
        serde_json::from_slice(line.strip_suffix(b"\n")?).ok()
    }

    pub fn line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).expect("an answer is plain data");
        line.push(b'\n');
        line
    }
}

impl Outcome {
    pub fn of(read: Result<(Extract, &'static str), ExtractError>) -> Outcome {
        let (kind, detail) = match read {
            Ok((extract, media_type)) => {
                let pages = extract.pages.iter().map(|page| (page.number, page.span.start, page.span.end)).collect();
                return Outcome::Read {
                    title: extract.title,
                    markdown: extract.markdown,
                    pages,
                    notes: extract.notes,
                    media_type: media_type.to_owned(),
                };
            }
            Err(ExtractError::Empty) => (Refusal::Empty, String::new()),
            Err(ExtractError::Unsupported { found }) => (Refusal::Unsupported, found),
            Err(ExtractError::Encrypted) => (Refusal::Encrypted, String::new()),
            Err(ExtractError::Damaged(detail)) => (Refusal::Damaged, detail),
            Err(ExtractError::TooLarge(detail)) => (Refusal::TooLarge, detail),
            Err(ExtractError::NoText(detail)) => (Refusal::NoText, detail),
            Err(ExtractError::Stopped(detail)) => (Refusal::Stopped, detail),
            Err(ExtractError::Io(error)) => (Refusal::Stopped, format!("Reading this document failed ({error})")),
        };
        Outcome::Refused { kind, detail }
    }

    /// The outcome as the parent takes it. The child has read a stranger's file, so nothing that it says is trusted:
    /// pages must lie in the text, in order and without gaps, and all sizes are within their bounds.
    pub fn checked(self) -> Result<(Extract, String), ExtractError> {
        let (title, markdown, pages, notes, media_type) = match self {
            Outcome::Read { title, markdown, pages, notes, media_type } => (title, markdown, pages, notes, media_type),
            Outcome::Refused { kind, detail } => return Err(kind.error(shortened(detail))),
        };
        let disagrees = || ExtractError::Stopped("Reading this document gave a result that contradicts itself".into());
        let mut at = 0;
        for &(_, start, end) in &pages {
            if start != at || end < start || !markdown.is_char_boundary(end) {
                return Err(disagrees());
            }
            at = end;
        }
        if markdown.len() > limits::EXTRACT_BYTES_MAX || (!pages.is_empty() && at != markdown.len()) {
            return Err(disagrees());
        }
        let pages =
            pages.into_iter().map(|(number, start, end)| PageSpan { number, span: Span { start, end } }).collect();
        let title = title.map(|title| title.chars().take(limits::TITLE_CHARS_MAX).collect());
        let notes = notes.into_iter().take(NOTES_MAX).map(shortened).collect();
        Ok((Extract { title, markdown, pages, notes }, shortened(media_type)))
    }
}

impl Refusal {
    fn error(self, detail: String) -> ExtractError {
        match self {
            Refusal::Empty => ExtractError::Empty,
            Refusal::Unsupported => ExtractError::Unsupported { found: detail },
            Refusal::Encrypted => ExtractError::Encrypted,
            Refusal::Damaged => ExtractError::Damaged(detail),
            Refusal::TooLarge => ExtractError::TooLarge(detail),
            Refusal::NoText => ExtractError::NoText(detail),
            Refusal::Stopped => ExtractError::Stopped(detail),
        }
    }
}

/// At most 300 characters of a sentence from the child.
fn shortened(text: String) -> String {
    text.chars().filter(|c| !c.is_control()).take(300).collect()
}
