//! Pictures: a document of one page, which is unread until its text is recognised.

use crate::domain::extract::{Extract, PageSpan, Span, Unread};

/// What a picture is before that.
pub(super) fn read() -> Extract {
    let page = PageSpan { number: 1, span: Span { start: 0, end: 0 } };
    let unread = Unread { page: 1, reason: "It is a picture.".to_owned() };
    Extract { pages: vec![page], unread: vec![unread], ..Extract::default() }
}
