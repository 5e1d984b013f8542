//! The forward pass, for sequences of any lengths side by side.
//!
//! Sequences are laid end to end without padding: the dense layers see one tall matrix `[tokens, hidden]`, attention
//! looks at each sequence alone, and no position is computed only to be masked. Buffers are kept between calls, and
//! biases, residuals and activations are folded into the passes that touch the memory anyway: an encoder this small
//! is bound by memory and by allocation as much as by arithmetic.
//!
//! Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers", 2019; Warner et al., "Smarter, Better, Faster,
//! Longer: A Modern Bidirectional Encoder", 2024; Nussbaum et al., "Nomic Embed", 2024.

use super::attention::{self, Looked, Scores};
use super::eight::Workbench;
use super::head::Head;
use super::layers::{Layer, Norm, Parts, add};
use super::settings::{Activation, Feed, Position, Settings};
use super::{Pooling, Precision, Sequence, Wanted};
use crate::inference::InferenceError;
use crate::inference::arch::decoder::rope::{Pairing, Rope, Turns};
use crate::inference::arch::kernel::{self, Share, View};
use crate::inference::weights::{Rows, Weights};

/// An encoder, laid out for the forward pass.
pub(in crate::inference) struct Encoder {
    settings: Settings,
    /// `[vocabulary, hidden]`, in the file.
    words: Rows,
    /// `[positions, hidden]`, with the embedding of the first text added in; one row where positions are turned.
    positions: Vec<f32>,
    /// What is added for a second text: its embedding less that of the first.
    second: Option<Vec<f32>>,
    norm: Norm,
    layers: Vec<Layer>,
    last_norm: Option<Norm>,
    /// The rotations of layers that look at everything, and of those that do not.
    rotations: Option<[Rope; 2]>,
    pooling: Pooling,
    head: Option<Head>,
}

/// The memory of one forward pass, kept between calls.
#[derive(Default)]
pub(in crate::inference) struct Buffers {
    /// `[tokens, hidden]`
    state: Vec<f32>,
    /// `[tokens, 3 * hidden]`
    attend: Vec<f32>,
    /// `[tokens, hidden]`: what attention gives; where norms come first, what they give too.
    context: Vec<f32>,
    /// `[tokens, inner]`, or twice as wide for a gated network.
    wide: Vec<f32>,
    scores: Scores,
    bench: Workbench,
    turns: [Turns; 2],
}

impl Encoder {
    /// Lays out `weights`.
    ///
    /// # Errors
    /// [`InferenceError::Model`] for tensors that are missing or do not fit together.
    pub(in crate::inference) fn new(
        weights: &Weights,
        wanted: Wanted,
        precision: Precision,
    ) -> Result<Encoder, InferenceError> {
        let parts = Parts::of(weights, precision);
        let settings = weights.settings.clone();
        let names = settings.names;
        let (mut positions, second) = positions(&parts)?;
        if settings.positions_before > 0 {
            positions.drain(..settings.positions_before * settings.hidden);
        }
        let rotation = |base: f32| Rope::plain(Pairing::Halves, settings.head(), base);
        let rotations = (settings.family.position == Position::Rotary).then(|| {
            let local = settings.local.map_or(settings.rotary_base, |local| local.rotary_base);
            [rotation(settings.rotary_base), rotation(local)]
        });
        let head = if wanted == Wanted::Score { Some(Head::of(&Parts::of(weights, Precision::Full))?) } else { None };
        Ok(Encoder {
            words: parts.words()?,
            positions,
            second,
            norm: parts.norm(names.norm)?,
            layers: (0..settings.layers).map(|index| parts.layer(index)).collect::<Result<_, _>>()?,
            last_norm: if names.last_norm.is_empty() { None } else { Some(parts.norm(names.last_norm)?) },
            rotations,
            pooling: match (wanted, &head) {
                (Wanted::Vector(pooling), _) => pooling,
                (Wanted::Score, head) => head.as_ref().map_or(Pooling::Cls, |head| head.pooling),
            },
            head,
            settings,
        })
    }

    /// The length of a vector.
    pub(in crate::inference) fn dimensions(&self) -> usize {
        self.settings.hidden
    }

    /// What was wanted of each sequence, in the order of `sequences`: a vector of unit length, or one logit.
    ///
    /// Every sequence has at least one token and no more than the model has positions.
    pub(in crate::inference) fn run(
        &self,
        sequences: &[&Sequence],
        buffers: &mut Buffers,
        share: Share,
    ) -> Vec<Vec<f32>> {
        self.look_up(sequences, buffers);
        for (index, layer) in self.layers.iter().enumerate() {
            self.attention(index, layer, sequences, buffers, share);
            if self.ends_with_first(index) {
                keep_first(sequences, buffers, self.settings.hidden);
            }
            self.attended(layer, buffers, share);
            self.feed(layer, buffers, share);
        }
        if let Some(norm) = &self.last_norm {
            norm.apply(&mut buffers.state, self.settings.epsilon);
        }
        let mut rest = buffers.state.as_slice();
        let pooled = sequences.iter().map(|sequence| {
            let kept = if self.ends_with_first(self.layers.len() - 1) { 1 } else { sequence.ids.len() };
            let (states, after) = rest.split_at(kept * self.settings.hidden);
            rest = after;
            self.pooled(states)
        });
        pooled.collect()
    }

    /// Whether of layer `index` only the states of first tokens are wanted: no other goes into what comes out.
    fn ends_with_first(&self, index: usize) -> bool {
        self.pooling == Pooling::Cls && index + 1 == self.layers.len()
    }

    /// Fills the state with the normalised sum of word, position and type embeddings.
    fn look_up(&self, sequences: &[&Sequence], buffers: &mut Buffers) {
        let Settings { hidden, inner, family, .. } = self.settings;
        let tokens: usize = sequences.iter().map(|sequence| sequence.ids.len()).sum();
        let wide = if matches!(family.feed, Feed::Gated(_)) { 2 * inner } else { inner };
        let sizes = [hidden, 3 * hidden, hidden, wide];
        let all = [&mut buffers.state, &mut buffers.attend, &mut buffers.context, &mut buffers.wide];
        for (buffer, width) in all.into_iter().zip(sizes) {
            buffer.resize(tokens * width, 0.0);
        }
        let rows_of_positions = self.positions.len() / hidden;
        let mut rows = buffers.state.chunks_exact_mut(hidden);
        for sequence in sequences {
            for ((position, id), row) in sequence.ids.iter().enumerate().zip(&mut rows) {
                self.words.row(*id as usize, row);
                if rows_of_positions > 0 {
                    let at = position.min(rows_of_positions - 1) * hidden;
                    add(row, &self.positions[at..at + hidden]);
                }
                if let Some(second) = self.second.as_ref().filter(|_| position >= sequence.first) {
                    add(row, second);
                }
            }
        }
        self.norm.apply(&mut buffers.state, self.settings.epsilon);
        if let Some(rotations) = &self.rotations {
            let positions: Vec<usize> = sequences.iter().flat_map(|sequence| 0..sequence.ids.len()).collect();
            rotations.iter().zip(&mut buffers.turns).for_each(|(rope, turns)| rope.turns(&positions, turns));
        }
    }

    /// Fills the context with what attention makes of the state, or of its norm.
    fn attention(&self, index: usize, layer: &Layer, sequences: &[&Sequence], buffers: &mut Buffers, share: Share) {
        let Settings { hidden, heads, epsilon, family, .. } = self.settings;
        let Buffers { state, attend, context, scores, bench, turns, .. } = buffers;
        let tokens = state.len() / hidden;
        let local = self.settings.local(index);
        match layer.attend_norm.as_ref().filter(|_| family.norm_first) {
            None => layer.attend.replace(attend, View::dense(state, tokens, hidden), bench, share),
            Some(norm) => {
                context.copy_from_slice(state);
                norm.apply(context, epsilon);
                layer.attend.replace(attend, View::dense(context, tokens, hidden), bench, share);
            }
        }
        if let Some(rotations) = &self.rotations {
            let which = usize::from(local.is_some());
            self.turn(attend, &rotations[which], &turns[which]);
        }
        let looked = Looked { states: attend, hidden, heads, reach: local.map(|local| local.reach) };
        let lengths = sequences.iter().map(|sequence| sequence.ids.len());
        let queries_max = if self.ends_with_first(index) { 1 } else { usize::MAX };
        attention::attend(&looked, lengths, queries_max, context, scores, share);
    }

    /// `state = norm(state + attended(context))`; where norms come first, without the norm.
    fn attended(&self, layer: &Layer, buffers: &mut Buffers, share: Share) {
        let Settings { hidden, epsilon, family, .. } = self.settings;
        let Buffers { state, context, bench, .. } = buffers;
        let tokens = state.len() / hidden;
        layer.attended.add(state, View::dense(context, tokens, hidden), bench, share);
        if let Some(norm) = layer.attend_norm.as_ref().filter(|_| !family.norm_first) {
            norm.apply(state, epsilon);
        }
    }

    /// Turns queries and keys, `[tokens, 3 * hidden]`, by their positions.
    fn turn(&self, attend: &mut [f32], rope: &Rope, turns: &Turns) {
        let hidden = self.settings.hidden;
        for (row, states) in attend.chunks_exact_mut(3 * hidden).enumerate() {
            states[..2 * hidden].chunks_exact_mut(self.settings.head()).for_each(|head| rope.apply(turns, row, head));
        }
    }

    /// `state = norm(state + feed(state))`, or `state = state + feed(norm(state))`.
    fn feed(&self, layer: &Layer, buffers: &mut Buffers, share: Share) {
        let Settings { hidden, inner, epsilon, family, .. } = self.settings;
        let Buffers { state, context, wide, bench, .. } = buffers;
        let tokens = state.len() / hidden;
        let input = if family.norm_first {
            context.copy_from_slice(state);
            layer.feed_norm.apply(context, epsilon);
            View::dense(context, tokens, hidden)
        } else {
            View::dense(state, tokens, hidden)
        };
        let widened = layer.widen.outputs;
        match family.feed {
            Feed::Plain(_) => layer.widen.replace_by_gelu(wide, input, bench, share),
            Feed::Gated(activation) => {
                layer.widen.replace(wide, input, bench, share);
                match activation {
                    Activation::Silu => kernel::gate_by_silu(wide, widened),
                    _ => kernel::gate_by_gelu(wide, widened),
                }
            }
        }
        // Of a gated network the gate has left only the first half of each row.
        layer.narrow.add(state, View::dense(&wide[..tokens * inner], tokens, inner), bench, share);
        if !family.norm_first {
            layer.feed_norm.apply(state, epsilon);
        }
    }

    /// What becomes of the last states of one sequence, `[tokens, hidden]`.
    fn pooled(&self, states: &[f32]) -> Vec<f32> {
        let hidden = self.settings.hidden;
        let mut pooled = match self.pooling {
            Pooling::Cls => states[..hidden].to_vec(),
            Pooling::Last => states[states.len() - hidden..].to_vec(),
            Pooling::Mean => {
                let mut sum = vec![0.0; hidden];
                states.chunks_exact(hidden).for_each(|row| add(&mut sum, row));
                let count = (states.len() / hidden) as f32;
                sum.iter_mut().for_each(|value| *value /= count);
                sum
            }
        };
        if let Some(head) = &self.head {
            return vec![head.judge(&pooled)];
        }
        let length = pooled.iter().map(|value| value * value).sum::<f32>().sqrt().max(1e-9);
        pooled.iter_mut().for_each(|value| *value /= length);
        pooled
    }
}

/// Leaves the state and context of each sequence's first token, and as much room for the rest of the layer.
fn keep_first(sequences: &[&Sequence], buffers: &mut Buffers, hidden: usize) {
    let Buffers { state, context, wide, .. } = buffers;
    let wide_each = wide.len() / (state.len() / hidden);
    let mut first = 0;
    for (index, sequence) in sequences.iter().enumerate() {
        for rows in [&mut *state, &mut *context] {
            rows.copy_within(first * hidden..(first + 1) * hidden, index * hidden);
        }
        first += sequence.ids.len();
    }
    state.truncate(sequences.len() * hidden);
    context.truncate(sequences.len() * hidden);
    wide.truncate(sequences.len() * wide_each);
}

/// What is added to every token of a first text, by its position, and besides to those of a second one.
fn positions(parts: &Parts) -> Result<(Vec<f32>, Option<Vec<f32>>), InferenceError> {
    let Settings { hidden, tokens_max, positions_before, family, names, .. } = *parts.settings;
    let kinds = parts.kinds()?;
    let mut positions = match family.position {
        Position::Rotary => kinds.iter().take(hidden).copied().collect(),
        _ => parts.take(names.positions, &[tokens_max + positions_before, hidden])?,
    };
    if family.position != Position::Rotary && !kinds.is_empty() {
        positions.chunks_exact_mut(hidden).for_each(|row| add(row, &kinds[..hidden]));
    }
    let second = (kinds.len() > hidden)
        .then(|| kinds[hidden..2 * hidden].iter().zip(&kinds[..hidden]).map(|(one, zero)| one - zero).collect());
    Ok((positions, second))
}
