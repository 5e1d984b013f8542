//! Decoders: tokens in, logits out, for every supported architecture.
//!
//! One network for all: embeddings; in each layer attention (or a state-space mixer) and a gated feed-forward network
//! with a norm before each; a last norm and the head. What differs between architectures is read from the file's
//! metadata and from a row of a table ([`settings`]); where weights lie is in [`weights`]. A [`Batch`] holds runs of
//! tokens of several conversations, prompts and single steps alike: the matrices are read once for all of them, and only
//! attention looks at each run alone, in the pages that the cache ([`cache`]) keeps for it.
//!
//! The pass is written twice: for this machine's cores ([`forward`]) and for accelerators ([`device`]). A [`Network`] is
//! one of them with its cache.

mod attention;
pub mod cache;
mod device;
mod experts;
mod forward;
mod halves;
mod loops;
mod mamba;
mod network;
mod pages;
pub(super) mod rope;
mod settings;
mod weights;

pub use forward::{Batch, Buffers, Run, Wanted};
pub use network::Network;
pub use settings::{Settings, supported};

use super::super::InferenceError;
use super::super::gguf::Gguf;
use cache::Shape;
use weights::Weights;

/// A decoder, ready to run. Its weights stay in the mapped file.
pub struct Decoder {
    pub settings: Settings,
    weights: Weights,
}

impl Decoder {
    /// The network of `gguf`.
    ///
    /// # Errors
    /// [`InferenceError::Model`] for an architecture that is not supported, and for tensors that are missing or do not
    /// fit together.
    pub fn new(gguf: &Gguf) -> Result<Decoder, InferenceError> {
        let settings = Settings::read(gguf)?;
        let weights = Weights::find(gguf, &settings)?;
        Ok(Decoder { settings, weights })
    }

    /// What the cache must hold for each token.
    pub fn cache_shape(&self) -> Shape {
        Shape::new(&self.settings)
    }

    /// Whether all layers are alike, attention and one feed-forward network: what accelerators compute.
    fn is_plain(&self) -> bool {
        let Settings { kv_heads, mamba, experts, .. } = &self.settings;
        mamba.is_none() && experts.is_none() && kv_heads.iter().all(|heads| *heads == kv_heads[0])
    }
}

#[cfg(test)]
mod tests;
