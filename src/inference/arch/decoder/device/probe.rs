//! Whether a device multiplies as the processor does: asked once, before a model is trusted to it.
//!
//! Kernels that were compiled for another accelerator may do nothing, and say nothing.

use super::super::forward;
use super::super::weights as mapped;
use super::weights::{Biased, Weights};
use crate::inference::kernel::Quantised;
use candle_core::{Device, Result, Tensor};

/// Rows of activations: one takes the way of generation, many take that of a prompt.
const HEIGHTS: [usize; 2] = [1, 40];
/// How far products may lie apart, of the largest. Both sides may quantise activations, each in its way.
const TOLERANCE: f32 = 0.03;

/// Compares products of a few matrices of the first layer, on `device` and on the processor.
///
/// # Errors
/// If they differ, or the device fails.
pub fn check(mapped: &mapped::Weights, weights: &Weights, device: &Device) -> Result<()> {
    let (Some(mapped), Some(weights)) = (mapped.layers.first(), weights.layers.first()) else {
        return Ok(());
    };
    let (mapped::Mixer::Attention(attention), mapped::Feed::Dense(feed)) = (&mapped.mixer, &mapped.feed) else {
        return Ok(());
    };
    let pairs = [(&attention.value, &weights.attention.value), (&feed.down, &weights.feed.down)];
    for (on_processor, on_device) in pairs {
        for height in HEIGHTS {
            if !agree(
                &on_processor_product(on_processor, height),
                &on_device_product(on_device, on_processor, height, device)?,
            ) {
                candle_core::bail!(
                    "it multiplies {} wrongly; was this program built for another accelerator?",
                    on_processor.matrix.kind.name()
                );
            }
        }
    }
    Ok(())
}

/// Activations that look like any.
fn activations(height: usize, columns: usize) -> Vec<f32> {
    (0..height * columns).map(|index| (index as f32 * 0.37).sin() + (index as f32 * 0.011).cos()).collect()
}

fn on_processor_product(weights: &mapped::Biased, height: usize) -> Vec<f32> {
    let columns = weights.matrix.columns;
    let floats = activations(height, columns);
    let (mut quantised, mut into) = (Quantised::default(), Vec::new());
    forward::quantise(&mut quantised, &floats, columns);
    forward::product(&mut [(weights, &mut into)], &floats, &quantised);
    into
}

fn on_device_product(weights: &Biased, like: &mapped::Biased, height: usize, device: &Device) -> Result<Vec<f32>> {
    let columns = like.matrix.columns;
    let floats = Tensor::from_vec(activations(height, columns), (height, columns), device)?;
    weights.product(&floats)?.flatten_all()?.to_vec1()
}

/// Whether two results are the same but for rounding.
fn agree(expected: &[f32], found: &[f32]) -> bool {
    let largest = expected.iter().fold(0f32, |largest, value| largest.max(value.abs()));
    let close = |(a, b): (&f32, &f32)| (a - b).abs() <= TOLERANCE * largest;
    expected.len() == found.len() && expected.iter().zip(found).all(close)
}

#[cfg(test)]
mod tests {
    use super::agree;

    #[test]
    fn only_rounding_is_forgiven() {
        let expected = [100.0, -3.0, 0.0];
        assert!(agree(&expected, &[101.0, -2.0, 0.5]));
        for wrong in [&[0.0; 3][..], &[f32::NAN; 3], &[100.0, -3.0, 8.0], &[100.0, -3.0]] {
            assert!(!agree(&expected, wrong), "{wrong:?}");
        }
    }
}
