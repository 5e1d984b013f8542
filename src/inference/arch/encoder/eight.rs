//! Weights in eight bits: products with them are made of small integers, several times as many at once as of floats.
//!
//! Each row of weights is cut into blocks of 32 values with a scale of their own (Q8_0 of GGUF); what is multiplied with
//! them is rounded in the same way (`kernel::Quantised`). The rest of the network stays in floats.

use crate::inference::InferenceError;
use crate::inference::gguf::{Gguf, Kind};
use crate::inference::kernel::{Matrix, Product, Quantised, multiply};
use half::f16;
use std::path::Path;

/// Values that share a scale.
const BLOCK: usize = 32;
/// The largest number that a value becomes.
const LARGEST: f32 = 127.0;

/// A matrix of weights, `[outputs, inputs]`.
pub(super) struct Eight(Matrix);

/// The memory of products, kept between calls.
#[derive(Default)]
pub(super) struct Workbench {
    quantised: Quantised,
    product: Vec<f32>,
}

impl Eight {
    /// Whether rows of `inputs` values can be cut into blocks.
    pub(super) fn fits(inputs: usize) -> bool {
        inputs.is_multiple_of(BLOCK)
    }

    /// Rounds `weights`, row by row `inputs` long, of the model at `path`.
    ///
    /// # Errors
    /// [`InferenceError::Model`] if there is no memory for them.
    pub(super) fn round(weights: &[f32], inputs: usize, path: &Path) -> Result<Eight, InferenceError> {
        const NAME: &str = "weights";
        let mut bytes = Vec::with_capacity(Kind::Q8_0.bytes(weights.len()));
        for block in weights.chunks_exact(BLOCK) {
            let scale = block.iter().fold(0f32, |largest, value| largest.max(value.abs())) / LARGEST;
            let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
            bytes.extend(f16::from_f32(scale).to_le_bytes());
            bytes.extend(block.iter().map(|value| (value * inverse).round() as i8 as u8));
        }
        let outputs = weights.len() / inputs;
        let made = Gguf::in_memory(path, NAME, Kind::Q8_0, vec![inputs, outputs], &bytes)?;
        Matrix::of(&made, NAME, outputs, inputs).map(Eight)
    }

    /// `into = rows * weights`, where `rows` follow one another.
    pub(super) fn replace(&self, into: &mut [f32], rows: &[f32], bench: &mut Workbench) {
        bench.quantised.fill(rows, self.0.columns);
        multiply(&mut [Product { matrix: &self.0, into }], rows, &bench.quantised);
    }

    /// `into += rows * weights`
    pub(super) fn add(&self, into: &mut [f32], rows: &[f32], bench: &mut Workbench) {
        bench.quantised.fill(rows, self.0.columns);
        bench.product.resize(into.len(), 0.0);
        multiply(&mut [Product { matrix: &self.0, into: &mut bench.product }], rows, &bench.quantised);
        super::layers::add(into, &bench.product);
    }
}
