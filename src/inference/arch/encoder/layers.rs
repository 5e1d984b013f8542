//! The parts of an encoder as the forward pass wants them, taken out of a model's files.

use super::Precision;
use super::eight::{Eight, Workbench};
use super::names::Names;
use super::settings::{Feed, Settings};
use crate::inference::InferenceError;
use crate::inference::arch::kernel::{self, Before, Share, View};
use crate::inference::arch::packed::Packed;
use crate::inference::weights::{Rows, Weights};

/// A dense layer: `x * weights + bias`.
pub(super) struct Dense {
    form: Form,
    bias: Option<Vec<f32>>,
    pub outputs: usize,
}

enum Form {
    Floats(Packed),
    Eight(Eight),
}

pub(super) struct Norm {
    pub gain: Vec<f32>,
    pub shift: Vec<f32>,
}

pub(super) struct Layer {
    /// Query, key and value side by side: `[hidden, 3 * hidden]`. The query is scaled by `1 / sqrt(head)` already.
    pub attend: Dense,
    pub attended: Dense,
    /// Before attention or after it; the first layer of some has none, since embeddings are normalised.
    pub attend_norm: Option<Norm>,
    pub widen: Dense,
    pub narrow: Dense,
    pub feed_norm: Norm,
}

/// Takes parts by their names.
pub(super) struct Parts<'a> {
    pub weights: &'a Weights,
    pub settings: &'a Settings,
    names: &'static Names,
    precision: Precision,
}

impl<'a> Parts<'a> {
    pub(super) fn of(weights: &'a Weights, precision: Precision) -> Parts<'a> {
        Parts { weights, settings: &weights.settings, names: weights.settings.names, precision }
    }

    /// The name that the file has for `name`, if it has it.
    fn known(&self, name: &str) -> Option<String> {
        let mut names = self.names.prefixes.iter().map(|prefix| format!("{prefix}{name}"));
        names.find(|name| self.weights.shape(name).is_some())
    }

    /// The values of the tensor `name`.
    pub(super) fn take(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, InferenceError> {
        self.weights.take(&self.known(name).unwrap_or_else(|| name.to_owned()), shape)
    }

    fn take_if(&self, name: &str, shape: &[usize]) -> Result<Option<Vec<f32>>, InferenceError> {
        self.known(name).map(|name| self.weights.take(&name, shape)).transpose()
    }

    /// The embeddings of tokens, left in their file: `[vocabulary, hidden]`.
    pub(super) fn words(&self) -> Result<Rows, InferenceError> {
        let name = self.known(self.names.words).unwrap_or_else(|| self.names.words.to_owned());
        self.weights.rows(&name, self.settings.vocabulary, self.settings.hidden)
    }

    /// The embeddings of a first text and, where they are told apart, a second: one or two times `hidden`, or nothing.
    pub(super) fn kinds(&self) -> Result<Vec<f32>, InferenceError> {
        let Some(name) = self.known(self.names.types) else { return Ok(Vec::new()) };
        let shape = self.weights.shape(&name).unwrap_or_default();
        match shape.as_slice() {
            [.., last] if *last == self.settings.hidden => self.weights.take(&name, &shape),
            _ => Err(self.weights.fault(&format!("the tensor {name} has the shape {shape:?}"))),
        }
    }

    /// Gain and shift called `name`; nothing where the file has neither.
    pub(super) fn norm_if(&self, name: &str) -> Result<Option<Norm>, InferenceError> {
        let hidden = self.settings.hidden;
        let Some(gain) = self.take_if(&format!("{name}.weight"), &[hidden])? else { return Ok(None) };
        let shift = self.take_if(&format!("{name}.bias"), &[hidden])?;
        Ok(Some(Norm { gain, shift: shift.unwrap_or_else(|| vec![0.0; hidden]) }))
    }

    pub(super) fn norm(&self, name: &str) -> Result<Norm, InferenceError> {
        let found = self.norm_if(name)?;
        found.ok_or_else(|| self.weights.fault(&format!("the tensor {name}.weight is missing")))
    }

    /// The layers called `names`, which have `outputs` together, joined so that one product computes them all.
    fn stored(&self, names: &[String], inputs: usize, outputs: usize) -> Result<Stored, InferenceError> {
        let (mut stored, mut bias) = (Vec::with_capacity(inputs * outputs), Vec::new());
        let each = outputs / names.len();
        for name in names {
            stored.extend(self.take(&format!("{name}.weight"), &[each, inputs])?);
            bias.extend(self.take_if(&format!("{name}.bias"), &[each])?.unwrap_or_default());
        }
        if !bias.is_empty() && bias.len() != outputs {
            return Err(self.weights.fault(&format!("only a part of {} has a bias", names.join(", "))));
        }
        let stored = Stored { rows: stored, bias, inputs, outputs };
        Ok(stored)
    }

    /// The layers called `names`, laid out as the forward pass wants them.
    pub(super) fn dense(&self, names: &[String], inputs: usize, outputs: usize) -> Result<Dense, InferenceError> {
        self.laid_out(self.stored(names, inputs, outputs)?)
    }

    fn laid_out(&self, stored: Stored) -> Result<Dense, InferenceError> {
        let Stored { rows, bias, inputs, outputs } = stored;
        let form = match self.precision {
            Precision::Eight if Eight::fits(inputs) => Form::Eight(Eight::round(&rows, inputs, &self.weights.path)?),
            _ => Form::Floats(Packed::new(transposed(&rows, outputs, inputs), outputs)),
        };
        Ok(Dense { form, bias: (!bias.is_empty()).then_some(bias), outputs })
    }

    /// Layer `index`.
    pub(super) fn layer(&self, index: usize) -> Result<Layer, InferenceError> {
        let Settings { hidden, inner, family, .. } = *self.settings;
        let of_layer = |name: &str| name.replace("{}", &index.to_string());
        let all = |names: &[&str]| names.iter().map(|name| of_layer(name)).collect::<Vec<_>>();
        let attend_norm = of_layer(self.names.attend_norm);
        let mut attend = self.stored(&all(self.names.attend), hidden, 3 * hidden)?;
        attend.scale(hidden, 1.0 / (self.settings.head() as f32).sqrt());
        let widened = if matches!(family.feed, Feed::Gated(_)) { 2 * inner } else { inner };
        Ok(Layer {
            attend: self.laid_out(attend)?,
            attended: self.dense(&all(&[self.names.attended]), hidden, hidden)?,
            attend_norm: match family.norm_first && index == 0 {
                true => self.norm_if(&attend_norm)?,
                false => Some(self.norm(&attend_norm)?),
            },
            widen: self.dense(&all(self.names.widen), hidden, widened)?,
            narrow: self.dense(&all(&[self.names.narrow]), inner, hidden)?,
            feed_norm: self.norm(&of_layer(self.names.feed_norm))?,
        })
    }
}

/// A dense layer as the file holds it.
struct Stored {
    /// `[outputs, inputs]`
    rows: Vec<f32>,
    /// Empty where it has none.
    bias: Vec<f32>,
    inputs: usize,
    outputs: usize,
}

impl Stored {
    /// Multiplies the first `outputs` by `factor`.
    fn scale(&mut self, outputs: usize, factor: f32) {
        let weights = self.rows.iter_mut().take(outputs * self.inputs);
        weights.chain(self.bias.iter_mut().take(outputs)).for_each(|value| *value *= factor);
    }
}

impl Dense {
    /// `into = rows * weights + bias`
    pub(super) fn replace(&self, into: &mut [f32], rows: View, bench: &mut Workbench, share: Share) {
        match (&self.form, &self.bias) {
            (Form::Floats(weights), Some(bias)) => {
                // The bias is there before the product is added to it: one pass less.
                into.chunks_exact_mut(self.outputs).for_each(|row| row.copy_from_slice(bias));
                weights.multiply(into, self.outputs, Before::Added, rows, share);
            }
            (Form::Floats(weights), None) => weights.multiply(into, self.outputs, Before::Replaced, rows, share),
            (Form::Eight(weights), bias) => {
                weights.replace(into, rows.whole(), bench);
                add_rows(into, bias.as_deref());
            }
        }
    }

    /// `into += rows * weights + bias`
    pub(super) fn add(&self, into: &mut [f32], rows: View, bench: &mut Workbench, share: Share) {
        add_rows(into, self.bias.as_deref());
        match &self.form {
            Form::Floats(weights) => weights.multiply(into, self.outputs, Before::Added, rows, share),
            Form::Eight(weights) => weights.add(into, rows.whole(), bench),
        }
    }

    /// `into = gelu(rows * weights + bias)`: the bias is added in the pass that the activation makes anyway.
    pub(super) fn replace_by_gelu(&self, into: &mut [f32], rows: View, bench: &mut Workbench, share: Share) {
        match &self.form {
            Form::Floats(weights) => weights.multiply(into, self.outputs, Before::Replaced, rows, share),
            Form::Eight(weights) => weights.replace(into, rows.whole(), bench),
        }
        match &self.bias {
            Some(bias) => kernel::add_and_gelu(into, bias),
            None => kernel::add_and_gelu(into, &vec![0.0; self.outputs]),
        }
    }
}

impl Norm {
    /// Normalises each row of `rows`.
    pub(super) fn apply(&self, rows: &mut [f32], epsilon: f32) {
        kernel::normalise(rows, &self.gain, &self.shift, epsilon);
    }
}

pub(super) fn add(to: &mut [f32], what: &[f32]) {
    to.iter_mut().zip(what).for_each(|(to, what)| *to += what);
}

/// Adds `what`, if it is there, to each row of `rows`.
fn add_rows(rows: &mut [f32], what: Option<&[f32]>) {
    if let Some(what) = what {
        rows.chunks_exact_mut(what.len()).for_each(|row| add(row, what));
    }
}

/// The transpose of a row-major `[rows, columns]` matrix, square by square, so that both stay in the cache.
fn transposed(matrix: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    const SIDE: usize = 32;
    let mut into = vec![0.0; matrix.len()];
    for top in (0..rows).step_by(SIDE) {
        for left in (0..columns).step_by(SIDE) {
            for row in top..(top + SIDE).min(rows) {
                for column in left..(left + SIDE).min(columns) {
                    into[column * rows + row] = matrix[row * columns + column];
                }
            }
        }
    }
    into
}
