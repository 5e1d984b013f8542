//! Scripts written from right to left: runs made glyph by glyph, by where the glyphs stand.
//!
//! A PDF may hold such text in the order in which it is read or in the order in which it is seen, and glyphs that stand
//! for two letters in either; only their places are the same. So they are put in order by those.

use std::collections::HashSet;

use pdf_oxide::layout::TextChar;

use super::run::{Run, direction, is_leftward, tidied};

/// A gap between glyphs that is a word space, in parts of the font size.
const SPACE: f32 = 0.18;

/// The runs that `chars` make up: words, each in one direction, in the order in which they are read.
pub(super) fn runs(chars: Vec<TextChar>) -> Vec<Run> {
    let is_seen = |c: &TextChar| [c.bbox.x, c.bbox.width, c.origin_y, c.font_size].iter().all(|v| v.is_finite());
    let mut rows: Vec<Vec<TextChar>> = Vec::new();
    let (mut large, marks): (Vec<TextChar>, Vec<TextChar>) =
        chars.into_iter().filter(is_seen).partition(|c| !is_mark(c.char));
    large.sort_by(|a, b| b.origin_y.total_cmp(&a.origin_y));
    for c in large {
        let same = |row: &&mut Vec<TextChar>| {
            (row[0].origin_y - c.origin_y).abs() < 0.15 * c.font_size && (row[0].font_size - c.font_size).abs() < 0.5
        };
        match rows.iter_mut().rev().take(6).find(same) {
            Some(row) => row.push(c),
            None => rows.push(vec![c]),
        }
    }
    // A vowel mark stands above or below its letter, not on its line.
    for mark in marks {
        let near = |row: &&mut Vec<TextChar>| (row[0].origin_y - mark.origin_y).abs() < 0.5 * mark.font_size;
        if let Some(row) = rows.iter_mut().find(near) {
            row.push(mark);
        }
    }
    rows.iter_mut().for_each(|row| row.sort_by(|a, b| a.bbox.x.total_cmp(&b.bbox.x)));
    let lams = Lams::of(&rows);
    rows.into_iter().flat_map(|row| words(row, &lams)).collect()
}

/// The widths that the letter lam has where no alef follows, in thousandths of the font size.
///
/// Lam and alef share one glyph, of which each is told to take half. Half of that glyph is as wide as no lam is.
struct Lams(HashSet<i32>);

impl Lams {
    fn of(rows: &[Vec<TextChar>]) -> Lams {
        let pairs = rows.iter().flat_map(|row| row.windows(2));
        let alone = pairs.filter(|pair| pair[0].char == 'ل' && !is_alef(pair[1].char));
        Lams(alone.map(|pair| thousandths(&pair[0])).collect())
    }

    /// Whether `lam` and what stands to its right are one glyph.
    fn share_a_glyph(&self, lam: &TextChar, alef: &TextChar) -> bool {
        let alike = (lam.bbox.width - alef.bbox.width).abs() < 0.01;
        let touch = (lam.bbox.x + lam.bbox.width - alef.bbox.x).abs() < 0.05;
        let width = thousandths(lam);
        let known = (width - 2..=width + 2).any(|near| self.0.contains(&near));
        lam.char == 'ل' && is_alef(alef.char) && alike && touch && !known
    }
}

fn is_alef(c: char) -> bool {
    matches!(c, 'ا' | 'أ' | 'إ' | 'آ')
}

/// A glyph's width in thousandths of the font size.
fn thousandths(c: &TextChar) -> i32 {
    (c.bbox.width / c.font_size.abs().max(1.0) * 1000.0).round() as i32
}

/// The words of a row of glyphs, which are in order from the left.
fn words(row: Vec<TextChar>, lams: &Lams) -> Vec<Run> {
    let mut words: Vec<Vec<TextChar>> = Vec::new();
    let (mut edge, mut ended) = (f32::MIN, true);
    for c in row {
        if c.char.is_whitespace() {
            ended = true;
            continue;
        }
        let gap = c.bbox.x - edge;
        edge = edge.max(c.bbox.x + c.bbox.width);
        let goes_on = |word: &&mut Vec<TextChar>| {
            !ended && gap < SPACE * c.font_size && word.last().is_none_or(|last| agree(last.char, c.char))
        };
        match words.last_mut().filter(goes_on) {
            Some(word) => word.push(c),
            None => words.push(vec![c]),
        }
        ended = false;
    }
    words.into_iter().filter_map(|glyphs| word(glyphs, lams)).collect()
}

/// Whether two neighbours may belong to one word: not letters of opposite directions, nor a number within letters.
fn agree(a: char, b: char) -> bool {
    let way = |c: char| match c {
        c if c.is_numeric() => Some(true),
        c if c.is_alphabetic() => Some(!is_leftward(c)),
        _ => None,
    };
    way(a).is_none() || way(b).is_none() || way(a) == way(b)
}

/// A word from its glyphs, which are in order from the left.
fn word(glyphs: Vec<TextChar>, lams: &Lams) -> Option<Run> {
    let first = glyphs.first()?;
    let (size, bottom) = (first.font_size.abs().max(1.0), first.origin_y);
    let (italic, fixed_width) = (first.is_italic, first.is_monospace);
    let bold = glyphs.iter().all(|c| c.font_weight as u16 >= 600);
    let left = first.bbox.x;
    let right = glyphs.iter().map(|c| c.bbox.x + c.bbox.width).fold(left, f32::max);
    let text = match glyphs.iter().any(|c| is_leftward(c.char)) {
        true => from_the_right(glyphs, lams),
        false => glyphs.iter().map(|c| c.char).collect(),
    };
    let text = tidied(&text);
    let rightward = direction(&text);
    (!text.is_empty()).then_some(Run { text, left, right, bottom, size, bold, italic, fixed_width, rightward })
}

/// Glyphs that are in order from the left, as they are read from the right.
fn from_the_right(mut glyphs: Vec<TextChar>, lams: &Lams) -> String {
    for at in 1..glyphs.len() {
        if lams.share_a_glyph(&glyphs[at - 1], &glyphs[at]) {
            glyphs.swap(at - 1, at);
        }
    }
    let mut text = String::new();
    let mut marks = String::new();
    for c in glyphs.iter().rev().map(|c| mirrored(c.char)) {
        // From the right, a mark comes before the letter within whose width it stands.
        if is_mark(c) {
            marks.push(c);
        } else {
            text.push(c);
            text.push_str(&std::mem::take(&mut marks));
        }
    }
    text + &marks
}

/// Vowel marks of Hebrew and Arabic.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{591}'..='\u{5bd}' | '\u{5bf}'..='\u{5c2}' | '\u{64b}'..='\u{65f}' | '\u{670}' | '\u{6d6}'..='\u{6dc}')
}

/// A bracket as it is written where text runs the other way.
fn mirrored(c: char) -> char {
    match c {
        '(' => ')',
        ')' => '(',
        '[' => ']',
        ']' => '[',
        '«' => '»',
        '»' => '«',
        _ => c,
    }
}
