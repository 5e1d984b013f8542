//! The network on an accelerator: the layers of `forward`, computed by candle for a device.
//!
//! Weights ([`weights`]) and pages ([`cache`]) lie in the device's memory. What a batch needs to be told, positions and
//! what each of them sees, is computed here and copied there once ([`plan`]); then every step of every layer is a call
//! of candle's. All of it runs on candle's processor device too, where it is tested against the same reference.

mod attention;
mod cache;
mod plan;
mod probe;
mod weights;

use super::cache::{Page, Precision, Shape};
use super::pages::Pages;
use super::rope::Pairing;
use super::settings::{Activation, Settings};
use super::{Batch, Decoder};
use cache::Cache;
use candle_core::{D, Device, Result, Tensor};
use plan::{Plan, Turn};
use weights::{Attention, Biased, Gated, Weights};

/// A decoder whose weights and cache are in a device's memory.
pub struct Accelerated {
    settings: Settings,
    shape: Shape,
    device: Device,
    weights: Weights,
    cache: Cache,
    pages: Pages,
    logits: Vec<f32>,
}

impl Accelerated {
    /// Copies the weights of `decoder` to `device`, sees whether it computes rightly ([`probe`]), and makes a cache of
    /// `pages` there. Blocking, until all is there.
    pub fn new(decoder: &Decoder, device: &Device, pages: usize, precision: Precision) -> Result<Accelerated> {
        let weights = Weights::load(&decoder.weights, device)?;
        probe::check(&decoder.weights, &weights, device)?;
        let cache = Cache::new(&decoder.settings, pages, precision, device)?;
        device.synchronize()?;
        Ok(Accelerated {
            settings: decoder.settings.clone(),
            shape: decoder.cache_shape(),
            device: device.clone(),
            weights,
            cache,
            pages: Pages::new(pages),
            logits: Vec::new(),
        })
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    pub fn pages(&mut self) -> &mut Pages {
        &mut self.pages
    }

    /// A page of one's own with what is in `page`; `None` if none is free, or if the device fails.
    pub fn copy(&mut self, page: Page) -> Option<Page> {
        let copy = self.pages.take()?;
        if let Err(error) = self.cache.copy(page, copy) {
            tracing::warn!(%error, "a page could not be copied; what it holds is read again");
            self.pages.release(copy);
            return None;
        }
        Some(copy)
    }

    /// Runs `batch` and returns the logits wanted, in the order of the runs.
    pub fn forward(&mut self, batch: &Batch) -> Result<&mut [f32]> {
        let settings = &self.settings;
        let plan = Plan::new(batch, settings, &self.device)?;
        let mut stream = (self.weights.embeddings.rows(&plan.tokens)? * f64::from(settings.embedding_scale))?;
        for (index, layer) in self.weights.layers.iter().enumerate() {
            let normed = self.normalise(&stream, &layer.mixer_norm)?;
            let given = self.attend(index, &layer.attention, &normed, &plan)?;
            stream = self.add(&stream, given, layer.mixer_norm_after.as_ref())?;
            let normed = self.normalise(&stream, &layer.feed_norm)?;
            let given = gated(settings.activation, &layer.feed, &normed)?;
            stream = self.add(&stream, given, layer.feed_norm_after.as_ref())?;
        }
        self.logits = match &plan.wanted {
            // Nothing is asked for, but whoever measures how long a pass takes must not be told too early.
            None => self.device.synchronize().map(|()| Vec::new())?,
            Some(wanted) => self.finish(&stream.index_select(wanted, 0)?)?.flatten_all()?.to_vec1()?,
        };
        Ok(&mut self.logits)
    }

    fn normalise(&self, x: &Tensor, gain: &Tensor) -> Result<Tensor> {
        let mean = x.sqr()?.mean_keepdim(D::Minus1)?;
        x.broadcast_div(&(mean + f64::from(self.settings.epsilon))?.sqrt()?)?.broadcast_mul(gain)
    }

    /// The stream and what was given to it, after a norm where the network has one there.
    fn add(&self, stream: &Tensor, given: Tensor, norm: Option<&Tensor>) -> Result<Tensor> {
        let given = match norm {
            None => given,
            Some(gain) => self.normalise(&given, gain)?,
        };
        match self.settings.residual_scale {
            1.0 => stream + given,
            scale => stream + (given * f64::from(scale))?,
        }
    }

    /// Attention of all rows, `[rows, hidden]`; their keys and values go into the cache.
    fn attend(&self, layer: usize, weights: &Attention, normed: &Tensor, plan: &Plan) -> Result<Tensor> {
        let Settings { heads, head_size, .. } = self.settings;
        let local = self.settings.local[layer];
        let turn = if local { &plan.turn_local } else { &plan.turn };
        let turned = |matrix: &Biased, heads: usize, norm: Option<&Tensor>| -> Result<Tensor> {
            let mut x = matrix.product(normed)?.reshape((plan.rows, heads, head_size))?;
            if let Some(gain) = norm {
                x = self.normalise(&x, gain)?;
            }
            match turn {
                Some(turn) => rotate(&x, turn),
                None => Ok(x),
            }
        };
        let query = turned(&weights.query, heads, weights.query_norm.as_ref())?;
        let key = turned(&weights.key, weights.kv_heads, weights.key_norm.as_ref())?;
        let value = weights.value.product(normed)?;
        self.cache.write(layer, &plan.slots, &key, &value)?;
        let query = (query * f64::from(self.settings.attention_scale))?;
        let attended = plan
            .groups
            .iter()
            .map(|group| {
                let sight = if local { &group.local } else { &group.all };
                attention::attend(&query, &self.cache, layer, group, sight)
            })
            .collect::<Result<Vec<_>>>()?;
        weights.output.product(&Tensor::cat(&attended, 0)?)
    }

    /// The logits of rows of the stream.
    fn finish(&self, rows: &Tensor) -> Result<Tensor> {
        let settings = &self.settings;
        let mut logits = self.weights.head.product(&self.normalise(rows, &self.weights.norm)?)?;
        if settings.logit_scale != 1.0 {
            logits = (logits * f64::from(settings.logit_scale))?;
        }
        if let Some(cap) = settings.logit_cap.map(f64::from) {
            logits = ((logits / cap)?.tanh()? * cap)?;
        }
        Ok(logits)
    }
}

/// `down(activation(gate(x)) * up(x))` of all rows.
fn gated(activation: Activation, weights: &Gated, x: &Tensor) -> Result<Tensor> {
    let gate = weights.gate.product(x)?;
    let gate = match activation {
        Activation::Silu => gate.silu()?,
        Activation::GeluTanh => gate.gelu()?,
    };
    weights.down.product(&(gate * weights.up.product(x)?)?)
}

/// Turns the pairs of every head of `x`, `[rows, heads, size]`, as far as the rotation goes.
fn rotate(x: &Tensor, turn: &Turn) -> Result<Tensor> {
    let (rows, heads, size) = x.dims3()?;
    let turned = 2 * turn.pairs;
    let whole = x.narrow(2, 0, turned)?;
    let (first, second) = match turn.pairing {
        Pairing::Halves => (whole.narrow(2, 0, turn.pairs)?, whole.narrow(2, turn.pairs, turn.pairs)?),
        Pairing::Neighbours => {
            let pairs = whole.contiguous()?.reshape((rows, heads, turn.pairs, 2))?;
            (pairs.narrow(3, 0, 1)?.squeeze(3)?, pairs.narrow(3, 1, 1)?.squeeze(3)?)
        }
    };
    let a = (first.broadcast_mul(&turn.cosines)? - second.broadcast_mul(&turn.sines)?)?;
    let b = (first.broadcast_mul(&turn.sines)? + second.broadcast_mul(&turn.cosines)?)?;
    let turned = match turn.pairing {
        Pairing::Halves => Tensor::cat(&[a, b], 2)?,
        Pairing::Neighbours => Tensor::stack(&[a, b], 3)?.reshape((rows, heads, turned))?,
    };
    match size - 2 * turn.pairs {
        0 => Ok(turned),
        rest => Tensor::cat(&[turned, x.narrow(2, 2 * turn.pairs, rest)?], 2),
    }
}
