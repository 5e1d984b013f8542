//! Tokenizers made from what a GGUF file says about its vocabulary: text to tokens, and tokens back to bytes.
//!
//! A text first gives up its special tokens (`special`); what lies between goes to the encoding that the file names.
//! Byte-pair encodings (`bpe`) cut it into words by one of the known pre-tokenizers (`splitter`, `pretokens`) and join
//! their letters by the file's merges; SentencePiece joins them by scores (`sentencepiece`); both use one engine (`merge`)
//! and remember the words that they met (`words`). `wordpiece` and `unigram` are what embedders use. `stream` turns
//! tokens to text as they come.
//!
//! No BOS or EOS is added here, and every error is the end of "The model file ... cannot be used: ".

mod bpe;
mod charsmap;
mod merge;
mod pretokens;
mod sentencepiece;
mod special;
mod splitter;
mod stream;
mod tokens;
mod trie;
mod unigram;
mod wordpiece;
mod words;

use super::InferenceError;
use super::gguf::{Gguf, Metadata};
use bpe::Bpe;
use sentencepiece::SentencePiece;
use special::{Finder, Fragment};
use std::path::Path;
use tokens::{Kind, Spelling, Tokens};
use unigram::Unigram;
use wordpiece::WordPiece;

pub use stream::Utf8Stream;

/// What becomes of a text that spells a special token, such as `<|im_end|>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Special {
    /// It is the token: for prompts that a template made.
    Parsed,
    /// It is text like any other, so that nobody ends a turn by writing so.
    Plain,
}

/// The tokens of a model, and how texts are made of them.
pub struct Vocabulary {
    tokens: Tokens,
    encoding: Encoding,
    finder: Finder,
    bos: Option<u32>,
    eos: Option<u32>,
    adds_bos: bool,
    ends: Vec<u32>,
}

enum Encoding {
    Bpe(Bpe),
    SentencePiece(SentencePiece),
    WordPiece(Box<WordPiece>),
    Unigram(Unigram),
}

/// What follows from the name of an encoding alone.
struct Defaults {
    bos: Option<u32>,
    eos: Option<u32>,
    adds_bos: bool,
    spelling: Spelling,
}

impl Vocabulary {
    /// Reads the vocabulary of a file.
    ///
    /// # Errors
    /// What the file lacks, contradicts itself in, or asks for that is not supported; never a panic, whatever it says.
    pub fn read(metadata: &Metadata) -> Result<Vocabulary, String> {
        let model = metadata.text("tokenizer.ggml.model").ok_or("it has no tokenizer (tokenizer.ggml.model)")?;
        // Gemma 4 is a model of its own to the files, and to nobody else.
        let pre = if model == "gemma4" { Some(model) } else { metadata.text("tokenizer.ggml.pre") };
        let defaults = Defaults::of(model, pre)?;
        let mut tokens = Tokens::read(metadata, defaults.spelling)?;
        let ends = special::ends(metadata, &mut tokens)?;
        let named = |key: &str| special::named(metadata, &tokens, key);
        let unknown = named("tokenizer.ggml.unknown_token_id")?;
        let bos = named("tokenizer.ggml.bos_token_id")?.or(named("tokenizer.ggml.cls_token_id")?);
        let eos = named("tokenizer.ggml.eos_token_id")?.or(named("tokenizer.ggml.seperator_token_id")?);
        let encoding = match model {
            "llama" => Encoding::SentencePiece(SentencePiece::read(metadata, &tokens)?),
            "bert" => Encoding::WordPiece(Box::new(WordPiece::read(metadata, &tokens, unknown)?)),
            "t5" => Encoding::Unigram(Unigram::read(metadata, &tokens, unknown)?),
            _ => Encoding::Bpe(Bpe::read(metadata, &tokens, pre)?),
        };
        let within = |token: &u32| (*token as usize) < tokens.len();
        Ok(Vocabulary {
            bos: bos.or(defaults.bos.filter(within)),
            eos: eos.or(defaults.eos.filter(within)),
            adds_bos: metadata.bool("tokenizer.ggml.add_bos_token").unwrap_or(defaults.adds_bos),
            finder: Finder::new(metadata, &tokens),
            encoding,
            tokens,
            ends,
        })
    }

    /// Reads the vocabulary of the file at `path`, which need not hold anything else. Blocking.
    ///
    /// # Errors
    /// [`InferenceError::Model`] names the file and what is wrong.
    pub fn open(path: &Path) -> Result<Vocabulary, InferenceError> {
        let gguf = Gguf::open(path)?;
        Vocabulary::read(gguf.metadata()).map_err(|what| gguf.fault(&what))
    }

    /// The tokens of `text`, without BOS and EOS.
    pub fn encode(&self, text: &str, special: Special) -> Vec<u32> {
        let mut found = Vec::with_capacity(text.len() / 3);
        let mut first = true;
        self.finder.fragments(text, special, |fragment| match fragment {
            Fragment::Token(token) => {
                found.push(token);
                first = true;
            }
            Fragment::Text(text) => {
                match &self.encoding {
                    Encoding::Bpe(bpe) => bpe.encode(text, &mut found),
                    Encoding::SentencePiece(pieces) => pieces.encode(text, first, &mut found),
                    Encoding::WordPiece(pieces) => pieces.encode(text, &mut found),
                    Encoding::Unigram(unigram) => unigram.encode(text, &mut found),
                }
                first = false;
            }
        });
        found
    }

    /// The number of tokens: every one of them is below it.
    #[expect(clippy::len_without_is_empty, reason = "a vocabulary without tokens is not read")]
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// The token that a text begins with; of embedders, what stands before every text.
    pub fn bos(&self) -> Option<u32> {
        self.bos
    }

    /// The token that a text ends with; of embedders, what stands after every text.
    pub fn eos(&self) -> Option<u32> {
        self.eos
    }

    /// Whether a prompt is to begin with [`Vocabulary::bos`].
    pub fn adds_bos(&self) -> bool {
        self.adds_bos && self.bos.is_some()
    }

    /// Whether an answer is over with `token`: the end of the text, of the turn, of the message.
    pub fn ends_generation(&self, token: u32) -> bool {
        self.ends.binary_search(&token).is_ok()
    }

    /// What `token` stands for: bytes that need not be whole characters; nothing for control tokens.
    ///
    /// # Panics
    /// `token` is not below [`Vocabulary::len`].
    pub fn bytes(&self, token: u32) -> &[u8] {
        match self.tokens.kind(token) {
            Kind::Control => &[],
            _ => self.tokens.bytes(token),
        }
    }

    /// Whether `token` stands for no text but steers the model.
    ///
    /// # Panics
    /// As [`Vocabulary::bytes`].
    pub fn is_special(&self, token: u32) -> bool {
        matches!(self.tokens.kind(token), Kind::Control | Kind::Unknown)
    }

    /// What the file calls `token`.
    ///
    /// # Panics
    /// As [`Vocabulary::bytes`].
    pub fn text(&self, token: u32) -> &str {
        self.tokens.text(token)
    }
}

impl Defaults {
    /// What holds for the encoding `model` with the pre-tokenizer `pre` unless the file says otherwise.
    fn of(model: &str, pre: Option<&str>) -> Result<Defaults, String> {
        let none = Defaults { bos: None, eos: None, adds_bos: false, spelling: Spelling::Marked };
        Ok(match model {
            "llama" => Defaults { bos: Some(1), eos: Some(2), adds_bos: true, ..none },
            "bert" => Defaults { bos: Some(101), eos: Some(102), adds_bos: true, ..none },
            "t5" => Defaults { eos: Some(1), ..none },
            "gpt2" | "gemma4" => {
                let adds_bos = model == "gemma4" || bpe::adds_bos(pre);
                Defaults { adds_bos, spelling: bpe::spelling(pre)?, ..none }
            }
            other => {
                return Err(format!(
                    "its tokenizer `{other}` is not supported; supported are gpt2 (byte-pair encoding), gemma4, \
                     llama (SentencePiece), bert (WordPiece) and t5 (Unigram)"
                ));
            }
        })
    }
}

#[cfg(test)]
mod tests;
