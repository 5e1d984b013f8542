//! The words of a text that carry its meaning, in a form in which they can be compared.
//!
//! Good enough to see whether one sentence speaks of what another does. It is not the search engine's analysis: no
//! weights, no dictionary, and endings are cut by length alone, so that it behaves alike in every language.

use std::collections::HashSet;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;
use unicode_segmentation::UnicodeSegmentation as _;

/// Words that say nothing about a subject, in the languages that the appliance speaks, without accents.
const EMPTY: &[&str] = &[
    "a", "an", "the", "and", "or", "but", "of", "in", "on", "at", "by", "for", "with", "to", "from", "as", "is", "are",
    "was", "were", "be", "been", "being", "do", "does", "did", "has", "have", "had", "can", "could", "will", "would",
    "shall", "should", "may", "might", "must", "i", "you", "he", "she", "it", "we", "they", "me", "him", "her", "us",
    "them", "my", "your", "his", "its", "our", "their", "this", "that", "these", "those", "there", "here", "what",
    "which", "who", "whom", "whose", "when", "where", "why", "how", "if", "then", "than", "not", "no", "so", "about",
    "into", "any", "some", "also", "le", "la", "les", "un", "une", "des", "du", "de", "et", "ou", "mais", "dans",
    "sur", "pour", "par", "avec", "sans", "est", "sont", "etait", "etre", "ai", "as", "a", "avons", "avez", "ont",
    "je", "tu", "il", "elle", "on", "nous", "vous", "ils", "elles", "me", "te", "se", "mon", "ton", "son", "ma", "ta",
    "sa", "mes", "tes", "ses", "notre", "votre", "leur", "leurs", "ce", "cet", "cette", "ces", "cela", "ca", "qui",
    "que", "quoi", "quel", "quelle", "quels", "quelles", "quand", "comment", "combien", "pourquoi", "si", "ne", "pas",
    "plus", "au", "aux", "en", "y", "l", "d", "c", "s", "n", "j", "m", "t", "qu",
];

/// The words of `text` as it writes them, each with its comparable form; words without a meaning of their own left out.
pub fn content(text: &str) -> Vec<(&str, String)> {
    let words = text.unicode_words().flat_map(|word| word.split(['\'', '\u{2019}'])).filter(|word| !word.is_empty());
    words
        .map(|word| (word, fold(word)))
        .filter(|(_, folded)| !is_empty(folded))
        .map(|(word, folded)| (word, stem(folded)))
        .collect()
}

/// The comparable forms of `text`'s words.
pub fn keys(text: &str) -> HashSet<String> {
    content(text).into_iter().map(|(_, key)| key).collect()
}

/// The share of `wanted` that `found` holds, 0 to 1; 0 of nothing.
pub fn share(wanted: &HashSet<String>, found: &HashSet<String>) -> f32 {
    if wanted.is_empty() {
        return 0.0;
    }
    wanted.intersection(found).count() as f32 / wanted.len() as f32
}

/// How much of either is in both, 0 to 1.
pub fn likeness(one: &HashSet<String>, other: &HashSet<String>) -> f32 {
    let both = one.intersection(other).count();
    both as f32 / (one.len() + other.len() - both).max(1) as f32
}

/// Lower case without accents.
pub fn fold(word: &str) -> String {
    word.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase).collect()
}

/// Whether a folded word has no meaning of its own.
pub fn is_empty(folded: &str) -> bool {
    EMPTY.contains(&folded)
}

/// A folded word without its ending: `covers`, `covered` and `coverage` meet in `cover`; numbers stay whole.
fn stem(mut folded: String) -> String {
    const ENDINGS: &[&str] = &[
        "ations", "ation", "ements", "ement", "ments", "ment", "ingly", "edly", "ings", "ing", "ages", "age", "ies",
        "ers", "er", "ees", "ee", "es", "ed", "ly", "e", "s", "y", "x",
    ];
    if folded.contains(|c: char| c.is_numeric()) || !folded.is_ascii() {
        return folded;
    }
    if let Some(ending) = ENDINGS.iter().find(|ending| folded.ends_with(**ending) && folded.len() >= ending.len() + 4) {
        folded.truncate(folded.len() - ending.len());
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_by_what_words_mean() {
        let cases: [(&str, &str, f32); 6] = [
            ("What does the plan cover?", "The plan covers surgery.", 1.0),
            ("Is coverage planned?", "It is covered by the plans.", 0.5),
            ("Les congés payés", "le conge paye", 1.0),
            ("L'assurance", "assurance", 1.0),
            ("In 2023?", "2022", 0.0),
            ("the of and", "the of and", 0.0),
        ];
        for (wanted, found, expected) in cases {
            let got = share(&keys(wanted), &keys(found));
            assert!(
                (got - expected).abs() < 0.01,
                "{wanted:?} in {found:?}: {got}, {:?} {:?}",
                keys(wanted),
                keys(found)
            );
        }
    }
}
