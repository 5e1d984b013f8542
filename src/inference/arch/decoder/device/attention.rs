//! Attention of a group of runs on a device.

use super::cache::Cache;
use super::plan::{Group, Sight};
use candle_core::{D, Result, Tensor};

/// Scores that are held at a time: 256 MiB of them.
const SCORES_MAX: usize = 64 << 20;

/// What the tokens of `group` take from what they see: `[rows of the group, heads * head_size]`. `query` is scaled, and
/// holds the rows of all groups: `[rows, heads, head_size]`.
pub fn attend(query: &Tensor, cache: &Cache, layer: usize, group: &Group, sight: &Sight) -> Result<Tensor> {
    let Group { first, runs, tokens, .. } = *group;
    let (_, heads, size) = query.dims3()?;
    let (keys, values) = cache.read(layer, &sight.pages, runs)?;
    let (_, kv_heads, width, _) = keys.dims4()?;
    let each = heads / kv_heads;
    let keys = keys.transpose(2, 3)?;
    // Queries that share a head of keys and values are rows of one product.
    let query = query.narrow(0, first, runs * tokens)?.reshape((runs, tokens, kv_heads, each, size))?;
    let query = query.permute((0, 2, 3, 1, 4))?;
    let step = (SCORES_MAX / (runs * heads * width)).max(1);
    let parts = (0..tokens).step_by(step).map(|begin| {
        let count = step.min(tokens - begin);
        let query = query.narrow(3, begin, count)?.contiguous()?.reshape((runs, kv_heads, each * count, size))?;
        let mask = sight.mask.narrow(1, begin, count)?.reshape((runs, 1, 1, count, width))?;
        let scores = query.matmul(&keys)?.reshape((runs, kv_heads, each, count, width))?.broadcast_add(&mask)?;
        let shares = softmax(&scores)?.reshape((runs, kv_heads, each * count, width))?;
        let taken = shares.matmul(&values)?.reshape((runs, kv_heads, each, count, size))?;
        taken.permute((0, 3, 1, 2, 4))
    });
    let parts = parts.collect::<Result<Vec<_>>>()?;
    Tensor::cat(&parts, 1)?.reshape((runs * tokens, heads * size))
}

/// The exponents of the last dimension, divided by their sum.
fn softmax(scores: &Tensor) -> Result<Tensor> {
    let exponents = scores.broadcast_sub(&scores.max_keepdim(D::Minus1)?)?.exp()?;
    exponents.broadcast_div(&exponents.sum_keepdim(D::Minus1)?)
}
