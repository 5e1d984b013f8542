//! Text as words: where one ends, and in what form it is compared. Knows no language.
//!
//! Scripts that are written without spaces are cut into overlapping pairs of characters, since no dictionary is at
//! hand; a character that stands alone is a word.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::limits;

/// A word as it stands in a text: lower-case, in composed form, its accents kept.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Word {
    pub text: String,
    pub kind: Kind,
}

/// What a word is made of, which decides whether it is stemmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    Letters,
    /// With at least one digit: `2024`, `3.5`, `il6`.
    Number,
    /// A pair of characters, or a lone one, of a script without spaces.
    Pair,
}

/// The words of `text`, in order.
pub fn words(text: &str) -> Vec<Word> {
    let lower: Cow<'_, str> = if text.is_ascii() {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        Cow::Owned(text.nfkc().collect::<String>().to_lowercase())
    };
    let mut runs = Runs { words: Vec::new(), run: String::new(), class: Class::Other, elided: false };
    let mut chars = lower.chars().peekable();
    while let Some(c) = chars.next() {
        match Class::of(c) {
            Class::Other if matches!(c, '\u{ad}' | '\u{200c}' | '\u{200d}' | '\u{640}') => {}
            Class::Other if matches!(c, '.' | ',') && runs.in_number() => {
                if chars.peek().is_some_and(char::is_ascii_digit) { runs.run.push(c) } else { runs.end() }
            }
            Class::Other => {
                runs.end_at_apostrophe(matches!(c, '\'' | '\u{2019}' | '\u{2bc}'));
            }
            class => runs.push(c, class),
        }
    }
    runs.end();
    runs.words
}

/// The form in which words of all languages are compared: without accents, and without letters that many keyboards
/// lack.
pub fn fold(word: &str) -> Cow<'_, str> {
    if word.is_ascii() {
        return Cow::Borrowed(word);
    }
    let mut folded = String::with_capacity(word.len());
    for c in word.nfkd() {
        match c {
            '\u{300}'..='\u{36f}' => {}
            'ß' => folded.push_str("ss"),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            'ø' => folded.push('o'),
            'đ' | 'ð' => folded.push('d'),
            'ł' => folded.push('l'),
            'ı' => folded.push('i'),
            'þ' => folded.push_str("th"),
            'ς' => folded.push('σ'),
            _ => folded.push(c),
        }
    }
    Cow::Owned(folded.nfc().collect())
}

/// How a character joins with its neighbours.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Spaced,
    Unspaced,
    /// Belongs to whatever it follows.
    Mark,
    Other,
}

impl Class {
    fn of(c: char) -> Class {
        match c {
            'a'..='z' | '0'..='9' => Class::Spaced,
            '\u{640}' => Class::Other,
            '\u{e00}'..='\u{eff}' // Thai, Lao
            | '\u{f00}'..='\u{fff}' // Tibetan
            | '\u{1000}'..='\u{109f}' // Burmese
            | '\u{1780}'..='\u{17ff}' // Khmer
            | '\u{3005}'..='\u{3007}' | '\u{3040}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}' // kana
            | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
            | '\u{20000}'..='\u{3ffff}' // Han
            | '\u{1100}'..='\u{11ff}' | '\u{ac00}'..='\u{d7ff}' // Hangul
                if c.is_alphanumeric() || is_combining_mark(c) =>
            {
                Class::Unspaced
            }
            _ if c.is_alphanumeric() => Class::Spaced,
            _ if is_combining_mark(c) => Class::Mark,
            _ => Class::Other,
        }
    }
}

/// The run of characters of one class that is being read, and the words before it.
struct Runs {
    words: Vec<Word>,
    run: String,
    class: Class,
    /// Whether an apostrophe stands before the run.
    elided: bool,
}

impl Runs {
    fn push(&mut self, c: char, class: Class) {
        if class == Class::Mark {
            if !self.run.is_empty() {
                self.run.push(c);
            }
            return;
        }
        // A number with separators ends where letters begin.
        let separated = self.run.contains(['.', ',']) && !c.is_ascii_digit();
        if !self.run.is_empty() && (class != self.class || separated) {
            self.end();
        }
        self.class = class;
        self.run.push(c);
    }

    fn in_number(&self) -> bool {
        !self.run.is_empty() && self.run.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b','))
    }

    fn end(&mut self) {
        self.end_at_apostrophe(false);
    }

    fn end_at_apostrophe(&mut self, apostrophe: bool) {
        let elided = std::mem::replace(&mut self.elided, apostrophe);
        if self.run.is_empty() {
            return;
        }
        let run = std::mem::take(&mut self.run);
        if self.class == Class::Unspaced {
            self.end_pairs(&run);
            return;
        }
        // What an apostrophe splits off is no word: the l of l'eau, the s of Anna's.
        if (elided || apostrophe) && run.chars().nth(1).is_none() {
            return;
        }
        let kind = if run.chars().any(char::is_numeric) { Kind::Number } else { Kind::Letters };
        let text = if kind == Kind::Number { number(&run) } else { run };
        let text = match text.char_indices().nth(limits::WORD_CHARS_MAX) {
            Some((end, _)) => text[..end].to_owned(),
            None => text,
        };
        self.words.push(Word { text, kind });
    }

    fn end_pairs(&mut self, run: &str) {
        let chars: Vec<char> = run.chars().collect();
        let pairs = chars.windows(2.min(chars.len()));
        self.words.extend(pairs.map(|pair| Word { text: pair.iter().collect(), kind: Kind::Pair }));
    }
}

/// A number with its thousands together and its decimals after a point: `1,000.5` and `1000.5` are the same.
fn number(run: &str) -> String {
    let whole = run.split('.').next().unwrap_or_default();
    let mut groups = whole.split(',');
    let first = groups.next().unwrap_or_default();
    let grouped = (1..=3).contains(&first.len()) && groups.clone().next().is_some() && groups.all(|g| g.len() == 3);
    if grouped { run.replace(',', "") } else { run.replace(',', ".") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_into_words() {
        let cases: [(&str, &[&str]); 22] = [
            ("", &[]),
            ("  \n.,;- ", &[]),
            ("The quick-brown fox_trot.", &["the", "quick", "brown", "fox", "trot"]),
            ("l\u{2019}eau d'Anna's qu'il", &["eau", "anna", "qu", "il"]),
            ("don't rock 'n' roll", &["don", "rock", "roll"]),
            ("IL-6 and p53, T4SS", &["il", "6", "and", "p53", "t4ss"]),
            ("1,000 1.000 3,5 3.5 1,000.50 12,34,567", &["1000", "1.000", "3.5", "3.5", "1000.50", "12.34.567"]),
            ("In 2024. Then 5, 6", &["in", "2024", "then", "5", "6"]),
            ("3.5kg v1.2.3beta", &["3.5", "kg", "v1", "2.3", "beta"]),
            ("example.com a@b.org", &["example", "com", "a", "b", "org"]),
            ("Größe ÉCOLE naïve", &["größe", "école", "naïve"]),
            ("ＦＵＬＬ ｗｉｄｔｈ １２", &["full", "width", "12"]),
            ("ﬁnance", &["finance"]),
            ("soft\u{ad}hyphen", &["softhyphen"]),
            ("東京都", &["東京", "京都"]),
            ("水", &["水"]),
            ("東京 2020年", &["東京", "2020", "年"]),
            ("カタカナとひらがな", &["カタ", "タカ", "カナ", "ナと", "とひ", "ひら", "らが", "がな"]),
            ("ｶﾞｽ", &["ガス"]),
            ("한국어 책", &["한국", "국어", "책"]),
            ("हिन्दी भाषा", &["हिन्दी", "भाषा"]),
            ("iPhone手机", &["iphone", "手机"]),
        ];
        for (text, expected) in cases {
            let found: Vec<String> = words(text).into_iter().map(|word| word.text).collect();
            assert_eq!(found, expected, "{text:?}");
        }
    }

    #[test]
    fn words_are_folded() {
        let cases = [
            ("école", "ecole"),
            ("größe", "grosse"),
            ("straße", "strasse"),
            ("œuvre", "oeuvre"),
            ("łódź", "lodz"),
            ("ёлка", "елка"),
            ("ガス", "ガス"),
            ("한국", "한국"),
            ("plain", "plain"),
            ("İ", "I"),
        ];
        for (word, folded) in cases {
            assert_eq!(fold(word), folded);
        }
    }

    #[test]
    fn a_word_has_a_bounded_length() {
        for text in ["a".repeat(5_000), "é".repeat(5_000), "1".repeat(5_000)] {
            let found = words(&text);
            assert_eq!(found.len(), 1);
            assert_eq!(found[0].text.chars().count(), limits::WORD_CHARS_MAX);
        }
    }
}
