//! Asking for weights before they are needed.
//!
//! Processors look ahead by themselves, but not beyond the border of a page of 4 kB, and not along sixteen rows at once.

/// How far ahead of what is multiplied the weights of one row after another are asked for. With it a Zen 3 multiplies
/// from memory as fast as from its cache (Q4_K 39 -> 32 ps for a product, Q6_K 59 -> 47; 1 kB was half as good).
pub const ROW_BYTES: usize = 3072;

/// Asks for the `bytes` that come `distance` behind `at`, whether there are any or not.
#[inline(always)]
pub fn ask(at: *const u8, distance: usize, bytes: usize) {
    #[cfg(target_arch = "x86_64")]
    for line in (0..bytes).step_by(64) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: asking for memory reads none.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.wrapping_add(distance + line).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (at, distance, bytes);
}
