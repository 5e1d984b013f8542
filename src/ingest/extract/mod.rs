//! From a file's bytes to Markdown text and a page map, whatever the format; nothing here knows chunks or stores.
//!
//! Documents come from strangers. What parses them may panic, hang or eat memory, so [`extract`] is meant to run in
//! the child that [`super::sandbox`] starts; in-process it is for tests and for texts that this appliance made.

mod archive;
mod blocks;
mod chart;
mod comments;
pub mod detect;
mod doc;
mod docx;
mod epub;
mod html;
mod image;
mod links;
mod mail;
mod markdown;
mod odf;
mod package;
mod pdf;
mod rtf;
mod sheet;
mod slides;
mod subtitles;
mod table;
mod text;
mod xml;

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::domain::extract::Extract;
use crate::limits;

pub use detect::{Format, HEAD_BYTES, detect};
pub use links::Links;
pub(super) use links::links;
pub(super) use pdf::draw;
use sheet::Book;

/// Why a document could not be read. Its `Display` is a sentence for the person who added the document.
#[derive(Debug, thiserror::Error)]
pub enum ExtractError {
    #[error("The file is empty.")]
    Empty,
    #[error("This is {found}, which cannot be read. What can: {}.", detect::supported())]
    Unsupported { found: String },
    #[error("The document is protected by a password. Remove the password and add it again.")]
    Encrypted,
    #[error("The document is damaged: {0}.")]
    Damaged(String),
    #[error("The document is too large: {0}.")]
    TooLarge(String),
    #[error("No text was found: {0}.")]
    NoText(String),
    #[error("{0}.")]
    Stopped(String),
    #[error("The document could not be read from disk: {0}.")]
    Io(#[from] std::io::Error),
}

/// What is told of a document while it is read.
#[derive(Debug)]
pub enum Heard<'a> {
    /// Pages done, of pages in all.
    Page { done: u32, total: u32 },
    /// A part of it: a file of an archive, an attachment of a message, a picture that was asked for.
    Part { head: PartHead, bytes: &'a [u8] },
}

/// What a part of a document is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartHead {
    /// Its file name, with the folders that it lies in below the document (`minutes/may.docx`).
    pub name: String,
    /// The page of the document on which it stands, where it has pages.
    pub page: Option<u32>,
}

/// Who is told.
pub type Hear<'a> = &'a mut dyn FnMut(Heard<'_>);

/// Reads `bytes` as what they are, not as what `file_name` claims; the name only tells apart kinds of plain text.
///
/// `hear` is told of pages done, for formats that have pages, and of parts. The text is at most
/// [`limits::EXTRACT_BYTES_MAX`] long, holds no control characters but newline and tab, and has at least one letter
/// or digit.
pub fn extract(file_name: &str, bytes: &[u8], hear: Hear<'_>) -> Result<(Extract, &'static str), ExtractError> {
    let format = detect(file_name, bytes)?;
    let read = catch_unwind(AssertUnwindSafe(|| match format {
        Format::Pdf => pdf::read(bytes, hear),
        Format::Docx => docx::read(bytes),
        Format::Pptx => slides::read(bytes, hear),
        Format::Ppt => slides::read_ppt(bytes, hear),
        Format::Xlsx => sheet::read(bytes, Book::Xlsx, hear),
        Format::Xlsb => sheet::read(bytes, Book::Xlsb, hear),
        Format::Xls => sheet::read(bytes, Book::Xls, hear),
        Format::Ods => sheet::read(bytes, Book::Ods, hear),
        Format::Doc => doc::read(bytes),
        Format::Rtf => rtf::read(bytes),
        Format::Odt => odf::read_text(bytes),
        Format::Odp => odf::read_slides(bytes, hear),
        Format::Csv => sheet::read_csv(bytes),
        Format::Subtitles => subtitles::read(bytes),
        Format::Epub => epub::read(bytes, hear),
        Format::Message => mail::read(bytes, hear),
        Format::Msg => mail::read_msg(bytes, hear),
        Format::Mailbox => mail::read_mailbox(bytes, hear),
        Format::Zip => archive::read_zip(bytes, hear),
        Format::Tar => archive::read_tar(bytes, hear),
        Format::Gzip => archive::read_gzip(file_name, bytes, hear),
        Format::Png | Format::Jpeg | Format::Tiff | Format::Webp => Ok(image::read()),
        Format::Html => html::read(bytes),
        Format::Markdown => markdown::read(bytes),
        Format::Text => text::read(bytes),
    }));
    let mut extract = read.unwrap_or_else(|_| Err(ExtractError::Damaged("its parts contradict one another".into())))?;
    extract.title = extract.title.as_deref().and_then(title_shown);
    if extract.markdown.len() > limits::EXTRACT_BYTES_MAX {
        return Err(too_much_text());
    }
    // Pages that are pictures may still come to have a text.
    if extract.unread.is_empty() && !extract.markdown.chars().any(char::is_alphanumeric) {
        return Err(ExtractError::NoText("the document holds no letters and no digits".into()));
    }
    Ok((extract, format.media_type()))
}

/// The error for a document that yields more text than is allowed.
pub(super) fn too_much_text() -> ExtractError {
    let most = limits::EXTRACT_BYTES_MAX >> 20;
    ExtractError::TooLarge(format!("it holds more than {most} MiB of text; split it and add the parts"))
}

/// `title` on one line and cut to [`limits::TITLE_CHARS_MAX`]; `None` if nothing is left.
fn title_shown(title: &str) -> Option<String> {
    let words: Vec<&str> =
        title.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()).collect();
    let title: String = words.join(" ").chars().take(limits::TITLE_CHARS_MAX).collect();
    (!title.is_empty()).then_some(title)
}

#[cfg(test)]
mod tests {
    use super::{ExtractError, extract, title_shown};
    use crate::limits;

    #[test]
    fn a_title_is_one_line_of_bounded_length() {
        assert_eq!(title_shown(" A\n\ttitle\0 "), Some("A title".to_owned()));
        assert_eq!(title_shown(" \n"), None);
        assert_eq!(title_shown(&"é".repeat(1000)).map(|t| t.chars().count()), Some(limits::TITLE_CHARS_MAX));
    }

    #[test]
    fn what_cannot_be_read_is_refused_in_a_sentence() {
        let cases: &[(&str, &[u8], &str)] = &[
            ("a.pdf", b"", "The file is empty."),
            ("a.txt", b" \n\n ", "No text was found"),
            ("a.txt", b"GIF89a\0\0\0\rIHDR", "This is a GIF image"),
            ("a.docx", b"PK\x03\x04 not really a zip", "The document is damaged"),
            ("a.pdf", b"%PDF-1.7\nnothing else", "The document is damaged"),
        ];
        for (name, bytes, begins) in cases {
            let error = extract(name, bytes, &mut |_| {}).expect_err(name).to_string();
            assert!(error.starts_with(begins) && error.ends_with('.'), "{name}: {error}");
        }
    }

    #[test]
    fn more_text_than_allowed_is_refused() {
        let bytes = vec![b'a'; limits::EXTRACT_BYTES_MAX + 1];
        assert!(matches!(extract("a.txt", &bytes, &mut |_| {}), Err(ExtractError::TooLarge(_))));
    }
}
