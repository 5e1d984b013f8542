//! What was read from a source: Markdown text and where its pages lie in it.

/// A half-open range of byte offsets into an extract's UTF-8 text, both ends on character borders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    pub start: usize,
    pub end: usize,
}

impl Span {
    /// The text that the span covers; empty if the span does not lie in `text`.
    pub fn of(self, text: &str) -> &str {
        text.get(self.start..self.end).unwrap_or_default()
    }

    /// Whether both have a byte in common.
    pub fn overlaps(self, other: Span) -> bool {
        self.start < other.end && other.start < self.end
    }
}

/// The text of one version of a source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extract {
    /// The title that the document gives itself, if any.
    pub title: Option<String>,
    /// Who wrote it, as it says.
    pub author: Option<String>,
    /// When it was written or last changed, as it says: `2024-05-31`, or less of it.
    pub date: Option<String>,
    /// The language that it says it is in, as a BCP 47 tag; `None` is not yet told.
    pub language: Option<String>,
    /// Headings as `#`, tables as Markdown tables, code fenced.
    pub markdown: String,
    /// Pages in order, without gaps or overlaps; empty where the format has none.
    pub pages: Vec<PageSpan>,
    /// What `pages` are in the original.
    pub unit: Unit,
    /// The pages that were not read, in order; their spans are empty. A page of an empty span that is not here is empty.
    pub unread: Vec<Unread>,
    /// What was left out and why, for the reader ("page 3 holds only an image").
    pub notes: Vec<String>,
}

/// Where one page's text lies in [`Extract::markdown`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageSpan {
    /// Counted from 1, as a reader of the original counts.
    pub number: u32,
    pub span: Span,
}

/// What the pages of a document are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unit {
    #[default]
    Page,
    Slide,
    Sheet,
    Chapter,
    Message,
}

impl Unit {
    const ALL: [Unit; 5] = [Unit::Page, Unit::Slide, Unit::Sheet, Unit::Chapter, Unit::Message];

    /// The word used on pages, in the API and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Unit::Page => "page",
            Unit::Slide => "slide",
            Unit::Sheet => "sheet",
            Unit::Chapter => "chapter",
            Unit::Message => "message",
        }
    }

    /// The unit that `word` names.
    pub fn parse(word: &str) -> Option<Unit> {
        Unit::ALL.into_iter().find(|unit| unit.as_str() == word)
    }
}

/// A page that was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// As in [`PageSpan::number`].
    pub page: u32,
    /// Why, and what would help, in a sentence for the reader.
    pub reason: String,
}

impl Extract {
    /// Adds the text of the next page, of `total` in all, set off from the one that follows.
    pub fn add_page(&mut self, markdown: &str, total: u32) {
        let (start, number) = (self.markdown.len(), u32::try_from(self.pages.len() + 1).unwrap_or(u32::MAX));
        self.markdown.push_str(markdown);
        if !markdown.is_empty() && number < total {
            self.markdown.push_str("\n\n");
        }
        self.pages.push(PageSpan { number, span: Span { start, end: self.markdown.len() } });
    }

    /// The page on which the byte at `offset` stands.
    pub fn page_at(&self, offset: usize) -> Option<u32> {
        page_at(&self.pages, offset)
    }
}

/// The page of `pages` on which the byte at `offset` stands.
pub fn page_at(pages: &[PageSpan], offset: usize) -> Option<u32> {
    let after = pages.partition_point(|page| page.span.start <= offset);
    pages.get(after.checked_sub(1)?).map(|page| page.number)
}
