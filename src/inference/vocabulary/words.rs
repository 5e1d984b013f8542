//! The tokens of words that were met before: the words of a text repeat, and looking one up is many times faster
//! than joining its letters again.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, TryLockError};

/// Words kept, at some 100 bytes each; when there are more, all are forgotten.
const WORDS_KEPT_MAX: usize = 1 << 16;
/// A longer word is joined anew each time.
const WORD_BYTES_MAX: usize = 48;

/// Words and their tokens.
type Known = HashMap<Box<str>, Box<[u32]>>;

/// What is known, for whichever thread encodes first.
#[derive(Default)]
pub(super) struct Words {
    known: Mutex<Known>,
}

/// The known words in the hands of one encoding; of none, if another encoding has them.
pub(super) struct Borrowed<'a> {
    known: Option<MutexGuard<'a, Known>>,
}

impl Words {
    /// Takes the known words for the length of one encoding. Waits for nobody.
    pub(super) fn borrow(&self) -> Borrowed<'_> {
        let known = match self.known.try_lock() {
            Ok(known) => Some(known),
            // Whatever was interrupted, every word in it was put there with all its tokens.
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        };
        Borrowed { known }
    }
}

impl Borrowed<'_> {
    /// Adds the tokens of `word` to `found`, by `join` if they are not known.
    pub(super) fn take(&mut self, word: &str, found: &mut Vec<u32>, join: impl FnOnce(&str, &mut Vec<u32>)) {
        let Some(known) = self.known.as_mut().filter(|_| word.len() <= WORD_BYTES_MAX) else {
            return join(word, found);
        };
        if let Some(tokens) = known.get(word) {
            return found.extend_from_slice(tokens);
        }
        let begin = found.len();
        join(word, found);
        if known.len() >= WORDS_KEPT_MAX {
            known.clear();
        }
        known.insert(word.into(), found[begin..].into());
    }
}
