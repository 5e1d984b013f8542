//! Running headers and footers: lines that stand at the same edge of most pages, page numbers among them.

use std::collections::HashMap;

use super::layout::Page;
use super::line::Line;

/// Lines at each edge that may be furniture.
const EDGE_LINES: usize = 4;
/// How far from the upper or lower edge furniture stands, in parts of the page's height.
const ZONE: f32 = 0.11;
/// Pages on which a line must stand before it is thought to repeat.
const PAGES_MIN: usize = 3;
/// The share of pages on which it must stand, in percent; headers of left and right pages may differ.
const SHARE_PERCENT: usize = 40;

/// The longest line that is furniture though it does not repeat, in characters.
const FURNITURE_CHARS_MAX: usize = 90;

/// A line at an edge, as it is compared: which edge, and its text with every number the same.
type Mark = (bool, String);

/// The lines of `pages` without those that repeat at their edges.
pub(super) fn removed(pages: Vec<Page>) -> Vec<Vec<Line>> {
    let with_text = pages.iter().filter(|page| !page.lines.is_empty()).count();
    let mut counts: HashMap<Mark, usize> = HashMap::new();
    for page in &pages {
        let mut marks: Vec<Mark> = edges(page).into_iter().map(|(_, mark)| mark).collect();
        marks.sort_unstable();
        marks.dedup();
        for mark in marks {
            *counts.entry(mark).or_default() += 1;
        }
    }
    let repeats = |mark: &Mark| {
        counts.get(mark).is_some_and(|&count| count >= PAGES_MIN && count * 100 >= with_text * SHARE_PERCENT)
    };
    let without = |mut page: Page| {
        let edges = edges(&page).into_iter();
        let mut gone: Vec<usize> =
            edges.filter(|(at, mark)| repeats(mark) || is_page_number(&page, *at)).map(|(at, _)| at).collect();
        gone.sort_unstable();
        gone.dedup();
        // A page of nothing but repeated lines is kept: it is content that looks like furniture.
        if gone.len() < page.lines.len() {
            gone.iter().rev().for_each(|&at| drop(page.lines.remove(at)));
        }
        page.lines
    };
    pages.into_iter().map(without).collect()
}

/// Whether the line at `at`, which stands at an edge, is set off from all others and holds a page's number alone, or
/// one with a short text far from it.
fn is_page_number(page: &Page, at: usize) -> bool {
    let line = &page.lines[at];
    let is_number = |text: &str| {
        let digits = text.chars().filter(char::is_ascii_digit).count();
        (1..=4).contains(&digits) && text.chars().all(|c| c.is_ascii_digit() || matches!(c, '-' | '–' | ' '))
    };
    let parts = [line.cells.first(), line.cells.last()];
    let holds = is_number(&line.text) || parts.into_iter().flatten().any(|cell| is_number(&cell.text));
    let others = page.lines.iter().zip(0..).filter(|(_, other)| *other != at);
    let gap = others.map(|(other, _)| (other.bottom - line.bottom).abs()).fold(f32::MAX, f32::min);
    holds && line.text.chars().count() <= FURNITURE_CHARS_MAX && gap > 1.9 * line.size && page.lines.len() > 3
}

/// The lines nearest to the page's upper and lower edge, by their places and not by the order of reading.
fn edges(Page { lines: page, edges: (lower, upper) }: &Page) -> Vec<(usize, Mark)> {
    let mut by_height: Vec<usize> = (0..page.len()).collect();
    by_height.sort_by(|&a, &b| page[b].bottom.total_cmp(&page[a].bottom));
    let zone = (upper - lower) * ZONE;
    let top = by_height.iter().copied().take(EDGE_LINES).filter(|&at| page[at].bottom > upper - zone);
    let low = by_height.iter().copied().rev().take(EDGE_LINES).filter(|&at| page[at].bottom < lower + zone);
    top.map(|at| (at, (true, mark(&page[at].text)))).chain(low.map(|at| (at, (false, mark(&page[at].text))))).collect()
}

/// `text` with each number as `#`, so that "Page 3 of 80" is the same line on every page.
fn mark(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars().flat_map(char::to_lowercase) {
        match c {
            c if c.is_ascii_digit() && out.ends_with('#') => {}
            c if c.is_ascii_digit() => out.push('#'),
            c if c.is_whitespace() => {}
            c => out.push(c),
        }
    }
    out
}
