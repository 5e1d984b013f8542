//! The numbers of a text, in a form in which two ways of writing one can be compared.
//!
//! `1,200`, `1 200` and `1200` are one number, and so are `07` and `7`, `five` and `5`, `1.5 million` and `1,500,000`.
//! Where a way of writing can be read twice (`1.200`, by an English or a German hand) both readings count.

use std::collections::HashSet;
use std::iter::Peekable;
use std::str::CharIndices;

use unicode_segmentation::UnicodeSegmentation as _;

use super::words;

/// One number of a text: everything that it may mean, each in one form.
pub type Readings = Vec<String>;

/// Small numbers written out, without those that also mean something else (`un`, `neuf`, `second`).
const WRITTEN: &[(&str, u32)] = &[
    ("two", 2),
    ("three", 3),
    ("four", 4),
    ("five", 5),
    ("six", 6),
    ("seven", 7),
    ("eight", 8),
    ("nine", 9),
    ("ten", 10),
    ("eleven", 11),
    ("twelve", 12),
    ("thirteen", 13),
    ("fourteen", 14),
    ("fifteen", 15),
    ("sixteen", 16),
    ("seventeen", 17),
    ("eighteen", 18),
    ("nineteen", 19),
    ("twenty", 20),
    ("thirty", 30),
    ("forty", 40),
    ("fifty", 50),
    ("sixty", 60),
    ("seventy", 70),
    ("eighty", 80),
    ("ninety", 90),
    ("deux", 2),
    ("trois", 3),
    ("quatre", 4),
    ("cinq", 5),
    ("sept", 7),
    ("huit", 8),
    ("dix", 10),
    ("onze", 11),
    ("douze", 12),
    ("treize", 13),
    ("quatorze", 14),
    ("quinze", 15),
    ("seize", 16),
    ("vingt", 20),
    ("trente", 30),
    ("quarante", 40),
    ("cinquante", 50),
    ("soixante", 60),
];

/// Words after a number that multiply it, with the zeros they stand for.
const SCALES: &[(&str, usize)] = &[
    ("hundred", 2),
    ("cents", 2),
    ("thousand", 3),
    ("mille", 3),
    ("tausend", 3),
    ("k", 3),
    ("million", 6),
    ("millions", 6),
    ("millionen", 6),
    ("m", 6),
    ("mio", 6),
    ("billion", 9),
    ("billions", 9),
    ("milliard", 9),
    ("milliards", 9),
    ("milliarden", 9),
    ("bn", 9),
];

/// The numbers of `text` in order. The number that a list's item begins with is left out: it counts the items.
pub fn of(text: &str) -> Vec<Readings> {
    let text = list_number_removed(text);
    let mut found = written(text);
    let mut chars = text.char_indices().peekable();
    while let Some(&(start, c)) = chars.peek() {
        if !c.is_ascii_digit() {
            chars.next();
            continue;
        }
        let end = figures_end(text, &mut chars);
        found.push(scaled(read(&text[start..end]), &text[end..]));
    }
    found
}

/// Everything that the numbers of `text` may mean.
pub fn all(text: &str) -> HashSet<String> {
    of(text).into_iter().flatten().collect()
}

/// Takes the figures of one number and gives the byte at which they end. A separator belongs to them if figures follow,
/// a space or an apostrophe only if it parts thousands.
fn figures_end(text: &str, chars: &mut Peekable<CharIndices<'_>>) -> usize {
    let (mut end, mut group, mut groups) = (0, 0, 1);
    while let Some(&(at, c)) = chars.peek() {
        let rest = &text[at + c.len_utf8()..];
        match c {
            '0'..='9' => group += 1,
            '.' | ',' if rest.starts_with(|c: char| c.is_ascii_digit()) => (group, groups) = (0, groups + 1),
            ' ' | '\u{a0}' | '\u{202f}' | '\'' | '\u{2019}' if parts_thousands(rest, group, groups) => {
                (group, groups) = (0, groups + 1);
            }
            _ => break,
        }
        end = at + c.len_utf8();
        chars.next();
    }
    end
}

/// Whether exactly three figures begin `rest`, after a group that can stand before them.
fn parts_thousands(rest: &str, group: usize, groups: usize) -> bool {
    let figures = rest.bytes().take_while(u8::is_ascii_digit).count();
    figures == 3 && (if groups == 1 { group <= 3 } else { group == 3 })
}

/// What `figures` (digits with separators) may mean.
fn read(figures: &str) -> Readings {
    let bare: String = figures.chars().filter(|c| matches!(c, '0'..='9' | '.' | ',')).collect();
    let (points, commas) = (bare.matches('.').count(), bare.matches(',').count());
    let whole = || plain(&bare.replace(['.', ','], ""), "");
    let parted = |separator: char| {
        let (whole, part) = bare.rsplit_once(separator).unwrap_or((&bare, ""));
        plain(&whole.replace(['.', ','], ""), part)
    };
    match (points, commas) {
        (0, 0) => vec![whole()],
        (0, 1) | (1, 0) => {
            let separator = if points == 1 { '.' } else { ',' };
            let (before, after) = bare.split_once(separator).unwrap_or_default();
            match after.len() == 3 && (1..=3).contains(&before.len()) && before != "0" {
                true => vec![whole(), parted(separator)],
                false => vec![parted(separator)],
            }
        }
        (1.., 1..) => vec![parted(if bare.rfind('.') > bare.rfind(',') { '.' } else { ',' })],
        // Several of one kind part thousands, or else it is no number but a version or a chapter.
        _ if bare.split(['.', ',']).skip(1).all(|group| group.len() == 3) => vec![whole()],
        _ => vec![bare],
    }
}

/// One form for `whole` and the `part` behind the decimal point.
fn plain(whole: &str, part: &str) -> String {
    let (whole, part) = (whole.trim_start_matches('0'), part.trim_end_matches('0'));
    let whole = if whole.is_empty() { "0" } else { whole };
    if part.is_empty() { whole.to_owned() } else { format!("{whole}.{part}") }
}

/// `readings`, and what they mean where `rest` begins with a word that multiplies them.
fn scaled(mut readings: Readings, rest: &str) -> Readings {
    let near = rest.strip_prefix([' ', '\u{a0}', '\u{202f}', '-']).unwrap_or(rest);
    let word: String = near.chars().take_while(|c| c.is_alphabetic()).flat_map(char::to_lowercase).collect();
    if let Some((_, zeros)) = SCALES.iter().find(|(scale, _)| *scale == word) {
        let larger: Readings = readings.iter().map(|reading| shifted(reading, *zeros)).collect();
        readings.extend(larger);
    }
    readings
}

/// `reading` with its point moved `zeros` places to the right.
fn shifted(reading: &str, zeros: usize) -> String {
    let (whole, part) = reading.split_once('.').unwrap_or((reading, ""));
    let figures = format!("{part:0<zeros$}");
    let (moved, left) = figures.split_at(zeros);
    plain(&format!("{whole}{moved}"), left)
}

/// Numbers in words; tens and units that stand together are one.
fn written(text: &str) -> Vec<Readings> {
    let mut found: Vec<Readings> = Vec::new();
    let mut tens = None;
    for (at, word) in text.unicode_word_indices() {
        let folded = words::fold(word);
        let Some((_, value)) = WRITTEN.iter().find(|(name, _)| *name == folded) else {
            tens = None;
            continue;
        };
        let value = match tens.take() {
            Some((tens, end)) if *value < 10 && matches!(&text[end..at], " " | "-") => {
                found.pop();
                tens + value
            }
            _ => *value,
        };
        tens = (value % 10 == 0 && value >= 20).then_some((value, at + word.len()));
        found.push(scaled(vec![value.to_string()], &text[at + word.len()..]));
    }
    found
}

/// `text` without the number that a list's item begins with.
fn list_number_removed(text: &str) -> &str {
    let text = text.trim_start();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let rest = &text[digits..];
    if (1..=2).contains(&digits) && (rest.starts_with(". ") || rest.starts_with(") ")) { &rest[2..] } else { text }
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn one_number_has_one_form_however_it_is_written() {
        let cases: [(&str, &[&str]); 22] = [
            ("", &[]),
            ("007 and 0", &["7", "0"]),
            ("1200, 1 200 and 1'200", &["1200", "1200", "1200"]),
            ("1,200 euros", &["1200|1.2"]),
            ("1.200 Euro", &["1200|1.2"]),
            ("1,234,567.80", &["1234567.8"]),
            ("1.234.567,80", &["1234567.8"]),
            ("3.5, 3,50 and 0.125", &["3.5", "3.5", "0.125"]),
            ("release 1.2.3", &["1.2.3"]),
            ("in 2024 100 people", &["2024", "100"]),
            ("12 345 678", &["12345678"]),
            ("1.5 million", &["1.5|1500000"]),
            ("25k and $3bn", &["25|25000", "3|3000000000"]),
            ("two hundred", &["2|200"]),
            ("twenty-five days, twenty, five", &["25", "20", "5"]),
            ("vingt jours", &["20"]),
            ("un chien neuf, one of them", &[]),
            ("2. the second", &[]),
            ("2.", &["2"]),
            ("5%", &["5"]),
            ("A4 and the 1st", &["4", "1"]),
            ("1,2,3", &["1,2,3"]),
        ];
        for (text, expected) in cases {
            let found: Vec<String> = of(text).iter().map(|readings| readings.join("|")).collect();
            assert_eq!(found, expected, "{text:?}");
        }
    }
}
