//! A model run by itself, without a line, a vocabulary or a reader: for measuring how fast it is.

use super::cached::Cached;
use super::place::{Placed, place_of_size};
use crate::domain::device::Device;
use crate::inference::InferenceError;
use crate::inference::arch::decoder::cache::{PAGE, Page, State};
use crate::inference::arch::decoder::{Batch, Decoder, Network, Run, Wanted};
use crate::inference::gguf::Gguf;
use std::path::Path;

/// Tokens of a prompt that are read in one pass.
const PIECE: usize = 512;

/// A model and sequences for it to read and continue.
pub struct Trial {
    network: Network,
    computes: String,
    cores: rayon::ThreadPool,
    sequences: Vec<(Vec<Page>, Option<State>)>,
    /// What the turns of conversations have read.
    cached: Cached,
}

impl Trial {
    /// Opens the model at `path` for `readers` sequences of up to `tokens` tokens each, computed by `device`, or by
    /// `threads` threads where that is the processor.
    pub fn open(
        path: &Path,
        device: Device,
        threads: usize,
        readers: usize,
        tokens: usize,
    ) -> Result<Trial, InferenceError> {
        let decoder = Decoder::new(&Gguf::open(path)?)?;
        let pages = tokens.div_ceil(PAGE);
        let Placed { mut network, computes, .. } = place_of_size(decoder, device, readers * pages);
        let mut sequence = || {
            let take = |_| network.pages().take().expect("there are as many as were made");
            ((0..pages).map(take).collect(), network.shape().state())
        };
        let sequences = (0..readers).map(|_| sequence()).collect();
        let cores = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let cores = cores.map_err(|error| InferenceError::Model(format!("Threads cannot be started: {error}.")))?;
        Ok(Trial { network, computes, cores, sequences, cached: Cached::default() })
    }

    /// What computes, for the administrator.
    pub fn computes(&self) -> &str {
        &self.computes
    }

    /// Reads a prompt of `tokens` made-up tokens, as the first sequence.
    ///
    /// # Errors
    /// [`InferenceError::Model`] if the device that computes fails.
    pub fn read(&mut self, tokens: usize) -> Result<(), InferenceError> {
        (0..tokens).step_by(PIECE).try_for_each(|start| {
            let end = tokens.min(start + PIECE);
            self.pass(1, start, end - start, wanted(end == tokens))
        })
    }

    /// Writes `tokens` tokens one by one after `depth` others, in the first `readers` sequences at once.
    ///
    /// # Errors
    /// [`InferenceError::Model`] if the device that computes fails.
    pub fn write(&mut self, readers: usize, depth: usize, tokens: usize) -> Result<(), InferenceError> {
        (depth..depth + tokens).try_for_each(|start| self.pass(readers, start, 1, Wanted::Last))
    }

    /// Gives the places of all sequences up, for [`Trial::turn`].
    pub fn converse(&mut self) {
        self.sequences.drain(..).flat_map(|(pages, _)| pages).for_each(|page| self.network.pages().release(page));
    }

    /// Reads the first `tokens` tokens of a made-up conversation up to the token that follows, as a turn of it is
    /// answered: what an earlier turn has read, and the cache still holds, is not read again. Returns how much that was.
    /// Conversations of other numbers begin in other ways. [`Trial::converse`] makes the room.
    ///
    /// # Errors
    /// [`InferenceError::Model`] if they are more tokens than the trial was opened for, or if the device that computes
    /// fails.
    pub fn turn(&mut self, conversation: usize, tokens: usize) -> Result<usize, InferenceError> {
        /// Between the beginnings of two conversations, as [`Trial::token`] counts.
        const APART: usize = 31;
        let prompt: Vec<u32> = (0..tokens).map(|index| self.token(conversation * APART + index)).collect();
        let begun = self.cached.begin(&mut self.network, &prompt, 0, &[]);
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
            let network = &mut self.network;
            self.cores.install(|| network.forward(&mut Batch { runs: vec![run] }).map(drop))?;
        }
        self.cached.keep(&mut self.network, sequence);
        Ok(known)
    }

    /// One pass over `tokens` tokens from `start` on in each of the first `readers` sequences.
    fn pass(&mut self, readers: usize, start: usize, tokens: usize, wanted: Wanted) -> Result<(), InferenceError> {
        let tokens: Vec<u32> = (start..start + tokens).map(|index| self.token(index)).collect();
        let runs = self.sequences[..readers].iter_mut().map(|(pages, state)| Run {
            tokens: &tokens,
            start,
            pages,
            state: state.as_mut(),
            wanted,
        });
        let mut batch = Batch { runs: runs.collect() };
        let network = &mut self.network;
        self.cores.install(|| network.forward(&mut batch).map(drop))
    }

    /// Token number `index` of what is read: any will do, as long as they are not always the same.
    fn token(&self, index: usize) -> u32 {
        (index * 7919 % self.network.settings().vocabulary) as u32
    }
}

/// What is wanted of a piece of a prompt: only the last is followed by a token.
fn wanted(is_last: bool) -> Wanted {
    if is_last { Wanted::Last } else { Wanted::Nothing }
}
