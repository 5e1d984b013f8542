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
    /// Whether wide gaps set parts of it apart, as in a table.
    pub gaps: bool,
}

/// A gap between runs that is a word space, in parts of the font size.
const SPACE: f32 = 0.14;
/// A gap that sets cells of a table or columns apart.
const GAP: f32 = 1.6;

/// A line being put together.
struct Growing {
    text: String,
    left: f32,
    right: f32,
    bottom: f32,
    /// Size, characters, and whether bold, of each run.
    runs: Vec<(f32, usize, bool)>,
    fixed_width: bool,
    gaps: bool,
    rotation: f32,
}

/// The lines that `spans`, in reading order, make up. Runs that a tagged file marks as not being content are left out,
/// unless nothing else is there.
pub(super) fn lines(spans: Vec<TextSpan>) -> Vec<Line> {
    let content = spans.iter().any(|span| span.artifact_type.is_none() && !span.text.trim().is_empty());
    let mut lines = Vec::new();
    let mut growing: Option<Growing> = None;
    for span in spans.into_iter().filter(|span| !content || span.artifact_type.is_none()) {
        let text = tidied(&span.text);
        if text.is_empty() {
            continue;
        }
        match growing.as_mut().filter(|line| line.goes_on(&span)) {
            Some(line) => line.push(&text, &span),
            None => lines.extend(growing.replace(Growing::new(text, &span)).and_then(Growing::done)),
        }
    }
    lines.extend(growing.and_then(Growing::done));
    lines
}

impl Growing {
    fn new(text: String, span: &TextSpan) -> Growing {
        Growing {
            left: span.bbox.x,
            right: span.bbox.x + span.bbox.width,
            bottom: span.bbox.y,
            runs: vec![(span.font_size, letters(&text), is_bold(span))],
            fixed_width: span.is_monospace,
            gaps: false,
            rotation: span.rotation_degrees,
            text,
        }
    }

    /// Whether `span` stands on this line, to the right of it.
    fn goes_on(&self, span: &TextSpan) -> bool {
        let size = self.size().max(span.font_size).max(1.0);
        let (height, bottom) = (span.bbox.height.max(span.font_size), span.bbox.y);
        let shared = (self.bottom + size).min(bottom + height) - self.bottom.max(bottom);
        let level = shared > 0.5 * self.size().min(span.font_size).max(1.0);
        let gap = span.bbox.x - self.right;
        let near = gap > -0.6 * size && gap < 12.0 * size;
        level && near && (self.rotation - span.rotation_degrees).abs() < 1.0 && span.rotation_degrees.abs() < 45.0
    }

    fn push(&mut self, text: &str, span: &TextSpan) {
        let gap = span.bbox.x - self.right;
        let size = self.size().min(span.font_size).max(1.0);
        let spaced = self.text.ends_with(' ') || text.starts_with(' ');
        if gap > GAP * size && letters(&self.text) > 1 {
            self.gaps = true;
        }
        if !spaced && gap > SPACE * size {
            self.text.push(' ');
        }
        self.text.push_str(text);
        self.right = self.right.max(span.bbox.x + span.bbox.width);
        self.bottom = self.bottom.min(span.bbox.y);
        self.fixed_width &= span.is_monospace;
        self.runs.push((span.font_size, letters(text), is_bold(span)));
    }

    /// The size of the run with the most letters.
    fn size(&self) -> f32 {
        self.runs.iter().max_by_key(|(_, letters, _)| *letters).map_or(0.0, |(size, ..)| *size)
    }

    fn done(self) -> Option<Line> {
        let size = self.size();
        let bold = self.runs.iter().any(|run| run.1 > 0) && self.runs.iter().all(|run| run.2 || run.1 == 0);
        let text = self.text.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
        (!text.is_empty()).then_some(Line {
            text,
            left: self.left,
            right: self.right,
            bottom: self.bottom,
            size,
            bold,
            fixed_width: self.fixed_width,
            gaps: self.gaps,
        })
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
