//! Whether a sentence is borne out by the passages that it names. Without a model: its numbers, dates and names must
//! stand there, and enough of its other words. What words alone cannot decide is left to [`super::meaning`].

use std::collections::HashSet;

use super::{dates, language, numbers, words};
use crate::domain::answer::Reason;
use crate::domain::passage::Passage;
use crate::domain::question::Question;

/// The share of a sentence's words from which its passages bear it out whatever they mean together.
const WORDS_SHARE_SURE: f32 = 0.8;
/// Sentences of fewer words with a meaning of their own say too little to be checked by words.
const WORDS_MIN: usize = 4;
/// The share of capital words from which capitals are a manner of writing, as in titles, and no sign of names.
const CAPITALS_SHARE_MAX: f32 = 0.6;
/// The fewest words by which that manner can be told.
const CAPITALS_WORDS_MIN: usize = 4;

/// Years are taken over from a question without being checked; other numbers of its are not.
const YEARS: std::ops::RangeInclusive<u32> = 1900..=2099;
/// How words begin with which an answer speaks of its passages instead of from them, folded.
const ABOUT_PASSAGES: &[&str] = &[
    "passage", "document", "source", "context", "extrait", "inform", "provid", "mention", "contain", "answer",
    "question", "specif", "detail", "accord", "contien", "fourni", "precis", "repons", "indiqu", "selon",
];
/// How many of these name the passages themselves.
const THE_PASSAGES: usize = 5;

/// Words by which it says that they are silent.
const NEGATIONS: &[&str] =
    &["not", "no", "nothing", "cannot", "t", "neither", "none", "pas", "aucun", "aucune", "rien", "ni"];

/// What the passages and the question hold.
pub struct Evidence {
    passages: Vec<Held>,
    question: HashSet<String>,
    question_years: HashSet<String>,
    /// The first passage's own text, to tell their language.
    text: String,
    /// Whether that language writes every noun with a capital.
    capital_nouns: bool,
}

/// What one text holds.
struct Held {
    keys: HashSet<String>,
    numbers: HashSet<String>,
    dates: Vec<dates::Date>,
}

/// What words say of a sentence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    BorneOut,
    Unsupported(Reason),
    /// Nothing in it is wrong, but only this share of its words stands in its passages.
    Unclear(f32),
}

impl Held {
    fn of(text: &str) -> Held {
        Held {
            keys: words::keys(text),
            numbers: numbers::all(text),
            dates: dates::of(text).into_iter().flat_map(|date| date.readings).collect(),
        }
    }
}

impl Evidence {
    /// Reads the passages once.
    pub fn of(question: &Question, passages: &[Passage]) -> Evidence {
        let held = |passage: &Passage| {
            Held::of(&format!(
                "{}\n{}\n{}\n{}",
                passage.title,
                passage.file_name,
                passage.headings.join("\n"),
                passage.text
            ))
        };
        let text = passages.first().map(|passage| passage.text.clone()).unwrap_or_default();
        Evidence {
            passages: passages.iter().map(held).collect(),
            question: words::keys(question.text()),
            question_years: numbers::all(question.text()).into_iter().filter(|number| is_year(number)).collect(),
            capital_nouns: language::has_capital_nouns(&text),
            text,
        }
    }

    /// What words say of `sentence` resting on the passages at the indexes `named`, or on any where it names none.
    /// Without passages there is nothing to check by.
    pub fn judge(&self, sentence: &str, named: &[usize]) -> Verdict {
        if self.passages.is_empty() {
            return Verdict::BorneOut;
        }
        let held: Vec<&Held> = match named.is_empty() {
            true if says_that_they_are_silent(sentence) => return Verdict::BorneOut,
            true => self.passages.iter().collect(),
            false => named.iter().filter_map(|&index| self.passages.get(index)).collect(),
        };
        let said_dates = dates::of(sentence);
        if !said_dates.iter().all(|date| date.readings.iter().any(|date| self.has_date(&held, date))) {
            return Verdict::Unsupported(Reason::Date);
        }
        let rest = dates::without(sentence, &said_dates);
        let has_number = |number: &String| {
            self.question_years.contains(number) || held.iter().any(|held| held.numbers.contains(number))
        };
        if !numbers::of(&rest).iter().all(|readings| readings.iter().any(has_number)) {
            return Verdict::Unsupported(Reason::Number);
        }
        if language::differ(sentence, &self.text) {
            return Verdict::BorneOut;
        }
        let knows = |key: &String| held.iter().any(|held| held.keys.contains(key));
        let asked = |key: &String| self.question.contains(key);
        if !self.capital_nouns && !names(&rest).iter().all(|key| knows(key) || asked(key)) {
            return Verdict::Unsupported(Reason::Name);
        }
        // The question's own words say nothing for the answer, nor against it; numbers have been checked.
        let mut content = words::content(&rest);
        content.retain(|(word, key)| {
            !asked(key) && !key.contains(char::is_numeric) && !begins_with(&words::fold(word), ABOUT_PASSAGES)
        });
        if content.len() < WORDS_MIN || sentence.trim_end().ends_with(':') {
            return Verdict::BorneOut;
        }
        let share = content.iter().filter(|(_, key)| knows(key)).count() as f32 / content.len() as f32;
        if share >= WORDS_SHARE_SURE { Verdict::BorneOut } else { Verdict::Unclear(share) }
    }

    /// Whether one of the texts names the date, or the same day with the year elsewhere in it or in the question.
    fn has_date(&self, held: &[&Held], said: &dates::Date) -> bool {
        let has_year = |held: &Held, year: u32| {
            let year = year.to_string();
            held.numbers.contains(&year) || self.question_years.contains(&year)
        };
        held.iter().any(|held| held.dates.iter().any(|known| known.allows(said, |year| has_year(held, year))))
    }
}

fn is_year(number: &str) -> bool {
    number.parse().is_ok_and(|number| YEARS.contains(&number))
}

/// Whether `sentence` says that the passages say nothing: there is nothing to check in that.
fn says_that_they_are_silent(sentence: &str) -> bool {
    let all: Vec<String> = sentence.split(|c: char| !c.is_alphanumeric()).map(words::fold).collect();
    all.iter().any(|word| NEGATIONS.contains(&word.as_str()))
        && all.iter().any(|word| begins_with(word, &ABOUT_PASSAGES[..THE_PASSAGES]))
}

fn begins_with(folded: &str, beginnings: &[&str]) -> bool {
    beginnings.iter().any(|beginning| folded.starts_with(beginning))
}

/// The words that are names by their capital, in a form to compare: none that begins a sentence or a quotation, and
/// none where capitals are nothing special.
fn names(sentence: &str) -> Vec<String> {
    let mut found = Vec::new();
    let (mut begins, mut inner) = (true, 0);
    for word in sentence.split_whitespace() {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        let capital = bare.chars().next().is_some_and(char::is_uppercase);
        if !begins && bare.chars().next().is_some_and(char::is_alphabetic) {
            inner += 1;
            if capital && bare.chars().count() > 1 {
                found.extend(words::content(bare).into_iter().map(|(_, key)| key));
            }
        }
        begins = bare.is_empty() && begins
            || word.ends_with(['.', ':', '!', '?', '"'])
            || word.starts_with(['"', '“', '«', '*']);
    }
    if inner >= CAPITALS_WORDS_MIN && found.len() as f32 >= CAPITALS_SHARE_MAX * inner as f32 {
        found.clear();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::tests::passage;

    fn check(passage_text: &str, sentence: &str, expected: Verdict) {
        let question = Question::parse("What did Acme pay in 2024?").expect("a question");
        let evidence =
            Evidence::of(&question, &[passage(1, None, passage_text), passage(2, None, "Zinc melts at 420 degrees.")]);
        assert_eq!(evidence.judge(sentence, &[0]), expected, "{sentence:?} by {passage_text:?}");
    }

    #[test]
    fn numbers_dates_names_and_words_must_stand_there() {
        use Reason::{Date, Name, Number};
        use Verdict::{BorneOut, Unclear, Unsupported};
        let paid = "The company Acme paid 1,200 euros to Ada Lovelace for the translation of the notes.";
        for (passage, sentence, expected) in [
            (paid, "Acme paid Ada Lovelace 1200 euros.", BorneOut),
            (paid, "Acme paid 1 200 euros for the notes in 2024.", BorneOut),
            (paid, "Acme paid 1,300 euros.", Unsupported(Number)),
            (paid, "Acme paid Charles Babbage 1,200 euros.", Unsupported(Name)),
            (paid, "Zinc melts at 420 degrees.", Unsupported(Number)),
            (paid, "Bananas grow well under tropical sunshine everywhere.", Unclear(0.0)),
            (paid, "The firm gave Ada Lovelace money for her translation.", Unclear(0.5)),
            (paid, "The company gave money, bananas, grain, silver.", Unclear(1.0 / 6.0)),
            (paid, "Yes.", BorneOut),
            (paid, "", BorneOut),
            (paid, "2. Acme paid 1,200 euros.", BorneOut),
            (paid, "Acme paid 3,000 euros for that.", Unsupported(Number)),
            (paid, "Here is what bananas, apples and pears did:", BorneOut),
            ("The fee is 3.5 percent, from 07 May.", "It is 3.5 percent from 7 May.", BorneOut),
            ("The fee is 3.5 percent.", "The fee is 35 percent.", Unsupported(Number)),
            ("Five days of leave, from 2024-05-07.", "From 7 May 2024 it is 5 days.", BorneOut),
            ("Five days of leave, from 2024-05-07.", "From 7 June 2024 it is 5 days.", Unsupported(Date)),
            ("Cinq jours dès le 7 mai 2024.", "Le congé commence le 7 juin 2024.", Unsupported(Date)),
            ("No boat goes faster than five knots.", "No boat goes faster than six knots.", Unsupported(Number)),
        ] {
            check(passage, sentence, expected);
        }
    }

    #[test]
    fn nothing_is_checked_where_nothing_was_shown() {
        let question = Question::parse("Who won in 1998?").expect("a question");
        assert_eq!(Evidence::of(&question, &[]).judge("France won by 3 to 0 against Brazil.", &[]), Verdict::BorneOut);
    }

    #[test]
    fn silence_cannot_be_checked() {
        let question = Question::parse("Did Banana pay 3,000 euros?").expect("a question");
        let evidence = Evidence::of(&question, &[passage(1, None, "Acme paid.")]);
        for (sentence, expected) in [
            ("The passages do not say whether 3,000 euros were paid.", Verdict::BorneOut),
            ("Les extraits n’indiquent pas si 3 000 euros ont été payés.", Verdict::BorneOut),
            ("Banana did not pay 3,000 euros.", Verdict::Unsupported(Reason::Number)),
        ] {
            assert_eq!(evidence.judge(sentence, &[]), expected, "{sentence:?}");
        }
    }

    #[test]
    fn german_nouns_are_no_names() {
        let antrag = "Der Antrag auf Urlaub wird von der Leitung geprüft und dann im Kalender der Abteilung vermerkt.";
        check(antrag, "Über den Antrag entscheidet die Chefin im Büro.", Verdict::Unclear(0.25));
    }

    #[test]
    fn capitals_are_names_only_where_they_are_rare() {
        for (sentence, expected) in [
            ("Ask Ada Lovelace about it.", &["ada", "lovelac"][..]),
            ("Lovelace is asked.", &[]),
            ("Benefits Offered by Northwind Health Plus", &[]),
        ] {
            assert_eq!(names(sentence), expected, "{sentence:?}");
        }
    }
}
