//! The tile with the 128-bit vectors of arm64: four rows of weights at a time, whose four bytes of a word lie side by
//! side as the dot product of bytes wants them.

use super::{ROWS, Rows, block_bytes};
use std::arch::aarch64::*;

/// Rows of weights in a vector.
const LANES: usize = 4;

macro_rules! compiled {
    ($name:ident, $features:literal, $products:item) => {
        /// # Safety
        /// As [`super::portable`], on a processor with these instructions. `LARGEST` is the largest weight: those of
        /// the full eight bits are taken with their sign.
        #[target_feature(enable = $features)]
        pub unsafe fn $name<const M: usize, const WORDS: usize, const LARGEST: u8>(
            panel: &[u8],
            rows: Rows,
            into: &mut [[f32; ROWS]; M],
        ) {
            $products

            for side in 0..ROWS / LANES {
                let mut totals = [vdupq_n_f32(0.0); M];
                let mut block = panel.as_ptr();
                for index in 0..rows.blocks {
                    // SAFETY: the caller promises so many blocks and rows; every address below lies in one of them.
                    unsafe {
                        let words: [int8x16_t; WORDS] = std::array::from_fn(|word| {
                            let bytes = vld1q_u8(block.add((word * ROWS + side * LANES) * 4));
                            let flip = if LARGEST == 255 { 0x80 } else { 0 };
                            vreinterpretq_s8_u8(veorq_u8(bytes, vdupq_n_u8(flip)))
                        });
                        let factors = block.add(WORDS * 4 * ROWS).cast::<f32>();
                        let scales = vld1q_f32(factors.add(side * LANES));
                        let offsets = vld1q_f32(factors.add(ROWS + side * LANES));
                        for (row, total) in totals.iter_mut().enumerate() {
                            let values = rows.values.add(row * rows.columns + index * WORDS * 4);
                            let mut dots = vdupq_n_s32(0);
                            for (four, words) in words.chunks_exact(4).enumerate() {
                                dots = products(dots, words, vld1q_s8(values.add(four * 16)));
                            }
                            let scale = *rows.scales.add(row * (rows.columns / 32) + index * WORDS / 8);
                            *total = vfmaq_f32(*total, vcvtq_f32_s32(dots), vmulq_n_f32(scales, scale));
                            if LARGEST != 255 {
                                let sum = *rows.sums.add(row * rows.blocks + index);
                                *total = vfmsq_n_f32(*total, offsets, sum);
                            }
                        }
                        block = block.add(block_bytes::<WORDS>());
                    }
                }
                for (total, into) in totals.into_iter().zip(into.iter_mut()) {
                    // SAFETY: four of the sixteen floats of a row.
                    unsafe { vst1q_f32(into.as_mut_ptr().add(side * LANES), total) };
                }
            }
        }
    };
}

compiled! {
    plain, "neon",
    /// Adds the products of four words of four rows with sixteen activations.
    #[inline]
    #[target_feature(enable = "neon")]
    fn products(dots: int32x4_t, words: &[int8x16_t], values: int8x16_t) -> int32x4_t {
        let values = vreinterpretq_s32_s8(values);
        let (mut low, mut high) = (vdupq_n_s32(0), vdupq_n_s32(0));
        let mut add = |word: int8x16_t, four: int32x4_t| {
            let four = vreinterpretq_s8_s32(four);
            // Rows 0 and 1 are in the low half, and each has two sums of two products.
            low = vpadalq_s16(low, vmull_s8(vget_low_s8(word), vget_low_s8(four)));
            high = vpadalq_s16(high, vmull_high_s8(word, four));
        };
        add(words[0], vdupq_laneq_s32::<0>(values));
        add(words[1], vdupq_laneq_s32::<1>(values));
        add(words[2], vdupq_laneq_s32::<2>(values));
        add(words[3], vdupq_laneq_s32::<3>(values));
        vaddq_s32(dots, vpaddq_s32(low, high))
    }
}

compiled! {
    dotprod, "neon,dotprod",
    /// Adds the products of four words of four rows with sixteen activations.
    #[inline]
    #[target_feature(enable = "neon,dotprod")]
    fn products(mut dots: int32x4_t, words: &[int8x16_t], values: int8x16_t) -> int32x4_t {
        // The functions for this instruction are not yet stable in the standard library.
        // SAFETY: instructions between registers; this function is for processors that have them.
        unsafe {
            std::arch::asm!(
                "sdot {dots:v}.4s, {first:v}.16b, {values:v}.4b[0]",
                "sdot {dots:v}.4s, {second:v}.16b, {values:v}.4b[1]",
                "sdot {dots:v}.4s, {third:v}.16b, {values:v}.4b[2]",
                "sdot {dots:v}.4s, {fourth:v}.16b, {values:v}.4b[3]",
                dots = inout(vreg) dots,
                first = in(vreg) words[0],
                second = in(vreg) words[1],
                third = in(vreg) words[2],
                fourth = in(vreg) words[3],
                values = in(vreg) values,
                options(pure, nomem, nostack, preserves_flags)
            );
        }
        dots
    }
}
