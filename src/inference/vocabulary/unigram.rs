//! Unigram as T5 and XLM-RoBERTa have it: of all ways to cut a text into tokens, the one whose scores add up highest.
//!
//! The best cut of every beginning of the text is found from left to right (Viterbi); a character that no token covers
//! is unknown, at a score below all others.

use super::charsmap::Charsmap;
use super::sentencepiece;
use super::tokens::{Kind, SPACE_MARK, Tokens};
use super::trie::Trie;
use crate::inference::gguf::Metadata;

/// How much worse than the worst token an unknown character is, as SentencePiece has it.
const UNKNOWN_PENALTY: f64 = 10.0;

/// The encoding of one vocabulary.
pub(super) struct Unigram {
    tokens: Trie,
    /// Texts that are taken as they stand, before anything is normalised.
    user_defined: Trie,
    scores: Vec<f64>,
    unknown: u32,
    unknown_score: f64,
    charsmap: Option<Charsmap>,
    space_first: bool,
    /// Runs of spaces count as one, and those at the end not at all.
    merges_spaces: bool,
}

/// The best way to an offset in the text.
#[derive(Clone, Copy)]
struct Best {
    score: f64,
    /// The last token of it, and where that begins.
    token: u32,
    begin: usize,
}

impl Unigram {
    /// Reads the scores and the normalisation of the file.
    ///
    /// # Errors
    /// The scores do not fit the tokens, there is no token for what is unknown, or the normalisation is damaged.
    pub(super) fn read(metadata: &Metadata, tokens: &Tokens, unknown: Option<u32>) -> Result<Unigram, String> {
        let mut scores = sentencepiece::scores(metadata, tokens.len())?.to_vec();
        let unknown = unknown.or_else(|| tokens.all().find(|token| tokens.kind(*token) == Kind::Unknown));
        let unknown = unknown.ok_or("it has no token for unknown words (tokenizer.ggml.unknown_token_id)")?;
        let (mut in_texts, mut user_defined) = (Trie::default(), Trie::default());
        let mut lowest = f64::INFINITY;
        for token in tokens.all() {
            let (text, score) = (tokens.text(token).as_bytes(), &mut scores[token as usize]);
            match tokens.kind(token) {
                Kind::Normal => lowest = lowest.min(*score),
                Kind::UserDefined => {
                    // Tokens' scores are logarithms of chances: nothing is likelier than 0.
                    *score = 0.0;
                    user_defined.insert(text, token);
                }
                Kind::Unused => {}
                Kind::Unknown | Kind::Control | Kind::Byte => continue,
            }
            in_texts.insert(text, token);
        }
        Ok(Unigram {
            tokens: in_texts,
            user_defined,
            scores,
            unknown,
            unknown_score: lowest - UNKNOWN_PENALTY,
            charsmap: Charsmap::read(metadata)?,
            space_first: metadata.bool("tokenizer.ggml.add_space_prefix").unwrap_or(false),
            merges_spaces: metadata.bool("tokenizer.ggml.remove_extra_whitespaces").unwrap_or(false),
        })
    }

    /// Adds the tokens of `text` to `found`.
    pub(super) fn encode(&self, text: &str, found: &mut Vec<u32>) {
        let text = self.normalised(text);
        let best = self.best_to_each(&text);
        let begin = found.len();
        let mut end = text.len();
        while end > 0 {
            let Best { token, begin: start, .. } = best[end];
            // Unknown characters side by side are one unknown token.
            if token != self.unknown || found.len() == begin || found.last() != Some(&self.unknown) {
                found.push(token);
            }
            end = start;
        }
        found[begin..].reverse();
    }

    /// The best way to every offset of `text` that ends a character.
    fn best_to_each(&self, text: &str) -> Vec<Best> {
        let mut best = vec![Best { score: f64::NEG_INFINITY, token: self.unknown, begin: 0 }; text.len() + 1];
        best[0].score = 0.0;
        for (begin, c) in text.char_indices() {
            let so_far = best[begin].score;
            let mut consider = |length: usize, token: u32, score: f64| {
                let place = &mut best[begin + length];
                if so_far + score > place.score {
                    *place = Best { score: so_far + score, token, begin };
                }
            };
            let mut covered = false;
            for (length, token) in self.tokens.prefixes(&text.as_bytes()[begin..]) {
                covered |= length == c.len_utf8();
                consider(length, token, self.scores[token as usize]);
            }
            if !covered {
                consider(c.len_utf8(), self.unknown, self.unknown_score);
            }
        }
        best
    }

    /// `text` as the model's training saw it: characters replaced by the map of the file, spaces marked.
    fn normalised(&self, text: &str) -> String {
        let mut normalised = String::with_capacity(text.len() + text.len() / 2);
        let mut in_word = false;
        let mut began = false;
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let (piece, length) = match self.user_defined.longest(rest.as_bytes()) {
                Some((length, _)) => (&rest[..length], length),
                None => match self.charsmap.as_ref().and_then(|map| map.replacement(rest)) {
                    Some((replacement, length)) => (replacement, length),
                    None => (&rest[..first.len_utf8()], first.len_utf8()),
                },
            };
            for c in piece.chars() {
                if c == ' ' {
                    in_word = false;
                    if !self.merges_spaces {
                        normalised.push(SPACE_MARK);
                    }
                    continue;
                }
                if !in_word && (self.merges_spaces || (self.space_first && !began)) {
                    normalised.push(SPACE_MARK);
                }
                in_word = true;
                began = true;
                normalised.push(c);
            }
            rest = &rest[length..];
        }
        normalised
    }
}
