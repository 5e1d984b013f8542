//! One token out of a model's logits.
//!
//! The steps, in this order: [`Constraint`] takes away what the asked-for format does not allow (`constraint`); what
//! was written lately and often is made less likely (`penalties`); the temperature sharpens what is left; of that the
//! `top_k` likeliest stay, of those the fewest that make up `top_p`, of those the ones at least `min_p` times as
//! likely as the likeliest (`candidates`); chance draws one (`chance`). At temperature 0 the likeliest is taken and
//! chance is not asked. Tokens that are equally likely stand in the order of their numbers.
//!
//! All of it is arithmetic that every machine does alike: the same logits, rules and seed give the same tokens.
//!
//! [`Stops`] watches the text that comes of it for what ends the answer.

mod candidates;
mod chance;
mod constraint;
mod keywords;
mod penalties;
mod rules;
mod stops;

pub use constraint::{Compiler, Constraint};
pub use rules::Rules;
pub use stops::Stops;

use candidates::Candidates;
use chance::Chance;
use penalties::Penalties;

/// Chooses the tokens of one answer.
pub struct Sampler {
    rules: Rules,
    penalties: Penalties,
    candidates: Candidates,
    chance: Chance,
}

impl Sampler {
    /// A sampler for one answer, whose prompt ends with `prompt`: the repetition penalty looks back into it.
    pub fn new(rules: Rules, prompt: &[u32]) -> Sampler {
        let (penalties, chance) = (Penalties::new(&rules, prompt), Chance::new(rules.seed));
        Sampler { rules, penalties, candidates: Candidates::default(), chance }
    }

    /// The next token by `logits`, one for each token of the vocabulary, which are changed in place; `None` if no
    /// token is possible, which is to say that all logits are `-inf` or not numbers.
    pub fn choose(&mut self, logits: &mut [f32]) -> Option<u32> {
        self.penalties.apply(logits);
        let token = match self.rules.temperature > 0.0 {
            true => self.candidates.draw(logits, &self.rules, self.chance.below_one()),
            false => candidates::likeliest(logits),
        }?;
        self.penalties.wrote(token);
        Some(token)
    }
}

#[cfg(test)]
mod tests;
