//! What parent and child say to each other: a line of JSON and the document one way, lines of JSON the other.

use serde::{Deserialize, Serialize};

use crate::domain::extract::{Extract, PageSpan, Span, Unit, Unread};
use crate::ingest::extract::{ExtractError, Links, PartHead};
use crate::limits;

/// The longest line that a child may send: each byte of text may need two in JSON, pages and notes need some more.
pub(super) const ANSWER_BYTES_MAX: u64 = 2 * limits::EXTRACT_BYTES_MAX as u64 + (8 << 20);
/// The most notes kept of one document.
const NOTES_MAX: usize = 100;

/// The first line to the child; the document's bytes follow it.
#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
pub(super) struct Request {
    pub file_name: String,
    pub bytes: u64,
    pub wanted: Wanted,
}

/// What is wanted of a document.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum Wanted {
    Text,
    Links,
    /// These pages, drawn.
    Pictures(Vec<u32>),
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
    Page {
        done: u32,
        total: u32,
    },
    /// A part, whose content follows the line.
    Part {
        name: String,
        page: Option<u32>,
        bytes: u64,
    },
    Outcome(Outcome),
}

/// The last line from the child.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    Read(Box<Read>),
    Linked(Box<Linked>),
    /// All that could be drawn was handed up.
    Drawn,
    Refused {
        kind: Refusal,
        detail: String,
    },
}

/// An extract.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Read {
    pub title: Option<String>,
    pub author: Option<String>,
    pub date: Option<String>,
    pub language: Option<String>,
    pub markdown: String,
    /// Number, start and end of each page.
    pub pages: Vec<(u32, usize, usize)>,
    pub unit: String,
    /// Number of each page that was not read, and why.
    pub unread: Vec<(u32, String)>,
    pub notes: Vec<String>,
    pub media_type: String,
}

/// Where a page or a site map leads.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Linked {
    pub base: Option<String>,
    pub canonical: Option<String>,
    pub noindex: bool,
    pub pages: Vec<String>,
    pub sitemaps: Vec<String>,
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

/// The head of a part as the parent takes it: its name has plain components only.
pub(super) fn part_head(name: String, page: Option<u32>) -> PartHead {
    let plain = name.split(['/', '\\']).filter(|part| !matches!(*part, "" | "." | "..")).collect::<Vec<_>>();
    PartHead { name: shortened(plain.join("/")), page }
}

impl From<Links> for Outcome {
    fn from(links: Links) -> Outcome {
        let Links { base, canonical, noindex, pages, sitemaps } = links;
        Outcome::Linked(Box::new(Linked { base, canonical, noindex, pages, sitemaps }))
    }
}

impl Outcome {
    pub fn of(read: Result<(Extract, &'static str), ExtractError>) -> Outcome {
        let (kind, detail) = match read {
            Ok((extract, media_type)) => {
                let pages = extract.pages.iter().map(|page| (page.number, page.span.start, page.span.end)).collect();
                return Outcome::Read(Box::new(Read {
                    title: extract.title,
                    author: extract.author,
                    date: extract.date,
                    language: extract.language,
                    markdown: extract.markdown,
                    pages,
                    unit: extract.unit.as_str().to_owned(),
                    unread: extract.unread.into_iter().map(|unread| (unread.page, unread.reason)).collect(),
                    notes: extract.notes,
                    media_type: media_type.to_owned(),
                }));
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

    /// The links as the parent takes them: no more, and none longer, than a child may find.
    pub fn checked_links(self) -> Result<Links, ExtractError> {
        let found = match self {
            Outcome::Linked(found) => *found,
            Outcome::Read(_) | Outcome::Drawn => return Err(disagrees()),
            Outcome::Refused { kind, detail } => return Err(kind.error(shortened(detail))),
        };
        let short = |address: &String| address.len() <= limits::WEB_ADDRESS_BYTES_MAX;
        let list = |list: Vec<String>| list.into_iter().filter(short).take(limits::WEB_LINKS_MAX).collect();
        Ok(Links {
            base: found.base.filter(short),
            canonical: found.canonical.filter(short),
            noindex: found.noindex,
            pages: list(found.pages),
            sitemaps: list(found.sitemaps),
        })
    }

    /// Whether the pages were drawn, as the parent takes it.
    pub fn checked_drawing(self) -> Result<(), ExtractError> {
        match self {
            Outcome::Drawn => Ok(()),
            Outcome::Read(_) | Outcome::Linked(_) => Err(disagrees()),
            Outcome::Refused { kind, detail } => Err(kind.error(shortened(detail))),
        }
    }

    /// The outcome as the parent takes it. The child has read a stranger's file, so nothing that it says is trusted:
    /// pages must lie in the text, in order and without gaps, and all sizes are within their bounds.
    pub fn checked(self) -> Result<(Extract, String), ExtractError> {
        let read = match self {
            Outcome::Read(read) => *read,
            Outcome::Linked(_) | Outcome::Drawn => return Err(disagrees()),
            Outcome::Refused { kind, detail } => return Err(kind.error(shortened(detail))),
        };
        let mut at = 0;
        for &(_, start, end) in &read.pages {
            if start != at || end < start || !read.markdown.is_char_boundary(end) {
                return Err(disagrees());
            }
            at = end;
        }
        if read.markdown.len() > limits::EXTRACT_BYTES_MAX || (!read.pages.is_empty() && at != read.markdown.len()) {
            return Err(disagrees());
        }
        let page = |(number, start, end)| PageSpan { number, span: Span { start, end } };
        let unread = |(page, reason)| Unread { page, reason: shortened(reason) };
        let extract = Extract {
            title: read.title.map(shortened),
            author: read.author.map(shortened),
            date: read.date.map(shortened),
            language: read.language.map(shortened),
            markdown: read.markdown,
            pages: read.pages.into_iter().map(page).collect(),
            unit: Unit::parse(&read.unit).unwrap_or_default(),
            unread: read.unread.into_iter().take(limits::EXTRACT_PAGES_MAX as usize).map(unread).collect(),
            notes: read.notes.into_iter().take(NOTES_MAX).map(shortened).collect(),
        };
        Ok((extract, shortened(read.media_type)))
    }
}

/// What came is not what was agreed.
fn disagrees() -> ExtractError {
    ExtractError::Stopped("Reading this document gave a result that contradicts itself".into())
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

/// At most [`limits::TITLE_CHARS_MAX`] characters of a line from the child.
fn shortened(text: String) -> String {
    text.chars().filter(|c| !c.is_control()).take(limits::TITLE_CHARS_MAX).collect()
}
