//! How one answer's tokens are chosen, with every number settled.

use crate::inference::Sampling;

/// What [`Sampling`] asks, with what it leaves open filled in: for each rule the value that changes nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// 0 for the likeliest token, 1 for the model's own distribution.
    pub temperature: f32,
    /// So many of the likeliest tokens; 0 for all.
    pub top_k: usize,
    /// The likeliest tokens that make up this share; 1 for all.
    pub top_p: f32,
    /// Tokens at least this many times as likely as the likeliest; 0 for all.
    pub min_p: f32,
    /// What the logit of a token among the last ones is divided by (multiplied, if negative); 1 for nothing.
    pub repeat_penalty: f32,
    /// What is taken off a token's logit for each time that the answer has it.
    pub frequency_penalty: f32,
    /// What is taken off a token's logit if the answer has it at all.
    pub presence_penalty: f32,
    /// Where chance begins.
    pub seed: u64,
}

impl Rules {
    /// The rules that `sampling` asks for. Without a seed of its own, chance begins at `chance`.
    pub fn of(sampling: &Sampling, chance: u64) -> Rules {
        Rules {
            temperature: sampling.temperature.unwrap_or(1.0),
            top_k: sampling.top_k.map_or(0, |count| count as usize),
            top_p: sampling.top_p.unwrap_or(1.0),
            min_p: sampling.min_p.unwrap_or(0.0),
            repeat_penalty: sampling.repeat_penalty.unwrap_or(1.0),
            frequency_penalty: sampling.frequency_penalty.unwrap_or(0.0),
            presence_penalty: sampling.presence_penalty.unwrap_or(0.0),
            seed: sampling.seed.unwrap_or(chance),
        }
    }
}
