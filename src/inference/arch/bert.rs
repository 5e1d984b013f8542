//! The BERT encoder with mean pooling, for sequences of any lengths side by side.
//!
//! Sequences are laid end to end without padding: the dense layers see one tall matrix `[tokens, hidden]`, attention
//! looks at each sequence alone, and no position is computed only to be masked. Buffers are kept between calls, and
//! biases, residuals and activations are folded into the passes that touch the memory anyway: an encoder this small
//! is bound by memory and by allocation as much as by arithmetic.
//!
//! Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers", 2019.

use super::kernel::{self, Before, Share, View};
use crate::inference::InferenceError;
use crate::inference::weights::Weights;
use std::path::Path;

/// The weights, laid out for the forward pass.
pub(in crate::inference) struct Bert {
    hidden: usize,
    inner: usize,
    heads: usize,
    epsilon: f32,
    /// `[vocabulary, hidden]`
    words: Vec<f32>,
    /// `[positions, hidden]`, with the embedding of token type 0 added in: there is only one type here.
    positions: Vec<f32>,
    norm: Norm,
    layers: Vec<Layer>,
}

struct Norm {
    gain: Vec<f32>,
    shift: Vec<f32>,
}

/// A dense layer: `x * weights + bias`.
struct Dense {
    /// `[inputs, outputs]`, the transpose of what the file holds.
    weights: Vec<f32>,
    bias: Vec<f32>,
}

struct Layer {
    /// Query, key and value side by side: `[hidden, 3 * hidden]`. The query is scaled by `1 / sqrt(head)` already.
    attend: Dense,
    attended: Dense,
    attended_norm: Norm,
    widen: Dense,
    narrow: Dense,
    narrow_norm: Norm,
}

/// The memory of one forward pass, kept between calls.
#[derive(Default)]
pub(in crate::inference) struct Buffers {
    /// `[tokens, hidden]`
    state: Vec<f32>,
    /// `[tokens, 3 * hidden]`
    attend: Vec<f32>,
    /// `[tokens, hidden]`
    context: Vec<f32>,
    /// `[tokens, inner]`
    wide: Vec<f32>,
    /// `[length, length]` of one head of one sequence.
    scores: Vec<f32>,
    inverse_sums: Vec<f32>,
}

impl Bert {
    /// Lays out `weights`, which were read from `folder`.
    pub(in crate::inference) fn new(weights: &Weights, folder: &Path) -> Result<Bert, InferenceError> {
        let settings = &weights.settings;
        let (hidden, inner) = (settings.hidden_size, settings.intermediate_size);
        let take = |name: &str, shape: &[usize]| weights.take(folder, name, shape);
        let mut positions = take("embeddings.position_embeddings.weight", &[settings.max_position_embeddings, hidden])?;
        let kinds = take("embeddings.token_type_embeddings.weight", &[2, hidden])?;
        for row in positions.chunks_exact_mut(hidden) {
            add(row, &kinds[..hidden]);
        }
        let norm = |name: &str| -> Result<Norm, InferenceError> {
            let (gain, shift) = (format!("{name}.weight"), format!("{name}.bias"));
            Ok(Norm { gain: take(&gain, &[hidden])?, shift: take(&shift, &[hidden])? })
        };
        let dense = |name: &str, inputs: usize, outputs: usize| -> Result<Dense, InferenceError> {
            let stored = take(&format!("{name}.weight"), &[outputs, inputs])?;
            let bias = take(&format!("{name}.bias"), &[outputs])?;
            Ok(Dense { weights: transposed(&stored, outputs, inputs), bias })
        };
        let layer = |index: usize| -> Result<Layer, InferenceError> {
            let name = |part: &str| format!("encoder.layer.{index}.{part}");
            let mut query = dense(&name("attention.self.query"), hidden, hidden)?;
            let scale = 1.0 / ((hidden / settings.num_attention_heads) as f32).sqrt();
            query.weights.iter_mut().chain(&mut query.bias).for_each(|value| *value *= scale);
            let key = dense(&name("attention.self.key"), hidden, hidden)?;
            let value = dense(&name("attention.self.value"), hidden, hidden)?;
            Ok(Layer {
                attend: side_by_side([query, key, value], hidden),
                attended: dense(&name("attention.output.dense"), hidden, hidden)?,
                attended_norm: norm(&name("attention.output.LayerNorm"))?,
                widen: dense(&name("intermediate.dense"), hidden, inner)?,
                narrow: dense(&name("output.dense"), inner, hidden)?,
                narrow_norm: norm(&name("output.LayerNorm"))?,
            })
        };
        Ok(Bert {
            hidden,
            inner,
            heads: settings.num_attention_heads,
            epsilon: settings.layer_norm_eps,
            words: take("embeddings.word_embeddings.weight", &[settings.vocab_size, hidden])?,
            positions,
            norm: norm("embeddings.LayerNorm")?,
            layers: (0..settings.num_hidden_layers).map(layer).collect::<Result<_, _>>()?,
        })
    }

    /// The length of a vector.
    pub(in crate::inference) fn dimensions(&self) -> usize {
        self.hidden
    }

    /// The mean of each sequence's last states, scaled to unit length, in the order of `sequences`.
    ///
    /// Every sequence has at least one token and no more than the model has positions.
    pub(in crate::inference) fn embed(
        &self,
        sequences: &[&[u32]],
        buffers: &mut Buffers,
        share: Share,
    ) -> Vec<Vec<f32>> {
        self.look_up(sequences, buffers);
        for layer in &self.layers {
            self.forward(layer, sequences, buffers, share);
        }
        let mut states = buffers.state.chunks_exact(self.hidden);
        sequences.iter().map(|sequence| unit_mean(&mut states, sequence.len(), self.hidden)).collect()
    }

    /// Fills the state with the normalised sum of word, position and type embeddings.
    fn look_up(&self, sequences: &[&[u32]], buffers: &mut Buffers) {
        let tokens: usize = sequences.iter().map(|sequence| sequence.len()).sum();
        let Buffers { state, attend, context, wide, .. } = buffers;
        for (buffer, width) in
            [(&mut *state, self.hidden), (attend, 3 * self.hidden), (context, self.hidden), (wide, self.inner)]
        {
            buffer.resize(tokens * width, 0.0);
        }
        let ids = sequences.iter().flat_map(|sequence| sequence.iter().enumerate());
        for (row, (position, id)) in state.chunks_exact_mut(self.hidden).zip(ids) {
            row.copy_from_slice(row_of(&self.words, *id as usize, self.hidden));
            add(row, row_of(&self.positions, position, self.hidden));
        }
        kernel::normalise(state, &self.norm.gain, &self.norm.shift, self.epsilon);
    }

    /// One layer: `state = norm(state + attention(state))`, then `state = norm(state + narrow(gelu(widen(state))))`.
    fn forward(&self, layer: &Layer, sequences: &[&[u32]], buffers: &mut Buffers, share: Share) {
        let (hidden, inner) = (self.hidden, self.inner);
        let tokens = buffers.state.len() / hidden;

        let state = View::dense(&buffers.state, tokens, hidden);
        fill_rows(&mut buffers.attend, &layer.attend.bias);
        multiply(&mut buffers.attend, Before::Added, state, &layer.attend, share);
        self.attend(sequences, buffers, share);

        add_rows(&mut buffers.state, &layer.attended.bias);
        let context = View::dense(&buffers.context, tokens, hidden);
        multiply(&mut buffers.state, Before::Added, context, &layer.attended, share);
        kernel::normalise(&mut buffers.state, &layer.attended_norm.gain, &layer.attended_norm.shift, self.epsilon);

        let state = View::dense(&buffers.state, tokens, hidden);
        multiply(&mut buffers.wide, Before::Replaced, state, &layer.widen, share);
        kernel::add_and_gelu(&mut buffers.wide, &layer.widen.bias);

        add_rows(&mut buffers.state, &layer.narrow.bias);
        let wide = View::dense(&buffers.wide, tokens, inner);
        multiply(&mut buffers.state, Before::Added, wide, &layer.narrow, share);
        kernel::normalise(&mut buffers.state, &layer.narrow_norm.gain, &layer.narrow_norm.shift, self.epsilon);
    }

    /// Fills the context: for each sequence and head, `softmax(query * key^T) * value`.
    fn attend(&self, sequences: &[&[u32]], buffers: &mut Buffers, share: Share) {
        let (hidden, head) = (self.hidden, self.hidden / self.heads);
        let Buffers { attend, context, scores, inverse_sums, .. } = buffers;
        let mut first = 0;
        for sequence in sequences {
            let length = sequence.len();
            scores.resize(length * length, 0.0);
            inverse_sums.resize(length, 0.0);
            let of = |part: usize, index: usize| View {
                data: &attend[first * 3 * hidden + part * hidden + index * head..],
                rows: length,
                columns: head,
                row_step: 3 * hidden,
                column_step: 1,
            };
            for index in 0..self.heads {
                let (query, key, value) = (of(0, index), of(1, index), of(2, index));
                kernel::multiply(scores, length, Before::Replaced, query, key.transposed(), share);
                kernel::exponents(scores, length, inverse_sums);
                let into = &mut context[first * hidden + index * head..];
                kernel::multiply(into, hidden, Before::Replaced, View::dense(scores, length, length), value, share);
                for (row, inverse) in into.chunks_mut(hidden).zip(inverse_sums.iter()) {
                    row[..head].iter_mut().for_each(|value| *value *= inverse);
                }
            }
            first += length;
        }
    }
}

/// `into = rows * dense` or `into += rows * dense`, without the bias.
fn multiply(into: &mut [f32], before: Before, rows: View, dense: &Dense, share: Share) {
    let outputs = dense.bias.len();
    kernel::multiply(into, outputs, before, rows, View::dense(&dense.weights, rows.columns, outputs), share);
}

/// The mean of the next `count` rows of `states`, scaled to unit length.
fn unit_mean<'a>(states: &mut impl Iterator<Item = &'a [f32]>, count: usize, hidden: usize) -> Vec<f32> {
    let mut mean = vec![0.0; hidden];
    states.take(count).for_each(|row| add(&mut mean, row));
    // The division by the count falls out of the scaling.
    let length = mean.iter().map(|value| value * value).sum::<f32>().sqrt().max(1e-9);
    mean.iter_mut().for_each(|value| *value /= length);
    mean
}

fn row_of(matrix: &[f32], row: usize, width: usize) -> &[f32] {
    &matrix[row * width..][..width]
}

fn add(to: &mut [f32], what: &[f32]) {
    to.iter_mut().zip(what).for_each(|(to, what)| *to += what);
}

fn add_rows(rows: &mut [f32], what: &[f32]) {
    rows.chunks_exact_mut(what.len()).for_each(|row| add(row, what));
}

fn fill_rows(rows: &mut [f32], with: &[f32]) {
    rows.chunks_exact_mut(with.len()).for_each(|row| row.copy_from_slice(with));
}

/// The transpose of a row-major `[rows, columns]` matrix.
fn transposed(matrix: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    (0..columns).flat_map(|column| (0..rows).map(move |row| matrix[row * columns + column])).collect()
}

/// The dense layers joined so that one product computes them all; each has `inputs` inputs.
fn side_by_side<const N: usize>(parts: [Dense; N], inputs: usize) -> Dense {
    let bias = parts.iter().flat_map(|part| part.bias.iter().copied()).collect();
    let rows = (0..inputs)
        .flat_map(|row| parts.iter().flat_map(move |part| row_of(&part.weights, row, part.bias.len()).iter().copied()));
    Dense { weights: rows.collect(), bias }
}
