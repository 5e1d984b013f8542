//! Pages that are pictures: drawn where they are pages of a PDF, their text recognised, and put where they stand.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::task::JoinSet;

use super::extract::{ExtractError, Format, PartHead, too_much_text};
use super::ocr::{self, Tesseract};
use super::progress::Reporter;
use super::{IngestError, Rooms, sandbox};
use crate::domain::extract::{Extract, PageSpan, Span};
use crate::domain::id::JobId;
use crate::domain::source::{Source, SourceState};
use crate::limits;

/// Pages that one child draws: what it may use of memory and time is for so many.
const DRAWN_AT_ONCE: usize = 50;
/// Children that may die of one document's pages before no more of them are drawn.
const DEATHS_MAX: usize = 5;

/// Why a page has no text, or the text.
type Said = Result<String, String>;

/// Has the text of the pages of `extract` recognised that were not read and are pictures; those that are read by it come
/// into their places. What is recognised is kept until the job ends, so that a process that dies does not begin again.
pub(super) async fn recognise(
    rooms: &Rooms,
    job: JobId,
    source: &Source,
    (path, media_type): (&Path, &str),
    extract: &mut Extract,
    reporter: &Reporter,
) -> Result<(), IngestError> {
    let is_pdf = media_type == Format::Pdf.media_type();
    if extract.unread.is_empty() || !(is_pdf || media_type.starts_with("image/")) {
        return Ok(());
    }
    let scope = rooms.store.scope(source.account).await?;
    // An index that cannot tell the languages is repaired by others.
    let met = rooms.fulltext.languages(&scope).unwrap_or_default();
    let Some(tesseract) = rooms.ocr.find(&met).await else {
        extract.unread.iter_mut().for_each(|unread| unread.reason = format!("{} {}", unread.reason, ocr::MISSING));
        return Ok(());
    };
    let kept = rooms.store.kept_texts(job).await?;
    let total = u32::try_from(extract.unread.len()).unwrap_or(u32::MAX);
    let said: BTreeMap<u32, Said> = kept.into_iter().map(|(page, text)| (page, Ok(text))).collect();
    let left: Vec<u32> =
        extract.unread.iter().map(|unread| unread.page).filter(|page| !said.contains_key(page)).collect();
    let tasks = JoinSet::new();
    let mut pictures =
        Pictures { rooms, job, tesseract: Arc::new(tesseract), reporter, total, tasks, drawn: HashSet::new(), said };
    pictures.tell();
    match is_pdf {
        true => pictures.draw(path, &left).await?,
        false => {
            let mut file = tokio::fs::File::open(path).await.map_err(ExtractError::Io)?;
            pictures.take(left.first().copied().unwrap_or(1), &mut file).await.map_err(ExtractError::Io)?;
        }
    }
    fill(extract, &pictures.finish().await);
    if extract.markdown.len() > limits::EXTRACT_BYTES_MAX {
        return Err(IngestError::Document(too_much_text()));
    }
    Ok(())
}

/// Pictures whose text is being recognised.
struct Pictures<'a> {
    rooms: &'a Rooms,
    job: JobId,
    tesseract: Arc<Tesseract>,
    reporter: &'a Reporter,
    /// Pages to recognise in all.
    total: u32,
    /// Dropped with this, and the programs that they run with them.
    tasks: JoinSet<(u32, Said)>,
    /// Pages that were handed up.
    drawn: HashSet<u32>,
    said: BTreeMap<u32, Said>,
}

impl Pictures<'_> {
    /// Draws `pages` and has each recognised. What kills a child that draws costs the page that it died of.
    async fn draw(&mut self, path: &Path, pages: &[u32]) -> Result<(), IngestError> {
        let (mut left, mut deaths) = (pages.to_vec(), 0);
        while !left.is_empty() && deaths < DEATHS_MAX {
            let batch = left[..left.len().min(DRAWN_AT_ONCE)].to_vec();
            let rooms = self.rooms;
            match rooms.reader.pictures(path, batch.clone(), self).await {
                Ok(()) => left.drain(..batch.len()),
                Err(error @ ExtractError::Io(_)) => return Err(error.into()),
                Err(error) => {
                    deaths += 1;
                    let fatal = batch.iter().position(|page| !self.drawn.contains(page)).unwrap_or(batch.len() - 1);
                    self.said.insert(batch[fatal], Err(error.to_string()));
                    left.drain(..=fatal)
                }
            };
        }
        Ok(())
    }

    /// Takes a picture; waits while as many are being recognised as there is room for.
    async fn take(&mut self, page: u32, content: &mut (impl AsyncRead + Unpin + Send)) -> std::io::Result<()> {
        let room = self.rooms.ocr.room().await;
        let mut picture = Vec::new();
        content.take(limits::OCR_PICTURE_BYTES_MAX).read_to_end(&mut picture).await?;
        let (tesseract, reader) = (self.tesseract.clone(), self.rooms.reader.clone());
        let (store, job) = (self.rooms.store.clone(), self.job);
        self.tasks.spawn(async move {
            let _room = room;
            let said = match picture.is_empty() {
                true => Ok(String::new()),
                false => tesseract.text(&reader, &picture).await,
            };
            if let Ok(text) = &said
                && let Err(error) = store.keep_text(job, page, text.clone()).await
            {
                tracing::debug!(%error, "a recognised page could not be kept");
            }
            (page, said)
        });
        while let Some(ended) = self.tasks.try_join_next() {
            self.said.extend(ended.ok());
        }
        self.tell();
        Ok(())
    }

    /// What became of each page, when the last is recognised.
    async fn finish(mut self) -> BTreeMap<u32, Said> {
        while let Some(ended) = self.tasks.join_next().await {
            self.said.extend(ended.ok());
            self.tell();
        }
        self.said
    }

    fn tell(&self) {
        let done = u32::try_from(self.said.len()).unwrap_or(u32::MAX);
        self.reporter.tell(SourceState::Reading { done, total: self.total });
    }
}

impl sandbox::Listener for Pictures<'_> {
    fn page(&mut self, _done: u32, _total: u32) {}

    async fn part(&mut self, head: PartHead, content: &mut (impl AsyncRead + Unpin + Send)) -> std::io::Result<()> {
        let page = head.page.unwrap_or(1);
        self.drawn.insert(page);
        self.take(page, content).await
    }
}

/// Puts what was recognised into its pages; one that has no text is read all the same, and empty.
fn fill(extract: &mut Extract, said: &BTreeMap<u32, Said>) {
    let (mut markdown, mut pages) = (String::new(), Vec::with_capacity(extract.pages.len()));
    for page in &extract.pages {
        let start = markdown.len();
        let text = match said.get(&page.number) {
            Some(Ok(text)) => text,
            _ => page.span.of(&extract.markdown).trim_end(),
        };
        if !text.is_empty() {
            markdown.push_str(text);
            markdown.push_str("\n\n");
        }
        pages.push(PageSpan { number: page.number, span: Span { start, end: markdown.len() } });
    }
    markdown.truncate(markdown.trim_end().len());
    for PageSpan { span, .. } in &mut pages {
        (span.start, span.end) = (span.start.min(markdown.len()), span.end.min(markdown.len()));
    }
    extract.unread.retain(|unread| !matches!(said.get(&unread.page), Some(Ok(_))));
    for unread in &mut extract.unread {
        match said.get(&unread.page) {
            Some(Err(reason)) => unread.reason.clone_from(reason),
            _ => unread.reason.push_str(" It could not be drawn."),
        }
    }
    (extract.markdown, extract.pages) = (markdown, pages);
}

#[cfg(test)]
mod tests {
    use super::fill;
    use crate::domain::extract::{Extract, PageSpan, Span, Unread};

    #[test]
    fn what_is_recognised_stands_on_its_page() {
        let page = |number, start, end| PageSpan { number, span: Span { start, end } };
        let unread = |page| Unread { page, reason: "It has no text.".to_owned() };
        let mut extract = Extract {
            markdown: "One.\n\nThree.".to_owned(),
            pages: vec![
                page(1, 0, 6),
                page(2, 6, 6),
                page(3, 6, 12),
                page(4, 12, 12),
                page(5, 12, 12),
                page(6, 12, 12),
            ],
            unread: vec![unread(2), unread(4), unread(5), unread(6)],
            ..Extract::default()
        };
        let said = [(2, Ok("Two.".to_owned())), (4, Err("Too unclear.".to_owned())), (5, Ok(String::new()))];
        fill(&mut extract, &said.into());
        let texts: Vec<&str> = extract.pages.iter().map(|page| page.span.of(&extract.markdown)).collect();
        assert_eq!(texts, ["One.\n\n", "Two.\n\n", "Three.", "", "", ""]);
        let unread: Vec<(u32, &str)> = extract.unread.iter().map(|u| (u.page, u.reason.as_str())).collect();
        assert_eq!(unread, [(4, "Too unclear."), (6, "It has no text. It could not be drawn.")]);
    }
}
