//! One pass through the network for a batch of runs.

use super::Decoder;
use super::attention::Head;
use super::cache::{Cache, Open, PAGE, Page, State};
use super::rope::Turns;
use super::settings::Activation;
use super::weights::{Attention, Biased, Feed, Gated, Layer, Mixer};
use super::{experts, loops, mamba};
use crate::inference::kernel::threads::{self, Shared};
use crate::inference::kernel::{Matrix, Product, Quantised, multiply};
use std::ops::Range;

/// Which of a run's positions logits are wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// None: more of the prompt is to come.
    Nothing,
    Last,
    All,
}

/// Tokens of one sequence, in a row.
pub struct Run<'a> {
    pub tokens: &'a [u32],
    /// Tokens of the sequence that the cache has already.
    pub start: usize,
    /// The sequence's pages: enough for `start` and these tokens, and those that are written its own.
    pub pages: &'a [Page],
    /// For networks that keep a state.
    pub state: Option<&'a mut State>,
    pub wanted: Wanted,
}

/// Runs that go through the network together.
#[derive(Default)]
pub struct Batch<'a> {
    pub runs: Vec<Run<'a>>,
}

/// Memory of a forward pass, used again by the next.
#[derive(Default)]
pub struct Buffers {
    positions: Vec<usize>,
    turns: Turns,
    turns_local: Turns,
    /// The residual stream: `[rows, hidden]`.
    stream: Vec<f32>,
    pub(super) normed: Vec<f32>,
    query: Vec<f32>,
    key: Vec<f32>,
    value: Vec<f32>,
    attended: Vec<f32>,
    /// What a mixer or a feed-forward network gives: `[rows, hidden]`.
    pub(super) given: Vec<f32>,
    pub(super) gate: Vec<f32>,
    pub(super) up: Vec<f32>,
    pub(super) quantised: Quantised,
    pub(super) experts: experts::Buffers,
    pub(super) mamba: mamba::Buffers,
    logits: Vec<f32>,
}

impl Decoder {
    /// Runs `batch` and returns the logits wanted, a row of [`Settings::vocabulary`] each, in the order of the runs.
    ///
    /// Every token must lie below the vocabulary.
    ///
    /// [`Settings::vocabulary`]: super::Settings::vocabulary
    pub fn forward<'b>(&self, batch: &mut Batch, cache: &mut Cache, buffers: &'b mut Buffers) -> &'b mut [f32] {
        let settings = &self.settings;
        let open = cache.open();
        let rows: Vec<Range<usize>> = ranges(&batch.runs);
        let count = rows.last().map_or(0, |range| range.end);
        let hidden = settings.hidden;
        self.embed(batch, buffers);
        buffers.positions.clear();
        buffers.positions.extend(batch.runs.iter().flat_map(|run| run.start..run.start + run.tokens.len()));
        if let Some(rope) = &settings.rope {
            rope.turns(&buffers.positions, &mut buffers.turns);
        }
        if let Some(rope) = &settings.rope_local {
            rope.turns(&buffers.positions, &mut buffers.turns_local);
        }
        let mut mamba_layer = 0;
        for (index, layer) in self.weights.layers.iter().enumerate() {
            self.normalise(buffers, &layer.mixer_norm);
            buffers.given.resize(count * hidden, 0.0);
            match &layer.mixer {
                Mixer::Attention(attention) => self.attend(attention, index, batch, &rows, &open, buffers),
                Mixer::Mamba(weights) => {
                    mamba::mix(settings, weights, mamba_layer, batch, &rows, buffers);
                    mamba_layer += 1;
                }
            }
            self.add(buffers, layer.mixer_norm_after.as_deref());
            self.normalise(buffers, &layer.feed_norm);
            self.feed(layer, buffers);
            self.add(buffers, layer.feed_norm_after.as_deref());
        }
        self.logits(batch, &rows, buffers);
        &mut buffers.logits
    }

    /// The embeddings of all tokens, into the stream.
    fn embed(&self, batch: &Batch, buffers: &mut Buffers) {
        let hidden = self.settings.hidden;
        let tokens: Vec<u32> = batch.runs.iter().flat_map(|run| run.tokens).copied().collect();
        buffers.stream.resize(tokens.len() * hidden, 0.0);
        for (row, token) in buffers.stream.chunks_exact_mut(hidden).zip(tokens) {
            self.weights.embeddings.row_to_f32(token as usize, row);
            row.iter_mut().for_each(|value| *value *= self.settings.embedding_scale);
        }
    }

    /// The stream, normalised, as floats and in eight bits.
    fn normalise(&self, buffers: &mut Buffers, gain: &[f32]) {
        let (hidden, epsilon) = (self.settings.hidden, self.settings.epsilon);
        buffers.normed.resize(buffers.stream.len(), 0.0);
        let stream = &buffers.stream;
        threads::by_rows(&mut buffers.normed, hidden, |first, rows| {
            let stream = &stream[first * hidden..][..rows.len()];
            loops::normalise(stream, gain, epsilon, rows);
        });
        quantise(&mut buffers.quantised, &buffers.normed, hidden);
    }

    /// Adds what was given to the stream, after a norm where the network has one there.
    fn add(&self, buffers: &mut Buffers, norm: Option<&[f32]>) {
        let (hidden, epsilon) = (self.settings.hidden, self.settings.epsilon);
        let given = &buffers.given;
        let normed = &mut buffers.normed;
        let given = match norm {
            None => given,
            Some(gain) => {
                loops::normalise(given, gain, epsilon, normed);
                &*normed
            }
        };
        threads::by_rows(&mut buffers.stream, hidden, |first, rows| {
            let given = &given[first * hidden..][..rows.len()];
            loops::add_scaled(rows, given, self.settings.residual_scale);
        });
    }

    /// Attention of every run, into what is given.
    fn attend(
        &self,
        weights: &Attention,
        layer: usize,
        batch: &Batch,
        rows: &[Range<usize>],
        open: &Open,
        buffers: &mut Buffers,
    ) {
        let settings = &self.settings;
        let (size, heads, kv_heads) = (settings.head_size, settings.heads, weights.kv_heads);
        let count = buffers.normed.len() / settings.hidden;
        let Buffers { query, key, value, normed, quantised, attended, given, .. } = buffers;
        product(&mut [(&weights.query, query), (&weights.key, key), (&weights.value, value)], normed, quantised);
        let local = settings.local[layer];
        let (rope, turns) = match local {
            true => (&settings.rope_local, &buffers.turns_local),
            false => (&settings.rope, &buffers.turns),
        };
        let turn = |first: usize, rows: &mut [f32], heads: usize, norm: &Option<Vec<f32>>| {
            let mut normed = vec![0.0; size];
            for (index, head) in rows.chunks_exact_mut(size).enumerate() {
                if let Some(gain) = norm {
                    loops::normalise(head, gain, settings.epsilon, &mut normed);
                    head.copy_from_slice(&normed);
                }
                if let Some(rope) = rope {
                    rope.apply(turns, first + index / heads, head);
                }
            }
        };
        threads::by_rows(query, heads * size, |first, rows| turn(first, rows, heads, &weights.query_norm));
        threads::by_rows(key, kv_heads * size, |first, rows| turn(first, rows, kv_heads, &weights.key_norm));
        attended.resize(count * heads * size, 0.0);
        let group = heads / kv_heads;
        let (query, key, value) = (&*query, &*key, &*value);
        let into = Shared::new(attended);
        let tasks = tasks(batch, kv_heads);
        threads::share(batch.runs.len() * kv_heads, |index| {
            let (run, head) = (index / kv_heads, index % kv_heads);
            write(open, layer, head, &batch.runs[run], rows[run].start, kv_heads, size, key, value);
        });
        threads::share(tasks.len(), |index| {
            let task = &tasks[index];
            let (run, first_row) = (&batch.runs[task.run], rows[task.run].start);
            let head = Head {
                cache: open,
                layer,
                head: task.head,
                pages: run.pages,
                start: run.start,
                window: settings.window.filter(|_| local),
                scale: settings.attention_scale,
                size,
            };
            let at =
                |position: usize, member: usize| ((first_row + position) * heads + task.head * group + member) * size;
            let get = |position, member| &query[at(position, member)..][..size];
            let put = |position, member, output: &[f32]| {
                // SAFETY: each position of each query head is one task's alone.
                unsafe { into.part(at(position, member), size) }.copy_from_slice(output);
            };
            head.attend(task.positions.start, task.positions.len(), group, get, put);
        });
        quantise(quantised, attended, heads * size);
        product(&mut [(&weights.output, given)], attended, quantised);
    }

    fn feed(&self, layer: &Layer, buffers: &mut Buffers) {
        match &layer.feed {
            Feed::Dense(weights) => {
                let Buffers { gate, up, given, normed, quantised, .. } = buffers;
                gated(self.settings.activation, weights, normed, quantised, gate, up, given);
            }
            Feed::Experts(weights) => experts::feed(&self.settings, weights, buffers),
        }
    }

    /// The logits of the positions that are wanted.
    fn logits(&self, batch: &Batch, rows: &[Range<usize>], buffers: &mut Buffers) {
        let settings = &self.settings;
        let hidden = settings.hidden;
        let wanted = batch.runs.iter().zip(rows).flat_map(|(run, rows)| match run.wanted {
            Wanted::Nothing => rows.end..rows.end,
            Wanted::Last => rows.end - 1..rows.end,
            Wanted::All => rows.clone(),
        });
        let wanted: Vec<usize> = wanted.collect();
        buffers.logits.resize(wanted.len() * settings.vocabulary, 0.0);
        if wanted.is_empty() {
            return;
        }
        buffers.normed.resize(wanted.len() * hidden, 0.0);
        for (row, into) in wanted.iter().zip(buffers.normed.chunks_exact_mut(hidden)) {
            loops::normalise(&buffers.stream[row * hidden..][..hidden], &self.weights.norm, settings.epsilon, into);
        }
        quantise(&mut buffers.quantised, &buffers.normed, hidden);
        let mut products = [Product { matrix: &self.weights.head, into: &mut buffers.logits }];
        multiply(&mut products, &buffers.normed, &buffers.quantised);
        threads::by_rows(&mut buffers.logits, settings.vocabulary, |_, rows| {
            for row in rows.chunks_exact_mut(settings.vocabulary) {
                finish(row, self.weights.head_bias.as_deref(), settings.logit_scale, settings.logit_cap);
            }
        });
    }
}

/// The rows of each run.
fn ranges(runs: &[Run]) -> Vec<Range<usize>> {
    let mut end = 0;
    let mut range = |run: &Run| {
        end += run.tokens.len();
        end - run.tokens.len()..end
    };
    runs.iter().map(&mut range).collect()
}

/// Quantises where the values come in whole blocks; networks too small for that have weights in floating point.
pub(super) fn quantise(into: &mut Quantised, floats: &[f32], columns: usize) {
    if columns.is_multiple_of(crate::inference::kernel::activations::BLOCK) {
        into.fill(floats, columns);
    }
}

/// Products of several matrices with the same activations, biases added.
pub(super) fn product(products: &mut [(&Biased, &mut Vec<f32>)], floats: &[f32], quantised: &Quantised) {
    let Some(columns) = products.first().map(|(weights, _)| weights.matrix.columns) else {
        return;
    };
    let count = floats.len() / columns;
    products.iter_mut().for_each(|(weights, into)| into.resize(count * weights.matrix.rows, 0.0));
    let mut plain: Vec<Product> =
        products.iter_mut().map(|(weights, into)| Product { matrix: &weights.matrix, into }).collect();
    multiply(&mut plain, floats, quantised);
    for (weights, into) in products {
        if let Some(bias) = &weights.bias {
            for row in into.chunks_exact_mut(bias.len()) {
                row.iter_mut().zip(bias).for_each(|(value, bias)| *value += bias);
            }
        }
    }
}

/// The product of one matrix without a bias.
pub(super) fn product_of(matrix: &Matrix, floats: &[f32], quantised: &Quantised, into: &mut Vec<f32>) {
    into.resize(floats.len() / matrix.columns * matrix.rows, 0.0);
    multiply(&mut [Product { matrix, into }], floats, quantised);
}

/// `down(activation(gate(x)) * up(x))` of all rows. `quantised` holds the rows, and is used for what is between.
pub(super) fn gated(
    activation: Activation,
    weights: &Gated,
    floats: &[f32],
    quantised: &mut Quantised,
    gate: &mut Vec<f32>,
    up: &mut Vec<f32>,
    into: &mut Vec<f32>,
) {
    product(&mut [(&weights.gate, gate), (&weights.up, up)], floats, quantised);
    let width = weights.width();
    threads::by_rows(gate, width, |first, rows| {
        let up = &up[first * width..][..rows.len()];
        match activation {
            Activation::Silu => loops::silu_times(rows, up),
            Activation::GeluTanh => loops::gelu_times(rows, up),
        }
    });
    quantise(quantised, gate, width);
    product(&mut [(&weights.down, into)], gate, quantised);
}

/// Part of attention: positions of one run and one head of keys and values.
struct Task {
    run: usize,
    head: usize,
    positions: Range<usize>,
}

/// Attention dealt out: by runs and heads, and by positions too where these are too few for the cores.
fn tasks(batch: &Batch, kv_heads: usize) -> Vec<Task> {
    /// Positions below which a run is not divided: each part reads all keys.
    const POSITIONS_MIN: usize = 64;
    let parts = (2 * threads::count()).div_ceil(batch.runs.len() * kv_heads);
    let mut tasks = Vec::new();
    for (run, Run { tokens, .. }) in batch.runs.iter().enumerate() {
        let each = tokens.len().div_ceil(parts).max(POSITIONS_MIN);
        for head in 0..kv_heads {
            // The last positions see the most: they begin first.
            for first in (0..tokens.len()).step_by(each).rev() {
                tasks.push(Task { run, head, positions: first..(first + each).min(tokens.len()) });
            }
        }
    }
    tasks
}

/// Writes the keys and values of one run and head into its pages.
#[expect(clippy::too_many_arguments, reason = "they are the places of one copy; a struct would be made for this call")]
fn write(
    open: &Open,
    layer: usize,
    head: usize,
    run: &Run,
    first_row: usize,
    kv_heads: usize,
    size: usize,
    key: &[f32],
    value: &[f32],
) {
    for index in 0..run.tokens.len() {
        let at = ((first_row + index) * kv_heads + head) * size;
        let position = run.start + index;
        let page = run.pages[position / PAGE];
        // SAFETY: the page that is written is this run's own, and each head of it this task's.
        unsafe { open.write(page, layer, head, position % PAGE, &key[at..at + size], &value[at..at + size]) };
    }
}

/// Bias, scale and cap of a row of logits.
fn finish(row: &mut [f32], bias: Option<&[f32]>, scale: f32, cap: Option<f32>) {
    if let Some(bias) = bias {
        row.iter_mut().zip(bias).for_each(|(value, bias)| *value += bias);
    }
    if scale != 1.0 {
        row.iter_mut().for_each(|value| *value *= scale);
    }
    if let Some(cap) = cap {
        row.iter_mut().for_each(|value| *value = cap * (*value / cap).tanh());
    }
}
