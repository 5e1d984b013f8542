//! A mixture of experts: each token goes through the few that a router picks for it.

use super::forward::{Buffers as All, gated, product_of, quantise};
use super::loops;
use super::settings::Settings;
use super::weights::Mixture;
use crate::inference::kernel::Quantised;

/// Memory of a mixture.
#[derive(Default)]
pub struct Buffers {
    scores: Vec<f32>,
    rows: Vec<f32>,
    quantised: Quantised,
    outputs: Vec<f32>,
}

/// The sum of the weights of the picked experts is not taken for less.
const WEIGHTS_MIN: f32 = 6.1e-5;

/// Feeds all rows, in `normed`, through the shared expert and each through its own, into what is given.
pub fn feed(settings: &Settings, weights: &Mixture, buffers: &mut All) {
    let hidden = settings.hidden;
    let used = settings.experts.map_or(0, |experts| experts.used);
    let All { experts: Buffers { scores, rows, quantised, outputs }, normed, gate, up, given, .. } = buffers;
    product_of(&weights.router, normed, &buffers.quantised, scores);
    match &weights.shared {
        Some(shared) => gated(settings.activation, shared, normed, &mut buffers.quantised, gate, up, given),
        None => {
            given.clear();
            given.resize(normed.len(), 0.0);
        }
    }
    let picked: Vec<Vec<(usize, f32)>> =
        scores.chunks_exact(weights.experts.len()).map(|scores| pick(scores, used)).collect();
    for (index, expert) in weights.experts.iter().enumerate() {
        let own = picked.iter().enumerate().filter_map(|(row, picked)| {
            picked.iter().find(|(expert, _)| *expert == index).map(|(_, weight)| (row, *weight))
        });
        let own: Vec<(usize, f32)> = own.collect();
        if own.is_empty() {
            continue;
        }
        rows.clear();
        own.iter().for_each(|(row, _)| rows.extend_from_slice(&normed[row * hidden..][..hidden]));
        quantise(quantised, rows, hidden);
        gated(settings.activation, expert, rows, quantised, gate, up, outputs);
        for ((row, weight), output) in own.iter().zip(outputs.chunks_exact(hidden)) {
            loops::add_scaled(&mut given[row * hidden..][..hidden], output, *weight);
        }
    }
}

/// The `used` experts of the highest scores with their weights, which are the softmax of those scores.
fn pick(scores: &[f32], used: usize) -> Vec<(usize, f32)> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]).then(a.cmp(b)));
    order.truncate(used);
    let highest = scores[order[0]];
    let exponents: Vec<f32> = order.iter().map(|expert| (scores[*expert] - highest).exp()).collect();
    let sum = exponents.iter().sum::<f32>().max(WEIGHTS_MIN);
    order.into_iter().zip(exponents).map(|(expert, exponent)| (expert, exponent / sum)).collect()
}

#[cfg(test)]
mod tests {
    use super::pick;

    #[test]
    fn the_best_experts_share_the_token() {
        let picked = pick(&[0.0, 2.0, f32::MIN, 2.0, 1.0], 3);
        assert_eq!(picked.iter().map(|(expert, _)| *expert).collect::<Vec<_>>(), [1, 3, 4]);
        assert!((picked.iter().map(|(_, weight)| weight).sum::<f32>() - 1.0).abs() < 1e-6);
        assert!((picked[2].1 - 1.0 / (1.0 + 2.0 * 1f32.exp())).abs() < 1e-6);
    }
}
