//! Activations in eight bits.

use super::isa::Isa;
use super::threads::{self, Shared};

/// Values that share a scale.
pub const BLOCK: usize = 32;
/// Values whose sum is kept: half a block, since some weights have a scale for sixteen.
pub const HALF: usize = 16;
/// Rows are made up to a multiple of this, so that a tile of rows never reads beyond the end.
pub const ROWS_MULTIPLE: usize = 8;

/// Rows of activations, each value `scale * q` with `q` in -127..=127 and a scale for each 32 values.
#[derive(Default)]
pub struct Quantised {
    pub rows: usize,
    pub columns: usize,
    /// `[rows, columns]`
    pub values: Vec<i8>,
    /// `[rows, columns / 32]`
    pub scales: Vec<f32>,
    /// `scale * sum of q` over each 32 values: `[rows, columns / 32]`.
    pub sums: Vec<f32>,
    /// The same over each sixteen: `[rows, columns / 16]`.
    pub half_sums: Vec<f32>,
}

impl Quantised {
    /// Makes room for `rows` of `columns` values, which are a multiple of 32. What was in it is lost.
    pub fn reset(&mut self, rows: usize, columns: usize) {
        assert!(columns.is_multiple_of(BLOCK), "activations come in blocks of 32");
        let room = rows.next_multiple_of(ROWS_MULTIPLE) * columns;
        (self.rows, self.columns) = (rows, columns);
        self.values.resize(room, 0);
        self.scales.resize(room / BLOCK, 0.0);
        self.sums.resize(room / BLOCK, 0.0);
        self.half_sums.resize(room / HALF, 0.0);
    }

    /// Quantises `floats`, `[rows, columns]`, on all cores where there are many rows.
    pub fn fill(&mut self, floats: &[f32], columns: usize) {
        self.reset(floats.len() / columns, columns);
        let (values, scales) = (Shared::new(&mut self.values), Shared::new(&mut self.scales));
        let (sums, half_sums) = (Shared::new(&mut self.sums), Shared::new(&mut self.half_sums));
        let tasks = if self.rows < ROWS_MULTIPLE { 1 } else { threads::count() };
        let each = self.rows.div_ceil(tasks) * columns;
        threads::share(tasks, |task| {
            let (from, to) = ((task * each).min(floats.len()), ((task + 1) * each).min(floats.len()));
            let length = to - from;
            // SAFETY: each task has rows of its own, which lie within the vectors by `reset`.
            unsafe {
                fill(
                    &floats[from..to],
                    values.part(from, length),
                    scales.part(from / BLOCK, length / BLOCK),
                    sums.part(from / BLOCK, length / BLOCK),
                    half_sums.part(from / HALF, length / HALF),
                );
            }
        });
    }
}

/// Quantises `floats`, whole blocks, into the beginnings of the other slices.
pub fn fill(floats: &[f32], values: &mut [i8], scales: &mut [f32], sums: &mut [f32], half_sums: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    if Isa::best() >= Isa::Avx2 {
        // SAFETY: the processor has AVX2.
        return unsafe { fill_avx2(floats, values, scales, sums, half_sums) };
    }
    fill_body(floats, values, scales, sums, half_sums);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn fill_avx2(floats: &[f32], values: &mut [i8], scales: &mut [f32], sums: &mut [f32], half_sums: &mut [f32]) {
    fill_body(floats, values, scales, sums, half_sums);
}

#[inline(always)]
fn fill_body(floats: &[f32], values: &mut [i8], scales: &mut [f32], sums: &mut [f32], half_sums: &mut [f32]) {
    let blocks = floats.chunks_exact(BLOCK).zip(values.chunks_exact_mut(BLOCK));
    for (index, (block, quantised)) in blocks.enumerate() {
        let largest = block.iter().fold(0f32, |largest, value| largest.max(value.abs()));
        let scale = largest / 127.0;
        let inverse = if largest > 0.0 { 127.0 / largest } else { 0.0 };
        let mut half = [0i32; 2];
        for (at, (value, quantised)) in block.iter().zip(quantised.iter_mut()).enumerate() {
            let rounded = (value * inverse).round_ties_even() as i32;
            half[at / HALF] += rounded;
            *quantised = rounded as i8;
        }
        scales[index] = scale;
        sums[index] = scale * (half[0] + half[1]) as f32;
        half_sums[2 * index] = scale * half[0] as f32;
        half_sums[2 * index + 1] = scale * half[1] as f32;
    }
}
