//! PDF, page by page: runs of glyphs to lines, lines to paragraphs, pages to one text with an exact page map.
//!
//! `pdf_oxide` finds the runs and the rules; the order in which columns are read, and what makes a line, a table, a
//! heading, a paragraph or a running header, is decided here, by sizes and places alone.

mod flow;
mod furniture;
mod grid;
mod layout;
mod line;
mod order;
mod picture;
mod rtl;
mod run;
mod words;

use std::panic::{AssertUnwindSafe, catch_unwind};

use pdf_oxide::{PdfDocument, optional_content};

use super::{ExtractError, Hear, Heard, too_much_text};
use crate::domain::extract::{Extract, PageSpan, Span, Unread};
use crate::limits;
use flow::Flow;
use layout::Page;
use line::Line;
use words::Words;

pub(in crate::ingest) use picture::draw;

/// What is said of a page without text until it is drawn and its text recognised.
const WITHOUT_TEXT: &str = "It has no text and may be a scanned image.";
const DAMAGED: &str = "It is damaged and could not be read.";

/// Reads a PDF.
pub(super) fn read(bytes: &[u8], hear: Hear<'_>) -> Result<Extract, ExtractError> {
    let document = PdfDocument::from_bytes(bytes.to_vec()).map_err(refused)?;
    if document.is_encrypted() && !document.is_authenticated() {
        return Err(ExtractError::Encrypted);
    }
    let count = document.page_count().map_err(refused)?;
    if count > limits::EXTRACT_PAGES_MAX as usize {
        return Err(ExtractError::TooLarge(format!("it has {count} pages; {} are read", limits::EXTRACT_PAGES_MAX)));
    }
    if count == 0 {
        return Err(ExtractError::Damaged("no pages can be found in it".to_owned()));
    }
    let pages = lines(&document, count, hear)?;
    let reason = |page: &Option<Page>| match page {
        None => Some(DAMAGED),
        Some(page) if page.lines.is_empty() => Some(WITHOUT_TEXT),
        Some(_) => None,
    };
    let unread: Vec<Option<&str>> = pages.iter().map(reason).collect();
    let pages = furniture::removed(pages.into_iter().map(Option::unwrap_or_default).collect());
    let unread = (1..).zip(unread).filter_map(|(page, reason)| Some(Unread { page, reason: reason?.to_owned() }));
    Ok(Extract { unread: unread.collect(), ..composed(&pages, own_title(&document)) })
}

/// Each page's lines in reading order; `None` where a page cannot be read.
fn lines(document: &PdfDocument, count: usize, hear: Hear<'_>) -> Result<Vec<Option<Page>>, ExtractError> {
    let hidden = optional_content::compute_default_off_ocgs(document);
    let total = u32::try_from(count).unwrap_or(u32::MAX);
    let (mut pages, mut bytes) = (Vec::with_capacity(count), 0);
    for (index, number) in (0..count).zip(1..) {
        let read = catch_unwind(AssertUnwindSafe(|| layout::page(document, index, &hidden)));
        let page = read.ok().and_then(Result::ok);
        bytes += page.iter().flat_map(|page| &page.lines).map(|line| line.text.len()).sum::<usize>();
        if bytes > limits::EXTRACT_BYTES_MAX {
            return Err(too_much_text());
        }
        pages.push(page);
        hear(Heard::Page { done: number, total });
    }
    Ok(pages)
}

/// One text of all pages. A page's span reaches to where the next page begins.
fn composed(pages: &[Vec<Line>], title: Option<String>) -> Extract {
    let flow = Flow::new(pages, Words::of(pages));
    let texts: Vec<String> = pages.iter().map(|page| flow.page(page)).collect();
    let last = texts.iter().rposition(|text| !text.is_empty());
    let mut markdown = String::new();
    let mut spans: Vec<PageSpan> = Vec::with_capacity(pages.len());
    for ((text, at), number) in texts.iter().zip(0..).zip(1..) {
        let start = markdown.len();
        markdown.push_str(text);
        if !text.is_empty() && last > Some(at) {
            markdown.push_str("\n\n");
        }
        spans.push(PageSpan { number, span: Span { start, end: markdown.len() } });
    }
    let title = title.or_else(|| pages.first().and_then(|page| flow.title(page)));
    Extract { title, markdown, pages: spans, ..Extract::default() }
}

fn refused(error: pdf_oxide::Error) -> ExtractError {
    match error {
        pdf_oxide::Error::EncryptedPdf => ExtractError::Encrypted,
        error => {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default().trim().trim_end_matches('.');
            ExtractError::Damaged(format!("its structure cannot be followed ({first})"))
        }
    }
}

/// The title in the document's information, unless it is one of those that programs put there by themselves.
fn own_title(document: &PdfDocument) -> Option<String> {
    let info = document.trailer().as_dict()?.get("Info")?.as_reference()?;
    let info = document.load_object(info).ok()?;
    let title = document.resolve_object(info.as_dict()?.get("Title")?).ok()?;
    let title = decoded(title.as_string()?);
    let title = title.trim();
    let lower = title.to_lowercase();
    let by_program = lower.starts_with("microsoft ") || lower.starts_with("untitled") || lower.starts_with("slide 1");
    let is_file =
        lower.ends_with(".pdf") || lower.contains(".doc") || lower.contains(".indd") || lower.contains(".tex");
    let is_path = title.contains('\\') || title.starts_with('/') || title.starts_with("file:");
    let letters = title.chars().filter(|c| c.is_alphabetic()).count();
    (letters >= 3 && letters * 2 > title.chars().count() && !by_program && !is_file && !is_path)
        .then(|| title.to_owned())
}

/// A text string of a PDF: UTF-16 or UTF-8 by its mark, else nearly Latin-1. Source: ISO 32000-2, 7.9.2.2.
fn decoded(bytes: &[u8]) -> String {
    match bytes {
        [0xfe, 0xff, ..] | [0xff, 0xfe, ..] | [0xef, 0xbb, 0xbf, ..] => super::text::decode(bytes).text,
        _ => bytes.iter().map(|&b| char::from(b)).collect(),
    }
}

#[cfg(test)]
mod tests;
