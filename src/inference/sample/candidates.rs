//! The tokens that may come next, and the draw among them.

use std::cmp::Ordering;

use super::Rules;

/// How many of the likeliest tokens are looked at first for a share of the whole; more follow if they do not make it.
const FIRST_LOOK: usize = 64;

#[derive(Clone, Copy, Debug)]
struct Candidate {
    token: u32,
    logit: f32,
    /// Its probability over that of the likeliest token.
    weight: f64,
}

/// Working memory, kept between tokens.
#[derive(Default)]
pub(super) struct Candidates {
    kept: Vec<Candidate>,
}

/// The likeliest token, of several the one with the lowest number; `None` if there is none.
pub(super) fn likeliest(logits: &[f32]) -> Option<u32> {
    let (mut best, mut best_logit) = (None, f32::NEG_INFINITY);
    for (token, &logit) in logits.iter().enumerate() {
        // False for what is not a number.
        if logit > best_logit {
            (best, best_logit) = (Some(token as u32), logit);
        }
    }
    best
}

impl Candidates {
    /// The token that `chance`, from 0 to just below 1, falls on; `None` if no token is possible.
    ///
    /// A vocabulary is never sorted as a whole: of 128,000 tokens, `top_k` 40 leaves 40 to look at.
    pub(super) fn draw(&mut self, logits: &[f32], rules: &Rules, chance: f64) -> Option<u32> {
        let top = logits[likeliest(logits)? as usize];
        let weight = |logit: f32| weight(logit, top, rules.temperature);
        if rules.top_k > 0 && rules.top_k < logits.len() {
            self.keep_likeliest(logits, rules.top_k, weight);
            let total = self.total();
            self.keep_share(rules.top_p, total);
        } else if rules.top_p < 1.0 {
            let total = logits.iter().map(|&logit| weight(logit)).sum();
            let mut look = FIRST_LOOK;
            loop {
                self.keep_likeliest(logits, look, weight);
                if self.keep_share(rules.top_p, total) || look >= logits.len() {
                    break;
                }
                look *= 8;
            }
        } else {
            self.keep_possible(logits, weight);
        }
        let weight_min = f64::from(rules.min_p).min(1.0);
        self.kept.retain(|candidate| candidate.weight >= weight_min);
        self.at(chance)
    }

    /// Keeps every token that is possible at all, in the order of their numbers.
    fn keep_possible(&mut self, logits: &[f32], weight: impl Fn(f32) -> f64) {
        self.kept.clear();
        self.kept.extend(logits.iter().enumerate().filter_map(|(token, &logit)| {
            let weight = weight(logit);
            (weight > 0.0).then_some(Candidate { token: token as u32, logit, weight })
        }));
    }

    /// Keeps the `count` likeliest tokens, the likeliest first.
    ///
    /// What is below the least of the best so far is passed over; the rest is gathered, and cut down to the best each
    /// time that there are four times as many.
    fn keep_likeliest(&mut self, logits: &[f32], count: usize, weight: impl Fn(f32) -> f64) {
        let order =
            |a: &Candidate, b: &Candidate| -> Ordering { b.logit.total_cmp(&a.logit).then(a.token.cmp(&b.token)) };
        let room = count.saturating_mul(4).max(FIRST_LOOK);
        let mut least = f32::NEG_INFINITY;
        self.kept.clear();
        for (token, &logit) in logits.iter().enumerate() {
            // A later token that is as likely as the least kept one comes after it.
            if logit > least {
                self.kept.push(Candidate { token: token as u32, logit, weight: 0.0 });
                if self.kept.len() >= room {
                    self.kept.select_nth_unstable_by(count - 1, order);
                    self.kept.truncate(count);
                    least = self.kept[count - 1].logit;
                }
            }
        }
        self.kept.sort_unstable_by(order);
        self.kept.truncate(count);
        for candidate in &mut self.kept {
            candidate.weight = weight(candidate.logit);
        }
    }

    /// Keeps the fewest of the likeliest tokens that make up the share `top_p` of `total`, at least one. `false` if
    /// all that are kept do not make it up.
    fn keep_share(&mut self, top_p: f32, total: f64) -> bool {
        if top_p >= 1.0 {
            return true;
        }
        let wanted = f64::from(top_p) * total;
        let mut sum = 0.0;
        for at in 0..self.kept.len() {
            sum += self.kept[at].weight;
            if sum >= wanted {
                self.kept.truncate(at + 1);
                return true;
            }
        }
        false
    }

    fn total(&self) -> f64 {
        self.kept.iter().map(|candidate| candidate.weight).sum()
    }

    /// The token on which `chance` falls when the kept ones lie side by side, each as wide as it is likely.
    fn at(&self, chance: f64) -> Option<u32> {
        let mut left = chance * self.total();
        for candidate in &self.kept {
            left -= candidate.weight;
            if left < 0.0 {
                return Some(candidate.token);
            }
        }
        // Rounding may leave a last sliver, which is the last possible token's.
        self.kept.iter().rev().find(|candidate| candidate.weight > 0.0).map(|candidate| candidate.token)
    }
}

/// The probability of `logit` over that of the largest logit, `top`. The largest may be infinite.
fn weight(logit: f32, top: f32, temperature: f32) -> f64 {
    if logit == top {
        return 1.0;
    }
    let distance = (f64::from(logit) - f64::from(top)) / f64::from(temperature);
    if distance > EXPONENT_MIN { exponential(distance) } else { 0.0 }
}

/// Below this an [`exponential`] is taken for 0: less than one in 10⁴³.
const EXPONENT_MIN: f64 = -100.0;

/// eˣ for `x` from [`EXPONENT_MIN`] to 0, to 8 digits.
///
/// By additions and multiplications alone, since the mathematical libraries of two machines may differ in the last
/// digit, and the same seed must choose the same token: x is split into a power of two, which is written into the
/// exponent, and a rest of at most ln 2 / 2, for which eight terms of the series suffice.
fn exponential(x: f64) -> f64 {
    let power = (x * std::f64::consts::LOG2_E - 0.5) as i64;
    let rest = x - power as f64 * std::f64::consts::LN_2;
    let series = [1.0 / 5040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0];
    let value = series.into_iter().fold(0.0, |sum, term| sum * rest + term);
    value * f64::from_bits(((1023 + power) as u64) << 52)
}

#[cfg(test)]
mod tests {
    use super::{EXPONENT_MIN, exponential};

    #[test]
    fn the_exponential_is_right_to_eight_digits() {
        for step in 0..100_000 {
            let x = EXPONENT_MIN * f64::from(step) / 100_000.0;
            assert!((exponential(x) / x.exp() - 1.0).abs() < 1e-8, "{x}: {} {}", exponential(x), x.exp());
        }
    }
}
