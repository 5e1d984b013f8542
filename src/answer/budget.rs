//! How much of a prompt goes to what: within the generator's context, and within what it can read before its reader
//! has waited long enough for the first word.

use crate::limits;

/// The share of a prompt's free tokens that an earlier conversation may claim before passages do: one in so many.
const HISTORY_SHARE: usize = 4;

/// What bounds a prompt.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// Tokens that the generator reads and writes at once.
    pub context_tokens: usize,
    /// Tokens that the answer may have.
    pub answer_tokens: usize,
    /// How fast the generator reads a prompt, where that has been measured.
    pub prompt_tokens_per_s: Option<f32>,
    /// Seconds within which the first word should come.
    pub first_word_s: u32,
}

impl Bounds {
    /// The most tokens of the whole prompt. An answer may claim half of the context at most.
    pub fn prompt_tokens_max(&self) -> usize {
        let beside = self.context_tokens.saturating_sub(self.answer_tokens).max(self.context_tokens / 2);
        let read_in_time = match self.prompt_tokens_per_s {
            Some(speed) if speed.is_finite() && speed > 0.0 => (speed * self.first_word_s as f32) as usize,
            _ => usize::MAX,
        };
        beside.min(limits::PROMPT_TOKENS_MAX).min(read_in_time)
    }
}

/// How many passages and how many turns of the conversation are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shares {
    /// The best so many; one at least, where there is one.
    pub passages: usize,
    /// The latest so many.
    pub turns: usize,
}

/// Deals `tokens` out among passages (the best first) and turns (the oldest first) of these sizes. Neither is ever cut.
///
/// Passages go first, since they are what is answered from; a quarter is kept from them for the conversation, where it
/// has a use for that much, and what passages leave goes to it too.
pub fn deal(tokens: usize, passages: &[usize], turns: &[usize]) -> Shares {
    let kept = turns.iter().sum::<usize>().min(tokens / HISTORY_SHARE);
    let count = fitting(passages.iter(), tokens - kept).max(passages.len().min(1));
    let spent: usize = passages[..count].iter().sum();
    Shares { passages: count, turns: fitting(turns.iter().rev(), tokens.saturating_sub(spent)) }
}

/// How many of the first of `sizes` fit into `tokens` together.
fn fitting<'a>(sizes: impl Iterator<Item = &'a usize>, tokens: usize) -> usize {
    let mut sum = 0_usize;
    sizes
        .take_while(|size| {
            sum = sum.saturating_add(**size);
            sum <= tokens
        })
        .count()
}

#[cfg(test)]
mod tests {
    use super::{Bounds, Shares, deal};
    use crate::limits;

    #[test]
    fn a_prompt_is_as_long_as_context_and_patience_allow() {
        for (context_tokens, answer_tokens, prompt_tokens_per_s, first_word_s, expected) in [
            (8192, 1024, None, 20, 7168),
            (2048, 1024, None, 20, 1024),
            (2048, 131_072, None, 20, 1024),
            (1_048_576, 1024, None, 20, limits::PROMPT_TOKENS_MAX),
            (8192, 1024, Some(20.0), 20, 400),
            (8192, 1024, Some(20.0), 60, 1200),
            (8192, 1024, Some(5000.0), 20, 7168),
            (8192, 1024, Some(0.0), 20, 7168),
            (8192, 1024, Some(f32::NAN), 20, 7168),
        ] {
            let bounds = Bounds { context_tokens, answer_tokens, prompt_tokens_per_s, first_word_s };
            assert_eq!(bounds.prompt_tokens_max(), expected, "{bounds:?}");
        }
    }

    #[test]
    fn passages_and_conversation_share_what_there_is() {
        for (tokens, passages, turns, expected) in [
            (0, &[][..], &[][..], (0, 0)),
            (0, &[500, 500], &[10], (1, 0)),
            (400, &[500, 100], &[10], (1, 0)),
            (1000, &[400, 400, 100, 100], &[], (4, 0)),
            (1000, &[400, 400, 100, 100], &[50], (3, 1)),
            (1000, &[400, 400, 100], &[900, 100, 50], (1, 2)),
            (1000, &[400, 300, 100], &[900, 100, 50], (2, 2)),
            (1000, &[], &[900, 100], (0, 2)),
            (1000, &[], &[900, 101], (0, 1)),
            (1000, &[100], &[usize::MAX / 2, 800, 100], (1, 2)),
        ] {
            let Shares { passages: shown, turns: kept } = deal(tokens, passages, turns);
            assert_eq!((shown, kept), expected, "{tokens} for {passages:?} and {turns:?}");
        }
    }
}
