//! Conversations that the cache still has, and the longest beginning that a new one shares with any of them.

use crate::inference::arch::decoder::Network;
use crate::inference::arch::decoder::cache::{PAGE, Page, State};

/// Tokens that the network has read, and what it remembers of them.
pub struct Sequence {
    /// All tokens that are in the pages.
    pub tokens: Vec<u32>,
    /// Pages for these and for what may still come.
    pub pages: Vec<Page>,
    pub state: Option<State>,
}

impl Sequence {
    fn release(self, network: &mut Network) {
        self.pages.into_iter().for_each(|page| network.pages().release(page));
    }
}

/// Sequences that nobody works on, the one that was used longest ago first.
#[derive(Default)]
pub struct Cached {
    idle: Vec<Sequence>,
}

impl Cached {
    /// A sequence for `prompt` and `tokens_max` tokens of answer, with as much of the prompt as some sequence, idle or
    /// among `others`, has read already; at least the last token is left to read. Idle ones make room where there is
    /// too little. `None` if there is not enough even so.
    pub fn begin(
        &mut self,
        network: &mut Network,
        prompt: &[u32],
        tokens_max: usize,
        others: &[&Sequence],
    ) -> Option<Sequence> {
        let pages = (prompt.len() + tokens_max).div_ceil(PAGE);
        let has_state = network.shape().has_state();
        let mut sequence = Sequence { tokens: Vec::new(), pages: Vec::new(), state: network.shape().state() };
        let mut partial = None;
        let best = self.idle.iter().chain(others.iter().copied()).max_by_key(|other| shared(other, prompt, has_state));
        let kept = best.map_or(0, |other| shared(other, prompt, has_state));
        if let Some(other) = best.filter(|_| kept > 0) {
            sequence.tokens.extend_from_slice(&prompt[..kept]);
            sequence.pages.extend_from_slice(&other.pages[..kept / PAGE]);
            // A page that both would write to is copied; it is held until then.
            partial = (!kept.is_multiple_of(PAGE)).then(|| other.pages[kept / PAGE]);
            sequence.state.clone_from(&other.state);
            sequence.pages.iter().chain(&partial).for_each(|page| network.pages().share(*page));
            self.touch(kept, prompt, has_state);
        }
        while network.pages().free() < pages - sequence.pages.len() && !self.idle.is_empty() {
            self.idle.remove(0).release(network);
        }
        if network.pages().free() < pages - sequence.pages.len() {
            // What is shared may itself be what fills the cache: without it there may be room after all.
            let shared = std::mem::take(&mut sequence.pages);
            shared.into_iter().chain(partial.take()).for_each(|page| network.pages().release(page));
            sequence.tokens.clear();
            sequence.state = network.shape().state();
        }
        if network.pages().free() < pages - sequence.pages.len() {
            return None;
        }
        if let Some(page) = partial {
            match network.copy(page) {
                Some(copy) => sequence.pages.push(copy),
                // A device that could not: what is in whole pages is still there.
                None => sequence.tokens.truncate(sequence.pages.len() * PAGE),
            }
            network.pages().release(page);
        }
        while sequence.pages.len() < pages {
            sequence.pages.push(network.pages().take().expect("pages enough are free"));
        }
        Some(sequence)
    }

    /// Keeps a sequence that is no longer worked on, without the pages that it did not use.
    pub fn keep(&mut self, network: &mut Network, mut sequence: Sequence) {
        let used = sequence.tokens.len().div_ceil(PAGE);
        sequence.pages.drain(used..).for_each(|page| network.pages().release(page));
        // What is a beginning of the new one is worth nothing beside it.
        let (covered, rest): (Vec<Sequence>, Vec<Sequence>) = std::mem::take(&mut self.idle)
            .into_iter()
            .partition(|other| sequence.tokens.starts_with(&other.tokens) && other.state.is_none());
        self.idle = rest;
        for other in covered {
            other.release(network);
        }
        self.idle.push(sequence);
    }

    /// Moves the idle sequence that shares `kept` tokens with `prompt` to the end, where it is kept longest.
    fn touch(&mut self, kept: usize, prompt: &[u32], has_state: bool) {
        if let Some(index) = self.idle.iter().position(|other| shared(other, prompt, has_state) == kept) {
            let sequence = self.idle.remove(index);
            self.idle.push(sequence);
        }
    }
}

/// Tokens at the beginning of `prompt` that need not be read if one starts from `other`.
fn shared(other: &Sequence, prompt: &[u32], has_state: bool) -> usize {
    let most = prompt.len() - 1;
    let same = other.tokens.iter().zip(&prompt[..most]).take_while(|(a, b)| a == b).count();
    // A state cannot be cut back: it is of use only to what goes on where it stands.
    if has_state && same < other.tokens.len() { 0 } else { same }
}
