//! The same with the 128-bit vectors of arm64. The loops are written once and compiled twice: with the dot product of
//! bytes, where the processor has it, and with products of bytes that are added in pairs.

use super::Row;
use crate::inference::gguf::Kind;
use std::arch::aarch64::*;

macro_rules! compiled {
    ($name:ident, $features:literal, $dot:item) => {
        pub mod $name {
            use super::*;

            $dot

            /// The inner products of the rows in `weights` with `row`.
            ///
            /// # Safety
            /// The processor has the instructions, `weights` are whole rows of `kind`, each as long as `row`.
            #[target_feature(enable = $features)]
            pub unsafe fn rows(kind: Kind, weights: &[u8], row_bytes: usize, row: Row, into: &mut [f32]) {
                let of_kind = match kind {
                    Kind::Q4K => q4_k,
                    Kind::Q5K => q5_k,
                    Kind::Q6K => q6_k,
                    Kind::Q8_0 => q8_0,
                    Kind::Q4_0 => q4_0,
                    Kind::F32 | Kind::F16 | Kind::Bf16 => unreachable!("floats are multiplied as floats"),
                };
                for (weights, into) in weights.chunks_exact(row_bytes).zip(into) {
                    // SAFETY: the caller's promise, for one row.
                    *into = unsafe { of_kind(weights, row) };
                }
            }

            /// The dot products of 32 weights, in two vectors, with the 32 activations at `values`, as four floats
            /// whose sum is wanted.
            ///
            /// # Safety
            /// There are 32 activations at `values`.
            #[inline]
            #[target_feature(enable = $features)]
            unsafe fn dot_32(first: int8x16_t, second: int8x16_t, values: *const i8) -> float32x4_t {
                // SAFETY: promised by the caller.
                let (a, b) = unsafe { (vld1q_s8(values), vld1q_s8(values.add(16))) };
                vcvtq_f32_s32(dot(dot(vdupq_n_s32(0), first, a), second, b))
            }

            #[target_feature(enable = $features)]
            unsafe fn q4_k(weights: &[u8], row: Row) -> f32 {
                let nibble = vdupq_n_u8(15);
                let (mut even, mut odd, mut less) = (vdupq_n_f32(0.0), vdupq_n_f32(0.0), vdupq_n_f32(0.0));
                for (index, block) in weights.chunks_exact(144).enumerate() {
                    // SAFETY: a block has 144 bytes, and there are 256 activations and eight factors for each.
                    unsafe {
                        let values = row.values.as_ptr().add(index * 256);
                        let (scales, missing) = scales_and_less(block.as_ptr(), row, index);
                        less = vaddq_f32(less, missing);
                        for pair in 0..4 {
                            let bytes = vld1q_u8_x2(block.as_ptr().add(16 + pair * 32));
                            let low = |bytes| vreinterpretq_s8_u8(vandq_u8(bytes, nibble));
                            let high = |bytes| vreinterpretq_s8_u8(vshrq_n_u8::<4>(bytes));
                            let values = values.add(pair * 64);
                            let dots = dot_32(low(bytes.0), low(bytes.1), values);
                            even = vfmaq_n_f32(even, dots, scales[2 * pair]);
                            let dots = dot_32(high(bytes.0), high(bytes.1), values.add(32));
                            odd = vfmaq_n_f32(odd, dots, scales[2 * pair + 1]);
                        }
                    }
                }
                vaddvq_f32(vsubq_f32(vaddq_f32(even, odd), less))
            }

            #[target_feature(enable = $features)]
            unsafe fn q5_k(weights: &[u8], row: Row) -> f32 {
                let nibble = vdupq_n_u8(15);
                let bit = vdupq_n_u8(1);
                let (mut even, mut odd, mut less) = (vdupq_n_f32(0.0), vdupq_n_f32(0.0), vdupq_n_f32(0.0));
                for (index, block) in weights.chunks_exact(176).enumerate() {
                    // SAFETY: a block has 176 bytes, and there are 256 activations and eight factors for each.
                    unsafe {
                        let values = row.values.as_ptr().add(index * 256);
                        let (scales, missing) = scales_and_less(block.as_ptr(), row, index);
                        less = vaddq_f32(less, missing);
                        let mut fifth = vld1q_u8_x2(block.as_ptr().add(16));
                        for pair in 0..4 {
                            let bytes = vld1q_u8_x2(block.as_ptr().add(48 + pair * 32));
                            // The lowest bit of `fifth` is that of the low nibbles, the next that of the high ones.
                            let low = |bytes, fifth| {
                                let high_bit = vshlq_n_u8::<4>(vandq_u8(fifth, bit));
                                vreinterpretq_s8_u8(vorrq_u8(vandq_u8(bytes, nibble), high_bit))
                            };
                            let high = |bytes, fifth| {
                                let high_bit = vshlq_n_u8::<4>(vandq_u8(vshrq_n_u8::<1>(fifth), bit));
                                vreinterpretq_s8_u8(vorrq_u8(vshrq_n_u8::<4>(bytes), high_bit))
                            };
                            let values = values.add(pair * 64);
                            let dots = dot_32(low(bytes.0, fifth.0), low(bytes.1, fifth.1), values);
                            even = vfmaq_n_f32(even, dots, scales[2 * pair]);
                            let dots = dot_32(high(bytes.0, fifth.0), high(bytes.1, fifth.1), values.add(32));
                            odd = vfmaq_n_f32(odd, dots, scales[2 * pair + 1]);
                            fifth = uint8x16x2_t(vshrq_n_u8::<2>(fifth.0), vshrq_n_u8::<2>(fifth.1));
                        }
                    }
                }
                vaddvq_f32(vsubq_f32(vaddq_f32(even, odd), less))
            }

            #[target_feature(enable = $features)]
            unsafe fn q6_k(weights: &[u8], row: Row) -> f32 {
                let (nibble, top, middle) = (vdupq_n_u8(15), vdupq_n_u8(0x30), vdupq_n_s8(32));
                let mut total = vdupq_n_f32(0.0);
                for (index, block) in weights.chunks_exact(210).enumerate() {
                    let scale = half_at(block, 208);
                    let scales = &block[192..208];
                    let given = &row.scales[index * 8..][..8];
                    for half in 0..2 {
                        // SAFETY: a block has 210 bytes, and there are 256 activations for it: of each half 64
                        // bytes of nibbles, 32 bytes of pairs of bits, and 128 activations.
                        unsafe {
                            let nibbles = vld1q_u8_x4(block.as_ptr().add(half * 64));
                            let mut bits = vld1q_u8_x2(block.as_ptr().add(128 + half * 32));
                            let values = row.values.as_ptr().add(index * 256 + half * 128);
                            for quarter in 0..4 {
                                let bytes = match quarter % 2 {
                                    0 => [nibbles.0, nibbles.1],
                                    _ => [nibbles.2, nibbles.3],
                                };
                                for (side, (bytes, bits)) in bytes.into_iter().zip([bits.0, bits.1]).enumerate() {
                                    let low = match quarter / 2 {
                                        0 => vandq_u8(bytes, nibble),
                                        _ => vshrq_n_u8::<4>(bytes),
                                    };
                                    let high = vandq_u8(vshlq_n_u8::<4>(bits), top);
                                    let weights = vsubq_s8(vreinterpretq_s8_u8(vorrq_u8(low, high)), middle);
                                    let group = half * 8 + quarter * 2 + side;
                                    let values = vld1q_s8(values.add(quarter * 32 + side * 16));
                                    let dots = vcvtq_f32_s32(dot(vdupq_n_s32(0), weights, values));
                                    let scale = scale * f32::from(scales[group] as i8) * given[group / 2];
                                    total = vfmaq_n_f32(total, dots, scale);
                                }
                                bits = uint8x16x2_t(vshrq_n_u8::<2>(bits.0), vshrq_n_u8::<2>(bits.1));
                            }
                        }
                    }
                }
                vaddvq_f32(total)
            }

            #[target_feature(enable = $features)]
            unsafe fn q8_0(weights: &[u8], row: Row) -> f32 {
                let mut totals = [vdupq_n_f32(0.0); 2];
                for (index, block) in weights.chunks_exact(34).enumerate() {
                    // SAFETY: a block has 34 bytes, and there are 32 activations and a scale for it.
                    unsafe {
                        let bytes = vld1q_s8_x2(block.as_ptr().add(2).cast());
                        let dots = dot_32(bytes.0, bytes.1, row.values.as_ptr().add(index * 32));
                        let scale = half_at(block, 0) * row.scales.get_unchecked(index);
                        totals[index % 2] = vfmaq_n_f32(totals[index % 2], dots, scale);
                    }
                }
                vaddvq_f32(vaddq_f32(totals[0], totals[1]))
            }

            #[target_feature(enable = $features)]
            unsafe fn q4_0(weights: &[u8], row: Row) -> f32 {
                let (nibble, middle) = (vdupq_n_u8(15), vdupq_n_s8(8));
                let mut totals = [vdupq_n_f32(0.0); 2];
                for (index, block) in weights.chunks_exact(18).enumerate() {
                    // SAFETY: a block has 18 bytes, and there are 32 activations and a scale for it.
                    unsafe {
                        let bytes = vld1q_u8(block.as_ptr().add(2));
                        let low = vsubq_s8(vreinterpretq_s8_u8(vandq_u8(bytes, nibble)), middle);
                        let high = vsubq_s8(vreinterpretq_s8_u8(vshrq_n_u8::<4>(bytes)), middle);
                        let dots = dot_32(low, high, row.values.as_ptr().add(index * 32));
                        let scale = half_at(block, 0) * row.scales.get_unchecked(index);
                        totals[index % 2] = vfmaq_n_f32(totals[index % 2], dots, scale);
                    }
                }
                vaddvq_f32(vaddq_f32(totals[0], totals[1]))
            }
        }
    };
}

/// The 16-bit float at byte `at`. Every arm64 processor converts it by one instruction.
#[inline]
fn half_at(block: &[u8], at: usize) -> f32 {
    let bits = u32::from(u16::from_le_bytes([block[at], block[at + 1]]));
    let float: f32;
    // SAFETY: two instructions between registers that every processor of this kind has.
    unsafe {
        std::arch::asm!(
            "fmov {float:s}, {bits:w}",
            "fcvt {float:s}, {float:h}",
            bits = in(reg) bits,
            float = out(vreg) float,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    float
}

/// Of block `index` of Q4_K or Q5_K: its eight scales times those of the activations, and what its minima take away, as
/// four floats whose sum that is.
///
/// # Safety
/// `block` has sixteen bytes, `row` eight factors for the block.
#[inline]
unsafe fn scales_and_less(block: *const u8, row: Row, index: usize) -> ([f32; 8], float32x4_t) {
    const LOW: u32 = 0x3f3f_3f3f;
    const NIBBLES: u32 = 0x0f0f_0f0f;
    const TOP: u32 = 0x0303_0303;
    // SAFETY: promised by the caller; the vectors are those that every arm64 processor has.
    unsafe {
        let head: &[u8; 4] = &*block.cast();
        let (scale, minimum) = (half_at(head, 0), half_at(head, 2));
        let [a, b, c] = block.add(4).cast::<[u32; 3]>().read_unaligned();
        let packed_scales = u64::from(a & LOW) | u64::from((c & NIBBLES) | (a >> 6 & TOP) << 4) << 32;
        let packed_minima = u64::from(b & LOW) | u64::from((c >> 4 & NIBBLES) | (b >> 6 & TOP) << 4) << 32;
        let floats = |packed: u64| {
            let wide = vmovl_u8(vcreate_u8(packed));
            [vcvtq_f32_u32(vmovl_u16(vget_low_u16(wide))), vcvtq_f32_u32(vmovl_high_u16(wide))]
        };
        let (group_scales, minima) = (floats(packed_scales), floats(packed_minima));
        let given = vld1q_f32_x2(row.scales.as_ptr().add(index * 8));
        let sums = vld1q_f32_x2(row.sums.as_ptr().add(index * 8));
        let mut scales = [0.0; 8];
        vst1q_f32(scales.as_mut_ptr(), vmulq_f32(vmulq_n_f32(group_scales[0], scale), given.0));
        vst1q_f32(scales.as_mut_ptr().add(4), vmulq_f32(vmulq_n_f32(group_scales[1], scale), given.1));
        let less = vfmaq_f32(vmulq_f32(minima[0], sums.0), minima[1], sums.1);
        (scales, vmulq_n_f32(less, minimum))
    }
}

compiled! {
    plain, "neon",
    /// Adds to each of four sums the products of some of the sixteen pairs; which does not matter to their total.
    #[inline]
    #[target_feature(enable = "neon")]
    fn dot(sums: int32x4_t, weights: int8x16_t, values: int8x16_t) -> int32x4_t {
        // The largest sum of two products, 2 * 128 * 127, is within sixteen bits.
        let products = vmull_s8(vget_low_s8(weights), vget_low_s8(values));
        vpadalq_s16(vpadalq_s16(sums, products), vmull_high_s8(weights, values))
    }
}

compiled! {
    dotprod, "neon,dotprod",
    /// Adds to each of four sums the products of four pairs.
    #[inline]
    #[target_feature(enable = "neon,dotprod")]
    fn dot(mut sums: int32x4_t, weights: int8x16_t, values: int8x16_t) -> int32x4_t {
        // The function for this instruction is not yet stable in the standard library.
        // SAFETY: one instruction between registers; this function is for processors that have it.
        unsafe {
            std::arch::asm!(
                "sdot {sums:v}.4s, {weights:v}.16b, {values:v}.16b",
                sums = inout(vreg) sums,
                weights = in(vreg) weights,
                values = in(vreg) values,
                options(pure, nomem, nostack, preserves_flags)
            );
        }
        sums
    }
}
