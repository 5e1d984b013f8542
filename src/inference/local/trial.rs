//! A model run by itself, without a line, a vocabulary or a reader: for measuring how fast it is.

use super::cached::Cached;
use crate::inference::InferenceError;
use crate::inference::arch::decoder::cache::{Cache, PAGE, Page, Precision, State};
use crate::inference::arch::decoder::{Batch, Buffers, Decoder, Run, Wanted};
use crate::inference::gguf::Gguf;
use std::path::Path;

/// Tokens of a prompt that are read in one pass.
const PIECE: usize = 512;

/// A model and sequences for it to read and continue.
pub struct Trial {
    decoder: Decoder,
    cache: Cache,
    buffers: Buffers,
    cores: rayon::ThreadPool,
    sequences: Vec<(Vec<Page>, Option<State>)>,
    /// What the turns of conversations have read.
    cached: Cached,
}

impl Trial {
    /// Opens the model at `path` for `readers` sequences of up to `tokens` tokens each, computed by `threads` threads.
    pub fn open(path: &Path, threads: usize, readers: usize, tokens: usize) -> Result<Trial, InferenceError> {
        let decoder = Decoder::new(&Gguf::open(path)?)?;
        let pages = tokens.div_ceil(PAGE);
        let mut cache = Cache::new(decoder.cache_shape(), readers * pages, Precision::Half);
        let mut sequence = || {
            let pages = (0..pages).map(|_| cache.take().expect("there are as many as were made")).collect();
            (pages, cache.shape().state())
        };
        let sequences = (0..readers).map(|_| sequence()).collect();
        let cores = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let cores = cores.map_err(|error| InferenceError::Model(format!("Threads cannot be started: {error}.")))?;
        Ok(Trial { decoder, cache, buffers: Buffers::default(), cores, sequences, cached: Cached::default() })
    }

    /// Reads a prompt of `tokens` made-up tokens, as the first sequence.
    pub fn read(&mut self, tokens: usize) {
        for start in (0..tokens).step_by(PIECE) {
            let end = tokens.min(start + PIECE);
            self.pass(1, start, end - start, wanted(end == tokens));
        }
    }

    /// Writes `tokens` tokens one by one after `depth` others, in the first `readers` sequences at once.
    pub fn write(&mut self, readers: usize, depth: usize, tokens: usize) {
        for start in depth..depth + tokens {
            self.pass(readers, start, 1, Wanted::Last);
        }
    }

    /// Gives the places of all sequences up, for [`Trial::turn`].
    pub fn converse(&mut self) {
        self.sequences.drain(..).flat_map(|(pages, _)| pages).for_each(|page| self.cache.release(page));
    }

    /// Reads the first `tokens` tokens of a made-up conversation up to the token that follows, as a turn of it is
    /// answered: what an earlier turn has read, and the cache still holds, is not read again. Returns how much that was.
    /// Conversations of other numbers begin in other ways. [`Trial::converse`] makes the room.
    ///
    /// # Errors
    /// If they are more tokens than the trial was opened for.
    pub fn turn(&mut self, conversation: usize, tokens: usize) -> Result<usize, InferenceError> {
        /// Between the beginnings of two conversations, as [`Trial::token`] counts.
        const APART: usize = 31;
        let prompt: Vec<u32> = (0..tokens).map(|index| self.token(conversation * APART + index)).collect();
        let begun = self.cached.begin(&mut self.cache, &prompt, 0, &[]);
        let mut sequence =
            begun.ok_or_else(|| InferenceError::Model(format!("There is no room for {tokens} tokens.")))?;
        let known = sequence.tokens.len();
        for piece in prompt[known..].chunks(PIECE) {
            let start = sequence.tokens.len();
            sequence.tokens.extend_from_slice(piece);
            let run = Run {
                tokens: &sequence.tokens[start..],
                start,
                pages: &sequence.pages,
                state: sequence.state.as_mut(),
                wanted: wanted(start + piece.len() == tokens),
            };
            let (decoder, cache, buffers) = (&self.decoder, &mut self.cache, &mut self.buffers);
            self.cores.install(|| decoder.forward(&mut Batch { runs: vec![run] }, cache, buffers).len());
        }
        self.cached.keep(&mut self.cache, sequence);
        Ok(known)
    }

    /// One pass over `tokens` tokens from `start` on in each of the first `readers` sequences.
    fn pass(&mut self, readers: usize, start: usize, tokens: usize, wanted: Wanted) {
        let tokens: Vec<u32> = (start..start + tokens).map(|index| self.token(index)).collect();
        let runs = self.sequences[..readers].iter_mut().map(|(pages, state)| Run {
            tokens: &tokens,
            start,
            pages,
            state: state.as_mut(),
            wanted,
        });
        let mut batch = Batch { runs: runs.collect() };
        let (decoder, cache, buffers) = (&self.decoder, &mut self.cache, &mut self.buffers);
        self.cores.install(|| decoder.forward(&mut batch, cache, buffers).len());
    }

    /// Token number `index` of what is read: any will do, as long as they are not always the same.
    fn token(&self, index: usize) -> u32 {
        (index * 7919 % self.decoder.settings.vocabulary) as u32
    }
}

/// What is wanted of a piece of a prompt: only the last is followed by a token.
fn wanted(is_last: bool) -> Wanted {
    if is_last { Wanted::Last } else { Wanted::Nothing }
}
