//! Cuts texts into words as a pre-tokenizer says.

use super::pretokens::{Cut, Row};
use fancy_regex::Regex;
use unicode_normalization::char::is_combining_mark;

/// A pre-tokenizer at work.
pub(super) struct Splitter {
    cuts: Vec<(Cut, Regex)>,
}

impl Splitter {
    pub(super) fn new(row: &Row) -> Splitter {
        let compiled =
            |cut: &Cut| (*cut, Regex::new(cut.pattern()).expect("the patterns of the table are well formed"));
        Splitter { cuts: row.cuts.iter().map(compiled).collect() }
    }

    /// Hands every word of `text` to `found`, from left to right; together they are the text.
    pub(super) fn words<'t>(&self, text: &'t str, found: &mut dyn FnMut(&'t str)) {
        split(&self.cuts, text, found);
    }
}

impl Cut {
    fn pattern(self) -> &'static str {
        match self {
            Cut::Each(pattern)
            | Cut::Words(pattern)
            | Cut::Lines(pattern)
            | Cut::Powers(pattern)
            | Cut::Thousands(pattern)
            | Cut::FreeThousands(pattern) => pattern,
        }
    }

    /// What of the match `word` is kept with `rest` after it.
    fn kept<'t>(self, word: &'t str, rest: &str) -> &'t str {
        match word.char_indices().next_back() {
            Some((before, last)) if before > 0 && !rest.is_empty() && self.leaves(last) => &word[..before],
            _ => word,
        }
    }

    /// Whether a match that ends in `last` leaves it to what follows.
    fn leaves(self, last: char) -> bool {
        match self {
            Cut::Each(_) | Cut::Thousands(_) | Cut::FreeThousands(_) => false,
            Cut::Words(_) => last.is_whitespace(),
            Cut::Lines(_) | Cut::Powers(_) => last.is_whitespace() && last != '\r' && last != '\n',
        }
    }
}

/// Cuts `piece` by the first of `cuts`, and what comes of it by the others.
fn split<'t>(cuts: &[(Cut, Regex)], piece: &'t str, found: &mut dyn FnMut(&'t str)) {
    let Some(((cut, pattern), others)) = cuts.split_first() else { return found(piece) };
    // What lies behind `begin` has not been handed on, what lies behind `at` not been looked at.
    let (mut begin, mut at) = (0, 0);
    while let Some(matched) = pattern.find_from_pos(piece, at).expect("patterns without look-around always finish") {
        let word = cut.kept(matched.as_str(), &piece[matched.end()..]);
        at = matched.start() + word.len();
        if matches!(cut, Cut::FreeThousands(_)) && piece[at..].starts_with(goes_on) {
            continue;
        }
        if matched.start() > begin {
            split(others, &piece[begin..matched.start()], found);
        }
        begin = at;
        match cut {
            Cut::Powers(_) => powers(word, &mut |part| split(others, part, found)),
            Cut::Thousands(_) | Cut::FreeThousands(_) => thousands(word, &mut |part| split(others, part, found)),
            Cut::Each(_) | Cut::Words(_) | Cut::Lines(_) => split(others, word, found),
        }
    }
    if begin < piece.len() {
        split(others, &piece[begin..], found);
    }
}

/// Whether a word that goes on with `next` has not ended before it.
fn goes_on(next: char) -> bool {
    next.is_alphanumeric() || next == '_' || is_combining_mark(next)
}

/// Cuts white space that ends in no line end into runs of 512, 256 and so on down to 1; anything else stays whole.
fn powers<'t>(word: &'t str, found: &mut dyn FnMut(&'t str)) {
    if !word.ends_with(|last: char| Cut::Powers("").leaves(last)) {
        return found(word);
    }
    let (mut rest, mut left) = (word, word.chars().count());
    while left > 0 {
        let run = (1usize << left.ilog2()).min(512);
        let end = rest.char_indices().nth(run).map_or(rest.len(), |(at, _)| at);
        found(&rest[..end]);
        rest = &rest[end..];
        left -= run;
    }
}

/// Cuts digits in threes from the right.
fn thousands<'t>(digits: &'t str, found: &mut dyn FnMut(&'t str)) {
    let count = digits.chars().count();
    let mut begin = 0;
    for (index, (at, _)) in digits.char_indices().enumerate() {
        if at > begin && (count - index).is_multiple_of(3) {
            found(&digits[begin..at]);
            begin = at;
        }
    }
    found(&digits[begin..]);
}

#[cfg(test)]
mod tests {
    use super::Splitter;
    use crate::inference::vocabulary::pretokens::{ROWS, row};

    /// `text` under the pre-tokenizer `name`.
    fn check(name: &str, text: &str, expected: &[&str]) {
        let mut words = Vec::new();
        Splitter::new(row(Some(name)).expect("a known name")).words(text, &mut |word| words.push(word));
        assert_eq!(words, expected, "{name}: {text:?}");
    }

    #[test]
    fn words_are_cut_as_the_models_were_taught() {
        check("gpt-2", "I've  12345 cats!\n\nOh", &["I", "'ve", " ", " 12345", " cats", "!", "\n", "\n", "Oh"]);
        check("gpt-2", "x \t\n", &["x", " \t\n"]);
        check("llama-bpe", "I'VE 12345\n\n  x(y)", &["I", "'VE", " ", "123", "45", "\n\n", " ", " x", "(y", ")"]);
        check("llama-bpe", "a \n \n  b", &["a", " \n \n", " ", " b"]);
        check("qwen2", "in 2024, ok!\n\n", &["in", " ", "2", "0", "2", "4", ",", " ok", "!\n\n"]);
        check("qwen35", "e\u{301}a 1", &["e\u{301}a", " ", "1"]);
        check("gpt-4o", "helloWorld's USAid/\n", &["hello", "World's", " USAid", "/\n"]);
        check("tekken", "ÉCOLEaÉ 12", &["ÉCOLEa", "É", " ", "1", "2"]);
        check("starcoder", "a 12 b", &["a", " ", "1", "2", " b"]);
        check("falcon", "12345, a$", &["123", "45", ",", " a", "$"]);
        check("default", "12345", &["123", "45"]);
        check("deepseek-llm", "Ab  cd\n中文12 !?", &["Ab", " ", " cd", "\n", "中文", "12", " !?"]);
        check("deepseek-coder", "x 12\r\n", &["x", " ", "1", "2", "\r", "\n"]);
        check("deepseek-v3", "1234中文(ab)\u{0}", &["123", "4", "中文", "(ab", ")", "\u{0}"]);
        check("bloom", "a b, c", &["a", " b", ",", " c"]);
        check("exaone-moe", "a b c1", &["a b c", "1"]);
        check("kimi-k2", "中文Ab", &["中文", "Ab"]);
        check("jais-2", &" ".repeat(12), &["        ", "    "]);
        check("jais-2", "        x", &["    ", "  ", " ", " x"]);
        check("tiny_aya", "1234567 1234a 12", &["1", "234", "567", " ", "123", "4", "a", " ", "12"]);
        check("superbpe", "a b 1234567", &["a b ", "1", "234", "567"]);
        check("laguna", "a\n\nb", &["a", "\n\n", "b"]);
        check("gemma4", "a▁b\n\nc", &["a▁b", "\n\n", "c"]);
    }

    #[test]
    fn no_text_is_too_long_for_any_of_them() {
        let long = 20_000;
        let texts = ["a", "A", " ", "\n", " \n", "7", "७", "<", "'", "é", "中A", "🦙", "\u{FFFD}", "\u{0}"];
        let mut texts: Vec<String> = texts.iter().map(|text| text.repeat(long)).collect();
        texts.extend(texts.clone().iter().map(|text| text.clone() + "\u{0}"));
        for row in ROWS {
            let splitter = Splitter::new(row);
            for text in texts.iter().map(String::as_str).chain([""]) {
                let mut together = String::new();
                splitter.words(text, &mut |word| {
                    assert!(!word.is_empty(), "{}", row.names[0]);
                    together.push_str(word);
                });
                assert_eq!(together, text, "{}", row.names[0]);
            }
        }
    }
}
