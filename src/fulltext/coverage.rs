//! How much of what a question asks about a text speaks of.

use std::collections::HashSet;

use super::language::Language;
use super::question::Asked;
use super::scope::{Statistics, View};
use super::score;
use super::words::{fold, words};
use crate::limits;

/// For each text, the share of the question's weight in words that it holds, 0 to 1; 0 if nothing is asked.
///
/// A word that no document holds weighs most of all: it is evidence that the documents do not speak of it.
pub fn shares(view: &View, statistics: &Statistics, asked: &[Asked], texts: &[&str]) -> tantivy::Result<Vec<f32>> {
    let asked = &asked[..asked.len().min(limits::QUESTION_WORDS_READ_MAX)];
    let mut weights = Vec::with_capacity(asked.len());
    for asked in asked {
        let containing = score::containing(view, &asked.terms(&statistics.languages))?;
        weights.push(score::idf(containing, statistics.documents));
    }
    let all: f32 = weights.iter().sum();
    let languages = &statistics.languages[..statistics.languages.len().min(limits::COVERAGE_LANGUAGES_MAX)];
    let share = |text: &&str| {
        let held = Held::of(text, languages);
        let covered = asked.iter().zip(&weights).filter(|(asked, _)| held.holds(asked));
        let covered: f32 = covered.map(|(_, weight)| weight).sum();
        if all > 0.0 { (covered / all).clamp(0.0, 1.0) } else { 0.0 }
    };
    Ok(texts.iter().map(share).collect())
}

/// The words of a text, as they stand there and as terms of the languages that it may be in: to tell which one it is
/// would take longer than to try those that the documents are in.
struct Held<'a> {
    languages: &'a [Language],
    words: HashSet<String>,
    terms: HashSet<String>,
}

impl Held<'_> {
    fn of<'a>(text: &str, languages: &'a [Language]) -> Held<'a> {
        let words = words(text);
        Held {
            terms: words.iter().flat_map(|word| languages.iter().map(|language| language.term(word))).collect(),
            words: words.iter().map(|word| fold(&word.text).into_owned()).collect(),
            languages,
        }
    }

    fn holds(&self, asked: &Asked) -> bool {
        self.words.contains(&*fold(&asked.word.text))
            || self.languages.iter().any(|language| self.terms.contains(&language.term(&asked.word)))
    }
}
