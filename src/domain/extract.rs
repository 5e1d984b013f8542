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
    /// Headings as `#`, tables as Markdown tables, code fenced.
    pub markdown: String,
    /// Pages in order, without gaps or overlaps; empty where the format has none.
    pub pages: Vec<PageSpan>,
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

impl Extract {
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
