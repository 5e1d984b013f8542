//! Attention: for each sequence and head, `softmax(query * key^T) * value`.

use crate::inference::arch::kernel::{self, Before, Share, View};

/// Queries that are worked on at a time: a long text's scores would not stay in the cache.
const QUERIES: usize = 256;

/// The memory of attention, kept between calls.
#[derive(Default)]
pub(super) struct Scores {
    /// `[queries, keys]` of one head of one sequence.
    values: Vec<f32>,
    inverse_sums: Vec<f32>,
}

/// What is looked at: the states of some sequences, laid end to end.
pub(super) struct Looked<'a> {
    /// Query, key and value side by side: `[tokens, 3 * hidden]`.
    pub states: &'a [f32],
    pub hidden: usize,
    pub heads: usize,
    /// How far a token looks to each side; everywhere without.
    pub reach: Option<usize>,
}

/// Fills `context`, `[tokens, hidden]`, for sequences of `lengths`: the first `queries_max` rows of each.
pub(super) fn attend(
    looked: &Looked,
    lengths: impl Iterator<Item = usize>,
    queries_max: usize,
    context: &mut [f32],
    scores: &mut Scores,
    share: Share,
) {
    let mut first = 0;
    for length in lengths {
        // With a short reach, few queries at a time look at few keys in vain.
        let step = looked.reach.map_or(QUERIES, |reach| (2 * reach).clamp(1, QUERIES));
        let queries = length.min(queries_max);
        for from in (0..queries).step_by(step) {
            let to = (from + step).min(queries);
            let keys = match looked.reach {
                None => 0..length,
                Some(reach) => from.saturating_sub(reach)..(to + reach).min(length),
            };
            let block = Block { first, queries: from..to, keys };
            looked.block(&block, context, scores, share);
        }
        first += length;
    }
}

/// Some queries of one sequence, and the keys that they may look at.
struct Block {
    /// The row of the sequence's first token.
    first: usize,
    queries: std::ops::Range<usize>,
    keys: std::ops::Range<usize>,
}

impl Looked<'_> {
    fn block(&self, block: &Block, context: &mut [f32], scores: &mut Scores, share: Share) {
        let Block { first, queries, keys } = block;
        let (hidden, head, width) = (self.hidden, self.hidden / self.heads, keys.len());
        let Scores { values, inverse_sums } = scores;
        values.resize(queries.len() * width, 0.0);
        inverse_sums.resize(queries.len(), 0.0);
        let of = |part: usize, index: usize, rows: &std::ops::Range<usize>| View {
            data: &self.states[(first + rows.start) * 3 * hidden + part * hidden + index * head..],
            rows: rows.len(),
            columns: head,
            row_step: 3 * hidden,
            column_step: 1,
        };
        for index in 0..self.heads {
            let (query, key, value) = (of(0, index, queries), of(1, index, keys), of(2, index, keys));
            kernel::multiply(values, width, Before::Replaced, query, key.transposed(), share);
            if let Some(reach) = self.reach {
                hide(values, queries, keys, reach);
            }
            kernel::exponents(values, width, inverse_sums);
            let into = &mut context[(first + queries.start) * hidden + index * head..];
            let weights = View::dense(values, queries.len(), width);
            kernel::multiply(into, hidden, Before::Replaced, weights, value, share);
            for (row, inverse) in into.chunks_mut(hidden).zip(inverse_sums.iter()) {
                row[..head].iter_mut().for_each(|value| *value *= inverse);
            }
        }
    }
}

/// Makes the scores of keys that are out of `reach` of a query count for nothing.
fn hide(scores: &mut [f32], queries: &std::ops::Range<usize>, keys: &std::ops::Range<usize>, reach: usize) {
    for (row, query) in scores.chunks_exact_mut(keys.len()).zip(queries.clone()) {
        let seen =
            query.saturating_sub(reach).max(keys.start) - keys.start..(query + reach + 1).min(keys.end) - keys.start;
        row[..seen.start].fill(f32::NEG_INFINITY);
        row[seen.end..].fill(f32::NEG_INFINITY);
    }
}
