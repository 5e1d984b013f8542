//! From lines to paragraphs, headings, lists and tables, by what is common in the whole document.

use std::collections::BTreeMap;

use super::line::{Cell, Line};
use super::words::Words;
use crate::ingest::extract::table::Table;

/// What is common in a document, against which a line is judged.
pub(super) struct Flow {
    /// The font size of most characters, in points.
    body: f32,
    /// From one line's lower edge to the next one's, in parts of the font size, where text runs on.
    pitch: f32,
    /// Sizes of headings, largest first.
    sizes: Vec<i32>,
    /// Whether bold lines are headings: not in a document that is bold throughout.
    bold_heads: bool,
    /// The same for lines in italics.
    italic_heads: bool,
    words: Words,
}

/// How much larger than the body a heading is set.
const HEADING_RATIO: f32 = 1.12;
/// The same where hardly anything is of that size.
const HEADING_RATIO_RARE: f32 = 1.075;
/// The longest heading, in characters.
const HEADING_CHARS_MAX: usize = 160;
/// The most heading levels told apart by size.
const LEVELS_MAX: usize = 4;
/// How much wider than usual the step to the next line of a paragraph may be.
const STEP_SLACK: f32 = 1.22;

/// The widest step from one row of a table to the next, in parts of the font size.
const ROW_STEP: f32 = 3.0;

/// A block being put together from lines.
struct Block {
    kind: Kind,
    text: String,
    /// Its first line's left edge, from which its other lines may be indented.
    left: f32,
    last: Line,
    /// The rows of a table.
    rows: Vec<Vec<Cell>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Heading(usize),
    Paragraph,
    Item,
    Code,
    Rows,
    /// A table that rules mark off.
    Table,
}

impl Flow {
    pub fn new(pages: &[Vec<Line>], words: Words) -> Flow {
        let mut sizes: BTreeMap<i32, usize> = BTreeMap::new();
        let (mut all, mut bold, mut italic) = (0, 0, 0);
        for line in pages.iter().flatten() {
            let chars = line.text.chars().count();
            *sizes.entry(tenths(line.size)).or_default() += chars;
            all += chars;
            bold += if line.bold { chars } else { 0 };
            italic += if line.italic { chars } else { 0 };
        }
        let body = sizes.iter().max_by_key(|(_, chars)| **chars).map_or(10.0, |(size, _)| *size as f32 / 10.0);
        let larger = sizes.into_iter().rev().filter(|(size, chars)| {
            // A size with much text is a second body, such as that of a brochure's first page.
            let ratio = *size as f32 / (body * 10.0);
            ratio > HEADING_RATIO && chars * 4 < all || ratio > HEADING_RATIO_RARE && chars * 12 < all
        });
        let sizes = merged(larger.map(|(size, _)| size));
        Flow {
            body,
            pitch: pitch(pages, body),
            sizes,
            bold_heads: bold * 3 < all,
            italic_heads: italic * 10 < all,
            words,
        }
    }

    /// The text of one page.
    pub fn page(&self, lines: &[Line]) -> String {
        let margins = margins(lines);
        let mut blocks: Vec<Block> = Vec::new();
        for (at, line) in lines.iter().enumerate() {
            let kind = self.kind(line, lines.get(at + 1));
            match blocks.last_mut().filter(|block| self.goes_on(block, line, kind, &margins)) {
                Some(block) => self.join(block, line),
                None => blocks.push(Block {
                    kind,
                    text: if kind == Kind::Item { item(&line.text) } else { line.text.clone() },
                    left: line.left,
                    last: line.clone(),
                    rows: if kind == Kind::Rows { vec![line.cells.clone()] } else { Vec::new() },
                }),
            }
        }
        written(blocks)
    }

    /// The title that the first page shows: the first lines that are clearly larger than the body.
    pub fn title(&self, page: &[Line]) -> Option<String> {
        let letters = |line: &Line| line.text.chars().filter(|c| c.is_alphabetic()).count();
        let is_large = |line: &&Line| line.size > self.body * 1.25;
        let first = page.iter().position(|line| is_large(&line) && letters(line) >= 3)?;
        let mut title = String::new();
        for line in page[first..].iter().take_while(is_large) {
            if title.chars().count() + line.text.chars().count() > HEADING_CHARS_MAX {
                break;
            }
            if !title.is_empty() {
                title.push(' ');
            }
            title.push_str(&line.text);
        }
        (!title.is_empty()).then_some(title)
    }

    /// What `line` begins, if it begins a block; `next` stands below it.
    fn kind(&self, line: &Line, next: Option<&Line>) -> Kind {
        if !line.table.is_empty() {
            return Kind::Table;
        }
        let in_rows = !line.cells.is_empty() && next.is_some_and(|next| next.cells.len() == line.cells.len());
        if is_item(&line.text) {
            return if in_rows { Kind::Rows } else { Kind::Item };
        }
        if let Some(level) = self.heading_level(line, next) {
            return Kind::Heading(level);
        }
        match (line.fixed_width, line.cells.is_empty()) {
            (true, _) => Kind::Code,
            (false, false) => Kind::Rows,
            (false, true) => Kind::Paragraph,
        }
    }

    fn heading_level(&self, line: &Line, next: Option<&Line>) -> Option<usize> {
        let chars = line.text.chars().count();
        let letters = line.text.chars().filter(|c| c.is_alphabetic()).count();
        if chars > HEADING_CHARS_MAX || letters < 2 || letters * 2 < chars || line.fixed_width || !line.cells.is_empty()
        {
            return None;
        }
        let size = tenths(line.size);
        if let Some(level) = self.sizes.iter().position(|&heading| size >= heading - 5) {
            return Some(level + 1);
        }
        let ends_sentence = line.text.ends_with(['.', ',', ';', '!']);
        let leads = next.is_none_or(|next| !next.bold && next.bottom < line.bottom);
        let own = self.bold_heads && line.bold && line.size > self.body * 0.95 && chars <= 100;
        let own = own || (self.is_italic_heading(line, next) && chars <= 60);
        (own && !ends_sentence && leads).then_some((self.sizes.len() + 1).min(6))
    }

    /// Whether `line` stands in italics alone above text that begins a sentence.
    fn is_italic_heading(&self, line: &Line, next: Option<&Line>) -> bool {
        let begins = |line: &Line| line.text.starts_with(char::is_uppercase);
        let body = |next: &Line| begins(next) && !next.italic && next.part == line.part && next.right > line.right;
        self.italic_heads && line.italic && line.size > self.body * 0.95 && begins(line) && next.is_some_and(body)
    }

    /// Whether `line`, which would begin a block of `kind`, goes on with `block` instead.
    fn goes_on(&self, block: &Block, line: &Line, kind: Kind, margins: &Margins) -> bool {
        let last = &block.last;
        let size = last.size.max(line.size);
        let step = last.bottom - line.bottom;
        let close = step > 0.3 * size && step <= self.pitch * STEP_SLACK * size;
        let alike = (last.size - line.size).abs() < 0.12 * size;
        let lower = line.text.starts_with(char::is_lowercase);
        let broken = last.text.ends_with('-') && lower;
        let early = !lower && ended_early(last, line, margins);
        match (block.kind, kind) {
            (Kind::Heading(a), Kind::Heading(b)) => a == b && close && alike && last.bold == line.bold,
            (Kind::Rows, Kind::Rows) => step > 0.0 && step <= ROW_STEP * size,
            (Kind::Rows, Kind::Item) => !line.cells.is_empty() && step > 0.0 && step <= ROW_STEP * size,
            (Kind::Rows, Kind::Paragraph) => close && column_below(&block.rows, line).is_some(),
            (Kind::Code, Kind::Code) => close,
            (Kind::Paragraph, Kind::Paragraph) => {
                let from_column = step < -size && lower && !ends(&last.text);
                let indented = line.left > last.left + size && line.left < last.left + 4.0 * size;
                let begins = early || (!lower && ends(&last.text) && indented && last.left <= block.left + 0.5 * size);
                alike && (broken || from_column || (close && !begins))
            }
            // An item goes on below its own text, or below its mark if its sentence is not at its end.
            (Kind::Item, Kind::Paragraph) => {
                let indented = line.left > block.left + 0.5 * size;
                alike && close && (indented || broken || (!early && !ends(&last.text)))
            }
            _ => false,
        }
    }

    fn join(&self, block: &mut Block, line: &Line) {
        let hyphen = block.text.ends_with(['-', '\u{2010}', '\u{ad}']);
        match block.kind {
            Kind::Table => {}
            Kind::Rows if line.cells.is_empty() => goes_on_in_cell(block, line),
            Kind::Code | Kind::Rows => {
                block.text.push('\n');
                block.text.push_str(&line.text);
                block.rows.push(line.cells.clone());
            }
            _ if hyphen && line.text.starts_with(char::is_alphanumeric) => {
                block.text = self.words.joined(&block.text, &line.text);
            }
            _ => {
                if !(is_unspaced(block.text.chars().last()) && is_unspaced(line.text.chars().next())) {
                    block.text.push(' ');
                }
                block.text.push_str(&line.text);
            }
        }
        block.last = line.clone();
    }
}

/// Blocks as Markdown; items of a list on consecutive lines.
fn written(blocks: Vec<Block>) -> String {
    let mut out = String::new();
    let mut last = None;
    for block in blocks {
        if !out.is_empty() {
            out.push_str(if block.kind == Kind::Item && last == Some(Kind::Item) { "\n" } else { "\n\n" });
        }
        last = Some(block.kind);
        let text = block.text.replace('\u{ad}', "");
        let text = match block.kind {
            Kind::Table => ruled(&block.last.table),
            _ => table(&block.rows).unwrap_or(text),
        };
        match block.kind {
            // A heading of many lines is the summary above a text.
            Kind::Heading(level) if text.chars().count() <= HEADING_CHARS_MAX => {
                out.push_str(&"#".repeat(level));
                out.push(' ');
                out.push_str(&text);
            }
            Kind::Code if text.contains('\n') && !text.contains("```") => {
                out.push_str(&format!("```\n{text}\n```"));
            }
            _ => out.push_str(&text),
        }
    }
    out
}

/// How far right lines of one part of a page that begin at about the same place reach.
type Margins = BTreeMap<(usize, i32), f32>;

fn margins(lines: &[Line]) -> Margins {
    let mut margins = BTreeMap::new();
    for line in lines {
        let right = margins.entry((line.part, column(line))).or_insert(line.right);
        *right = right.max(line.right);
    }
    margins
}

/// Lines of one column begin within a few points of each other.
fn column(line: &Line) -> i32 {
    (line.left / 8.0).round() as i32
}

/// Whether the first word of `line` would have had room at the end of `last`, so that the line was meant to end there.
fn ended_early(last: &Line, line: &Line, margins: &Margins) -> bool {
    let near = (last.part, column(last) - 1)..=(last.part, column(last) + 1);
    let margin = margins.range(near).map(|(_, right)| *right).fold(last.right, f32::max);
    let chars = line.text.chars().count().max(1) as f32;
    let word = line.text.split(' ').next().map_or(0, |word| word.chars().count()) as f32;
    let width = (line.right - line.left) / chars * (word + 3.0);
    last.right + width < margin
}

/// A table that rules mark off, in Markdown.
fn ruled(rows: &[Vec<String>]) -> String {
    let mut table = Table::default();
    for row in rows {
        table.row();
        row.iter().for_each(|cell| table.cell(cell.clone()));
    }
    table.markdown()
}

/// The cell of the last row below which `line` stands as its next line: not the first, unless the row heads the table.
fn column_below(rows: &[Vec<Cell>], line: &Line) -> Option<usize> {
    let row = rows.last()?;
    let shared = |cell: &Cell| line.right.min(cell.right) - line.left.max(cell.left);
    let at = row.iter().position(|cell| shared(cell) > 0.5 * (line.right - line.left).min(cell.right - cell.left))?;
    let before = at.checked_sub(1).map_or(f32::MIN, |before| row[before].right);
    let next = row.get(at + 1).map_or(f32::MAX, |cell| cell.left);
    ((at > 0 || rows.len() == 1) && before < line.left && line.right < next).then_some(at)
}

/// Adds `line` to the cell that it goes on with.
fn goes_on_in_cell(block: &mut Block, line: &Line) {
    let at = column_below(&block.rows, line);
    let cell = at.and_then(|at| block.rows.last_mut()?.get_mut(at));
    if let Some(cell) = cell {
        cell.text = format!("{} {}", cell.text, line.text);
        (cell.left, cell.right) = (cell.left.min(line.left), cell.right.max(line.right));
    }
    block.text = format!("{} {}", block.text, line.text);
}

/// Rows as a Markdown table, if their cells stand in columns: the cells' extents, laid over each other, leave gaps.
fn table(rows: &[Vec<Cell>]) -> Option<String> {
    if rows.len() < 2 {
        return None;
    }
    let mut extents: Vec<(f32, f32)> = rows.iter().flatten().map(|cell| (cell.left, cell.right)).collect();
    extents.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut columns: Vec<(f32, f32)> = Vec::new();
    for (left, right) in extents {
        match columns.last_mut().filter(|column| left < column.1) {
            Some(column) => column.1 = column.1.max(right),
            None => columns.push((left, right)),
        }
    }
    if columns.len() < 2 {
        return None;
    }
    let mut table = Table::default();
    for row in rows {
        table.row();
        for column in &columns {
            let inside = row.iter().filter(|cell| cell.left >= column.0 && cell.left < column.1);
            table.cell(inside.map(|cell| cell.text.as_str()).collect::<Vec<_>>().join(" "));
        }
    }
    Some(table.markdown())
}

/// The step from line to line that is most common in text of the body's size, in parts of that size.
fn pitch(pages: &[Vec<Line>], body: f32) -> f32 {
    let mut steps: BTreeMap<i32, usize> = BTreeMap::new();
    for page in pages {
        for pair in page.windows(2) {
            let step = (pair[0].bottom - pair[1].bottom) / body.max(1.0);
            let in_body = pair.iter().all(|line| (line.size - body).abs() < 0.06 * body);
            if in_body && (0.8..2.6).contains(&step) {
                *steps.entry((step * 20.0).round() as i32).or_default() += 1;
            }
        }
    }
    steps.iter().max_by_key(|(_, count)| **count).map_or(1.25, |(step, _)| *step as f32 / 20.0)
}

/// Sizes from large to small, those within a half point of each other as one, at most [`LEVELS_MAX`].
fn merged(sizes: impl Iterator<Item = i32>) -> Vec<i32> {
    let mut levels: Vec<i32> = Vec::new();
    for size in sizes {
        let full = levels.len() == LEVELS_MAX;
        match levels.last_mut().filter(|last| full || **last - size <= 5) {
            Some(last) => *last = size,
            None => levels.push(size),
        }
    }
    levels
}

/// Font size in tenths of a point.
fn tenths(size: f32) -> i32 {
    (size * 10.0).round() as i32
}

/// Marks that begin an item of a list.
const BULLETS: &[char] = &['•', '●', '▪', '◦', '‣', '■', '□', '○', '·', '–', '—', '-', '*', '➢', '✓', '❖', '►'];

fn is_item(text: &str) -> bool {
    let mut chars = text.chars();
    match chars.next() {
        Some('o') => text.starts_with("o ") && text[2..].starts_with(char::is_uppercase),
        Some(c) if BULLETS.contains(&c) => chars.next() == Some(' ') && text.chars().any(char::is_alphanumeric),
        Some(c) if c.is_ascii_digit() => {
            let digits = text.bytes().take_while(u8::is_ascii_digit).count();
            let rest = &text[digits..];
            digits <= 3 && (rest.starts_with(". ") || rest.starts_with(") "))
        }
        _ => false,
    }
}

/// An item's text with a mark that Markdown knows.
fn item(text: &str) -> String {
    let bare = text.trim_start_matches(BULLETS);
    match text.strip_prefix("o ") {
        Some(rest) => format!("- {rest}"),
        None if bare.len() < text.len() => format!("- {}", bare.trim_start()),
        None => text.to_owned(),
    }
}

/// Whether `text` ends a sentence.
fn ends(text: &str) -> bool {
    let text = text.trim_end_matches(['"', '\'', ')', ']', '”', '’', '»']);
    text.ends_with(['.', '!', '?', ':', ';', '。', '！', '？', '：', '؟'])
}

/// Whether `c` belongs to a script that sets no spaces between words.
fn is_unspaced(c: Option<char>) -> bool {
    c.is_some_and(|c| {
        matches!(c, '\u{2e80}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{ff00}'..='\u{ffef}' | '\u{20000}'..='\u{3ffff}')
    })
}
