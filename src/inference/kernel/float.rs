//! Weights in floating point: as floats through the `gemm` crate for many rows, one row at a time for few.

use super::isa::Isa;
use crate::inference::gguf::Kind;
use gemm::Parallelism;
use std::cell::RefCell;

thread_local! {
    /// Weights of the matrix at hand as floats.
    static FLOATS: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// Multiplies rows of weights with `activations`, rows of `columns` values; the product of activations `m` and weights
/// `n` goes to `m * step + n` behind `into`.
///
/// # Safety
/// `into` may be written there by this call alone.
pub unsafe fn multiply(kind: Kind, weights: &[u8], columns: usize, activations: &[f32], into: *mut f32, step: usize) {
    let row_bytes = kind.bytes(columns);
    let (rows, height) = (weights.len() / row_bytes, activations.len() / columns);
    FLOATS.with_borrow_mut(|floats| {
        floats.resize(rows * columns, 0.0);
        kind.dequantise(weights, floats);
        if height == 1 {
            for (index, weights) in floats.chunks_exact(columns).enumerate() {
                // SAFETY: promised by the caller.
                unsafe { *into.add(index) = dot(weights, activations) };
            }
            return;
        }
        // SAFETY: both factors are dense and as long as said; the product's place is promised by the caller.
        unsafe {
            gemm::gemm(
                height,
                rows,
                columns,
                into,
                1,
                step as isize,
                false,
                activations.as_ptr(),
                1,
                columns as isize,
                floats.as_ptr(),
                columns as isize,
                1,
                0.0,
                1.0,
                false,
                false,
                false,
                Parallelism::None,
            );
        }
    });
}

/// The inner product of two rows of floats.
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    #[cfg(target_arch = "x86_64")]
    if Isa::best() >= Isa::Avx2 {
        // SAFETY: the processor has AVX2 and FMA.
        return unsafe { dot_avx2(a, b) };
    }
    // Every arm64 processor multiplies and adds at once.
    dot_body::<{ cfg!(target_arch = "aarch64") }>(a, b)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn dot_avx2(a: &[f32], b: &[f32]) -> f32 {
    dot_body::<true>(a, b)
}

#[inline(always)]
fn dot_body<const FMA: bool>(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0f32; 32];
    let (a, b) = (a.chunks_exact(32), b.chunks_exact(32));
    let rest: f32 = a.remainder().iter().zip(b.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a.zip(b) {
        for (lane, (a, b)) in lanes.iter_mut().zip(a.iter().zip(b)) {
            *lane = if FMA { a.mul_add(*b, *lane) } else { a * b + *lane };
        }
    }
    lanes.iter().sum::<f32>() + rest
}
