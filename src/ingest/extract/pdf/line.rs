//! Lines: runs of glyphs that stand side by side, in the order in which they are read.

use pdf_oxide::layout::TextSpan;

use crate::ingest::extract::text;

/// A line of text on a page. Places are in points, from the page's lower left corner.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    pub text: String,
    pub left: f32,
    pub right: f32,
    /// The lower edge of its tallest run.
    pub bottom: f32,
    /// Font size of most of its characters.
    pub size: f32,
    /// Whether all of its letters are bold.
    pub bold: bool,
    pub fixed_width: bool,
    /// Its parts, if wide gaps set them apart as in a table; else empty.
    pub cells: Vec<Cell>,
}

/// A part of a line.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cell {
    pub text: String,
    pub left: f32,
    pub right: f32,
}

/// A gap between runs that is a word space, in parts of the font size.
const SPACE: f32 = 0.14;
/// A gap that sets cells of a table or columns apart.
const GAP: f32 = 1.6;

/// A line being put together.
struct Growing {
    runs: Vec<Run>,
    right: f32,
    bottom: f32,
    /// The size of the run with the most letters.
    size: f32,
    most_letters: usize,
    fixed_width: bool,
    rotation: f32,
}

/// A run of glyphs with what stands before it.
struct Run {
    text: String,
    left: f32,
    right: f32,
    before: Before,
    bold: bool,
    /// Whether it is written from right to left; `None` for numbers and marks.
    rightward: Option<bool>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Nothing,
    Space,
    Gap,
}

/// The lines that `spans`, in reading order, make up. Runs that a tagged file marks as not being content are left out,
/// unless nothing else is there.
pub(super) fn lines(spans: Vec<TextSpan>) -> Vec<Line> {
    let content = spans.iter().any(|span| span.artifact_type.is_none() && !span.text.trim().is_empty());
    let mut lines = Vec::new();
    let mut growing: Option<Growing> = None;
    for span in spans.into_iter().filter(|span| !content || span.artifact_type.is_none()) {
        let text = tidied(&span.text);
        if text.is_empty() || !span.bbox.x.is_finite() || !span.bbox.y.is_finite() {
            continue;
        }
        match growing.as_mut().filter(|line| line.goes_on(&span)) {
            Some(line) => line.push(text, &span),
            None => lines.extend(growing.replace(Growing::new(text, &span)).and_then(Growing::done)),
        }
    }
    lines.extend(growing.and_then(Growing::done));
    lines
}

/// The lines of `text`, of which nothing is known but their order.
pub(super) fn unplaced(text: &str) -> Vec<Line> {
    let tidy = text.lines().map(|line| tidied(line).trim().to_owned()).filter(|line| !line.is_empty());
    let place = |(text, at): (String, f32)| Line {
        text,
        left: 0.0,
        right: 0.0,
        bottom: -20.0 * at,
        size: 10.0,
        bold: false,
        fixed_width: false,
        cells: Vec::new(),
    };
    tidy.zip((0u16..).map(f32::from)).map(place).collect()
}

impl Growing {
    fn new(text: String, span: &TextSpan) -> Growing {
        let mut line = Growing {
            runs: Vec::new(),
            right: span.bbox.x,
            bottom: span.bbox.y,
            size: span.font_size,
            most_letters: 0,
            fixed_width: true,
            rotation: span.rotation_degrees,
        };
        line.push(text, span);
        line
    }

    /// Whether `span` stands on this line, to the right of it.
    fn goes_on(&self, span: &TextSpan) -> bool {
        let size = self.size.max(span.font_size).max(1.0);
        let (height, bottom) = (span.bbox.height.max(span.font_size), span.bbox.y);
        let shared = (self.bottom + size).min(bottom + height) - self.bottom.max(bottom);
        let level = shared > 0.5 * self.size.min(span.font_size).max(1.0);
        let onward = span.bbox.x - self.right > -0.6 * size;
        level && onward && (self.rotation - span.rotation_degrees).abs() < 1.0 && span.rotation_degrees.abs() < 45.0
    }

    fn push(&mut self, text: String, span: &TextSpan) {
        let gap = span.bbox.x - self.right;
        let size = self.size.min(span.font_size).max(1.0);
        let last = self.runs.last();
        let spaced = text.starts_with(' ') || last.is_some_and(|run| run.text.ends_with(' '));
        // A number and its wide space begin a heading or an item, not a row.
        let words = self.most_letters > 2 || self.runs.len() > 1;
        let before = match last {
            None => Before::Nothing,
            Some(_) if gap > GAP * size && words => Before::Gap,
            Some(_) if spaced || gap > SPACE * size => Before::Space,
            Some(_) => Before::Nothing,
        };
        let count = letters(&text);
        if count > self.most_letters {
            (self.most_letters, self.size) = (count, span.font_size);
        }
        self.right = self.right.max(span.bbox.x + span.bbox.width);
        self.bottom = self.bottom.min(span.bbox.y);
        self.fixed_width &= span.is_monospace;
        self.runs.push(Run {
            left: span.bbox.x,
            right: span.bbox.x + span.bbox.width,
            before,
            bold: is_bold(span) || count == 0,
            rightward: direction(&text),
            text,
        });
    }

    fn done(mut self) -> Option<Line> {
        let bold = self.most_letters > 0 && self.runs.iter().all(|run| run.bold);
        let left = self.runs.iter().map(|run| run.left).fold(f32::INFINITY, f32::min);
        self.order_right_to_left();
        let mut cells: Vec<Cell> = Vec::new();
        for run in self.runs {
            match cells.last_mut().filter(|_| run.before != Before::Gap) {
                Some(cell) => {
                    if run.before == Before::Space {
                        cell.text.push(' ');
                    }
                    cell.text.push_str(&run.text);
                    cell.right = cell.right.max(run.right);
                    cell.left = cell.left.min(run.left);
                }
                None => cells.push(Cell { text: run.text, left: run.left, right: run.right }),
            }
        }
        for cell in &mut cells {
            cell.text = cell.text.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
        }
        cells.retain(|cell| !cell.text.is_empty());
        let text = cells.iter().map(|cell| cell.text.as_str()).collect::<Vec<_>>().join(" ");
        if cells.len() < 2 {
            cells.clear();
        }
        (!text.is_empty()).then_some(Line {
            text,
            left,
            right: self.right,
            bottom: self.bottom,
            size: self.size,
            bold,
            fixed_width: self.fixed_width,
            cells,
        })
    }

    /// Puts the runs of a line that is mostly written from right to left in the order in which they are read: from the
    /// right, but neighbours written from left to right among themselves as they stand.
    fn order_right_to_left(&mut self) {
        let weight = |to_right: bool| -> usize {
            self.runs.iter().filter(|run| run.rightward == Some(to_right)).map(|run| letters(&run.text)).sum()
        };
        if self.runs.len() < 2 || weight(false) <= weight(true) {
            return;
        }
        // What stood before a run in the line now stands before its other neighbour.
        let gaps: Vec<Before> = self.runs.iter().map(|run| run.before).collect();
        self.runs.reverse();
        let (mut at, length) = (0, self.runs.len());
        for (run, before) in self.runs.iter_mut().zip([Before::Nothing].into_iter().chain(gaps.into_iter().rev())) {
            run.before = before;
        }
        while at < length {
            let same = self.runs[at..].iter().take_while(|run| run.rightward == Some(true)).count();
            self.runs[at..at + same].reverse();
            at += same.max(1);
        }
    }
}

/// Which way most letters of `text` are written.
fn direction(text: &str) -> Option<bool> {
    let is_leftward = |c: char| matches!(c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{feff}');
    let (leftward, rightward): (Vec<char>, Vec<char>) =
        text.chars().filter(|c| c.is_alphabetic()).partition(|&c| is_leftward(c));
    match leftward.len() + rightward.len() {
        0 => None,
        _ => Some(rightward.len() >= leftward.len()),
    }
}

fn letters(text: &str) -> usize {
    text.chars().filter(|c| c.is_alphanumeric()).count()
}

fn is_bold(span: &TextSpan) -> bool {
    span.font_weight as u16 >= 600 || span.font_name.to_ascii_lowercase().contains("bold")
}

/// The text of a run: ligatures taken apart, all spaces plain, bullets of symbol fonts as bullets, and what no font
/// shows (private characters, controls) left out.
fn tidied(run: &str) -> String {
    let mut out = String::with_capacity(run.len());
    for c in run.chars() {
        match c {
            '\u{fb00}' => out.push_str("ff"),
            '\u{fb01}' => out.push_str("fi"),
            '\u{fb02}' => out.push_str("fl"),
            '\u{fb03}' => out.push_str("ffi"),
            '\u{fb04}' => out.push_str("ffl"),
            '\u{fb05}' | '\u{fb06}' => out.push_str("st"),
            '\u{f0b7}' | '\u{f0a7}' | '\u{f0d8}' | '\u{f0fc}' | '\u{f076}' => out.push('•'),
            // A soft hyphen shows only where a line ends, and there it is a hyphen.
            '\u{ad}' => out.push(c),
            c if c.is_whitespace() => out.push(' '),
            '\u{e000}'..='\u{f8ff}' | '\u{200b}'..='\u{200d}' | '\u{2060}' => {}
            c if text::keeps(c) => out.push(c),
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::tidied;

    #[test]
    fn runs_are_tidied() {
        let cases = [
            ("o\u{fb03}ce \u{fb01}ve", "office five"),
            ("a\u{a0}b\tc", "a b c"),
            ("\u{f0b7} item", "• item"),
            ("\u{e123}x\u{0}", "x"),
        ];
        for (run, text) in cases {
            assert_eq!(tidied(run), text);
        }
    }
}
