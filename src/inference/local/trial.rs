//! A model run by itself, without a line, a vocabulary or a reader: for measuring how fast it is.

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
        Ok(Trial { decoder, cache, buffers: Buffers::default(), cores, sequences })
    }

    /// Reads a prompt of `tokens` made-up tokens, as the first sequence.
    pub fn read(&mut self, tokens: usize) {
        for start in (0..tokens).step_by(PIECE) {
            self.pass(1, start, PIECE.min(tokens - start));
        }
    }

    /// Writes `tokens` tokens one by one after `depth` others, in the first `readers` sequences at once.
    pub fn write(&mut self, readers: usize, depth: usize, tokens: usize) {
        for start in depth..depth + tokens {
            self.pass(readers, start, 1);
        }
    }

    /// One pass over `tokens` tokens from `start` on in each of the first `readers` sequences.
    fn pass(&mut self, readers: usize, start: usize, tokens: usize) {
        let vocabulary = self.decoder.settings.vocabulary;
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
        let (decoder, cache, buffers) = (&self.decoder, &mut self.cache, &mut self.buffers);
        self.cores.install(|| decoder.forward(&mut batch, cache, buffers).len());
    }
}
