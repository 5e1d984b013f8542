//! Text to token ids, and how many there are.
//!
//! Counting is asked for far more often than encoding: the chunker counts every sentence, and again what it joins. A
//! BERT tokenizer never joins anything across white space, so a text has the tokens of its words, and the words
//! repeat: their counts are kept.

use super::InferenceError;
use super::weights;
use std::collections::HashMap;
use std::path::Path;
use std::sync::RwLock;
use tokenizers::{PreTokenizerWrapper, TruncationParams};

/// Words whose counts are kept; more than the vocabulary of most organisations, at some 64 bytes each.
const WORDS_KEPT_MAX: usize = 1 << 16;
/// A longer word is counted anew each time.
const WORD_BYTES_MAX: usize = 32;
/// No token of a text that is worth reading stands for more bytes than this on average; a text is cut to so many
/// bytes for each token that the model reads before it is encoded, so that an immense text costs no more than a long.
const TOKEN_BYTES_MAX: usize = 64;

/// The tokenizer of one model, for any thread.
pub(super) struct Tokenizer {
    /// Cuts at `tokens_max`.
    encoder: tokenizers::Tokenizer,
    /// Cuts nothing.
    counter: tokenizers::Tokenizer,
    tokens_max: usize,
    /// Tokens of an empty text: those that frame every text.
    frame: usize,
    /// Token counts of words; `None` where a text is not the sum of its words.
    words: Option<RwLock<HashMap<Box<str>, u32>>>,
}

impl Tokenizer {
    /// Reads `tokenizer.json` of `folder`; sequences are cut at `tokens_max`, special tokens included.
    ///
    /// Its ids must lie below `vocabulary`, the rows of the model's word embeddings.
    pub(super) fn read(folder: &Path, tokens_max: usize, vocabulary: usize) -> Result<Tokenizer, InferenceError> {
        let bytes = weights::read(folder, "tokenizer.json")?;
        let fault = |error: tokenizers::Error| weights::damaged(folder, "tokenizer.json", &error.to_string());
        let mut counter = tokenizers::Tokenizer::from_bytes(&bytes).map_err(fault)?;
        if let Some(highest) = counter.get_vocab(true).into_values().max().filter(|id| *id as usize >= vocabulary) {
            let what = format!("it has the token {highest}, beyond the model's vocabulary of {vocabulary}");
            return Err(weights::damaged(folder, "tokenizer.json", &what));
        }
        // The file brings the lengths of its training; they are not ours.
        counter.with_padding(None);
        counter.with_truncation(None).map_err(fault)?;
        let mut encoder = counter.clone();
        let truncation = TruncationParams { max_length: tokens_max, ..TruncationParams::default() };
        encoder.with_truncation(Some(truncation)).map_err(fault)?;
        let frame = counter.encode_fast("", true).map_err(fault)?.len();
        let by_words = matches!(counter.get_pre_tokenizer(), Some(PreTokenizerWrapper::BertPreTokenizer(_)));
        let words = by_words.then(|| RwLock::new(HashMap::new()));
        Ok(Tokenizer { encoder, counter, tokens_max, frame, words })
    }

    /// The most tokens of one sequence.
    pub(super) fn tokens_max(&self) -> usize {
        self.tokens_max
    }

    /// The ids of `text`, special tokens included, cut at [`Tokenizer::tokens_max`].
    pub(super) fn encode(&self, text: &str) -> Result<Vec<u32>, InferenceError> {
        let head = head(text, self.tokens_max * TOKEN_BYTES_MAX);
        match self.encoder.encode_fast(head, true) {
            Ok(encoding) => Ok(encoding.get_ids().to_vec()),
            Err(error) => Err(InferenceError::Input(format!("a text cannot be cut into tokens: {error}"))),
        }
    }

    /// The tokens of the whole `text`, special tokens included, uncut.
    pub(super) fn count(&self, text: &str) -> usize {
        let Some(words) = &self.words else {
            return self.count_plainly(text);
        };
        let mut total = self.frame;
        let mut unknown: Vec<&str> = Vec::new();
        {
            let known = words.read().expect("no holder of the word counts panics");
            for word in text.split(parts_words).filter(|word| !word.is_empty()) {
                match known.get(word) {
                    Some(count) => total += *count as usize,
                    None => unknown.push(word),
                }
            }
        }
        if unknown.is_empty() {
            return total;
        }
        let counted: Vec<(&str, usize)> =
            unknown.into_iter().map(|word| (word, self.count_plainly(word) - self.frame)).collect();
        let mut kept = words.write().expect("no holder of the word counts panics");
        for (word, count) in counted {
            total += count;
            if word.len() <= WORD_BYTES_MAX {
                if kept.len() >= WORDS_KEPT_MAX {
                    kept.clear();
                }
                kept.insert(word.into(), count as u32);
            }
        }
        total
    }

    /// The tokens of `text` by encoding it; one for each character if the tokenizer fails, which only errs upwards.
    fn count_plainly(&self, text: &str) -> usize {
        match self.counter.encode_fast(text, true) {
            Ok(encoding) => encoding.len(),
            Err(_) => self.frame + text.chars().count(),
        }
    }
}

/// Whether `c` parts words for a BERT tokenizer: white space, less the control characters, which it drops.
fn parts_words(c: char) -> bool {
    c.is_whitespace() && (!c.is_control() || matches!(c, '\t' | '\n' | '\r'))
}

/// The first `bytes_max` bytes of `text`, or a little less at a character's border.
fn head(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}
