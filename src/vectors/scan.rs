//! Finds the rows most similar to a probe among ranges of files. Knows nothing of segments or disks.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;
use std::thread;

use super::codes::Probe;
use super::dot::Kernel;
use super::file::File;
use crate::domain::passage::Candidate;
use crate::limits;

/// Rows multiplied before their products are looked at: the products stay in the first cache.
const BLOCK_ROWS: usize = 256;

/// Rows of one file to be scanned.
#[derive(Clone, Debug)]
pub struct Stretch<'a> {
    pub file: &'a File,
    pub rows: Range<usize>,
}

/// The `k` rows most similar to `probe`, best first, equals by chunk: the same whatever the number of threads.
pub fn nearest(stretches: &[Stretch<'_>], probe: &Probe, k: usize) -> Vec<Candidate> {
    let rows: usize = stretches.iter().map(|stretch| stretch.rows.len()).sum();
    let cores = thread::available_parallelism().map_or(1, usize::from);
    nearest_with(stretches, probe, k, (rows / limits::SCAN_ROWS_PER_THREAD_MIN).clamp(1, cores))
}

/// As [`nearest`], on this many threads.
pub fn nearest_with(stretches: &[Stretch<'_>], probe: &Probe, k: usize, threads: usize) -> Vec<Candidate> {
    if k == 0 {
        return Vec::new();
    }
    let kernel = Kernel::best();
    let mut best = thread::scope(|scope| {
        let mut shares = shares(stretches, threads).into_iter();
        let own = shares.next().unwrap_or_default();
        let others: Vec<_> = shares.map(|share| scope.spawn(move || scan(&share, probe, k, kernel))).collect();
        let mut best = scan(&own, probe, k, kernel);
        for other in others {
            let found = other.join().expect("a scan does not panic");
            found.0.into_iter().for_each(|Reverse(row)| best.offer(row, k));
        }
        best
    });
    let mut rows: Vec<Candidate> = best.0.drain().map(|Reverse(row)| row).collect();
    rows.sort_unstable_by(|a, b| b.cmp(a));
    rows
}

/// `stretches` cut into at most `count` shares of about as many rows.
fn shares<'a>(stretches: &[Stretch<'a>], count: usize) -> Vec<Vec<Stretch<'a>>> {
    let rows: usize = stretches.iter().map(|stretch| stretch.rows.len()).sum();
    let size = rows.div_ceil(count.max(1)).max(1);
    let mut shares = vec![Vec::new()];
    let mut room = size;
    for stretch in stretches {
        let mut rows = stretch.rows.clone();
        while !rows.is_empty() {
            if room == 0 {
                shares.push(Vec::new());
                room = size;
            }
            let end = rows.end.min(rows.start + room);
            let share = shares.last_mut().expect("there is always one");
            share.push(Stretch { file: stretch.file, rows: rows.start..end });
            room -= end - rows.start;
            rows.start = end;
        }
    }
    shares
}

fn scan(stretches: &[Stretch<'_>], probe: &Probe, k: usize, kernel: Kernel) -> Best {
    let mut best = Best(BinaryHeap::with_capacity(k + 1));
    let mut products = [0; BLOCK_ROWS];
    let mut least = f32::NEG_INFINITY;
    for stretch in stretches {
        for start in stretch.rows.clone().step_by(BLOCK_ROWS) {
            let rows = start..stretch.rows.end.min(start + BLOCK_ROWS);
            let products = &mut products[..rows.len()];
            kernel.products(&probe.codes, stretch.file.codes(rows.clone()), products);
            for ((row, product), scale) in rows.clone().zip(products).zip(stretch.file.scales(rows)) {
                let score = *product as f32 * scale * probe.scale;
                if score >= least {
                    best.offer(Candidate { score, chunk: stretch.file.chunk(row) }, k);
                    least = best.least(k);
                }
            }
        }
    }
    best
}

/// The best rows so far, the worst of them on top.
struct Best(BinaryHeap<Reverse<Candidate>>);

impl Best {
    fn offer(&mut self, row: Candidate, k: usize) {
        self.0.push(Reverse(row));
        if self.0.len() > k {
            self.0.pop();
        }
    }

    /// The score below which a row has no chance.
    fn least(&self, k: usize) -> f32 {
        match self.0.peek() {
            Some(Reverse(worst)) if self.0.len() >= k => worst.score,
            _ => f32::NEG_INFINITY,
        }
    }
}
