//! The head of a reranker: one number from the state that stands for question and passage together.

use super::Pooling;
use super::eight::Workbench;
use super::layers::{Dense, Norm, Parts};
use super::settings::{Activation, Settings};
use crate::inference::InferenceError;
use crate::inference::arch::kernel::{Share, View};

/// `judge(norm(activation(pool(state))))`
pub(super) struct Head {
    /// Whose state it is given.
    pub pooling: Pooling,
    pool: Dense,
    activation: Activation,
    norm: Option<Norm>,
    judge: Dense,
    epsilon: f32,
}

impl Head {
    /// The head among `parts`, which are floats: it is small.
    ///
    /// # Errors
    /// The model has none, or one that gives several numbers.
    pub(super) fn of(parts: &Parts) -> Result<Head, InferenceError> {
        let Settings { hidden, family, names, judges_mean, epsilon, .. } = *parts.settings;
        let name = |name: &str| [name.to_owned()];
        Ok(Head {
            pooling: if judges_mean { Pooling::Mean } else { Pooling::Cls },
            pool: parts.dense(&name(names.pool), hidden, hidden)?,
            activation: family.judged_by,
            norm: if names.pool_norm.is_empty() { None } else { parts.norm_if(names.pool_norm)? },
            judge: parts.dense(&name(names.judge), hidden, 1)?,
            epsilon,
        })
    }

    /// The logit of `state`.
    pub(super) fn judge(&self, state: &[f32]) -> f32 {
        let row = |state| View::dense(state, 1, state.len());
        let mut pooled = vec![0.0; state.len()];
        let mut bench = Workbench::default();
        self.pool.replace(&mut pooled, row(state), &mut bench, Share::One);
        pooled.iter_mut().for_each(|value| *value = self.activation.of(*value));
        if let Some(norm) = &self.norm {
            norm.apply(&mut pooled, self.epsilon);
        }
        let mut logit = [0.0];
        self.judge.replace(&mut logit, row(&pooled), &mut bench, Share::One);
        logit[0]
    }
}
