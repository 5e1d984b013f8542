//! A decoder with its cache, wherever it computes. Whoever runs it need not know where that is.

use super::cache::{Cache, Page, Precision, Shape};
use super::device::Accelerated;
use super::pages::Pages;
use super::{Batch, Buffers, Decoder, Settings};
use crate::inference::InferenceError;

/// A decoder that is loaded, and the keys and values of what it has read.
pub enum Network {
    /// On this machine's cores, with kernels of our own and weights where they lie in the mapped file.
    Processor(Box<Processor>),
    /// On an accelerator, with candle's kernels and weights in the device's memory.
    Device(Box<Accelerated>),
}

/// What a pass on the processor works with.
pub struct Processor {
    decoder: Decoder,
    cache: Cache,
    buffers: Buffers,
}

impl Network {
    /// `decoder` on this machine's cores, with a cache of `pages`.
    pub fn on_processor(decoder: Decoder, pages: usize, precision: Precision) -> Network {
        let cache = Cache::new(decoder.cache_shape(), pages, precision);
        Network::Processor(Box::new(Processor { decoder, cache, buffers: Buffers::default() }))
    }

    /// `decoder` on `device`: its weights are copied there, and a cache of `pages` is made there.
    ///
    /// # Errors
    /// [`InferenceError::Model`] where the network has layers that only the processor computes, and where the device
    /// fails, for want of memory for instance.
    pub fn on_device(
        decoder: &Decoder,
        device: &candle_core::Device,
        pages: usize,
        precision: Precision,
    ) -> Result<Network, InferenceError> {
        if !decoder.is_plain() {
            return Err(InferenceError::Model(format!(
                "Layers of {} (experts, or a state instead of attention) are computed on the processor only.",
                decoder.settings.architecture
            )));
        }
        Accelerated::new(decoder, device, pages, precision)
            .map(|network| Network::Device(Box::new(network)))
            .map_err(failure)
    }

    /// The network's sizes and constants.
    pub fn settings(&self) -> &Settings {
        match self {
            Network::Processor(processor) => &processor.decoder.settings,
            Network::Device(network) => network.settings(),
        }
    }

    /// What the cache holds for each token.
    pub fn shape(&self) -> &Shape {
        match self {
            Network::Processor(processor) => processor.cache.shape(),
            Network::Device(network) => network.shape(),
        }
    }

    /// Who has which page of the cache.
    pub fn pages(&mut self) -> &mut Pages {
        match self {
            Network::Processor(processor) => processor.cache.pages(),
            Network::Device(network) => network.pages(),
        }
    }

    /// A page of one's own with what is in `page`; `None` if none is free, or if the device fails.
    pub fn copy(&mut self, page: Page) -> Option<Page> {
        match self {
            Network::Processor(processor) => processor.cache.copy(page),
            Network::Device(network) => network.copy(page),
        }
    }

    /// Runs `batch` and returns the logits wanted, a row of [`Settings::vocabulary`] each, in the order of the runs.
    ///
    /// Every token must lie below the vocabulary.
    ///
    /// # Errors
    /// [`InferenceError::Model`] if the device fails. What the runs were to add to the cache is not there then.
    pub fn forward(&mut self, batch: &mut Batch) -> Result<&mut [f32], InferenceError> {
        match self {
            Network::Processor(processor) => {
                let Processor { decoder, cache, buffers } = &mut **processor;
                Ok(decoder.forward(batch, cache, buffers))
            }
            Network::Device(network) => network.forward(batch).map_err(failure),
        }
    }
}

fn failure(error: candle_core::Error) -> InferenceError {
    InferenceError::Model(format!("The accelerator failed: {error}."))
}
