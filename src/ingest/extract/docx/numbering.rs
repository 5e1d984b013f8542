//! Automatic numbers: what stands before an item or a heading, counted along the document as Word counts.

use std::collections::HashMap;

use quick_xml::Reader;
use quick_xml::events::Event;

use crate::ingest::extract::xml::attribute;

/// Levels of a list.
const LEVELS: usize = 9;

#[derive(Clone, Debug, Default)]
struct Level {
    format: String,
    /// Such as `%1.%2)`, where `%1` is the first level's number.
    text: String,
    start: Option<u32>,
}

/// The lists of a document.
#[derive(Default)]
pub(super) struct Numbering {
    /// From a list's id to its pattern's.
    lists: HashMap<String, String>,
    patterns: HashMap<String, Vec<Level>>,
}

/// Numbers given so far, by pattern.
#[derive(Default)]
pub(super) struct Counters(HashMap<String, [u32; LEVELS]>);

/// What stands before a numbered paragraph.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Label {
    Bullet,
    /// Such as `3.` or `1.a)`.
    Number(String),
    /// The list exists but shows nothing.
    Nothing,
}

impl Numbering {
    /// Reads `numbering.xml` as far as it is well-formed.
    pub fn parse(xml: &str) -> Numbering {
        let mut numbering = Numbering::default();
        let mut reader = Reader::from_str(xml);
        let (mut pattern, mut list, mut level) = (None, None, 0);
        loop {
            match reader.read_event() {
                Ok(Event::Start(tag) | Event::Empty(tag)) => {
                    let value = attribute(&tag, "val").unwrap_or_default();
                    match tag.local_name().into_inner() {
                        "abstractNum" => pattern = attribute(&tag, "abstractNumId"),
                        "num" => (pattern, list) = (None, attribute(&tag, "numId")),
                        "abstractNumId" => {
                            numbering.lists.extend(list.take().map(|list| (list, value)));
                        }
                        "lvl" => {
                            level = attribute(&tag, "ilvl").and_then(|level| level.parse().ok()).unwrap_or(0);
                        }
                        name => {
                            let Some(pattern) = &pattern else { continue };
                            if let Some(level) = numbering.level(pattern, level) {
                                level.take(name, value);
                            }
                        }
                    }
                }
                Ok(Event::Eof) | Err(_) => return numbering,
                Ok(_) => {}
            }
        }
    }

    fn level(&mut self, pattern: &str, level: usize) -> Option<&mut Level> {
        self.patterns.entry(pattern.to_owned()).or_insert_with(|| vec![Level::default(); LEVELS]).get_mut(level)
    }

    /// Counts one paragraph of `list` at `level` and says what stands before it; `None` if there is no such list.
    pub fn next(&self, counters: &mut Counters, list: &str, level: usize) -> Option<Label> {
        let pattern = self.lists.get(list)?;
        let levels = self.patterns.get(pattern)?;
        let here = levels.get(level)?;
        let counts = counters.0.entry(pattern.clone()).or_default();
        let first = here.start.unwrap_or(1);
        counts[level] = if counts[level] == 0 { first } else { counts[level].saturating_add(1) };
        counts[level + 1..].fill(0);
        Some(match here.format.as_str() {
            "bullet" => Label::Bullet,
            "none" => Label::Nothing,
            _ => {
                let mut text = here.text.clone();
                for (at, level) in levels.iter().enumerate().take(level + 1) {
                    let number = counts[at].max(1);
                    text = text.replace(&format!("%{}", at + 1), &written(number, &level.format));
                }
                if text.trim().is_empty() { Label::Nothing } else { Label::Number(text.trim().to_owned()) }
            }
        })
    }
}

impl Level {
    fn take(&mut self, name: &str, value: String) {
        match name {
            "numFmt" => self.format = value,
            "lvlText" => self.text = value.chars().take(32).collect(),
            "start" => self.start = value.parse().ok(),
            _ => {}
        }
    }
}

/// `number` in the format that WordprocessingML names `format`; decimal if the format is not known.
fn written(number: u32, format: &str) -> String {
    let letter = |base: u8| {
        let repeated = usize::try_from((number - 1) / 26 + 1).unwrap_or(1).min(8);
        let c = char::from(base + u8::try_from((number - 1) % 26).unwrap_or(0));
        c.to_string().repeat(repeated)
    };
    match format {
        "lowerLetter" => letter(b'a'),
        "upperLetter" => letter(b'A'),
        "lowerRoman" => roman(number).to_lowercase(),
        "upperRoman" => roman(number),
        _ => number.to_string(),
    }
}

fn roman(mut number: u32) -> String {
    const SIGNS: [(u32, &str); 13] = [
        (1000, "M"),
        (900, "CM"),
        (500, "D"),
        (400, "CD"),
        (100, "C"),
        (90, "XC"),
        (50, "L"),
        (40, "XL"),
        (10, "X"),
        (9, "IX"),
        (5, "V"),
        (4, "IV"),
        (1, "I"),
    ];
    if number > 3999 {
        return number.to_string();
    }
    let mut out = String::new();
    for (value, sign) in SIGNS {
        while number >= value {
            out.push_str(sign);
            number -= value;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::written;

    #[test]
    fn numbers_are_written_as_word_writes_them() {
        let cases = [
            (3, "decimal", "3"),
            (28, "lowerLetter", "bb"),
            (26, "upperLetter", "Z"),
            (1994, "upperRoman", "MCMXCIV"),
            (4, "lowerRoman", "iv"),
            (5, "chicago", "5"),
        ];
        for (number, format, text) in cases {
            assert_eq!(written(number, format), text);
        }
    }
}
