//! Whether a sentence is borne out by the passages that it names. Without a model: numbers and names must stand
//! there, and enough of its other words.

use std::collections::HashSet;

use super::{language, words};
use crate::domain::passage::Passage;
use crate::domain::question::Question;

/// The share of a sentence's words that its passages must hold, where both are in one language.
///
/// Half: a faithful sentence is mostly made of its passage's words, and one about something else is not.
const WORDS_SHARE_MIN: f32 = 0.5;
/// Sentences of fewer words with a meaning of their own say too little to be checked by words.
const WORDS_MIN: usize = 4;

/// What the passages and the question hold.
pub struct Evidence {
    passages: Vec<Held>,
    question: HashSet<String>,
    /// The passages' own text, to tell their language.
    text: String,
}

/// What one passage holds.
struct Held {
    keys: HashSet<String>,
    numbers: HashSet<String>,
}

impl Evidence {
    /// Reads the passages once.
    pub fn of(question: &Question, passages: &[Passage]) -> Evidence {
        let held = |passage: &Passage| {
            let text =
                format!("{}\n{}\n{}\n{}", passage.title, passage.file_name, passage.headings.join("\n"), passage.text);
            Held { keys: words::keys(&text), numbers: numbers(&text) }
        };
        Evidence {
            passages: passages.iter().map(held).collect(),
            question: words::content(question.text()).into_iter().map(|(_, key)| key).collect(),
            text: passages.first().map(|passage| passage.text.clone()).unwrap_or_default(),
        }
    }

    /// Whether `sentence` can rest on the passages at the indexes `named`, or on any where it names none.
    pub fn bears_out(&self, sentence: &str, named: &[usize]) -> bool {
        let held: Vec<&Held> = match named.is_empty() {
            true => self.passages.iter().collect(),
            false => named.iter().filter_map(|&index| self.passages.get(index)).collect(),
        };
        let knows = |key: &String| self.question.contains(key) || held.iter().any(|held| held.keys.contains(key));
        let is_there =
            |number: &String| self.question.contains(number) || held.iter().any(|held| held.numbers.contains(number));
        let content = words::content(sentence);
        if !numbers(sentence).iter().all(is_there) {
            return false;
        }
        let foreign = language::differ(sentence, &self.text);
        if !foreign && !names(sentence).iter().all(knows) {
            return false;
        }
        let known = content.iter().filter(|(_, key)| knows(key)).count();
        foreign || content.len() < WORDS_MIN || known as f32 >= WORDS_SHARE_MIN * content.len() as f32
    }
}

/// The numbers of a text, each in one form: `1,200`, `1 200` and `1200` are the same, and so are `07` and `7`.
fn numbers(text: &str) -> HashSet<String> {
    let mut found = HashSet::new();
    let chars: Vec<char> = list_numbers_removed(text).chars().collect();
    let mut at = 0;
    while at < chars.len() {
        if !chars[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let mut number = String::new();
        while at < chars.len() {
            let three = |from: usize| {
                chars.get(from..from + 3).is_some_and(|three| three.iter().all(char::is_ascii_digit))
                    && !chars.get(from + 3).is_some_and(char::is_ascii_digit)
            };
            match chars[at] {
                digit if digit.is_ascii_digit() => number.push(digit),
                ',' | '\'' | '\u{202f}' | '\u{a0}' | ' ' if three(at + 1) => {}
                '.' | ',' if chars.get(at + 1).is_some_and(char::is_ascii_digit) => number.push('.'),
                _ => break,
            }
            at += 1;
        }
        let plain = number.trim_start_matches('0');
        found.insert(if plain.is_empty() { "0".to_owned() } else { plain.to_owned() });
    }
    found
}

/// `text` without the number that a list item begins with: it counts the answer's own items.
fn list_numbers_removed(text: &str) -> &str {
    let text = text.trim_start();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let rest = &text[digits..];
    if (1..=2).contains(&digits) && (rest.starts_with(". ") || rest.starts_with(") ")) { &rest[2..] } else { text }
}

/// The words that are names by their capital: not the first, and not all in capitals' company at a sentence's start.
fn names(sentence: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut begins = true;
    for word in sentence.split_whitespace() {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        let is_name = bare.chars().next().is_some_and(char::is_uppercase) && bare.chars().count() > 2;
        if is_name && !begins {
            found.extend(words::content(bare).into_iter().map(|(_, key)| key));
        }
        begins = bare.is_empty() && begins
            || word.ends_with(['.', ':', '!', '?', '"'])
            || word.starts_with(['"', '“', '«', '*']);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::tests::passage;

    fn check(passage_text: &str, sentence: &str, expected: bool) {
        let question = Question::parse("What did Acme pay in 2024?").expect("a question");
        let evidence =
            Evidence::of(&question, &[passage(1, None, passage_text), passage(2, None, "Zinc melts at 420 degrees.")]);
        assert_eq!(evidence.bears_out(sentence, &[0]), expected, "{sentence:?} by {passage_text:?}");
    }

    #[test]
    fn numbers_names_and_words_must_stand_there() {
        let paid = "The company Acme paid 1,200 euros to Ada Lovelace for the translation of the notes.";
        check(paid, "Acme paid Ada Lovelace 1200 euros.", true);
        check(paid, "Acme paid 1 200 euros for the notes in 2024.", true);
        check(paid, "Acme paid 1,300 euros.", false);
        check(paid, "Acme paid Charles Babbage 1,200 euros.", false);
        check(paid, "Zinc melts at 420 degrees.", false);
        check(paid, "Bananas grow well under tropical sunshine everywhere.", false);
        check(paid, "Yes.", true);
        check(paid, "", true);
        check(paid, "2. Acme paid 1,200 euros.", true);
        check("The fee is 3.5 percent, from 07 May.", "It is 3.5 percent from 7 May.", true);
        check("The fee is 3.5 percent.", "The fee is 35 percent.", false);
    }
}
