//! What words alone cannot decide of a sentence: its meaning is compared with that of its passages' own sentences.

use super::{sentence, words};
use crate::domain::answer::{Doubt, Reason};
use crate::domain::extract::Span;
use crate::domain::passage::Passage;
use crate::inference::{Embedder, InferenceError, Urgency};
use crate::limits;

/// What the nearest meaning weighs beside the share of words.
const MEANING_WEIGHT: f32 = 0.5;
/// What both together must reach.
///
/// Chosen with all-MiniLM-L6-v2 on 258 sentences of answers about six business documents, each with the pages that its
/// answer cites: 88 % pass, and 25 % of the same sentences put against another page of the same document, 21 % against
/// another document's. Words alone let 31 % and 28 % of those pass where they keep as many of the others.
const SUPPORT_MIN: f32 = 0.7;
/// The share of words from which it is the meaning that is missing.
const WORDS_SHARE_HALF: f32 = 0.5;

/// A sentence of an answer on which words were not enough.
#[derive(Clone, Debug, PartialEq)]
pub struct Open {
    pub span: Span,
    pub text: String,
    /// The passages that it names, by index; none means any.
    pub named: Vec<usize>,
    /// The share of its words that its passages hold.
    pub share: f32,
}

/// The sentences among `open` that no sentence of their passages comes near. Each costs one request to the embedder;
/// without one, from the first that fails on, and beyond [`limits::SENTENCES_COMPARED_MAX`], their words alone decide.
pub async fn doubts(embedder: Option<&Embedder>, passages: &[Passage], open: Vec<Open>) -> Vec<Doubt> {
    let parts: Vec<Vec<String>> = passages.iter().map(|passage| sentences(&passage.text)).collect();
    let (mut doubts, mut asked) = (Vec::new(), embedder);
    for (at, open) in open.into_iter().enumerate() {
        let near = match asked.filter(|_| at < limits::SENTENCES_COMPARED_MAX) {
            Some(embedder) => nearest(embedder, &open, &parts).await,
            None => Ok(None),
        };
        let near = near.unwrap_or_else(|error| {
            tracing::warn!(%error, "sentences of an answer are checked by their words alone");
            asked = None;
            None
        });
        doubts.extend(verdict(open.share, near).map(|reason| Doubt { span: open.span, reason }));
    }
    doubts
}

/// What is missing of a sentence with this share of words and this nearest meaning, if anything.
fn verdict(share: f32, near: Option<f32>) -> Option<Reason> {
    let half = share >= WORDS_SHARE_HALF;
    if near.map_or(half, |near| share + MEANING_WEIGHT * near >= SUPPORT_MIN) {
        return None;
    }
    Some(if half { Reason::Meaning } else { Reason::Words })
}

/// How near the nearest sentence of the passages comes to `open`, 0 to 1; `None` where there is none.
async fn nearest(embedder: &Embedder, open: &Open, parts: &[Vec<String>]) -> Result<Option<f32>, InferenceError> {
    let is_named = |index: usize| open.named.is_empty() || open.named.contains(&index);
    let mut candidates: Vec<&String> =
        parts.iter().enumerate().filter(|(index, _)| is_named(*index)).flat_map(|(_, parts)| parts).collect();
    // Those that share its words are the likeliest to come near; the sort keeps the others in reading order.
    let wanted = words::keys(&open.text);
    candidates.sort_by_cached_key(|text| std::cmp::Reverse(wanted.intersection(&words::keys(text)).count()));
    candidates.truncate(limits::QUOTE_CANDIDATES_MAX - 1);
    let texts = std::iter::once(&open.text).chain(candidates).cloned().collect();
    let vectors = embedder.embed_passages(texts, Urgency::Question).await?;
    let Some((said, vectors)) = vectors.split_first() else { return Ok(None) };
    let cosines = vectors.iter().map(|vector| said.iter().zip(vector).map(|(a, b)| a * b).sum::<f32>());
    Ok(cosines.reduce(f32::max).map(|near| near.max(0.0)))
}

/// The sentences of `text`, and each two that follow one another: an answer often joins them.
fn sentences(text: &str) -> Vec<String> {
    let single: Vec<String> = sentence::split(text)
        .into_iter()
        .map(|found| sentence::shown(found.span.of(text), found.kind))
        .filter(|text| !text.is_empty())
        .collect();
    let pairs = single.windows(2).map(|two| two.join(" "));
    single.iter().cloned().chain(pairs).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_meaning_help_each_other() {
        for (share, near, expected) in [
            (0.7, Some(0.5), None),
            (0.4, Some(0.7), None),
            (0.3, Some(0.7), Some(Reason::Words)),
            (0.6, Some(0.1), Some(Reason::Meaning)),
            (0.5, None, None),
            (0.4, None, Some(Reason::Words)),
        ] {
            assert_eq!(verdict(share, near), expected, "{share} {near:?}");
        }
    }

    #[test]
    fn two_sentences_are_also_read_as_one() {
        assert_eq!(sentences("One.\n\n- Two.\n- Three."), ["One.", "Two.", "Three.", "One. Two.", "Two. Three."]);
        assert_eq!(sentences(""), Vec::<String>::new());
    }
}
