//! A source's Markdown as blocks to read, with the passage cited under a mark.
//!
//! Not a Markdown renderer: it knows what extraction writes (headings, lists, tables, code, emphasis, links) and shows
//! the rest as it is. It keeps offsets, so that a mark given in bytes of the text lands on the same words on the page.

use std::ops::Range;

use super::texts::say;
use crate::domain::extract::{PageSpan, Span};

/// Bytes of text on one page of a long source.
const WINDOW_BYTES: usize = 60_000;

/// One block of a text.
#[derive(Debug, PartialEq, Eq)]
pub enum Block {
    /// A page of the original begins.
    Page {
        number: u32,
        label: String,
    },
    Heading {
        pieces: Vec<Piece>,
    },
    Paragraph {
        pieces: Vec<Piece>,
    },
    Item {
        /// Its number, in a numbered list.
        number: Option<u32>,
        /// How deep it lies in other items.
        level: usize,
        pieces: Vec<Piece>,
    },
    Code {
        pieces: Vec<Piece>,
    },
    /// Rows of cells; the first is a heading where `headed`.
    Table {
        headed: bool,
        rows: Vec<Vec<Vec<Piece>>>,
    },
}

/// The deepest level of lists that is shown as such, and the most digits of an item's number: longer ones are years.
const LEVEL_MAX: usize = 4;
const DIGITS_MAX: usize = 3;

/// A run of characters that look alike.
#[derive(Debug, PartialEq, Eq)]
pub struct Piece {
    pub text: String,
    pub style: Style,
    /// Whether it lies in the passage cited.
    pub marked: bool,
    /// Whether it is the first that does.
    pub first: bool,
}

/// How a run looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Plain,
    Strong,
    Emphasis,
    Code,
}

/// What to show of a text.
pub struct Shown {
    pub window: Span,
    pub mark: Option<Span>,
    /// `Page {}` in the reader's language.
    pub page_label: &'static str,
}

/// The stretch of `text` from `bytes` before `span` to `bytes` after it, grown to the borders of lines where they are
/// near, and of characters in any case.
pub fn around(text: &str, span: Span, bytes: usize) -> Span {
    let start = text.floor_char_boundary(span.start.saturating_sub(bytes));
    let end = text.ceil_char_boundary(span.end.saturating_add(bytes).min(text.len()));
    let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let line_end = text[end..].find('\n').map_or(text.len(), |at| end + at);
    Span {
        start: if start - line_start <= bytes { line_start } else { start },
        end: if line_end - end <= bytes { line_end } else { end },
    }
}

/// `text` cut into windows of about [`WINDOW_BYTES`], at the beginnings of pages where it has pages, or else of lines.
pub fn windows(text: &str, pages: &[PageSpan]) -> Vec<Span> {
    let mut windows = Vec::new();
    let mut start = 0;
    while start < text.len() {
        let wanted = text.ceil_char_boundary(start + WINDOW_BYTES);
        let page = pages.iter().map(|page| page.span.start).find(|&at| at >= wanted && at < wanted + WINDOW_BYTES);
        let line = text.get(wanted..).and_then(|rest| rest.find('\n')).map(|at| wanted + at + 1);
        let line = line.filter(|&at| at < wanted + WINDOW_BYTES);
        let end = page.or(line).unwrap_or(wanted).min(text.len());
        windows.push(Span { start, end });
        start = end;
    }
    windows
}

/// The blocks of `text` within `shown.window`, with the pages that begin there.
pub fn blocks(text: &str, pages: &[PageSpan], shown: &Shown) -> Vec<Block> {
    let mut reader = Reader { text, mark: shown.mark, marked_before: false, blocks: Vec::new() };
    let mut pages = pages.iter().skip_while(|page| page.span.start < shown.window.start).peekable();
    let lines = lines(text, shown.window);
    let mut at = 0;
    while at < lines.len() {
        while let Some(page) = pages.next_if(|page| page.span.start <= lines[at].start) {
            reader.blocks.push(Block::Page { number: page.number, label: say(shown.page_label, &[&page.number]) });
        }
        let page_end = pages.peek().map_or(usize::MAX, |page| page.span.start);
        let until = lines.partition_point(|line| line.start < page_end).max(at + 1);
        at += reader.block(&lines[at..until]);
    }
    reader.blocks
}

/// `text` without its markup, as one line.
pub fn plain(text: &str) -> String {
    let shown = Shown { window: Span { start: 0, end: text.len() }, mark: None, page_label: "" };
    let join = |pieces: Vec<Piece>| pieces.into_iter().map(|piece| piece.text).collect::<String>();
    let line = |block: Block| match block {
        Block::Page { .. } => String::new(),
        Block::Item { number: Some(number), pieces, .. } => format!("{number}. {}", join(pieces)),
        Block::Heading { pieces }
        | Block::Paragraph { pieces }
        | Block::Item { pieces, .. }
        | Block::Code { pieces } => join(pieces),
        Block::Table { rows, .. } => {
            let row = |row: Vec<Vec<Piece>>| row.into_iter().map(join).collect::<Vec<_>>().join(", ");
            rows.into_iter().map(row).collect::<Vec<_>>().join("; ")
        }
    };
    let lines: Vec<_> = blocks(text, &[], &shown).into_iter().map(line).collect();
    lines.join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The lines of `text` within `window`, as byte ranges without their ends.
fn lines(text: &str, window: Span) -> Vec<Range<usize>> {
    let mut lines = Vec::new();
    let mut start = window.start;
    for line in window.of(text).split_inclusive('\n') {
        lines.push(start..start + line.trim_end_matches(['\n', '\r']).len());
        start += line.len();
    }
    lines
}

struct Reader<'a> {
    text: &'a str,
    mark: Option<Span>,
    marked_before: bool,
    blocks: Vec<Block>,
}

impl Reader<'_> {
    /// Reads the block at the beginning of `lines` and tells how many lines it took.
    fn block(&mut self, lines: &[Range<usize>]) -> usize {
        let line = &self.text[lines[0].clone()];
        let trimmed = line.trim_start();
        if trimmed.is_empty() {
            return 1;
        }
        if let Some(fence) = fence(trimmed) {
            let body = lines[1..].iter().position(|line| self.text[line.clone()].trim_start().starts_with(fence));
            let body = body.unwrap_or(lines.len() - 1);
            if body > 0 {
                let pieces = self.run(lines[1].start..lines[body].end, true);
                self.blocks.push(Block::Code { pieces });
            }
            return (body + 2).min(lines.len());
        }
        if let Some(text) = heading(trimmed) {
            let pieces = self.run(lines[0].end - text.len()..lines[0].end, false);
            self.blocks.push(Block::Heading { pieces });
            return 1;
        }
        if trimmed.starts_with('|') {
            return self.table(lines);
        }
        let item = item(trimmed);
        let first = lines[0].end - item.as_ref().map_or(trimmed, |item| item.text).len();
        let goes_on = |line: &&Range<usize>| continues(&self.text[(*line).clone()], item.is_some());
        let more = lines[1..].iter().take_while(goes_on).count();
        let pieces = self.run(first..lines[more].end, false);
        let level = ((line.len() - trimmed.len()) / 2).min(LEVEL_MAX);
        self.blocks.push(match item {
            Some(Item { number, .. }) => Block::Item { number, level, pieces },
            None => Block::Paragraph { pieces },
        });
        more + 1
    }

    fn table(&mut self, lines: &[Range<usize>]) -> usize {
        let count = lines.iter().take_while(|line| self.text[(*line).clone()].trim_start().starts_with('|')).count();
        let mut rows = Vec::new();
        for line in &lines[..count] {
            let text = &self.text[line.clone()];
            if is_rule(text) {
                continue;
            }
            let cells =
                cells(text).into_iter().map(|cell| self.run(line.start + cell.start..line.start + cell.end, false));
            rows.push(cells.collect());
        }
        let headed = count > 1 && is_rule(&self.text[lines[1].clone()]);
        self.blocks.push(Block::Table { headed, rows });
        count
    }

    /// The pieces of the bytes in `range`.
    fn run(&mut self, range: Range<usize>, is_code: bool) -> Vec<Piece> {
        let text = &self.text[range.clone()];
        let styled = if is_code { vec![(0..text.len(), Style::Plain)] } else { inline(text) };
        let mut pieces: Vec<Piece> = Vec::new();
        for (part, style) in styled {
            for (part, marked) in self.cut(range.start + part.start..range.start + part.end) {
                match pieces.last_mut() {
                    Some(last) if last.style == style && last.marked == marked => last.text.push_str(&self.text[part]),
                    _ => {
                        let first = marked && !self.marked_before;
                        self.marked_before |= marked;
                        pieces.push(Piece { text: self.text[part].to_owned(), style, marked, first });
                    }
                }
            }
        }
        pieces
    }

    /// `range` cut at the ends of the mark, each part with whether it lies inside; no part is empty.
    fn cut(&self, range: Range<usize>) -> Vec<(Range<usize>, bool)> {
        let Some(mark) = self.mark else { return vec![(range, false)] };
        let (start, end) = (mark.start.clamp(range.start, range.end), mark.end.clamp(range.start, range.end));
        [(range.start..start, false), (start..end, true), (end..range.end, false)]
            .into_iter()
            .filter(|(part, _)| !part.is_empty())
            .collect()
    }
}

/// The fence that opens a block of code.
fn fence(line: &str) -> Option<&'static str> {
    ["```", "~~~"].into_iter().find(|fence| line.starts_with(fence))
}

/// The text of a heading.
fn heading(line: &str) -> Option<&str> {
    let rest = line.trim_start_matches('#');
    let level = line.len() - rest.len();
    ((1..=6).contains(&level) && rest.starts_with([' ', '\t'])).then(|| rest.trim_start())
}

/// The first line of a list's item.
struct Item<'a> {
    number: Option<u32>,
    text: &'a str,
}

fn item(line: &str) -> Option<Item<'_>> {
    if let Some(rest) = ["- ", "* ", "+ ", "• "].iter().find_map(|bullet| line.strip_prefix(bullet)) {
        return Some(Item { number: None, text: rest.trim_start() });
    }
    let (number, rest) = line.split_once(['.', ')'])?;
    let is_number = (1..=DIGITS_MAX).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
    let text = rest.strip_prefix(' ').filter(|_| is_number)?;
    Some(Item { number: number.parse().ok(), text: text.trim_start() })
}

/// Whether a line goes on with the paragraph or the item above it. In a paragraph, a number at the beginning of a line
/// is one of its words, unless it is that of a first item.
fn continues(line: &str, in_item: bool) -> bool {
    let line = line.trim_start();
    let begins_item = item(line).is_some_and(|item| in_item || item.number.is_none_or(|number| number == 1));
    !(line.is_empty() || line.starts_with('|') || fence(line).is_some() || heading(line).is_some() || begins_item)
}

/// Whether a row of a table only divides its heading from the rest.
fn is_rule(row: &str) -> bool {
    row.contains('-') && row.chars().all(|c| matches!(c, '|' | '-' | ':' | ' '))
}

/// Where the cells of a row lie in it, without the spaces around them.
fn cells(row: &str) -> Vec<Range<usize>> {
    let mut cells = Vec::new();
    let mut start = None;
    let mut escaped = false;
    for (at, c) in row.char_indices() {
        if c == '|' && !escaped {
            cells.extend(start.map(|start| start..at));
            start = Some(at + 1);
        }
        escaped = c == '\\' && !escaped;
    }
    if let Some(start) = start.filter(|&start| !row[start..].trim().is_empty()) {
        cells.push(start..row.len());
    }
    cells.into_iter().map(|cell| trimmed(row, cell)).collect()
}

fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let inner = &text[range.clone()];
    let start = range.start + (inner.len() - inner.trim_start().len());
    start..start + inner.trim().len()
}

/// What is shown of a run of Markdown and how: the ranges of `text` that stay, in order.
fn inline(text: &str) -> Vec<(Range<usize>, Style)> {
    let mut shown = Vec::new();
    let (mut at, mut plain) = (0, 0);
    while at < text.len() {
        let Some(found) = markup(text, at) else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
            continue;
        };
        shown.push((plain..at, Style::Plain));
        shown.push((found.inner, found.style));
        at = found.end;
        plain = at;
    }
    shown.push((plain..text.len(), Style::Plain));
    shown.retain(|(range, _)| !range.is_empty());
    shown
}

/// Markup at one place of a text: what it shows, and where it ends.
struct Markup {
    inner: Range<usize>,
    style: Style,
    end: usize,
}

fn markup(text: &str, at: usize) -> Option<Markup> {
    let rest = &text[at..];
    let bytes = rest.as_bytes();
    match bytes[0] {
        b'\\' if bytes.get(1).is_some_and(u8::is_ascii_punctuation) => {
            Some(Markup { inner: at + 1..at + 2, style: Style::Plain, end: at + 2 })
        }
        b'`' => between(text, at, "`", Style::Code),
        b'*' if rest.starts_with("**") => between(text, at, "**", Style::Strong),
        b'_' if rest.starts_with("__") => {
            between(text, at, "__", Style::Strong).filter(|found| stands_alone(text, at, found.end))
        }
        b'*' => between(text, at, "*", Style::Emphasis),
        b'_' => between(text, at, "_", Style::Emphasis).filter(|found| stands_alone(text, at, found.end)),
        b'[' => link(text, at, at),
        b'!' if rest.starts_with("![") => link(text, at, at + 1),
        _ => None,
    }
}

/// A run between two `fence`s that touch it.
fn between(text: &str, at: usize, fence: &str, style: Style) -> Option<Markup> {
    let start = at + fence.len();
    let length = text[start..].find(fence)?;
    let inner = &text[start..start + length];
    let touches = !inner.is_empty() && !inner.starts_with(char::is_whitespace) && !inner.ends_with(char::is_whitespace);
    touches.then(|| Markup { inner: start..start + length, style, end: start + length + fence.len() })
}

/// Whether no letter or digit stands directly before `start` or after `end`: `snake_case_name` is not emphasis.
fn stands_alone(text: &str, start: usize, end: usize) -> bool {
    let before = text[..start].chars().next_back();
    let after = text[end..].chars().next();
    !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
}

/// `[label](address)`, of which the label is shown; `bracket` is where `[` stands.
fn link(text: &str, at: usize, bracket: usize) -> Option<Markup> {
    debug_assert!(at <= bracket);
    let close = bracket + text[bracket..].find("](")?;
    let label = bracket + 1..close;
    if text[label.clone()].contains(['[', ']', '\n']) {
        return None;
    }
    let end = close + text[close..].find(')')? + 1;
    Some(Markup { inner: label, style: Style::Plain, end })
}

#[cfg(test)]
mod tests {
    use super::{Block, Piece, Shown, Style, around, blocks, windows};
    use crate::domain::extract::{PageSpan, Span};

    fn all(text: &str) -> Shown {
        Shown { window: Span { start: 0, end: text.len() }, mark: None, page_label: "Page {}" }
    }

    /// Blocks in short: the kind's letter, then the pieces; marked ones in «», styled ones with a letter.
    fn short(blocks: &[Block]) -> String {
        let run = |pieces: &[Piece]| -> String {
            let piece = |piece: &Piece| {
                let styled = match piece.style {
                    Style::Plain => piece.text.clone(),
                    Style::Strong => format!("s({})", piece.text),
                    Style::Emphasis => format!("e({})", piece.text),
                    Style::Code => format!("c({})", piece.text),
                };
                match (piece.marked, piece.first) {
                    (true, true) => format!("«1 {styled}»"),
                    (true, false) => format!("«{styled}»"),
                    _ => styled,
                }
            };
            pieces.iter().map(piece).collect()
        };
        let block = |block: &Block| match block {
            Block::Page { number, .. } => format!("P{number}"),
            Block::Heading { pieces } => format!("H {}", run(pieces)),
            Block::Paragraph { pieces } => format!("p {}", run(pieces)),
            Block::Item { number, level, pieces } => {
                let marker = number.map_or("-".to_owned(), |number| format!("{number}."));
                format!("{}{marker} {}", ">".repeat(*level), run(pieces))
            }
            Block::Code { pieces } => format!("C {}", run(pieces)),
            Block::Table { rows, .. } => {
                let row = |row: &Vec<Vec<Piece>>| row.iter().map(|cell| run(cell)).collect::<Vec<_>>().join("/");
                format!("T {}", rows.iter().map(row).collect::<Vec<_>>().join(" ; "))
            }
        };
        blocks.iter().map(block).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn markdown_is_read_into_blocks() {
        let cases = [
            ("", ""),
            ("# Title\n\nOne\ntwo.\n\nThree.", "H Title\np One\ntwo.\np Three."),
            ("- a\n- b\n  more\n", "- a\n- b\n  more"),
            ("1. a\n2. b\n  - c\n10) d", "1. a\n2. b\n>- c\n10. d"),
            ("born in\n12. May of\n2024. So\n1. a", "p born in\n12. May of\n2024. So\n1. a"),
            ("2024. So be it, 1.5 of it", "p 2024. So be it, 1.5 of it"),
            ("| a | b |\n|---|:-:|\n| 1 | x\\|y |\nafter", "T a/b ; 1/x|y\np after"),
            ("|a||c|", "T a//c"),
            ("```rust\nlet x = 1;\n\n- y\n```\nend", "C let x = 1;\n\n- y\np end"),
            ("```\nnever closed", "C never closed"),
            ("```", ""),
            ("a **b** *c* `d` _e_ snake_case_name 2*3*4", "p a s(b) e(c) c(d) e(e) snake_case_name 2e(3)4"),
            ("see [the page](https://a.example/x) and ![a logo](b.png)", "p see the page and a logo"),
            ("\\*not\\* [1] [open", "p *not* [1] [open"),
            ("**open and ` open", "p **open and ` open"),
            ("#hashtag\n####### seven", "p #hashtag\n####### seven"),
            ("<b>é</b> **ü**", "p <b>é</b> s(ü)"),
        ];
        for (text, expected) in cases {
            assert_eq!(short(&blocks(text, &[], &all(text))), expected, "{text:?}");
        }
    }

    #[test]
    fn the_mark_lands_on_the_words_it_names() {
        let text = "# Leave\n\nYou have **25 days** a year.\n\n| kind | days |\n|---|---|\n| sick | 10 |\n";
        let cases = [
            ("25 days", "H Leave\np You have «1 s(25 days)» a year.\nT kind/days ; sick/10"),
            ("have **25", "H Leave\np You «1 have »«s(25)»s( days) a year.\nT kind/days ; sick/10"),
            ("| sick | 10 |", "H Leave\np You have s(25 days) a year.\nT kind/days ; «1 sick»/«10»"),
            ("year.\n\n| kind", "H Leave\np You have s(25 days) a «1 year.»\nT «kind»/days ; sick/10"),
        ];
        for (marked, expected) in cases {
            let start = text.find(marked).expect("it is in the text");
            let mark = Some(Span { start, end: start + marked.len() });
            assert_eq!(short(&blocks(text, &[], &Shown { mark, ..all(text) })), expected, "{marked:?}");
        }
    }

    #[test]
    fn pages_are_shown_where_they_begin() {
        let text = "one\ntwo\nthree\n";
        let pages = [(1, 0, 4), (2, 4, 8), (3, 8, 14)]
            .map(|(number, start, end)| PageSpan { number, span: Span { start, end } });
        assert_eq!(short(&blocks(text, &pages, &all(text))), "P1\np one\nP2\np two\nP3\np three");
        let window = Span { start: 4, end: 8 };
        assert_eq!(short(&blocks(text, &pages, &Shown { window, ..all(text) })), "P2\np two");
    }

    #[test]
    fn plain_text_has_no_markup() {
        let cases = [
            ("You have **25\ndays**.", "You have 25 days."),
            ("# A\n- b\n- `c`", "A b c"),
            ("3. The fee\n   is due.", "3. The fee is due."),
            ("| a | b |\n|---|---|\n| 1 | 2 |", "a, b; 1, 2"),
        ];
        for (text, expected) in cases {
            assert_eq!(super::plain(text), expected);
        }
    }

    #[test]
    fn windows_cover_the_text_once() {
        let long = "word ".repeat(50_000);
        let lines = "é and more of it\n".repeat(20_000);
        for text in ["", "short", long.as_str(), lines.as_str()] {
            let windows = windows(text, &[]);
            let joined: String = windows.iter().map(|window| window.of(text)).collect();
            assert_eq!(joined, text);
            assert!(windows.iter().all(|window| window.start < window.end));
        }
    }

    #[test]
    fn surroundings_end_at_lines_and_never_inside_a_character() {
        let text = "first line\nsecond line é\nthird line\n";
        let start = text.find("second").expect("it is there");
        let span = Span { start, end: start + 6 };
        assert_eq!(around(text, span, 8).of(text), "first line\nsecond line é");
        let accents = "é".repeat(1000);
        for bytes in 0..5 {
            let window = around(&accents, Span { start: 500, end: 502 }, bytes);
            assert!(accents.get(window.start..window.end).is_some());
        }
    }
}
