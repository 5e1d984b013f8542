//! Text to token ids, and how many there are: by the `tokenizer.json` of a folder, or the vocabulary of a GGUF file.
//!
//! Counting is asked for far more often than encoding: the chunker counts every sentence, and again what it joins. A
//! BERT tokenizer never joins anything across white space, so a text has the tokens of its words, and the words
//! repeat: their counts are kept.

use super::InferenceError;
use super::arch::encoder::Sequence;
use super::gguf::Gguf;
use super::vocabulary::{Special, Vocabulary};
use super::weights::{self, Weights};
use std::collections::HashMap;
use std::path::Path;
use std::sync::RwLock;
use tokenizers::PreTokenizerWrapper;

/// Words whose counts are kept; more than the vocabulary of most organisations, at some 64 bytes each.
const WORDS_KEPT_MAX: usize = 1 << 16;
/// A longer word is counted anew each time.
const WORD_BYTES_MAX: usize = 32;
/// No token of a text that is worth reading stands for more bytes than this on average; a text is cut to so many
/// bytes for each token that the model reads before it is encoded, so that an immense text costs no more than a long.
const TOKEN_BYTES_MAX: usize = 64;
/// Of two texts that are too long together, the second keeps at least one part in so many.
const SECOND_SHARE_MIN: usize = 4;

/// The tokenizer of one model, for any thread.
pub(super) struct Tokenizer {
    source: Source,
    frame: Frame,
    tokens_max: usize,
    /// Token counts of words; `None` where a text is not the sum of its words.
    words: Option<RwLock<HashMap<Box<str>, u32>>>,
}

enum Source {
    /// A folder's.
    File(Box<tokenizers::Tokenizer>),
    /// A GGUF file's.
    Vocabulary(Box<Vocabulary>),
}

/// The tokens that stand around a text, or around two.
#[derive(Debug, PartialEq)]
struct Frame {
    before: Vec<u32>,
    between: Vec<u32>,
    after: Vec<u32>,
    /// How many of those between belong to the first text, where the second is told apart from it.
    of_first: Option<usize>,
}

impl Tokenizer {
    /// The tokenizer of the model that has `weights`; sequences are cut at `tokens_max`, special tokens included.
    ///
    /// Its ids must lie below the rows of the model's embeddings of tokens.
    pub(super) fn of(weights: &Weights, tokens_max: usize) -> Result<Tokenizer, InferenceError> {
        let vocabulary = weights.settings.vocabulary;
        match weights.gguf() {
            None => Tokenizer::read(&weights.path, tokens_max, vocabulary),
            Some(gguf) => Tokenizer::of_gguf(gguf, tokens_max, vocabulary),
        }
    }

    /// Reads `tokenizer.json` of `folder`.
    fn read(folder: &Path, tokens_max: usize, vocabulary: usize) -> Result<Tokenizer, InferenceError> {
        const FILE: &str = "tokenizer.json";
        let bytes = weights::read(folder, FILE)?;
        let fault = |error: tokenizers::Error| weights::damaged(folder, FILE, &error.to_string());
        let mut tokenizer = tokenizers::Tokenizer::from_bytes(&bytes).map_err(fault)?;
        if let Some(highest) = tokenizer.get_vocab(true).into_values().max().filter(|id| *id as usize >= vocabulary) {
            let what = format!("it has the token {highest}, beyond the model's vocabulary of {vocabulary}");
            return Err(weights::damaged(folder, FILE, &what));
        }
        // The file brings the lengths of its training; they are not ours.
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(fault)?;
        let by_words = matches!(tokenizer.get_pre_tokenizer(), Some(PreTokenizerWrapper::BertPreTokenizer(_)));
        let frame = Frame::of(&tokenizer).map_err(fault)?;
        Ok(Tokenizer::new(Source::File(Box::new(tokenizer)), frame, tokens_max, by_words))
    }

    /// The vocabulary of `gguf`, framed as the family has it.
    fn of_gguf(gguf: &Gguf, tokens_max: usize, rows: usize) -> Result<Tokenizer, InferenceError> {
        let metadata = gguf.metadata();
        let vocabulary = Vocabulary::read(metadata).map_err(|what| gguf.fault(&what))?;
        if vocabulary.len() > rows {
            let what = format!("it has {} tokens and embeddings of {rows}", vocabulary.len());
            return Err(gguf.fault(&what));
        }
        let (Some(begin), Some(end)) = (vocabulary.bos(), vocabulary.eos()) else {
            return Err(gguf.fault("it does not say which tokens stand before and after a text"));
        };
        let by_words = metadata.text("tokenizer.ggml.model") == Some("bert");
        // RoBERTa and its kin end the first text and begin the second with the same token; BERT and ModernBERT do not.
        let is_roberta = metadata.text("general.architecture") == Some("bert") && !by_words;
        let frame = Frame {
            before: vec![begin],
            between: if is_roberta { vec![end, end] } else { vec![end] },
            after: vec![end],
            of_first: by_words.then_some(1),
        };
        Ok(Tokenizer::new(Source::Vocabulary(Box::new(vocabulary)), frame, tokens_max, by_words))
    }

    fn new(source: Source, frame: Frame, tokens_max: usize, by_words: bool) -> Tokenizer {
        let words = by_words.then(|| RwLock::new(HashMap::new()));
        Tokenizer { source, frame, tokens_max, words }
    }

    /// The most tokens of one sequence.
    pub(super) fn tokens_max(&self) -> usize {
        self.tokens_max
    }

    /// The tokens of `text`, special tokens included, cut at [`Tokenizer::tokens_max`].
    pub(super) fn encode(&self, text: &str) -> Result<Sequence, InferenceError> {
        let mut tokens = self.source.tokens(self.head(text))?;
        tokens.truncate(self.tokens_max.saturating_sub(self.frame.len()));
        Ok(self.frame.around(&tokens))
    }

    /// The tokens of both texts, special tokens included, cut at [`Tokenizer::tokens_max`]: the end of the second first,
    /// and the end of the first only where it would leave the second next to nothing.
    pub(super) fn encode_pair(&self, first: &str, second: &str) -> Result<Sequence, InferenceError> {
        let mut first = self.source.tokens(self.head(first))?;
        let mut second = self.source.tokens(self.head(second))?;
        let room = self.tokens_max.saturating_sub(self.frame.len_of_two());
        first.truncate(room - second.len().min(room / SECOND_SHARE_MIN));
        second.truncate(room - first.len());
        Ok(self.frame.around_both(&first, &second))
    }

    /// As much of `text` as may matter.
    fn head<'t>(&self, text: &'t str) -> &'t str {
        &text[..text.floor_char_boundary(self.tokens_max * TOKEN_BYTES_MAX)]
    }

    /// The tokens of the whole `text`, special tokens included, uncut.
    pub(super) fn count(&self, text: &str) -> usize {
        let Some(words) = &self.words else {
            return self.count_plainly(text);
        };
        let mut total = self.frame.len();
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
            unknown.into_iter().map(|word| (word, self.count_plainly(word) - self.frame.len())).collect();
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
        self.frame.len() + self.source.tokens(text).map_or_else(|_| text.chars().count(), |tokens| tokens.len())
    }
}

impl Source {
    /// The tokens of `text` without those that frame it.
    fn tokens(&self, text: &str) -> Result<Vec<u32>, InferenceError> {
        match self {
            Source::File(tokenizer) => match tokenizer.encode_fast(text, false) {
                Ok(encoding) => Ok(encoding.get_ids().to_vec()),
                Err(error) => Err(InferenceError::Input(format!("a text cannot be cut into tokens: {error}"))),
            },
            Source::Vocabulary(vocabulary) => Ok(vocabulary.encode(text, Special::Plain)),
        }
    }
}

impl Frame {
    /// What `tokenizer` puts around two short texts.
    fn of(tokenizer: &tokenizers::Tokenizer) -> tokenizers::Result<Frame> {
        let framed = tokenizer.encode_fast(("a", "a"), true)?;
        let is_frame = |at: &usize| framed.get_special_tokens_mask()[*at] == 1;
        let mut at = 0;
        let mut next = |wanted: bool| {
            let from = at;
            while at < framed.len() && is_frame(&at) == wanted {
                at += 1;
            }
            from..at
        };
        let (before, _first, between, _second, after) = (next(true), next(false), next(true), next(false), next(true));
        let ids = |range: std::ops::Range<usize>| framed.get_ids()[range].to_vec();
        let first_kinds = framed.get_type_ids().iter().take_while(|kind| **kind == 0).count();
        Ok(Frame {
            of_first: (first_kinds < framed.len()).then(|| first_kinds.saturating_sub(between.start)),
            before: ids(before),
            between: ids(between),
            after: ids(after),
        })
    }

    /// Tokens around one text.
    fn len(&self) -> usize {
        self.before.len() + self.after.len()
    }

    /// Tokens around two.
    fn len_of_two(&self) -> usize {
        self.len() + self.between.len()
    }

    fn around(&self, tokens: &[u32]) -> Sequence {
        Sequence::plain([&self.before, tokens, &self.after].concat())
    }

    fn around_both(&self, first: &[u32], second: &[u32]) -> Sequence {
        let ids = [&self.before, first, &self.between, second, &self.after].concat();
        let of_first = self.of_first.map(|between| self.before.len() + first.len() + between);
        Sequence { first: of_first.unwrap_or(ids.len()), ids }
    }
}

/// Whether `c` parts words for a BERT tokenizer: white space, less the control characters, which it drops.
fn parts_words(c: char) -> bool {
    c.is_whitespace() && (!c.is_control() || matches!(c, '\t' | '\n' | '\r'))
}
