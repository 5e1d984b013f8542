//! Less of what was written already.

use std::collections::{BTreeMap, VecDeque};

use super::Rules;
use crate::limits;

/// What was written, as far as the rules ask for it.
///
/// The repetition penalty is llama.cpp's and transformers': it looks at the last [`limits::PENALTY_TOKENS_MAX`] tokens,
/// the prompt's among them. The other two are OpenAI's: they look at the whole answer and at nothing else.
pub(super) struct Penalties {
    repeat: f32,
    frequency: f32,
    presence: f32,
    last: VecDeque<u32>,
    answer: BTreeMap<u32, u32>,
}

impl Penalties {
    pub(super) fn new(rules: &Rules, prompt: &[u32]) -> Penalties {
        let last = prompt[prompt.len().saturating_sub(limits::PENALTY_TOKENS_MAX)..].iter().copied().collect();
        Penalties {
            repeat: rules.repeat_penalty,
            frequency: rules.frequency_penalty,
            presence: rules.presence_penalty,
            last,
            answer: BTreeMap::new(),
        }
    }

    /// Takes note that `token` was chosen.
    pub(super) fn wrote(&mut self, token: u32) {
        if self.last.len() >= limits::PENALTY_TOKENS_MAX {
            self.last.pop_front();
        }
        self.last.push_back(token);
        *self.answer.entry(token).or_default() += 1;
    }

    /// Changes the logits of what was written.
    pub(super) fn apply(&self, logits: &mut [f32]) {
        if self.repeat != 1.0 {
            let mut last: Vec<u32> = self.last.iter().copied().collect();
            last.sort_unstable();
            last.dedup();
            for token in last {
                if let Some(logit) = logits.get_mut(token as usize) {
                    *logit = if *logit > 0.0 { *logit / self.repeat } else { *logit * self.repeat };
                }
            }
        }
        if self.frequency != 0.0 || self.presence != 0.0 {
            for (&token, &count) in &self.answer {
                if let Some(logit) = logits.get_mut(token as usize) {
                    *logit -= count as f32 * self.frequency + self.presence;
                }
            }
        }
    }
}
