//! A light scanner of Markdown: blocks with their exact places, never failing, in one pass over the lines.

use crate::domain::extract::{PageSpan, Span};

/// What a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Heading { level: usize },
    Paragraph,
    List,
    Table,
    Fence,
}

/// A block of text. Blocks come in order, do not overlap, and leave out only white space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub kind: Kind,
    pub span: Span,
    /// Counts pages; blocks of different pages differ.
    pub page: usize,
}

/// Reads blocks from the front; a block ends at a page border at the latest.
pub(super) struct Scanner<'a> {
    text: &'a str,
    /// Starts of pages and the end of the text, ascending.
    borders: Vec<usize>,
    page: usize,
    at: usize,
}

impl<'a> Scanner<'a> {
    pub fn new(text: &'a str, pages: &[PageSpan]) -> Scanner<'a> {
        let mut borders: Vec<usize> = pages.iter().map(|page| page.span.start).collect();
        borders.retain(|&border| border > 0 && border < text.len() && text.is_char_boundary(border));
        borders.push(text.len());
        borders.sort_unstable();
        borders.dedup();
        Scanner { text, borders, page: 0, at: 0 }
    }

    /// The rest of the page.
    fn rest(&self) -> &'a str {
        let end = self.borders.get(self.page).copied().unwrap_or(self.at);
        &self.text[self.at..end]
    }
}

impl Iterator for Scanner<'_> {
    type Item = Block;

    fn next(&mut self) -> Option<Block> {
        loop {
            let rest = self.rest();
            let empty = rest.len() - rest.trim_start_matches(['\n', ' ', '\t', '\r']).len();
            // An indent belongs to its line: it tells list items and code apart.
            let start = rest[..empty].rfind('\n').map_or(0, |newline| newline + 1);
            if empty == rest.len() {
                self.at += rest.len();
                self.page += 1;
                if self.page >= self.borders.len() {
                    return None;
                }
                continue;
            }
            let rest = &rest[start..];
            let (kind, length) = block(rest);
            let span = Span { start: self.at + start, end: self.at + start + rest[..length].trim_end().len() };
            self.at += start + length;
            return Some(Block { kind, span, page: self.page });
        }
    }
}

/// The kind and length of the block at the start of `text`, whose first line is not empty.
fn block(text: &str) -> (Kind, usize) {
    let first = line(text);
    if let Some(level) = heading_level(first) {
        return (Kind::Heading { level }, first.len());
    }
    if let Some(fence) = fence_of(first) {
        return (Kind::Fence, fence_length(text, fence));
    }
    let second = line(&text[first.len()..]);
    if is_table_row(first) && (is_delimiter_row(second) || first.trim_start().starts_with('|')) {
        return (Kind::Table, length_while(text, |line, _| is_table_row(line)));
    }
    if is_item(first) {
        // An item goes on over an empty line if what follows is indented or is the next item.
        return (Kind::List, list_length(text));
    }
    if let Some(level) = underline_level(second) {
        return (Kind::Heading { level }, first.len() + second.len());
    }
    let length = length_while(text, |line, at| {
        let begins_other = heading_level(line).is_some() || fence_of(line).is_some() || is_item(line);
        at == 0 || !(line.trim().is_empty() || begins_other)
    });
    (Kind::Paragraph, length)
}

/// The first line of `text`, its line end included.
fn line(text: &str) -> &str {
    text.split_inclusive('\n').next().unwrap_or_default()
}

/// Bytes of the lines at the start of `text` for which `belongs`, given a line and where it begins, holds.
fn length_while(text: &str, belongs: impl Fn(&str, usize) -> bool) -> usize {
    let mut length = 0;
    for line in text.split_inclusive('\n') {
        if !belongs(line, length) {
            break;
        }
        length += line.len();
    }
    length
}

fn list_length(text: &str) -> usize {
    let (mut length, mut end, mut after_empty) = (0, 0, false);
    for line in text.split_inclusive('\n') {
        let empty = line.trim().is_empty();
        let indented = line.starts_with("  ") || line.starts_with('\t');
        let breaks = heading_level(line).is_some() || (fence_of(line).is_some() && !indented);
        if breaks || (after_empty && !empty && !indented && !is_item(line)) {
            break;
        }
        length += line.len();
        if !empty {
            end = length;
        }
        after_empty = empty;
    }
    end
}

/// The level of an ATX heading.
fn heading_level(line: &str) -> Option<usize> {
    let text = strip_indent(line)?;
    let level = text.bytes().take_while(|&b| b == b'#').count();
    let ends = text[level..].is_empty() || text[level..].starts_with([' ', '\t', '\n']);
    (1..=6).contains(&level).then_some(level).filter(|_| ends && !text[level..].trim().is_empty())
}

/// The level that `line` gives to the one line above it (a setext heading).
fn underline_level(line: &str) -> Option<usize> {
    let text = strip_indent(line)?.trim_end();
    let level = if text.starts_with('=') { 1 } else { 2 };
    let mark = if level == 1 { '=' } else { '-' };
    (text.len() >= 3 && text.chars().all(|c| c == mark)).then_some(level)
}

/// The marks that open a code fence.
fn fence_of(line: &str) -> Option<&str> {
    let text = strip_indent(line)?;
    let mark = text.chars().next().filter(|&c| c == '`' || c == '~')?;
    let length = text.chars().take_while(|&c| c == mark).count();
    (length >= 3 && !(mark == '`' && text[length..].contains('`'))).then_some(&text[..length])
}

fn fence_length(text: &str, fence: &str) -> usize {
    let mut length = 0;
    for (at, line) in text.split_inclusive('\n').enumerate() {
        length += line.len();
        let closes =
            |text: &str| text.trim_end().len() >= fence.len() && text.trim_end().chars().all(|c| fence.starts_with(c));
        if at > 0 && strip_indent(line).is_some_and(closes) {
            break;
        }
    }
    length
}

/// `line` without an indent of at most three spaces; a deeper one makes it code or a continuation.
fn strip_indent(line: &str) -> Option<&str> {
    let text = line.trim_start_matches(' ');
    (line.len() - text.len() <= 3).then_some(text)
}

fn is_table_row(line: &str) -> bool {
    let text = line.trim();
    text.contains('|') && text != "|"
}

fn is_delimiter_row(line: &str) -> bool {
    let text = line.trim();
    text.contains('-') && text.contains('|') && text.chars().all(|c| matches!(c, '|' | '-' | ':' | ' '))
}

/// Whether `line` begins a list item, at any depth.
pub(super) fn is_item(line: &str) -> bool {
    let text = line.trim_start();
    if let Some(rest) = text.strip_prefix(['-', '*', '+', '•']) {
        return rest.starts_with([' ', '\t']) && !rest.trim().is_empty();
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let rest = &text[digits..];
    (1..=9).contains(&digits) && (rest.starts_with(". ") || rest.starts_with(") "))
}

#[cfg(test)]
mod tests {
    use super::{Kind, Scanner};
    use crate::domain::extract::{PageSpan, Span};

    fn kinds(text: &str) -> Vec<(Kind, &str)> {
        Scanner::new(text, &[]).map(|block| (block.kind, block.span.of(text))).collect()
    }

    #[test]
    fn blocks_are_told_apart() {
        use Kind::{Fence, Heading, List, Paragraph, Table};
        let cases: &[(&str, &[(Kind, &str)])] = &[
            (
                "# A #\ntext\nmore\n\n## B",
                &[(Heading { level: 1 }, "# A #"), (Paragraph, "text\nmore"), (Heading { level: 2 }, "## B")],
            ),
            (
                "Title\n=====\ntext\n---\n",
                &[(Heading { level: 1 }, "Title\n====="), (Heading { level: 2 }, "text\n---")],
            ),
            ("```rust\n# not\n\n```\nafter", &[(Fence, "```rust\n# not\n\n```"), (Paragraph, "after")]),
            ("~~~~\n~~~\nopen", &[(Fence, "~~~~\n~~~\nopen")]),
            (
                "| a | b |\n| - | - |\n| 1 | 2 |\ntext",
                &[(Table, "| a | b |\n| - | - |\n| 1 | 2 |"), (Paragraph, "text")],
            ),
            ("a | b\n--|--\n1 | 2\n", &[(Table, "a | b\n--|--\n1 | 2")]),
            ("a | b is no table", &[(Paragraph, "a | b is no table")]),
            (
                "text\n- a\n  b\n\n  c\n- d\n\nend",
                &[(Paragraph, "text"), (List, "- a\n  b\n\n  c\n- d"), (Paragraph, "end")],
            ),
            ("1. a\n2) b\n# H", &[(List, "1. a\n2) b"), (Heading { level: 1 }, "# H")]),
            ("#no heading\n#\n-no item", &[(Paragraph, "#no heading\n#\n-no item")]),
            (" \n\t\n", &[]),
            ("", &[]),
        ];
        for (text, blocks) in cases {
            assert_eq!(kinds(text), *blocks, "{text:?}");
        }
    }

    #[test]
    fn blocks_end_at_page_borders() {
        let text = "one two\n\nthree";
        let page = |number, start, end| PageSpan { number, span: Span { start, end } };
        let blocks: Vec<_> = Scanner::new(text, &[page(1, 0, 4), page(2, 4, 9), page(3, 9, 9), page(4, 9, 14)])
            .map(|b| (b.span.of(text), b.page))
            .collect();
        assert_eq!(blocks, [("one", 0), ("two", 1), ("three", 2)]);
    }
}
