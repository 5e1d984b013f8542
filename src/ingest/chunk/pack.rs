//! Joining pieces into chunks: what a section has in common goes together, as far as it fits and never over a page.

use std::rc::Rc;

use super::Scale;
use super::scan::{Kind, Scanner};
use super::section::{Outline, Section};
use super::split;
use crate::domain::extract::{Extract, Span};
use crate::limits;

/// A chunk to be.
pub(super) struct Draft {
    pub span: Span,
    /// The section above its first piece, whose headings are its context.
    pub above: Rc<Section>,
    /// Tokens, by the sum of its pieces, without context.
    cost: usize,
    /// The section of its last piece.
    inner: Rc<Section>,
    page: usize,
    /// Whether it has nothing but headings so far.
    bare: bool,
}

impl Draft {
    /// Whether `cost` more tokens fit.
    fn fits(&self, cost: usize, scale: &Scale<'_>) -> bool {
        self.above.overhead + self.cost + cost <= scale.rules.tokens_max
    }

    fn join(&mut self, next: Draft) {
        self.span.end = next.span.end;
        self.cost += next.cost;
        self.inner = next.inner;
        self.bare &= next.bare;
    }
}

/// The drafts of all chunks, in order.
pub(super) fn drafts(extract: &Extract, title: &str, scale: &Scale<'_>) -> Vec<Draft> {
    let mut packed = Packed { drafts: Vec::new(), open: None, scale };
    let mut outline = Outline::new(title, scale);
    for block in Scanner::new(&extract.markdown, &extract.pages) {
        let text = block.span.of(&extract.markdown);
        let (above, bare) = match block.kind {
            Kind::Heading { level } => (outline.enter(level, text), true),
            _ => (outline.current(), false),
        };
        let inner = outline.current();
        let room = packed.room(&inner);
        let cost = scale.cost(text);
        // The rows of a table that is cut are read with its header: those of the first piece follow it, others do not.
        let mut below = above.clone();
        let pieces = match cost <= room {
            true => vec![split::Piece { end: text.len(), cost }],
            false if block.kind == Kind::Table => {
                let header = text.lines().next().unwrap_or_default();
                below = Rc::new(above.under_header(header, title, scale));
                split::pieces(text, block.kind, room.min(packed.room(&below)), scale)
            }
            false => split::pieces(text, block.kind, room, scale),
        };
        // A heading that has to be cut is a paragraph in disguise.
        let bare = bare && pieces.len() == 1;
        let mut start = 0;
        for piece in pieces {
            let span = Span { start: block.span.start + start, end: block.span.start + piece.end };
            let above = if start == 0 { above.clone() } else { below.clone() };
            start = piece.end;
            let inner = inner.clone();
            packed.push(Draft { span, above, cost: piece.cost, inner, page: block.page, bare });
        }
        if packed.drafts.len() > limits::CHUNKS_PER_SOURCE_MAX {
            break;
        }
    }
    packed.close(false);
    packed.drafts
}

struct Packed<'a> {
    /// Drafts that are settled, but for being joined with what follows when they are small.
    drafts: Vec<Draft>,
    open: Option<Draft>,
    scale: &'a Scale<'a>,
}

impl Packed<'_> {
    /// Tokens that a piece in `section` may have: room is left for the heading that it follows.
    fn room(&self, section: &Section) -> usize {
        let max = self.scale.rules.tokens_max;
        let alone = max.saturating_sub(section.overhead);
        let heading =
            self.open.as_ref().filter(|open| open.bare).map(|open| max.saturating_sub(open.above.overhead + open.cost));
        heading.filter(|&room| room > alone / 2).map_or(alone, |room| room.min(alone))
    }

    /// Adds a piece to the open draft if it belongs there, else opens another.
    fn push(&mut self, piece: Draft) {
        let joins = self.open.as_ref().is_some_and(|open| {
            let peers = self.scale.rules.merge_peers && !piece.bare && Rc::ptr_eq(&open.inner, &piece.inner);
            open.page == piece.page && (open.bare || peers) && open.fits(piece.cost, self.scale)
        });
        match self.open.as_mut().filter(|_| joins) {
            Some(open) => open.join(piece),
            None => {
                // Headings alone on their page say nothing that the chunks below them do not have as context.
                let repeated = self.open.as_ref().is_some_and(|open| {
                    let known = piece.above.is_within(&open.inner) && open.cost <= self.scale.context_max;
                    open.bare && open.page != piece.page && known
                });
                self.close(repeated);
                self.open = Some(piece);
            }
        }
    }

    /// Settles the open draft: alone, or joined with the one before it when either is small and both are near. What is
    /// `repeated` elsewhere is left out if it would be alone.
    fn close(&mut self, repeated: bool) {
        let Some(open) = self.open.take() else { return };
        let least = self.scale.rules.tokens_min;
        let joins = self.drafts.last().is_some_and(|last| {
            let small = last.cost < least || open.cost < least;
            let near = open.bare || last.inner.is_near(&open.inner);
            small && near && last.page == open.page && last.fits(open.cost, self.scale)
        });
        match self.drafts.last_mut().filter(|_| joins) {
            Some(last) => last.join(open),
            None if repeated => {}
            None => self.drafts.push(open),
        }
    }
}
