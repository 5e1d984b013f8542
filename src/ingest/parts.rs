//! Documents within documents: what is attached to a message, what lies in an archive, become sources of their own.

use std::collections::BTreeMap;

use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::Rooms;
use super::extract::{HEAD_BYTES, PartHead, PartKind, detect};
use super::ocr::{self, Ocr};
use crate::domain::extract::{Extract, PageSpan, Span};
use crate::domain::source::{Source, SourceKind};
use crate::limits;
use crate::store::{Created, NewSource};

/// Bytes of a part that are read at once.
const READ_BYTES: usize = 64 << 10;
/// The most parts of one document that are named as left out.
const NAMED_MAX: usize = 50;

/// What becomes of the parts of one source.
pub(super) struct Parts<'a> {
    rooms: &'a Rooms,
    source: &'a Source,
    now: fn() -> i64,
    left_out: Vec<String>,
    unnamed: usize,
    /// The program that recognises text, once it was looked for.
    ocr: Option<Option<Ocr>>,
    /// What was recognised of each page that is a picture, or why nothing was.
    pages: BTreeMap<u32, Result<String, String>>,
}

impl<'a> Parts<'a> {
    pub fn of(source: &'a Source, rooms: &'a Rooms, now: fn() -> i64) -> Parts<'a> {
        Parts { rooms, source, now, left_out: Vec::new(), unnamed: 0, ocr: None, pages: BTreeMap::new() }
    }

    /// Makes a part a source, unless it cannot be read or is one already. Safe to run twice: the same part of the same
    /// source is the same source.
    pub async fn take(&mut self, head: PartHead, content: &mut (impl AsyncRead + Unpin + Send)) -> std::io::Result<()> {
        if head.kind == PartKind::Picture {
            return self.recognise(head.page.unwrap_or(1), content).await;
        }
        if self.source.depth >= limits::PARTS_DEPTH_MAX {
            self.leave_out(format!("{} lies in too many documents within one another and was left out.", head.name));
            return Ok(());
        }
        let mut incoming = self.rooms.blobs.receive().await.map_err(std::io::Error::other)?;
        let (mut first, mut buffer) = (Vec::new(), vec![0; READ_BYTES]);
        loop {
            let read = content.read(&mut buffer).await?;
            if read == 0 {
                break;
            }
            let bytes = &buffer[..read];
            first.extend_from_slice(&bytes[..read.min(HEAD_BYTES - first.len())]);
            incoming.write(bytes).await.map_err(std::io::Error::other)?;
        }
        let file_name = head.name.rsplit('/').next().unwrap_or_default().to_owned();
        let format = match detect(&file_name, &first) {
            Ok(format) => format,
            Err(error) => {
                self.leave_out(format!("{}: {error}", head.name));
                return Ok(());
            }
        };
        // Until its row is there, no deletion of the same bytes may take the file away.
        let _gate = self.rooms.blob_gate.read().await;
        let (sha256, bytes) = incoming.finish().await.map_err(std::io::Error::other)?;
        let new = NewSource {
            account: self.source.account,
            collection: self.source.collection,
            kind: SourceKind::Document,
            title: head.name.clone(),
            file_name,
            media_type: format.media_type().to_owned(),
            bytes,
            sha256,
            added_by: None,
            parent: Some(self.source.id),
        };
        let created = self.rooms.store.create_source(new, (self.now)()).await.map_err(std::io::Error::other)?;
        if let Created::Same(same) = created
            && same.parent != Some(self.source.id)
        {
            self.leave_out(format!("{} is among the documents already.", head.name));
        }
        Ok(())
    }

    /// Has the text of a page that is a picture recognised, if the program for that is installed.
    async fn recognise(&mut self, page: u32, content: &mut (impl AsyncRead + Unpin + Send)) -> std::io::Result<()> {
        if self.ocr.is_none() {
            self.ocr = Some(Ocr::find().await);
        }
        let said = match self.ocr.as_ref().and_then(Option::as_ref) {
            None => Err(ocr::MISSING.to_owned()),
            Some(ocr) => {
                let mut picture = Vec::new();
                content.take(limits::OCR_PICTURE_BYTES_MAX).read_to_end(&mut picture).await?;
                ocr.text(&self.rooms.reader, &picture).await
            }
        };
        self.pages.insert(page, said);
        Ok(())
    }

    /// Puts what was recognised into its pages; one that has no text is read all the same, and empty.
    pub fn fill(&mut self, extract: &mut Extract) {
        if self.pages.is_empty() {
            return;
        }
        let (mut markdown, mut pages) = (String::new(), Vec::with_capacity(extract.pages.len()));
        for page in &extract.pages {
            let start = markdown.len();
            markdown.push_str(page.span.of(&extract.markdown));
            if let Some(Ok(text)) = self.pages.get(&page.number) {
                markdown.push_str(&paragraphs(text));
                markdown.push_str("\n\n");
            }
            pages.push(PageSpan { number: page.number, span: Span { start, end: markdown.len() } });
        }
        extract.unread.retain(|unread| !matches!(self.pages.get(&unread.page), Some(Ok(_))));
        for unread in &mut extract.unread {
            if let Some(Err(reason)) = self.pages.get(&unread.page) {
                unread.reason.clone_from(reason);
            }
        }
        (extract.markdown, extract.pages) = (markdown, pages);
    }

    /// What was left out and why, for the reader.
    pub fn notes(self) -> Vec<String> {
        let rest = (self.unnamed > 0).then(|| format!("{} more files were left out.", self.unnamed));
        self.left_out.into_iter().chain(rest).collect()
    }

    fn leave_out(&mut self, why: String) {
        match self.left_out.len() < NAMED_MAX {
            true => self.left_out.push(why),
            false => self.unnamed += 1,
        }
    }
}

/// What tesseract says, with the words of a paragraph on one line: it ends lines where the picture does.
fn paragraphs(text: &str) -> String {
    let paragraphs = text.replace('\u{c}', "\n\n");
    let paragraphs = paragraphs.split("\n\n").map(joined).filter(|paragraph| !paragraph.is_empty());
    paragraphs.collect::<Vec<_>>().join("\n\n")
}

/// Lines as one; a word that was parted at the end of one is whole again.
fn joined(lines: &str) -> String {
    let mut out = String::new();
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let parted = out.ends_with('-') && line.starts_with(char::is_lowercase);
        if parted {
            out.pop();
        } else if !out.is_empty() {
            out.push(' ');
        }
        out.extend(line.chars().filter(|c| !c.is_control()));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::paragraphs;

    #[test]
    fn lines_of_a_picture_become_paragraphs() {
        let said = "A head-\nline of two\n lines\n\n\nNext para-\nGraph\n\u{c}";
        assert_eq!(paragraphs(said), "A headline of two lines\n\nNext para- Graph");
    }
}
