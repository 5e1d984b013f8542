//! When the documents do not answer, and how that is said.

use super::language::Language;
use crate::domain::answer::Piece;
use crate::domain::passage::Passage;
use crate::domain::question::Question;

/// What the cosine similarity of a passage to the question weighs in the rule.
const SIMILARITY_WEIGHT: f32 = 1.0;
/// What the idf-weighted share of the question's words that it holds weighs.
const COVERAGE_WEIGHT: f32 = 1.0;
/// What both together must reach.
///
/// Chosen with all-MiniLM-L6-v2 on 100 questions about six business documents (2 refused; 1 at 0.85, 5 at 1.1), 400
/// SQuAD questions asked of those documents (99.3 % refused, from 0.85 to 1.1), and 22 that must be refused (15 are;
/// six of the others have an answer, and one does not: "Is there a plan with no deductible?"). On sets that had no part
/// in the choice: of HotpotQA's 100 questions over their 994 passages 6 % are refused, and 94 % of 250 questions about
/// something else; of 300 SQuAD questions asked of 20 articles that answer them 5 %, and 93 % of 350 about something
/// else; of 200 German XQuAD questions 27 % and 99.5 %, since the model knows little German. Either weight alone tells
/// answerable questions less well from others: 0.95 of the SQuAD pairs in the right order by similarity, 0.96 by words,
/// 0.98 by both.
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
pub fn refusal(question: &Question, passages: &[Passage]) -> Vec<Piece> {
    let texts = Language::of(question.text()).texts();
    let mut labels: Vec<String> = Vec::new();
    for passage in passages {
        let label = passage.label();
        if labels.len() < NEAREST_MAX && !labels.contains(&label) {
            labels.push(label);
        }
    }
    let mut text = texts.refusal.trim_end().to_owned();
    if !labels.is_empty() {
        text.push_str(&format!("\n\n{}\n", texts.nearest.trim_end()));
        labels.iter().for_each(|label| text.push_str(&format!("\n- {label}")));
    }
    vec![Piece::Text(text)]
}
