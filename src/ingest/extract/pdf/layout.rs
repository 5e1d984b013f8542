//! A page's lines: what it shows, turned upright, tables taken out, and put in the order in which it is read.

use std::collections::HashSet;

use pdf_oxide::layout::TextSpan;
use pdf_oxide::{PdfDocument, ReadingOrder};

use super::grid::Rules;
use super::line::{self, Line};
use super::run::{Run, is_leftward};
use super::{order, rtl};

/// A page as it is read.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Page {
    pub lines: Vec<Line>,
    /// Its lower and upper edge, in points.
    pub edges: (f32, f32),
}

/// Reads the page at `index`. What belongs to the layers `hidden` is left out.
pub(super) fn page(document: &PdfDocument, index: usize, hidden: &HashSet<String>) -> pdf_oxide::Result<Page> {
    let order = ReadingOrder::TopToBottom;
    let mut spans = document.extract_spans_filtered_with_reading_order(index, order, hidden.clone(), HashSet::new())?;
    // What a tagged file marks as not being content is left out, unless nothing else is there.
    if spans.iter().any(|span| span.artifact_type.is_none() && !span.text.trim().is_empty()) {
        spans.retain(|span| span.artifact_type.is_none());
    }
    let (x, y, right, upper) = document.get_page_media_box(index).unwrap_or((0.0, f32::MIN, 0.0, f32::MAX));
    let turn = Turn::of_most(&spans);
    let edges = match turn {
        Turn::None => (y, upper),
        Turn::Half => (-upper, -y),
        Turn::Left => (-right, -x),
        Turn::Right => (x, right),
    };
    let mut lines = upright(document, index, &spans, turn)?;
    for other in [Turn::None, Turn::Left, Turn::Right, Turn::Half].into_iter().filter(|other| *other != turn) {
        let runs: Vec<Run> = spans.iter().filter(|span| Turn::of(span) == other).filter_map(|s| other.run(s)).collect();
        let parts = lines.last().map_or(0, |line| line.part + 1);
        lines.extend(order::lines(runs, Vec::new()).into_iter().map(|line| Line { part: parts + line.part, ..line }));
    }
    // A filled form may have all of its text in its fields, which are no runs of the page.
    if lines.is_empty() {
        lines = line::unplaced(&document.extract_text(index)?);
    }
    Ok(Page { lines, edges })
}

/// The lines of the runs that are turned as most are.
fn upright(document: &PdfDocument, index: usize, spans: &[TextSpan], turn: Turn) -> pdf_oxide::Result<Vec<Line>> {
    if turn != Turn::None {
        let runs = spans.iter().filter(|span| Turn::of(span) == turn).filter_map(|span| turn.run(span)).collect();
        return Ok(order::lines(runs, Vec::new()));
    }
    let mut runs: Vec<Run> = match is_right_to_left(spans) {
        true => rtl::runs(document.extract_chars(index)?),
        false => spans.iter().filter(|span| Turn::of(span) == turn).filter_map(Run::of).collect(),
    };
    // Rules that cannot be followed are none: the text is there without them.
    let rules = Rules::of(&document.extract_paths(index).unwrap_or_default());
    let tables = rules.tables(&mut runs);
    Ok(order::lines(runs, tables))
}

/// Whether a good part of the letters is Arabic, Hebrew or alike.
fn is_right_to_left(spans: &[TextSpan]) -> bool {
    let letters = || spans.iter().flat_map(|span| span.text.chars()).filter(|c| c.is_alphabetic());
    letters().filter(|&c| is_leftward(c)).count() * 10 > letters().count()
}

/// How text is turned on a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    None,
    /// It runs upward.
    Left,
    /// It runs downward, as Chinese and Japanese may without being turned.
    Right,
    Half,
}

impl Turn {
    fn of(span: &TextSpan) -> Turn {
        match span.rotation_degrees {
            _ if span.wmode == 1 => Turn::Right,
            angle if (45.0..135.0).contains(&angle) => Turn::Left,
            angle if (-135.0..-45.0).contains(&angle) => Turn::Right,
            angle if angle.abs() >= 135.0 => Turn::Half,
            _ => Turn::None,
        }
    }

    /// How most letters are turned.
    fn of_most(spans: &[TextSpan]) -> Turn {
        let count = |turn: Turn| -> usize {
            spans.iter().filter(|span| Turn::of(span) == turn).map(|span| span.text.trim().len()).sum()
        };
        let turns = [Turn::Half, Turn::Right, Turn::Left, Turn::None];
        turns.into_iter().max_by_key(|turn| count(*turn)).unwrap_or(Turn::None)
    }

    /// The run that `span` is, on a page turned so that it is upright.
    fn run(self, span: &TextSpan) -> Option<Run> {
        let mut run = Run::of(span)?;
        // The box stands upright, whichever way the text runs in it.
        let (x, y, width, height) = (span.bbox.x, span.bbox.y, span.bbox.width, span.bbox.height);
        let long = width.max(height);
        (run.left, run.right, run.bottom) = match self {
            Turn::None => return Some(run),
            Turn::Half => (-x - width, -x, -y),
            Turn::Left => (y, y + long, -x),
            Turn::Right => (-y - long, -y, x),
        };
        Some(run)
    }
}
