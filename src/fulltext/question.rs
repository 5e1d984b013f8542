//! A question as the terms to be looked for. Never a query language: every character of it is text.

use super::language::Language;
use super::scope::Statistics;
use super::words::{Word, words};

/// A word of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub word: Word,
    /// How often the question says it.
    pub times: u32,
}

impl Asked {
    /// The terms of the word in the languages of the documents. A document has one language, so at most one of them.
    pub fn terms(&self, languages: &[Language]) -> Vec<String> {
        let mut terms: Vec<String> = languages.iter().map(|language| language.term(&self.word)).collect();
        terms.sort_unstable();
        terms.dedup();
        terms
    }
}

/// The distinct words of `question` in order, without the stop words of its language unless it has no others.
pub fn asked(question: &str, statistics: &Statistics) -> Vec<Asked> {
    let language = Language::of_question(question, &statistics.languages);
    let all = words(question);
    let telling: Vec<Word> = all.iter().filter(|word| !language.is_stop_word(word)).cloned().collect();
    let mut asked: Vec<Asked> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for word in if telling.is_empty() { all } else { telling } {
        // Two forms of a word are one: they would find the same documents twice.
        let place = *places.entry(language.term(&word)).or_insert(asked.len());
        match asked.get_mut(place) {
            Some(known) => known.times += 1,
            None => asked.push(Asked { word, times: 1 }),
        }
    }
    asked
}
