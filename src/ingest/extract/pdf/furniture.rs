//! Running headers and footers: lines that stand at the same edge of most pages, page numbers among them.

use std::collections::HashMap;

use super::line::Line;

/// Lines at each edge that may be furniture.
const EDGE_LINES: usize = 3;
/// Pages on which a line must stand before it is thought to repeat.
const PAGES_MIN: usize = 3;
/// The share of pages on which it must stand, in percent; headers of left and right pages may differ.
const SHARE_PERCENT: usize = 40;

/// A line at an edge, as it is compared: which edge, and its text with every number the same.
type Mark = (bool, String);

/// `pages` without the lines that repeat at their edges.
pub(super) fn removed(mut pages: Vec<Vec<Line>>) -> Vec<Vec<Line>> {
    let with_text = pages.iter().filter(|page| !page.is_empty()).count();
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
    for page in &mut pages {
        let mut gone: Vec<usize> = edges(page).into_iter().filter(|(_, mark)| repeats(mark)).map(|(at, _)| at).collect();
        // A page of nothing but repeated lines is kept: it is content that looks like furniture.
        gone.sort_unstable();
        gone.dedup();
        if gone.len() < page.len() {
            gone.iter().rev().for_each(|&at| drop(page.remove(at)));
        }
    }
    pages
}

/// The lines nearest to the page's upper and lower edge, by their places and not by the order of reading.
fn edges(page: &[Line]) -> Vec<(usize, Mark)> {
    let mut by_height: Vec<usize> = (0..page.len()).collect();
    by_height.sort_by(|&a, &b| page[b].bottom.total_cmp(&page[a].bottom));
    let edge = EDGE_LINES.min(page.len().div_ceil(2));
    let top = by_height.iter().take(edge).map(|&at| (at, (true, mark(&page[at].text))));
    let bottom = by_height.iter().rev().take(edge).map(|&at| (at, (false, mark(&page[at].text))));
    top.chain(bottom).collect()
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
