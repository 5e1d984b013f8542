//! How much of what a question asks about a text speaks of.

use std::collections::HashSet;

use super::language::{Language, PLAIN};
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
    let commonest = statistics.languages.first().copied().unwrap_or(PLAIN);
    let share = |text: &&str| {
        let held = Held::of(text, Language::of(text).unwrap_or(commonest));
        let covered = asked.iter().zip(&weights).filter(|(asked, _)| held.holds(asked));
        let covered: f32 = covered.map(|(_, weight)| weight).sum();
        if all > 0.0 { (covered / all).clamp(0.0, 1.0) } else { 0.0 }
    };
    Ok(texts.iter().map(share).collect())
}

/// The words of a text, as they stand there and as terms of its language.
struct Held {
    language: Language,
    words: HashSet<String>,
    terms: HashSet<String>,
}

impl Held {
    fn of(text: &str, language: Language) -> Held {
        let words = words(text);
        Held {
            terms: words.iter().map(|word| language.term(word)).collect(),
            words: words.iter().map(|word| fold(&word.text).into_owned()).collect(),
            language,
        }
    }

    fn holds(&self, asked: &Asked) -> bool {
        self.words.contains(&*fold(&asked.word.text)) || self.terms.contains(&self.language.term(&asked.word))
    }
}
