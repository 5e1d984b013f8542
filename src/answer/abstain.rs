//! When the documents do not answer, and how that is said.

use super::citation;
use super::language::Language;
use super::quoted;
use crate::domain::answer::{Finish, Piece};
use crate::domain::passage::Passage;
use crate::domain::question::Question;

/// What the cosine similarity of a passage to the question weighs in the rule.
const SIMILARITY_WEIGHT: f32 = 1.0;
/// What the idf-weighted share of the question's words that it holds weighs.
const COVERAGE_WEIGHT: f32 = 1.0;
/// What both together must reach.
///
/// Fitted with all-MiniLM-L6-v2 on chunks of 150 tokens, each question's best 8. At 0.95, refused were: of 100 questions
/// about six business documents 2 (3 at 1.05); of 400 SQuAD questions asked of those documents 99.5 %; of 22 that must be
/// refused 15, the others having an answer but for one; of 800 SQuAD questions asked of the paragraphs they were written
/// from 4.5 %, and 88.8 % with the articles they are about left out. Between 0.90 and 1.05 none of the first three
/// changes by more than one question, so the threshold stands in the middle of that. A weight of 0 for the words would
/// refuse the business questions no less and 29 % of the 800: short questions need their words counted.
const SUPPORT_MIN: f32 = 0.95;
/// Passages named in a refusal.
const NEAREST_MAX: usize = 3;

/// Whether at least one passage speaks of what was asked: its meaning is near, and the more of the question's own
/// words it holds, the less near it needs to be.
pub fn supported(passages: &[Passage]) -> bool {
    passages.iter().any(|passage| support(passage) >= SUPPORT_MIN)
}

fn support(passage: &Passage) -> f32 {
    SIMILARITY_WEIGHT * passage.similarity + COVERAGE_WEIGHT * passage.coverage
}

/// A refusal in the question's language, naming where the nearest passages are.
pub fn refusal(question: &Question, passages: &[Passage], model: String) -> Vec<Piece> {
    let texts = Language::of(question.text()).texts();
    let mut labels: Vec<String> = Vec::new();
    for passage in passages {
        let label = citation::of(0, passage).label();
        if labels.len() < NEAREST_MAX && !labels.contains(&label) {
            labels.push(label);
        }
    }
    let mut text = texts.refusal.trim_end().to_owned();
    if !labels.is_empty() {
        text.push_str(&format!("\n\n{}\n", texts.nearest.trim_end()));
        labels.iter().for_each(|label| text.push_str(&format!("\n- {label}")));
    }
    vec![Piece::Text(text), quoted(Finish::Refused, model)]
}
