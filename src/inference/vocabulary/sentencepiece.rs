//! SentencePiece as Llama 2 has it: neighbouring pieces of a text are joined to the token of the best score, until no
//! two make a token.

use super::merge::{Join, Merger, NONE};
use super::tokens::{Kind, SPACE_MARK, Tokens};
use super::words::Words;
use crate::inference::gguf::Metadata;
use std::collections::HashMap;

/// The encoding of one vocabulary.
pub(super) struct SentencePiece {
    /// Texts of the tokens, with the rank of their scores.
    joins: HashMap<Box<str>, Join>,
    /// The tokens of single bytes.
    bytes: Box<[Option<u32>; 256]>,
    unknown: Option<u32>,
    /// Whether a text gets a space before it, so that its first word is like any other.
    space_first: bool,
    /// No token has a space behind another character: the words of a text can be joined one by one.
    by_words: bool,
    words: Words,
}

impl SentencePiece {
    /// Reads the scores of the file.
    ///
    /// # Errors
    /// There are none, or not one for each token, or one is no number.
    pub(super) fn read(metadata: &Metadata, tokens: &Tokens) -> Result<SentencePiece, String> {
        let scores = scores(metadata, tokens.len())?;
        let by_text = tokens.by_text();
        let by_words = by_text.keys().all(|text| !has_inner_space(text));
        let joins = by_text.into_iter().map(|(text, token)| {
            let rank = rank(scores[token as usize] as f32);
            (text.into(), Join { rank, token })
        });
        Ok(SentencePiece {
            joins: joins.collect(),
            bytes: Box::new(tokens.of_bytes()),
            unknown: tokens.all().find(|token| tokens.kind(*token) == Kind::Unknown),
            space_first: metadata.bool("tokenizer.ggml.add_space_prefix").unwrap_or(true),
            by_words,
            words: Words::default(),
        })
    }

    /// Adds the tokens of `text` to `found`; `first` if nothing is before it, or a special token.
    pub(super) fn encode(&self, text: &str, first: bool, found: &mut Vec<u32>) {
        let mut marked = String::with_capacity(text.len() + text.len() / 2);
        if first && self.space_first {
            marked.push(SPACE_MARK);
        }
        marked.extend(text.chars().map(|c| if c == ' ' { SPACE_MARK } else { c }));
        let mut merger = Merger::default();
        let mut kept = self.words.borrow();
        let mut rest = marked.as_str();
        while !rest.is_empty() {
            let (word, others) = rest.split_at(if self.by_words { word_end(rest) } else { rest.len() });
            kept.take(word, found, |word, found| self.merge(word, &mut merger, found));
            rest = others;
        }
    }

    /// Joins the characters of one word.
    fn merge(&self, word: &str, merger: &mut Merger, found: &mut Vec<u32>) {
        merger.clear();
        let mut letter = [0; 4];
        for c in word.chars() {
            let token = self.joins.get(c.encode_utf8(&mut letter) as &str).map_or(NONE, |join| join.token);
            merger.push(c.len_utf8(), token);
        }
        merger.run(
            |left, right| self.joins.get(&word[left.start as usize..right.end as usize]).copied(),
            |symbol| match symbol.token {
                NONE => self.spell(&word.as_bytes()[symbol.start as usize..symbol.end as usize], found),
                token => found.push(token),
            },
        );
    }

    /// Adds a character that is no token: its bytes, or that it is unknown.
    fn spell(&self, character: &[u8], found: &mut Vec<u32>) {
        match character.iter().map(|byte| self.bytes[usize::from(*byte)]).collect::<Option<Vec<u32>>>() {
            Some(bytes) => found.extend(bytes),
            None => found.extend(self.unknown),
        }
    }
}

/// The scores of `count` tokens.
///
/// # Errors
/// There are none, or another number of them, or one is no number.
pub(super) fn scores(metadata: &Metadata, count: usize) -> Result<&[f64], String> {
    let scores = metadata.numbers("tokenizer.ggml.scores").ok_or("it has no scores (tokenizer.ggml.scores)")?;
    if scores.len() != count {
        return Err(format!("it has {count} tokens, but {} scores", scores.len()));
    }
    match scores.iter().position(|score| score.is_nan()) {
        Some(token) => Err(format!("the score of its token {token} is no number")),
        None => Ok(scores),
    }
}

/// The place of `score` among all scores: the highest is 0.
fn rank(score: f32) -> u32 {
    // Positive numbers are ordered as their bits are, negative ones backwards below them; -0 is 0.
    let bits = (score + 0.0).to_bits();
    let upwards = if score < 0.0 { !bits } else { bits | (1 << 31) };
    !upwards
}

/// Whether a space is behind another character.
fn has_inner_space(text: &str) -> bool {
    text.trim_start_matches(SPACE_MARK).contains(SPACE_MARK)
}

/// Where the first word of `text` ends: its spaces, and what follows up to the next space.
fn word_end(text: &str) -> usize {
    let spaces = text.len() - text.trim_start_matches(SPACE_MARK).len();
    text[spaces..].find(SPACE_MARK).map_or(text.len(), |at| spaces + at)
}

#[cfg(test)]
mod tests {
    use super::{rank, word_end};

    #[test]
    fn higher_scores_rank_first() {
        let scores = [f32::INFINITY, 1e9, 1.5, 0.0, -1e-9, -0.5, -31740.0, f32::NEG_INFINITY];
        assert!(scores.is_sorted_by(|higher, lower| rank(*higher) < rank(*lower)));
        assert_eq!(rank(-0.0), rank(0.0));
    }

    #[test]
    fn words_begin_with_their_spaces() {
        let check = |text: &str, expected: &str| assert_eq!(&text[..word_end(text)], expected);
        check("", "");
        check("ab", "ab");
        check("▁ab▁cd", "▁ab");
        check("▁▁ab", "▁▁ab");
        check("ab▁", "ab");
        check("▁▁", "▁▁");
    }
}
