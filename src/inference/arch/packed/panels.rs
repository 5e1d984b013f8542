//! The form for AVX2 with FMA: panels of 16 columns, each with its rows end to end.
//!
//! The inner loop keeps 6 rows by 16 columns of the product in 12 registers; for each input it loads the 16 weights into
//! two more and multiplies them by one value of each row, which it takes from where it stands. Where a processor has
//! AVX-512, the general product uses that and is left to it.

use crate::inference::arch::kernel::{Before, Share, View};
use crate::inference::kernel::threads::{self, Shared};
use std::arch::x86_64::{
    _mm256_add_ps, _mm256_broadcast_ss, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_setzero_ps, _mm256_storeu_ps,
};
use std::ops::Range;

/// Floats of a register.
const LANES: usize = 8;
/// Columns of a panel: two registers.
const WIDTH: usize = 2 * LANES;
/// Rows of the product that are computed side by side, at most.
const TILE: usize = 6;
/// Inputs of one pass: that much of a panel, 24 KiB, stays in the first-level cache while the rows go by.
const DEPTH: usize = 384;
/// Rows of one pass: that much of the left factor, 384 KiB, stays in the second-level cache while the panels go by.
const ROWS: usize = 256;
/// Multiplications that are worth a second core.
const SHARED_MIN: usize = 1 << 20;

/// A matrix in panels.
pub struct Panels {
    /// `[panels, inputs, WIDTH]`
    values: Vec<f32>,
    inputs: usize,
    outputs: usize,
}

impl Panels {
    /// The panels of `values`, `[inputs, outputs]`; `None` where there are no whole ones or the processor has better.
    pub fn new(values: &[f32], outputs: usize) -> Option<Panels> {
        let suits = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        if !suits || is_x86_feature_detected!("avx512f") || !outputs.is_multiple_of(WIDTH) {
            return None;
        }
        let row_of = |panel: usize| values[panel * WIDTH..].chunks(outputs).flat_map(|row| &row[..WIDTH]).copied();
        let inputs = values.len() / outputs;
        Some(Panels { values: (0..outputs / WIDTH).flat_map(row_of).collect(), inputs, outputs })
    }

    /// `into = a * self` or `into += a * self`.
    pub fn multiply(&self, into: &mut [f32], into_row_step: usize, before: Before, a: View, share: Share) {
        assert_eq!(a.columns, self.inputs, "the inner dimensions agree");
        assert_eq!(a.column_step, 1, "the values of a row follow one another");
        if a.rows == 0 {
            return;
        }
        assert!(a.end() <= a.data.len(), "the left factor lies inside its slice");
        assert!(self.outputs <= into_row_step || a.rows == 1, "the rows of the product do not overlap");
        assert!((a.rows - 1) * into_row_step + self.outputs <= into.len(), "the product lies inside its slice");
        let panels = self.outputs / WIDTH;
        let tasks = match share {
            Share::All if a.rows * self.inputs * self.outputs >= SHARED_MIN => threads::count().min(panels),
            _ => 1,
        };
        let into = Shared::new(into);
        threads::share(tasks, |task| {
            let range = panels * task / tasks..panels * (task + 1) / tasks;
            // SAFETY: `new` has seen AVX2 and FMA; both matrices lie inside their slices, as asserted just above; and
            // no two tasks have a column of the product in common.
            unsafe { self.pass(range, into, into_row_step, before, a) }
        });
    }

    /// The columns of the panels `range`.
    ///
    /// # Safety
    /// `a` and these columns of the product lie inside their slices, and nobody else uses the latter.
    #[target_feature(enable = "avx2,fma")]
    unsafe fn pass(&self, range: Range<usize>, into: Shared<f32>, into_row_step: usize, before: Before, a: View) {
        for first in (0..a.rows).step_by(ROWS) {
            let end = a.rows.min(first + ROWS);
            for input in (0..self.inputs).step_by(DEPTH) {
                let is_added = before == Before::Added || input > 0;
                let depth = DEPTH.min(self.inputs - input);
                for panel in range.clone() {
                    let weights = &self.values[(panel * self.inputs + input) * WIDTH..][..depth * WIDTH];
                    for row in (first..end).step_by(TILE) {
                        // SAFETY: rows and columns are inside, as the caller promised.
                        unsafe {
                            let left = a.data.as_ptr().add(row * a.row_step + input);
                            let product = into.at(row * into_row_step + panel * WIDTH);
                            let steps = (a.row_step, into_row_step);
                            match end - row {
                                1 => tile::<1>(product, left, steps, weights, is_added),
                                2 => tile::<2>(product, left, steps, weights, is_added),
                                3 => tile::<3>(product, left, steps, weights, is_added),
                                4 => tile::<4>(product, left, steps, weights, is_added),
                                5 => tile::<5>(product, left, steps, weights, is_added),
                                _ => tile::<TILE>(product, left, steps, weights, is_added),
                            }
                        }
                    }
                }
            }
        }
    }
}

/// `R` rows of one panel's columns, for the inputs of `weights`. The steps are those of the rows of `left` and `product`.
///
/// # Safety
/// `R` rows of as many values as `weights` has inputs lie at `left`, and `R` rows of [`WIDTH`] at `product`.
#[target_feature(enable = "avx2,fma")]
#[inline]
unsafe fn tile<const R: usize>(
    product: *mut f32,
    left: *const f32,
    (left_step, product_step): (usize, usize),
    weights: &[f32],
    is_added: bool,
) {
    let mut sums = [[_mm256_setzero_ps(); 2]; R];
    for (input, weights) in weights.as_chunks::<WIDTH>().0.iter().enumerate() {
        // SAFETY: a panel's row has two registers' worth.
        let (low, high) = unsafe { (_mm256_loadu_ps(weights.as_ptr()), _mm256_loadu_ps(weights.as_ptr().add(LANES))) };
        for (row, [sum_low, sum_high]) in sums.iter_mut().enumerate() {
            // SAFETY: promised by the caller.
            let value = _mm256_broadcast_ss(unsafe { &*left.add(row * left_step + input) });
            *sum_low = _mm256_fmadd_ps(value, low, *sum_low);
            *sum_high = _mm256_fmadd_ps(value, high, *sum_high);
        }
    }
    for (row, halves) in sums.into_iter().enumerate() {
        for (half, sum) in halves.into_iter().enumerate() {
            // SAFETY: promised by the caller.
            unsafe {
                let place = product.add(row * product_step + half * LANES);
                let sum = if is_added { _mm256_add_ps(_mm256_loadu_ps(place), sum) } else { sum };
                _mm256_storeu_ps(place, sum);
            }
        }
    }
}
