//! A Mamba-2 layer: each head keeps a state that it forgets a little of and adds to with every token
//! (<https://arxiv.org/abs/2405.21060>).

use super::forward::{Batch, Buffers as All, product_of, quantise};
use super::loops;
use super::settings::{MambaSettings, Settings};
use super::weights::Mamba;
use crate::inference::kernel::threads::{self, Shared};
use std::ops::Range;

/// Memory of a layer.
#[derive(Default)]
pub struct Buffers {
    projected: Vec<f32>,
    /// After the convolution: `[rows, channels]`.
    convolved: Vec<f32>,
    outputs: Vec<f32>,
    normed: Vec<f32>,
}

/// Mixes the rows of every run along their sequence, into what is given. `layer` counts the layers that have a state.
pub fn mix(
    settings: &Settings,
    weights: &Mamba,
    layer: usize,
    batch: &mut Batch,
    rows: &[Range<usize>],
    buffers: &mut All,
) {
    let sizes = settings.mamba.expect("a network with such layers has their sizes");
    let channels = sizes.inner + 2 * sizes.groups * sizes.state;
    let width = sizes.inner + channels + sizes.heads;
    let All { mamba: Buffers { projected, convolved, outputs, normed }, normed: stream, quantised, given, .. } =
        buffers;
    let count = stream.len() / settings.hidden;
    product_of(&weights.input, stream, quantised, projected);
    convolved.resize(count * channels, 0.0);
    outputs.resize(count * sizes.inner, 0.0);
    for (run, rows) in batch.runs.iter_mut().zip(rows) {
        let state = run.state.as_deref_mut().expect("sequences of such a network have a state");
        let columns = (sizes.kernel - 1) * channels;
        let columns = &mut state.columns[layer * columns..][..columns];
        let projected = &projected[rows.start * width..rows.end * width];
        let convolved = &mut convolved[rows.start * channels..rows.end * channels];
        convolve(sizes, weights, projected, columns, convolved);
        let heads = sizes.inner * sizes.state;
        let states = &mut state.heads[layer * heads..][..heads];
        scan(
            sizes,
            weights,
            projected,
            convolved,
            states,
            &mut outputs[rows.start * sizes.inner..rows.end * sizes.inner],
        );
    }
    // The gate comes before the norm, and the norm is of each group alone.
    let each = sizes.inner / sizes.groups;
    normed.resize(outputs.len(), 0.0);
    for (row, output) in outputs.chunks_exact_mut(sizes.inner).enumerate() {
        let gate = &mut projected[row * width..][..sizes.inner];
        loops::silu_times(gate, output);
        let into = &mut normed[row * sizes.inner..][..sizes.inner];
        let groups = gate.chunks_exact(each).zip(into.chunks_exact_mut(each)).zip(weights.norm.chunks_exact(each));
        groups.for_each(|((group, into), gain)| loops::normalise(group, gain, settings.epsilon, into));
    }
    quantise(quantised, normed, sizes.inner);
    product_of(&weights.output, normed, quantised, given);
}

/// A causal convolution of each channel alone, and SiLU. `columns` are the last inputs before the rows, and become the
/// last of the rows.
fn convolve(sizes: MambaSettings, weights: &Mamba, projected: &[f32], columns: &mut [f32], into: &mut [f32]) {
    let channels = weights.convolution_bias.len();
    let width = sizes.inner + channels + sizes.heads;
    let before = sizes.kernel - 1;
    for (row, into) in into.chunks_exact_mut(channels).enumerate() {
        let input = &projected[row * width + sizes.inner..][..channels];
        for (channel, into) in into.iter_mut().enumerate() {
            let kernel = &weights.convolution[channel * sizes.kernel..][..sizes.kernel];
            let earlier = (0..before).map(|at| kernel[at] * columns[at * channels + channel]).sum::<f32>();
            *into = weights.convolution_bias[channel] + earlier + kernel[before] * input[channel];
        }
        loops::silu(into);
        if before > 0 {
            columns.copy_within(channels.., 0);
            columns[(before - 1) * channels..].copy_from_slice(input);
        }
    }
}

/// Each head's state through the rows, and what it gives.
fn scan(
    sizes: MambaSettings,
    weights: &Mamba,
    projected: &[f32],
    convolved: &[f32],
    states: &mut [f32],
    outputs: &mut [f32],
) {
    let channels = weights.convolution_bias.len();
    let width = sizes.inner + channels + sizes.heads;
    let each = sizes.inner / sizes.heads;
    let (states, outputs) = (Shared::new(states), Shared::new(outputs));
    threads::share(sizes.heads, |head| {
        let group = head / (sizes.heads / sizes.groups);
        // SAFETY: each head has a state of its own.
        let state = unsafe { states.part(head * each * sizes.state, each * sizes.state) };
        for (row, convolved) in convolved.chunks_exact(channels).enumerate() {
            let step = softplus(projected[row * width + sizes.inner + channels + head] + weights.step_bias[head]);
            let keep = (step * weights.decay[head]).exp();
            let inputs = &convolved[head * each..][..each];
            let write = &convolved[sizes.inner + group * sizes.state..][..sizes.state];
            let read = &convolved[sizes.inner + (sizes.groups + group) * sizes.state..][..sizes.state];
            // SAFETY: each head has its part of each row.
            let output = unsafe { outputs.part(row * sizes.inner + head * each, each) };
            for ((state, input), output) in state.chunks_exact_mut(sizes.state).zip(inputs).zip(output) {
                loops::decay_and_add(state, write, keep, step * input);
                *output = crate::inference::kernel::dot_of_floats(state, read) + weights.skip[head] * input;
            }
        }
    });
}

/// `ln(1 + exp(x))`, which is `x` where it is large.
fn softplus(x: f32) -> f32 {
    /// Beyond this the difference is less than a float tells.
    const LARGE: f32 = 20.0;
    if x > LARGE { x } else { x.exp().ln_1p() }
}
