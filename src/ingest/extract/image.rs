//! Pictures: a document of one page, which is handed up for its text to be recognised.

use super::{Hear, Heard, PartHead, PartKind};
use crate::domain::extract::{Extract, PageSpan, Span, Unread};

/// Hands the picture up. Until its text is recognised, its page is unread.
pub(super) fn read(bytes: &[u8], hear: Hear<'_>) -> Extract {
    hear(Heard::Part { head: PartHead { kind: PartKind::Picture, name: String::new(), page: Some(1) }, bytes });
    let page = PageSpan { number: 1, span: Span { start: 0, end: 0 } };
    let unread = Unread { page: 1, reason: "Its text was not recognised.".to_owned() };
    Extract { pages: vec![page], unread: vec![unread], ..Extract::default() }
}
