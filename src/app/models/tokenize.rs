//! The tokens that a model file makes of a text.

use std::path::Path;

use crate::app::error::{Error, Result};
use crate::inference::vocabulary::{Special, Vocabulary};

/// The tokens of `text` by the vocabulary in the file at `path`, which need hold nothing else: without BOS and EOS,
/// and special tokens in the text are text. Blocking.
pub fn tokenize(path: &Path, text: &str) -> Result<Vec<u32>> {
    let vocabulary = Vocabulary::open(path).map_err(|error| Error::invalid(error.to_string()))?;
    Ok(vocabulary.encode(text, Special::Plain))
}
