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
    pub italic: bool,
    pub fixed_width: bool,
    /// Whether it is written from left to right; `None` for numbers and marks.
    pub rightward: Option<bool>,
}

impl Run {
    /// The run that `span` is; `None` if nothing of it can be seen.
    pub fn of(span: &TextSpan) -> Option<Run> {
        let text = if is_bullet(&span.font_name, span.text.trim()) { "•".to_owned() } else { tidied(&span.text) };
        let bbox = &span.bbox;
        let placed = [bbox.x, bbox.y, bbox.width, span.font_size].iter().all(|value| value.is_finite());
        let (before, after) = blank_ends(span);
        (!text.trim().is_empty() && placed).then(|| Run {
            left: bbox.x + before,
            right: (bbox.x + bbox.width - after).max(bbox.x + before),
            bottom: bbox.y,
            size: span.font_size.abs().max(1.0),
            bold: is_bold(span) || letters(&text) == 0,
            italic: is_italic(span) || letters(&text) == 0,
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

/// The widths of the spaces with which `span` begins and ends: what is white is no part of a column.
fn blank_ends(span: &TextSpan) -> (f32, f32) {
    let count = span.text.chars().count();
    let own = span.char_widths.len() == count;
    let width = |at: usize| if own { span.char_widths[at] } else { span.bbox.width / count.max(1) as f32 };
    let blank = |chars: &mut dyn Iterator<Item = char>| chars.take_while(|c| c.is_whitespace()).count();
    let (before, after) = (blank(&mut span.text.chars()), blank(&mut span.text.chars().rev()));
    ((0..before).map(width).sum(), (count - after..count).map(width).sum())
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

fn is_italic(span: &TextSpan) -> bool {
    const NAMES: &[&str] = &["italic", "oblique", "cmti", "sfti"];
    let name = span.font_name.to_ascii_lowercase();
    span.is_italic || NAMES.iter().any(|part| name.contains(part))
}

/// Whether `text` in a font of symbols is the mark of a list's item, which such fonts have in the place of a letter.
fn is_bullet(font: &str, text: &str) -> bool {
    const MARKS: &[&str] = &["§", "¨", "n", "l", "q", "o", "ü", "Ø", "v", "u"];
    let unknown = |c: char| c.is_control() || matches!(c, '\u{e000}'..='\u{f8ff}');
    font.to_ascii_lowercase().contains("dings")
        && (MARKS.contains(&text) || !text.is_empty() && text.chars().all(unknown))
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
