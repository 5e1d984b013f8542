//! The dates of a text, so that `7 May 2024`, `May 7, 2024` and `2024-05-07` can be told to be one day.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation as _;

use super::words;

/// A day, or the month of a year, or a day of any year.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    year: Option<u32>,
    month: u32,
    day: Option<u32>,
}

/// A date as it stands in a text. `03/04/2024` is two days, of which one is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    pub place: Range<usize>,
    pub readings: Vec<Date>,
}

impl Date {
    /// Whether a text that names `self` may say `other`: the same month, and no more of day and year than it knows.
    /// A year that it leaves out may stand elsewhere in it, which `has_year` tells.
    pub fn allows(&self, other: &Date, has_year: impl Fn(u32) -> bool) -> bool {
        let day = other.day.is_none() || other.day == self.day;
        let year = other.year.is_none_or(|year| self.year.map_or_else(|| has_year(year), |own| own == year));
        self.month == other.month && day && year
    }
}

/// Names of months and their short forms, folded.
const MONTHS: [&[&str]; 12] = [
    &["january", "jan", "janvier", "janv", "januar", "enero"],
    &["february", "feb", "fevrier", "fevr", "februar", "febrero"],
    &["march", "mar", "mars", "marz", "maerz", "marzo"],
    &["april", "apr", "avril", "avr", "abril"],
    &["may", "mai", "mayo"],
    &["june", "jun", "juin", "juni", "junio"],
    &["july", "jul", "juillet", "juil", "juli", "julio"],
    &["august", "aug", "aout", "agosto"],
    &["september", "sep", "sept", "septembre", "septiembre"],
    &["october", "oct", "octobre", "oktober", "okt", "octubre"],
    &["november", "nov", "novembre", "noviembre"],
    &["december", "dec", "decembre", "dezember", "dez", "diciembre"],
];

/// A word or a run of figures, with its place.
struct Token {
    place: Range<usize>,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A day, a month or a year by its size and its number of figures.
    Number {
        value: u32,
        figures: usize,
    },
    Month(u32),
    Other,
}

/// The dates of `text` in order. A month alone is none: `may` is also a verb.
pub fn of(text: &str) -> Vec<Written> {
    let tokens = tokens(text);
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let window = &tokens[at..];
        match in_figures(text, window).or_else(|| in_words(text, window)) {
            Some((count, readings)) => {
                let place = window[0].place.start..window[count - 1].place.end;
                found.push(Written { place, readings });
                at += count;
            }
            None => at += 1,
        }
    }
    found
}

/// `text` with blanks where its dates stand.
pub fn without(text: &str, dates: &[Written]) -> String {
    let mut rest = text.to_owned();
    for date in dates {
        rest.replace_range(date.place.clone(), &" ".repeat(date.place.len()));
    }
    rest
}

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    for (start, word) in text.unicode_word_indices() {
        // Word rules keep `2024.05` and `1st` together.
        let mut from = start;
        for run in runs(word) {
            let place = from..from + run.len();
            from = place.end;
            let kind = match run.parse() {
                Ok(value) => Kind::Number { value, figures: run.len() },
                Err(_) => month(run).map_or(Kind::Other, Kind::Month),
            };
            if !matches!(run, "." | "," | "'" | "_" | ":") {
                tokens.push(Token { place, kind });
            }
        }
    }
    tokens
}

/// `word` cut where letters, figures and signs meet.
fn runs(word: &str) -> Vec<&str> {
    let class = |c: char| if c.is_ascii_digit() { 0 } else { 1 + u8::from(!c.is_alphabetic()) };
    let mut runs = Vec::new();
    let mut from = 0;
    let mut last = None;
    for (at, c) in word.char_indices() {
        if last.is_some_and(|last| last != class(c)) {
            runs.push(&word[from..at]);
            from = at;
        }
        last = Some(class(c));
    }
    runs.push(&word[from..]);
    runs
}

fn month(word: &str) -> Option<u32> {
    let folded = words::fold(word);
    (1..).zip(MONTHS).find(|(_, names)| names.contains(&folded.as_str())).map(|(number, _)| number)
}

/// `2024-05-07`, `07.05.2024`, `5/7/24` at the beginning of `tokens`: how many tokens, and what they may mean.
fn in_figures(text: &str, tokens: &[Token]) -> Option<(usize, Vec<Date>)> {
    let [first, second, third, ..] = tokens else { return None };
    let (Kind::Number { value: a, figures: long }, Kind::Number { value: b, .. }, Kind::Number { value: c, figures }) =
        (first.kind, second.kind, third.kind)
    else {
        return None;
    };
    let separator = &text[first.place.end..second.place.start];
    if !matches!(separator, "-" | "/" | ".") || separator != &text[second.place.end..third.place.start] {
        return None;
    }
    let mut readings = Vec::new();
    if long == 4 {
        readings.push((a, b, c));
    } else if matches!(figures, 2 | 4) {
        let year = if figures == 2 { 2000 + c } else { c };
        readings.push((year, b, a));
        if separator == "/" && a != b {
            readings.push((year, a, b));
        }
    }
    let dates: Vec<Date> = readings
        .into_iter()
        .filter(|(_, month, day)| (1..=12).contains(month) && (1..=31).contains(day))
        .map(|(year, month, day)| Date { year: Some(year), month, day: Some(day) })
        .collect();
    (!dates.is_empty()).then_some((3, dates))
}

/// `7 May 2024`, `1er mai`, `May 7th, 2024`, `May 2024` at the beginning of `tokens`.
fn in_words(text: &str, tokens: &[Token]) -> Option<(usize, Vec<Date>)> {
    let day = |at: usize| match tokens.get(at)?.kind {
        Kind::Number { value, figures: 1..=2 } if (1..=31).contains(&value) => Some(value),
        _ => None,
    };
    let year = |at: usize| match tokens.get(at)?.kind {
        Kind::Number { value, figures: 4 } if joined(text, tokens, at) => Some(value),
        _ => None,
    };
    let month = |at: usize| match tokens.get(at)?.kind {
        Kind::Month(month) => Some(month),
        _ => None,
    };
    // What may stand between a day and the rest: `st`, `er`, `of`, `de`.
    let filler = |at: usize| {
        let word = tokens.get(at).map(|token| words::fold(&text[token.place.clone()]));
        usize::from(word.is_some_and(|word| matches!(word.as_str(), "st" | "nd" | "rd" | "th" | "er" | "of" | "de")))
    };
    if let Some(day) = day(0) {
        let mut at = 1 + filler(1);
        at += filler(at);
        if let Some(month) = month(at).filter(|_| joined(text, tokens, at)) {
            let behind = at + 1 + filler(at + 1);
            let year = year(behind);
            let count = if year.is_some() { behind + 1 } else { at + 1 };
            return Some((count, vec![Date { year, month, day: Some(day) }]));
        }
    }
    let month = month(0)?;
    if let Some(day) = day(1).filter(|_| joined(text, tokens, 1)) {
        let behind = 2 + filler(2);
        let year = year(behind);
        let count = if year.is_some() { behind + 1 } else { 2 };
        return Some((count, vec![Date { year, month, day: Some(day) }]));
    }
    let behind = 1 + filler(1);
    let year = year(behind)?;
    Some((behind + 1, vec![Date { year: Some(year), month, day: None }]))
}

/// Whether only blanks, a comma or a point part the token `at` from the one before it.
fn joined(text: &str, tokens: &[Token], at: usize) -> bool {
    let between = &text[tokens[at - 1].place.end..tokens[at].place.start];
    between.len() <= 3 && between.chars().all(|c| c.is_whitespace() || matches!(c, ',' | '.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        let part = |part: Option<u32>| part.map_or("-".to_owned(), |part| part.to_string());
        let one = |date: &Date| format!("{} {} {}", part(date.year), date.month, part(date.day));
        of(text).iter().map(|date| date.readings.iter().map(one).collect::<Vec<_>>().join(" | ")).collect()
    }

    #[test]
    fn a_day_is_found_however_it_is_written() {
        let cases: [(&str, &[&str]); 20] = [
            ("", &[]),
            ("on 7 May 2024.", &["2024 5 7"]),
            ("May 7th, 2024", &["2024 5 7"]),
            ("the 7th of May 2024", &["2024 5 7"]),
            ("le 1er mai 2024", &["2024 5 1"]),
            ("7 août", &["- 8 7"]),
            ("am 7. Mai 2024", &["2024 5 7"]),
            ("2024-05-07T10:00", &["2024 5 7"]),
            ("07.05.2024", &["2024 5 7"]),
            ("03/04/2024", &["2024 4 3 | 2024 3 4"]),
            ("5/25/24", &["2024 5 25"]),
            ("25/5/2024 and 26/5/2024", &["2024 5 25", "2024 5 26"]),
            ("from May 2024 to June 2025", &["2024 5 -", "2025 6 -"]),
            ("You may ask 3 people in May.", &[]),
            ("You may ask three people.", &[]),
            ("10 Mar", &["- 3 10"]),
            ("March 31", &["- 3 31"]),
            ("33/44/2024, 99 May; 2024-13-01", &[]),
            ("release 1.2.3", &[]),
            ("room 7. Mayor Smith", &[]),
        ];
        for (text, expected) in cases {
            assert_eq!(shown(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_text_allows_no_more_than_it_says() {
        let cases = [
            ("7 May 2024", "2024-05-07", true),
            ("7 May 2024", "May 2024", true),
            ("7 May 2024", "7 May", true),
            ("7 May 2024", "7 June 2024", false),
            ("7 May 2024", "8 May 2024", false),
            ("7 May 2024", "7 May 2023", false),
            ("May 2024", "7 May 2024", false),
            ("7 May", "7 May 2024", true),
            ("7 May", "7 May 2025", false),
            ("03/04/2024", "4 March 2024", true),
        ];
        for (known, said, expected) in cases {
            let (known_dates, said_dates) = (of(known), of(said));
            let allowed = said_dates[0]
                .readings
                .iter()
                .any(|said| known_dates[0].readings.iter().any(|known| known.allows(said, |year| year == 2024)));
            assert_eq!(allowed, expected, "{known:?} allows {said:?}");
        }
    }

    #[test]
    fn dates_are_blanked_in_place() {
        let text = "Le 1er août 2024, 3 jours.";
        assert_eq!(without(text, &of(text)).split_whitespace().collect::<Vec<_>>(), ["Le", ",", "3", "jours."]);
    }
}
