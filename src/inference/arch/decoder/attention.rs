//! Attention: what each position takes from those before it.
//!
//! Queries that share a head of keys and values are worked on together, and so are neighbouring positions. Few of them
//! (generation) go through the pages one by one; many (a prompt) get all keys and values as two dense matrices.

use super::cache::{Open, PAGE, Page};
use crate::inference::arch::kernel::{Before, Share, View, exponents, multiply};
use std::cell::RefCell;

/// From so many rows of queries on, dense matrices pay.
const DENSE_ROWS_MIN: usize = 16;
/// Rows of queries whose scores are held at a time.
const ROWS_AT_ONCE: usize = 64;

/// One head of keys and values of one run.
pub struct Head<'a> {
    pub cache: &'a Open<'a>,
    pub layer: usize,
    pub head: usize,
    pub pages: &'a [Page],
    /// Positions before the run.
    pub start: usize,
    /// Only so many positions are seen, the own one among them.
    pub window: Option<usize>,
    pub scale: f32,
    /// The length of a query.
    pub size: usize,
}

/// Memory that is used again.
#[derive(Default)]
struct Scratch {
    queries: Vec<f32>,
    keys: Vec<f32>,
    values: Vec<f32>,
    scores: Vec<f32>,
    inverse_sums: Vec<f32>,
    outputs: Vec<f32>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl Head<'_> {
    /// Attention of the run's positions `first..first + count`, `group` query heads each.
    ///
    /// `query` gives the query of a position and head, `put` takes what it gets. The keys and values of all these
    /// positions are in the pages already, and nobody writes to this head meanwhile.
    pub fn attend<'q>(
        &self,
        first: usize,
        count: usize,
        group: usize,
        query: impl Fn(usize, usize) -> &'q [f32],
        put: impl Fn(usize, usize, &[f32]),
    ) {
        SCRATCH.with_borrow_mut(|scratch| {
            let seen = self.start + first + count;
            let oldest = self.window.map_or(0, |window| (self.start + first + 1).saturating_sub(window));
            let pages = oldest / PAGE..seen.div_ceil(PAGE);
            let dense = count * group >= DENSE_ROWS_MIN;
            let width = pages.len() * PAGE;
            if dense {
                self.load(&pages, scratch);
            }
            let positions = (ROWS_AT_ONCE / group).max(1);
            for begin in (first..first + count).step_by(positions) {
                let end = (begin + positions).min(first + count);
                let rows = (end - begin) * group;
                scratch.queries.clear();
                for position in begin..end {
                    for head in 0..group {
                        scratch.queries.extend(query(position, head).iter().map(|value| value * self.scale));
                    }
                }
                scratch.scores.clear();
                scratch.scores.resize(rows * width, 0.0);
                self.score(&pages, dense, scratch);
                scratch.inverse_sums.resize(rows, 0.0);
                for (row, scores) in scratch.scores.chunks_exact_mut(width).enumerate() {
                    let own = self.start + begin + row / group;
                    let from = self.window.map_or(0, |window| (own + 1).saturating_sub(window)).max(oldest);
                    let (from, to) = (from - pages.start * PAGE, own + 1 - pages.start * PAGE);
                    scores[..from].fill(0.0);
                    scores[to..].fill(0.0);
                    exponents(&mut scores[from..to], to - from, &mut scratch.inverse_sums[row..row + 1]);
                }
                scratch.outputs.clear();
                scratch.outputs.resize(rows * self.size, 0.0);
                self.gather(&pages, dense, scratch);
                let outputs = scratch.outputs.chunks_exact_mut(self.size).zip(&scratch.inverse_sums);
                for (row, (output, inverse)) in outputs.enumerate() {
                    output.iter_mut().for_each(|value| *value *= inverse);
                    put(begin + row / group, row % group, output);
                }
            }
        });
    }

    /// All keys as `[size, width]` and all values as `[width, size]`.
    fn load(&self, pages: &std::ops::Range<usize>, scratch: &mut Scratch) {
        let width = pages.len() * PAGE;
        scratch.keys.resize(self.size * width, 0.0);
        scratch.values.resize(width * self.size, 0.0);
        for (at, page) in self.pages[pages.clone()].iter().enumerate() {
            let values = &mut scratch.values[at * PAGE * self.size..][..PAGE * self.size];
            // SAFETY: nobody writes to this head, as the caller of `attend` promises.
            unsafe {
                self.cache.keys(*page, self.layer, self.head, width, &mut scratch.keys[at * PAGE..]);
                self.cache.values(*page, self.layer, self.head, values);
            }
        }
    }

    /// The products of queries and keys.
    fn score(&self, pages: &std::ops::Range<usize>, dense: bool, scratch: &mut Scratch) {
        let width = pages.len() * PAGE;
        let rows = scratch.queries.len() / self.size;
        if dense {
            let queries = View::dense(&scratch.queries, rows, self.size);
            let keys = View::dense(&scratch.keys, self.size, width);
            return multiply(&mut scratch.scores, width, Before::Replaced, queries, keys, Share::One);
        }
        for (at, page) in self.pages[pages.clone()].iter().enumerate() {
            let scores = &mut scratch.scores[at * PAGE..];
            // SAFETY: as in `load`.
            unsafe { self.cache.score(*page, self.layer, self.head, &scratch.queries, scores, width) };
        }
    }

    /// The sums of values, weighted by scores.
    fn gather(&self, pages: &std::ops::Range<usize>, dense: bool, scratch: &mut Scratch) {
        let width = pages.len() * PAGE;
        let rows = scratch.outputs.len() / self.size;
        let wide = self.size.is_multiple_of(32);
        if dense {
            let scores = View::dense(&scratch.scores, rows, width);
            let values = View::dense(&scratch.values, width, self.size);
            return multiply(&mut scratch.outputs, self.size, Before::Replaced, scores, values, Share::One);
        }
        scratch.values.resize(PAGE * self.size, 0.0);
        for (at, page) in self.pages[pages.clone()].iter().enumerate() {
            let scores = &scratch.scores[at * PAGE..];
            if wide {
                // SAFETY: as in `load`.
                unsafe { self.cache.gather(*page, self.layer, self.head, scores, width, &mut scratch.outputs) };
                continue;
            }
            let values = &mut scratch.values[..PAGE * self.size];
            // SAFETY: as in `load`.
            unsafe { self.cache.values(*page, self.layer, self.head, values) };
            let scores = View { data: scores, rows, columns: PAGE, row_step: width, column_step: 1 };
            let values = View::dense(values, PAGE, self.size);
            multiply(&mut scratch.outputs, self.size, Before::Added, scores, values, Share::One);
        }
    }
}
