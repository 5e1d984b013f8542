//! A model run by itself, without a line, a vocabulary or a reader: for measuring how fast it is.

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
        Ok(Trial { network, computes, cores, sequences })
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
        (0..tokens).step_by(PIECE).try_for_each(|start| self.pass(1, start, PIECE.min(tokens - start)))
    }

    /// Writes `tokens` tokens one by one after `depth` others, in the first `readers` sequences at once.
    ///
    /// # Errors
    /// [`InferenceError::Model`] if the device that computes fails.
    pub fn write(&mut self, readers: usize, depth: usize, tokens: usize) -> Result<(), InferenceError> {
        (depth..depth + tokens).try_for_each(|start| self.pass(readers, start, 1))
    }

    /// One pass over `tokens` tokens from `start` on in each of the first `readers` sequences.
    fn pass(&mut self, readers: usize, start: usize, tokens: usize) -> Result<(), InferenceError> {
        let vocabulary = self.network.settings().vocabulary;
        // Any tokens will do, as long as they are not always the same.
        let token = |index: usize| ((start + index) * 7919 % vocabulary) as u32;
        let tokens: Vec<u32> = (0..tokens).map(token).collect();
        let runs = self.sequences[..readers].iter_mut().map(|(pages, state)| Run {
            tokens: &tokens,
            start,
            pages,
            state: state.as_mut(),
            wanted: Wanted::Last,
        });
        let mut batch = Batch { runs: runs.collect() };
        let network = &mut self.network;
        self.cores.install(|| network.forward(&mut batch).map(drop))
    }
}
