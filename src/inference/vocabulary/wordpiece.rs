//! WordPiece as BERT has it: words without case and accents, each cut into the longest tokens from the left.
//!
//! In a GGUF file a token that begins a word begins with U+2581, and one that goes on with a word has no `##`.

use super::tokens::{Kind, SPACE_MARK, Tokens};
use super::words::Words;
use crate::inference::gguf::Metadata;
use fancy_regex::Regex;
use std::borrow::Cow;
use std::collections::HashMap;
use unicode_normalization::UnicodeNormalization;

/// A longer word is unknown, as it is to the models' own tokenizers.
const WORD_CHARS_MAX: usize = 100;
/// What is left out of every text: controls, but for white space, and signs of damage.
const LEFT_OUT: &str = r"[\p{Cc}\p{Cf}\p{Co}\x{FFFD}--\t\n\r]+";
/// Accents, once they are apart from their letters.
const ACCENTS: &str = r"\p{Mn}+";
/// Words: each sign and each Chinese character is one, and what is between those and white space.
const WORDS: &str = concat!(
    r"[\p{P}!-/:-@\[-`{-~\x{3400}-\x{4DBF}\x{4E00}-\x{9FFF}\x{F900}-\x{FAFF}\x{20000}-\x{2A6DF}\x{2A700}-\x{2CEAF}",
    r"\x{2F800}-\x{2FA1F}]",
    r"|[^\s\p{P}!-/:-@\[-`{-~\x{3400}-\x{4DBF}\x{4E00}-\x{9FFF}\x{F900}-\x{FAFF}\x{20000}-\x{2A6DF}",
    r"\x{2A700}-\x{2CEAF}\x{2F800}-\x{2FA1F}]+"
);

/// The encoding of one vocabulary.
pub(super) struct WordPiece {
    tokens: HashMap<Box<str>, u32>,
    /// The longest token, in bytes.
    longest: usize,
    unknown: u32,
    lowercase: bool,
    strip_accents: bool,
    left_out: Regex,
    accents: Regex,
    words: Regex,
    known: Words,
}

impl WordPiece {
    /// Reads how the file wants texts normalised.
    ///
    /// # Errors
    /// There is no token for what is unknown.
    pub(super) fn read(metadata: &Metadata, tokens: &Tokens, unknown: Option<u32>) -> Result<WordPiece, String> {
        let named =
            || tokens.all().find(|token| tokens.kind(*token) == Kind::Unknown || tokens.text(*token) == "[UNK]");
        let unknown = unknown.or_else(named);
        let unknown = unknown.ok_or("it has no token for unknown words (tokenizer.ggml.unknown_token_id)")?;
        let compiled = |pattern: &str| Regex::new(pattern).expect("the patterns above are well formed");
        let by_text = tokens.by_text();
        let lowercase = metadata.bool("tokenizer.ggml.normalizer.lowercase").unwrap_or(true);
        Ok(WordPiece {
            longest: by_text.keys().map(|text| text.len()).max().unwrap_or(0),
            tokens: by_text.into_iter().map(|(text, token)| (text.into(), token)).collect(),
            unknown,
            lowercase,
            strip_accents: metadata.bool("tokenizer.ggml.normalizer.strip_accents").unwrap_or(lowercase),
            left_out: compiled(LEFT_OUT),
            accents: compiled(ACCENTS),
            words: compiled(WORDS),
            known: Words::default(),
        })
    }

    /// Adds the tokens of `text` to `found`.
    pub(super) fn encode(&self, text: &str, found: &mut Vec<u32>) {
        let text = self.normalised(text);
        let mut known = self.known.borrow();
        for word in self.words.find_iter(&text) {
            let word = word.expect("patterns without look-around always finish");
            known.take(word.as_str(), found, |word, found| self.cut(word, found));
        }
    }

    /// `text` without what the model does not see.
    fn normalised<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut text = self.left_out.replace_all(text, "");
        if self.strip_accents && !text.is_ascii() {
            let apart: String = text.nfd().collect();
            text = Cow::Owned(self.accents.replace_all(&apart, "").into_owned());
        }
        if self.lowercase && text.contains(char::is_uppercase) {
            text = Cow::Owned(text.chars().flat_map(char::to_lowercase).collect());
        }
        text
    }

    /// Cuts one word; if any part of it is no token, all of it is unknown.
    fn cut(&self, word: &str, found: &mut Vec<u32>) {
        let begin = found.len();
        let marked = format!("{SPACE_MARK}{word}");
        let mut rest = marked.as_str();
        if word.chars().nth(WORD_CHARS_MAX).is_some() {
            return found.push(self.unknown);
        }
        while !rest.is_empty() {
            let Some((end, token)) = self.longest_token(rest) else {
                found.truncate(begin);
                return found.push(self.unknown);
            };
            found.push(token);
            rest = &rest[end..];
        }
    }

    /// The longest token that `text` begins with, and where it ends.
    fn longest_token(&self, text: &str) -> Option<(usize, u32)> {
        let ends = (1..=text.len().min(self.longest)).rev().filter(|end| text.is_char_boundary(*end));
        ends.map(|end| &text[..end]).find_map(|part| Some((part.len(), *self.tokens.get(part)?)))
    }
}
