//! What an embedding model was trained to see before a question and before a passage.

use super::InferenceError;
use super::catalog::Entry;
use super::weights::{self, Weights};
use serde::Deserialize;
use std::collections::HashMap;

/// The file in which sentence-transformers keeps them.
const PROMPTS: &str = "config_sentence_transformers.json";

/// Text put before a question, and before a passage; empty for most models.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Prefixes {
    pub question: String,
    pub passage: String,
}

#[derive(Deserialize)]
struct Prompts {
    #[serde(default)]
    prompts: HashMap<String, String>,
}

impl Prefixes {
    /// Those that the catalog knows, or else those in the model's folder.
    pub(super) fn of(weights: &Weights, known: Option<&Entry>) -> Result<Prefixes, InferenceError> {
        if let Some(entry) = known {
            return Ok(Prefixes { question: entry.prefix_question.clone(), passage: entry.prefix_passage.clone() });
        }
        if weights.gguf().is_some() || !weights.path.join(PROMPTS).is_file() {
            return Ok(Prefixes::default());
        }
        let Prompts { prompts } = weights::read_json(&weights.path, PROMPTS)?;
        let named = |names: &[&str]| names.iter().find_map(|name| prompts.get(*name)).cloned().unwrap_or_default();
        Ok(Prefixes { question: named(&["query", "question"]), passage: named(&["document", "passage"]) })
    }

    /// What tells vectors with these prefixes from others; empty without any.
    pub(super) fn identity(&self) -> String {
        match self.question.is_empty() && self.passage.is_empty() {
            true => String::new(),
            false => format!("{:?} {:?}", self.question, self.passage),
        }
    }

    /// The larger of what `of` makes of both.
    pub(super) fn most(&self, of: impl Fn(&str) -> usize) -> usize {
        of(&self.question).max(of(&self.passage))
    }
}

#[cfg(test)]
mod tests {
    use super::Prefixes;

    #[test]
    fn vectors_of_other_prefixes_are_others() {
        let prefixes =
            |question: &str, passage: &str| Prefixes { question: question.to_owned(), passage: passage.to_owned() };
        let all = [("", ""), ("q: ", ""), ("", "q: "), ("q: ", "p: "), ("q: \" \"p: ", "")];
        let mut identities: Vec<String> = all.iter().map(|(one, other)| prefixes(one, other).identity()).collect();
        assert_eq!(identities[0], "");
        assert_eq!(identities[3], r#""q: " "p: ""#);
        identities.sort();
        identities.dedup();
        assert_eq!(identities.len(), all.len());
    }
}
