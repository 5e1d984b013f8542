//! The archive around a Word document: which part is the document, and each part's XML with a bound on its size.

use std::io::{Cursor, Read};

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use zip::ZipArchive;
use zip::result::ZipError;

use crate::ingest::extract::{ExtractError, text};
use crate::limits;

/// An open archive.
pub(super) struct Parts<'a> {
    zip: ZipArchive<Cursor<&'a [u8]>>,
    /// The path of the main document within the archive, such as `word/document.xml`.
    document: String,
}

impl<'a> Parts<'a> {
    pub fn open(bytes: &'a [u8]) -> Result<Parts<'a>, ExtractError> {
        let zip = ZipArchive::new(Cursor::new(bytes)).map_err(damaged)?;
        let mut parts = Parts { zip, document: String::new() };
        let relations = parts.part("_rels/.rels")?;
        parts.document = relations.and_then(|xml| document_path(&xml)).unwrap_or("word/document.xml".to_owned());
        Ok(parts)
    }

    /// The main document.
    pub fn document(&mut self) -> Result<Option<String>, ExtractError> {
        let path = self.document.clone();
        self.part(&path)
    }

    /// The part `name` in the main document's folder.
    pub fn beside_document(&mut self, name: &str) -> Result<Option<String>, ExtractError> {
        let folder = self.document.rsplit_once('/').map(|(folder, _)| folder).unwrap_or_default();
        let path = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        self.part(&path)
    }

    /// The XML of the part at `path`; `None` if there is none. What it inflates to is bounded before it is read.
    pub fn part(&mut self, path: &str) -> Result<Option<String>, ExtractError> {
        let file = match self.zip.by_name(path) {
            Ok(file) => file,
            Err(ZipError::FileNotFound) => return Ok(None),
            Err(error) => return Err(damaged(error)),
        };
        if file.encrypted() {
            return Err(ExtractError::Encrypted);
        }
        let mut bytes = Vec::new();
        let read = file.take(limits::INFLATED_BYTES_MAX + 1).read_to_end(&mut bytes);
        if bytes.len() as u64 > limits::INFLATED_BYTES_MAX {
            let most = limits::INFLATED_BYTES_MAX >> 20;
            return Err(ExtractError::TooLarge(format!("a part of it unpacks to more than {most} MiB")));
        }
        read.map_err(|error| ExtractError::Damaged(format!("its part {path} does not unpack ({error})")))?;
        Ok(Some(text::decode(&bytes).text))
    }
}

fn damaged(error: ZipError) -> ExtractError {
    match error {
        ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) => ExtractError::Encrypted,
        error => ExtractError::Damaged(format!("the archive that holds it does not open ({error})")),
    }
}

/// Where the package's relations say that the main document is.
fn document_path(relations: &str) -> Option<String> {
    let mut reader = Reader::from_str(relations);
    loop {
        match reader.read_event() {
            Ok(Event::Start(tag) | Event::Empty(tag)) if tag.local_name().into_inner() == "Relationship" => {
                if attribute(&tag, "Type").is_some_and(|kind| kind.ends_with("/officeDocument")) {
                    return attribute(&tag, "Target").map(|path| path.trim_start_matches('/').to_owned());
                }
            }
            Ok(Event::Eof) | Err(_) => return None,
            Ok(_) => {}
        }
    }
}

/// The title in the core properties.
pub(super) fn core_title(xml: &str) -> Option<String> {
    let mut reader = Reader::from_str(xml);
    let (mut inside, mut title) = (false, String::new());
    loop {
        match reader.read_event() {
            Ok(Event::Start(tag)) => inside = tag.local_name().into_inner() == "title",
            Ok(Event::Text(text)) if inside => title.push_str(&text),
            Ok(Event::GeneralRef(name)) if inside => title.extend(reference(&name)),
            Ok(Event::End(_)) if inside => return (!title.trim().is_empty()).then(|| title.trim().to_owned()),
            Ok(Event::Eof) | Err(_) => return None,
            Ok(_) => {}
        }
    }
}

/// The value of the attribute whose local name is `name`.
pub(super) fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let found = tag.attributes().with_checks(false).flatten().find(|a| a.key.local_name().into_inner() == name)?;
    quick_xml::escape::unescape(&found.value).ok().map(|value| value.into_owned())
}

/// What a reference such as `&amp;` or `&#8211;` stands for. Entities that a document defines are never expanded.
pub(super) fn reference(name: &quick_xml::events::BytesRef<'_>) -> Option<char> {
    match name.as_ref() {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => name.resolve_char_ref().ok().flatten(),
    }
}
