//! Runs: the pieces of text that a page shows, each with its place, size and style, as they are read.

use pdf_oxide::layout::TextSpan;

use crate::ingest::extract::text;

/// A piece of text on a page. Places are in points, from the lower left corner of the page as it is read.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Run {
    pub text: String,
    pub left: f32,
    pub right: f32,
    /// Its baseline.
    pub bottom: f32,
    /// Font size.
    pub size: f32,
    pub bold: bool,
    pub fixed_width: bool,
    /// Whether it is written from left to right; `None` for numbers and marks.
    pub rightward: Option<bool>,
}

impl Run {
    /// The run that `span` is; `None` if nothing of it can be seen.
    pub fn of(span: &TextSpan) -> Option<Run> {
        let text = tidied(&span.text);
        let text = if is_bullet(&span.font_name, &text) { "•".to_owned() } else { text };
        let bbox = &span.bbox;
        let placed = [bbox.x, bbox.y, bbox.width, span.font_size].iter().all(|value| value.is_finite());
        (!text.is_empty() && placed).then(|| Run {
            left: bbox.x,
            right: bbox.x + bbox.width.max(0.0),
            bottom: bbox.y,
            size: span.font_size.abs().max(1.0),
            bold: is_bold(span) || letters(&text) == 0,
            fixed_width: span.is_monospace,
            rightward: direction(&text),
            text,
        })
    }

    /// Whether it stands on the same line as `other`, which may be smaller or raised.
    pub fn is_level_with(&self, other: &Run) -> bool {
        let (large, small) = (self.size.max(other.size), self.size.min(other.size));
        let shared = (self.bottom + self.size).min(other.bottom + other.size) - self.bottom.max(other.bottom);
        // A capital over several lines stands on one of them only.
        shared > 0.5 * small && (large < 2.2 * small || (self.bottom - other.bottom).abs() < 0.3 * small)
    }
}

/// Which way most letters of `text` are written: `Some(true)` from left to right.
pub(super) fn direction(text: &str) -> Option<bool> {
    let (mut leftward, mut rightward) = (0usize, 0usize);
    for c in text.chars().filter(|c| c.is_alphabetic()) {
        *(if is_leftward(c) { &mut leftward } else { &mut rightward }) += 1;
    }
    (leftward + rightward > 0).then_some(rightward >= leftward)
}

/// Whether `c` belongs to a script that is written from right to left.
pub(super) fn is_leftward(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{feff}')
}

pub(super) fn letters(text: &str) -> usize {
    text.chars().filter(|c| c.is_alphanumeric()).count()
}

/// Whether a font is bold: by its weight, or by its name, which of fonts made with TeX is all that there is.
fn is_bold(span: &TextSpan) -> bool {
    const NAMES: &[&str] = &["bold", "black", "heavy", "cmbx", "sfbx", "-demi", "myriadbd"];
    let name = span.font_name.to_ascii_lowercase();
    span.font_weight as u16 >= 600 || NAMES.iter().any(|part| name.contains(part)) || name.ends_with("-bd")
}

/// Whether `text` in a font of symbols is the mark of a list's item, which such fonts have in the place of a letter.
fn is_bullet(font: &str, text: &str) -> bool {
    const MARKS: &[&str] = &["§", "¨", "n", "l", "q", "o", "ü", "Ø", "v", "u", "y", "yy"];
    let font = font.to_ascii_lowercase();
    let symbols = font.contains("dings") || font.contains("symbol");
    symbols && (MARKS[..].contains(&text.trim()) && font.contains("dings") || text.trim() == "\u{f0b7}")
}

/// The text of a run: ligatures taken apart, all spaces plain, bullets of symbol fonts as bullets, and what no font
/// shows (private characters, controls) left out.
pub(super) fn tidied(run: &str) -> String {
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
            '\u{e000}'..='\u{f8ff}' | '\u{200b}'..='\u{200f}' | '\u{2060}' => {}
            c if text::keeps(c) => out.push(c),
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{direction, tidied};

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

    #[test]
    fn the_direction_is_that_of_most_letters() {
        for (text, way) in [("abc", Some(true)), ("שלום a", Some(false)), ("1, 2", None)] {
            assert_eq!(direction(text), way, "{text}");
        }
    }
}
