//! Neighbouring symbols joined by rank, best first, until none can be.
//!
//! The symbols are a linked list and the possible joins a heap, so that a word of a million letters costs
//! `n log n`, not `n²`. What a join is and how it ranks is the caller's: a merge of a BPE, or a scored token.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Where a token is asked for and there is none.
pub(super) const NONE: u32 = u32::MAX;

/// A part of a word, between two byte offsets: at first one letter, at last one token.
#[derive(Clone, Copy)]
pub(super) struct Symbol {
    pub(super) start: u32,
    pub(super) end: u32,
    /// [`NONE`] if it is no token.
    pub(super) token: u32,
    left: u32,
    right: u32,
}

/// What two symbols would become.
#[derive(Clone, Copy)]
pub(super) struct Join {
    /// Lower is joined sooner; equals from left to right.
    pub(super) rank: u32,
    pub(super) token: u32,
}

/// A possible join as it was when it was found. Either symbol may have grown since, and then it is void.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    rank: u32,
    left: u32,
    right: u32,
    /// Where the left symbol ended and the right one began.
    middle: u32,
    end: u32,
    token: u32,
}

/// The memory of one run, used again by the next.
#[derive(Default)]
pub(super) struct Merger {
    symbols: Vec<Symbol>,
    heap: BinaryHeap<Reverse<Candidate>>,
}

impl Merger {
    /// Begins a word.
    pub(super) fn clear(&mut self) {
        self.symbols.clear();
        self.heap.clear();
    }

    /// Adds the next letter of the word, `length` bytes long and the token `token` by itself.
    pub(super) fn push(&mut self, length: usize, token: u32) {
        let index = self.symbols.len() as u32;
        let start = self.symbols.last().map_or(0, |last| last.end);
        let end = start + length as u32;
        self.symbols.push(Symbol { start, end, token, left: index.wrapping_sub(1), right: index + 1 });
    }

    /// Joins what `join` allows and hands the symbols that are left to `found`, from left to right.
    pub(super) fn run(&mut self, join: impl Fn(&Symbol, &Symbol) -> Option<Join>, mut found: impl FnMut(&Symbol)) {
        for index in 1..self.symbols.len() as u32 {
            self.consider(index - 1, index, &join);
        }
        while let Some(Reverse(best)) = self.heap.pop() {
            let (left, right) = (self.symbols[best.left as usize], self.symbols[best.right as usize]);
            if left.end != best.middle || right.end != best.end {
                continue;
            }
            self.symbols[best.left as usize] = Symbol { end: right.end, token: best.token, right: right.right, ..left };
            // No candidate ends at 0, so none fits a symbol that was taken in.
            self.symbols[best.right as usize].end = 0;
            if let Some(after) = self.symbols.get_mut(right.right as usize) {
                after.left = best.left;
            }
            self.consider(left.left, best.left, &join);
            self.consider(best.left, right.right, &join);
        }
        let mut at = 0;
        while let Some(symbol) = self.symbols.get(at as usize) {
            found(symbol);
            at = symbol.right;
        }
    }

    /// Notes the join of two neighbours, if both are there and they have one.
    fn consider(&mut self, left: u32, right: u32, join: &impl Fn(&Symbol, &Symbol) -> Option<Join>) {
        let (Some(first), Some(second)) = (self.symbols.get(left as usize), self.symbols.get(right as usize)) else {
            return;
        };
        if let Some(Join { rank, token }) = join(first, second) {
            let (middle, end) = (first.end, second.end);
            self.heap.push(Reverse(Candidate { rank, left, right, middle, end, token }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Join, Merger};

    /// `text` cut by merges, best first.
    fn check(text: &str, merges: &[(&str, &str)], expected: &[&str]) {
        let mut merger = Merger::default();
        for letter in text.chars() {
            merger.push(letter.len_utf8(), 0);
        }
        let mut found = Vec::new();
        let join = |left: &super::Symbol, right: &super::Symbol| {
            let (left, right) =
                (&text[left.start as usize..left.end as usize], &text[right.start as usize..right.end as usize]);
            let rank = merges.iter().position(|merge| *merge == (left, right))?;
            Some(Join { rank: rank as u32, token: 0 })
        };
        merger.run(join, |symbol| found.push(&text[symbol.start as usize..symbol.end as usize]));
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn the_best_is_joined_first_and_equals_from_the_left() {
        check("", &[], &[]);
        check("a", &[("a", "b")], &["a"]);
        check("abc", &[("b", "c"), ("a", "b")], &["a", "bc"]);
        check("abc", &[("a", "b"), ("b", "c")], &["ab", "c"]);
        check("aaaaa", &[("a", "a")], &["aa", "aa", "a"]);
        check("aaaaa", &[("a", "a"), ("aa", "aa")], &["aaaa", "a"]);
        check("lower", &[("e", "r"), ("l", "o"), ("lo", "w"), ("low", "er")], &["lower"]);
        check("éé", &[("é", "é")], &["éé"]);
    }
}
