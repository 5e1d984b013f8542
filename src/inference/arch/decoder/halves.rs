//! Products of a few rows of floats with a matrix that is kept in half precision: queries with keys, scores with values.
//!
//! The matrix is read once for four rows, since as many queries often share a head, and is never written out as floats.

use super::loops;
use half::f16;
use half::slice::HalfFloatSliceExt;

/// Adds to each row of `into`, `width` long, the products of a row of `a`, `inner` long, with `b`, `[inner, width]`.
/// `width` is a multiple of 32. Rows of `a` and of `into` begin `a_step` and `into_step` after one another.
pub fn add_products(
    a: &[f32],
    a_step: usize,
    inner: usize,
    b: &[f16],
    into: &mut [f32],
    into_step: usize,
    width: usize,
) {
    #[cfg(target_arch = "x86_64")]
    if crate::inference::kernel::isa::Isa::best() >= crate::inference::kernel::isa::Isa::Avx2 {
        // SAFETY: the processor has AVX2, FMA and F16C.
        return unsafe { add_products_avx2(a, a_step, inner, b, into, into_step, width) };
    }
    add_products_plain(a, a_step, inner, b, into, into_step, width);
}

fn add_products_plain(
    a: &[f32],
    a_step: usize,
    inner: usize,
    b: &[f16],
    into: &mut [f32],
    into_step: usize,
    width: usize,
) {
    let b = b[..inner * width].to_f32_vec();
    loops::add_products(a, a_step, inner, &b, into, into_step, width);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c")]
fn add_products_avx2(
    a: &[f32],
    a_step: usize,
    inner: usize,
    b: &[f16],
    into: &mut [f32],
    into_step: usize,
    width: usize,
) {
    const ROWS: usize = 4;
    let b = &b[..inner * width];
    for (a, into) in a.chunks(ROWS * a_step).zip(into.chunks_mut(ROWS * into_step)) {
        match a.len().div_ceil(a_step) {
            1 => add_rows::<1, 4>(a, a_step, inner, b, into, into_step, width),
            2 => add_rows::<2, 4>(a, a_step, inner, b, into, into_step, width),
            3 => add_rows::<3, 2>(a, a_step, inner, b, into, into_step, width),
            _ => add_rows::<4, 2>(a, a_step, inner, b, into, into_step, width),
        }
    }
}

/// The same for `R` rows, `C` registers of eight columns at a time.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn add_rows<const R: usize, const C: usize>(
    a: &[f32],
    a_step: usize,
    inner: usize,
    b: &[f16],
    into: &mut [f32],
    into_step: usize,
    width: usize,
) {
    use std::arch::x86_64::*;
    assert!(width.is_multiple_of(8 * C) && b.len() == inner * width, "the matrix is whole");
    assert!((R - 1) * a_step + inner <= a.len() && (R - 1) * into_step + width <= into.len(), "the rows are whole");
    for column in (0..width).step_by(8 * C) {
        // SAFETY: every address lies in its slice, as asserted.
        unsafe {
            let place = into.as_mut_ptr().add(column);
            let mut sums: [[__m256; C]; R] = std::array::from_fn(|row| {
                std::array::from_fn(|part| _mm256_loadu_ps(place.add(row * into_step + part * 8)))
            });
            for k in 0..inner {
                let b = b.as_ptr().add(k * width + column);
                let b: [__m256; C] =
                    std::array::from_fn(|part| _mm256_cvtph_ps(_mm_loadu_si128(b.add(part * 8).cast())));
                for (row, sums) in sums.iter_mut().enumerate() {
                    let a = _mm256_set1_ps(*a.as_ptr().add(row * a_step + k));
                    for (sum, b) in sums.iter_mut().zip(b) {
                        *sum = _mm256_fmadd_ps(a, b, *sum);
                    }
                }
            }
            for (row, sums) in sums.into_iter().enumerate() {
                for (part, sum) in sums.into_iter().enumerate() {
                    _mm256_storeu_ps(place.add(row * into_step + part * 8), sum);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{add_products, add_products_plain};
    use half::f16;

    #[test]
    fn products_of_any_number_of_rows_are_added() {
        let b: Vec<f16> = (0..5 * 64).map(|n| f16::from_f32((n % 11) as f32 - 5.0)).collect();
        for rows in 1..=9 {
            let a: Vec<f32> = (0..rows * 8).map(|n| (n % 7) as f32).collect();
            for multiply in [add_products, add_products_plain] {
                let mut into = vec![1.0; rows * 70];
                multiply(&a, 8, 5, &b, &mut into, 70, 64);
                for (index, found) in into.iter().enumerate() {
                    let (row, column) = (index / 70, index % 70);
                    let product: f32 = match column {
                        0..64 => (0..5).map(|k| a[row * 8 + k] * b[k * 64 + column].to_f32()).sum(),
                        _ => 0.0,
                    };
                    assert_eq!(*found, 1.0 + product, "{rows} rows: {row} {column}");
                }
            }
        }
    }
}
