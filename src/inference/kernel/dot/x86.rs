//! The same with 256-bit vectors. The loops are written once and compiled twice: with the dot product of bytes that VNNI
//! has, and with what AVX2 offers instead.

use super::Row;
use crate::inference::gguf::Kind;
use std::arch::x86_64::*;

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

            /// The 16-bit float at `at`.
            ///
            /// # Safety
            /// There are two bytes at `at`.
            #[inline]
            #[target_feature(enable = $features)]
            unsafe fn half_at(at: *const u8) -> f32 {
                // SAFETY: promised by the caller.
                let bits = unsafe { at.cast::<u16>().read_unaligned() };
                _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(i32::from(bits))))
            }

            /// The sum of the eight floats of `vector`.
            #[inline]
            #[target_feature(enable = $features)]
            fn sum(vector: __m256) -> f32 {
                let four = _mm_add_ps(_mm256_castps256_ps128(vector), _mm256_extractf128_ps(vector, 1));
                let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
                _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)))
            }

            /// The eight scales and eight minima of a block of Q4_K or Q5_K as floats.
            ///
            /// # Safety
            /// There are twelve bytes at `packed`.
            #[inline]
            #[target_feature(enable = $features)]
            unsafe fn factors(packed: *const u8) -> (__m256, __m256) {
                const LOW: u32 = 0x3f3f_3f3f;
                const NIBBLES: u32 = 0x0f0f_0f0f;
                const TOP: u32 = 0x0303_0303;
                // SAFETY: promised by the caller.
                let [a, b, c] = unsafe { packed.cast::<[u32; 3]>().read_unaligned() };
                let scales = u64::from(a & LOW) | u64::from((c & NIBBLES) | (a >> 6 & TOP) << 4) << 32;
                let minima = u64::from(b & LOW) | u64::from((c >> 4 & NIBBLES) | (b >> 6 & TOP) << 4) << 32;
                let floats = |bytes: u64| {
                    _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_cvtsi64_si128(bytes as i64)))
                };
                (floats(scales), floats(minima))
            }

            /// Lane `index` of `vector` in all lanes.
            #[inline]
            #[target_feature(enable = $features)]
            fn lane(vector: __m256, index: i32) -> __m256 {
                _mm256_permutevar8x32_ps(vector, _mm256_set1_epi32(index))
            }

            #[target_feature(enable = $features)]
            unsafe fn q4_k(weights: &[u8], row: Row) -> f32 {
                let nibble = _mm256_set1_epi8(15);
                let (mut even, mut odd, mut less) = (_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps());
                for (index, block) in weights.chunks_exact(144).enumerate() {
                    let block = block.as_ptr();
                    // SAFETY: a block has 144 bytes, and there are 256 activations and eight factors for each.
                    unsafe {
                        let values = row.values.as_ptr().add(index * 256);
                        let (scales, minima) = factors(block.add(4));
                        let scale = _mm256_set1_ps(half_at(block));
                        let minimum = _mm256_set1_ps(half_at(block.add(2)));
                        let given = _mm256_loadu_ps(row.scales.as_ptr().add(index * 8));
                        let sums = _mm256_loadu_ps(row.sums.as_ptr().add(index * 8));
                        let scales = _mm256_mul_ps(_mm256_mul_ps(scales, scale), given);
                        less = _mm256_fmadd_ps(_mm256_mul_ps(minima, minimum), sums, less);
                        for pair in 0..4 {
                            let bytes = _mm256_loadu_si256(block.add(16 + pair * 32).cast());
                            let low = _mm256_and_si256(bytes, nibble);
                            let high = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), nibble);
                            let low = dot(low, _mm256_loadu_si256(values.add(pair * 64).cast()));
                            let high = dot(high, _mm256_loadu_si256(values.add(pair * 64 + 32).cast()));
                            even = _mm256_fmadd_ps(_mm256_cvtepi32_ps(low), lane(scales, 2 * pair as i32), even);
                            odd = _mm256_fmadd_ps(_mm256_cvtepi32_ps(high), lane(scales, 2 * pair as i32 + 1), odd);
                        }
                    }
                }
                sum(_mm256_sub_ps(_mm256_add_ps(even, odd), less))
            }

            #[target_feature(enable = $features)]
            unsafe fn q5_k(weights: &[u8], row: Row) -> f32 {
                let nibble = _mm256_set1_epi8(15);
                let fifth_bit = _mm256_set1_epi8(16);
                let (mut even, mut odd, mut less) = (_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps());
                for (index, block) in weights.chunks_exact(176).enumerate() {
                    let block = block.as_ptr();
                    // SAFETY: a block has 176 bytes, and there are 256 activations and eight factors for each.
                    unsafe {
                        let values = row.values.as_ptr().add(index * 256);
                        let (scales, minima) = factors(block.add(4));
                        let scale = _mm256_set1_ps(half_at(block));
                        let minimum = _mm256_set1_ps(half_at(block.add(2)));
                        let given = _mm256_loadu_ps(row.scales.as_ptr().add(index * 8));
                        let sums = _mm256_loadu_ps(row.sums.as_ptr().add(index * 8));
                        let scales = _mm256_mul_ps(_mm256_mul_ps(scales, scale), given);
                        less = _mm256_fmadd_ps(_mm256_mul_ps(minima, minimum), sums, less);
                        let bits = _mm256_loadu_si256(block.add(16).cast());
                        for pair in 0..4 {
                            let bytes = _mm256_loadu_si256(block.add(48 + pair * 32).cast());
                            // Bit `2 pair` of each byte comes to bit 4; what comes from the neighbouring byte is cut off.
                            let shift = |bit: i32| {
                                let left = _mm_cvtsi32_si128(4 - bit);
                                let right = _mm_cvtsi32_si128(bit - 4);
                                let moved = if bit <= 4 {
                                    _mm256_sll_epi16(bits, left)
                                } else {
                                    _mm256_srl_epi16(bits, right)
                                };
                                _mm256_and_si256(moved, fifth_bit)
                            };
                            let low = _mm256_or_si256(_mm256_and_si256(bytes, nibble), shift(2 * pair as i32));
                            let high = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), nibble);
                            let high = _mm256_or_si256(high, shift(2 * pair as i32 + 1));
                            let low = dot(low, _mm256_loadu_si256(values.add(pair * 64).cast()));
                            let high = dot(high, _mm256_loadu_si256(values.add(pair * 64 + 32).cast()));
                            even = _mm256_fmadd_ps(_mm256_cvtepi32_ps(low), lane(scales, 2 * pair as i32), even);
                            odd = _mm256_fmadd_ps(_mm256_cvtepi32_ps(high), lane(scales, 2 * pair as i32 + 1), odd);
                        }
                    }
                }
                sum(_mm256_sub_ps(_mm256_add_ps(even, odd), less))
            }

            #[target_feature(enable = $features)]
            unsafe fn q6_k(weights: &[u8], row: Row) -> f32 {
                let nibble = _mm256_set1_epi8(15);
                let two_bits = _mm256_set1_epi8(48);
                let (mut even, mut odd, mut less) = (_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps());
                // Lanes 0 to 3 of a product belong to one group of sixteen values, lanes 4 to 7 to the next.
                let halves = _mm256_set_epi32(1, 1, 1, 1, 0, 0, 0, 0);
                for (index, block) in weights.chunks_exact(210).enumerate() {
                    let block = block.as_ptr();
                    // SAFETY: a block has 210 bytes, and there are 256 activations, eight scales, sixteen sums for each.
                    unsafe {
                        let values = row.values.as_ptr().add(index * 256);
                        let scale = _mm256_set1_ps(half_at(block.add(208)));
                        let groups = _mm_loadu_si128(block.add(192).cast());
                        let floats = |groups| _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(groups));
                        let first = _mm256_mul_ps(floats(groups), scale);
                        let second = _mm256_mul_ps(floats(_mm_srli_si128(groups, 8)), scale);
                        let sums = row.half_sums.as_ptr().add(index * 16);
                        less = _mm256_fmadd_ps(first, _mm256_loadu_ps(sums), less);
                        less = _mm256_fmadd_ps(second, _mm256_loadu_ps(sums.add(8)), less);
                        for half in 0..2usize {
                            let scales = if half == 0 { first } else { second };
                            let high = _mm256_loadu_si256(block.add(128 + half * 32).cast());
                            for quarter in 0..4usize {
                                let low = _mm256_loadu_si256(block.add(half * 64 + quarter % 2 * 32).cast());
                                let low = if quarter < 2 { low } else { _mm256_srli_epi16(low, 4) };
                                let top = match quarter {
                                    0 => _mm256_slli_epi16(high, 4),
                                    1 => _mm256_slli_epi16(high, 2),
                                    2 => high,
                                    _ => _mm256_srli_epi16(high, 2),
                                };
                                let bytes =
                                    _mm256_or_si256(_mm256_and_si256(low, nibble), _mm256_and_si256(top, two_bits));
                                let at = half * 4 + quarter;
                                let product = dot(bytes, _mm256_loadu_si256(values.add(at * 32).cast()));
                                let given = _mm256_set1_ps(*row.scales.get_unchecked(index * 8 + at));
                                let two = _mm256_add_epi32(halves, _mm256_set1_epi32(2 * quarter as i32));
                                let factor = _mm256_mul_ps(_mm256_permutevar8x32_ps(scales, two), given);
                                if quarter % 2 == 0 {
                                    even = _mm256_fmadd_ps(_mm256_cvtepi32_ps(product), factor, even);
                                } else {
                                    odd = _mm256_fmadd_ps(_mm256_cvtepi32_ps(product), factor, odd);
                                }
                            }
                        }
                    }
                }
                sum(_mm256_fnmadd_ps(_mm256_set1_ps(32.0), less, _mm256_add_ps(even, odd)))
            }

            #[target_feature(enable = $features)]
            unsafe fn q8_0(weights: &[u8], row: Row) -> f32 {
                let (mut even, mut odd) = (_mm256_setzero_ps(), _mm256_setzero_ps());
                let blocks = weights.len() / 34;
                // SAFETY: the caller's promise: a block has 34 bytes, and there are 32 activations and a scale for each.
                let add = |index: usize, total: __m256| unsafe {
                    let block = weights.as_ptr().add(index * 34);
                    let signed = _mm256_loadu_si256(block.add(2).cast());
                    let values = _mm256_loadu_si256(row.values.as_ptr().add(index * 32).cast());
                    let product = dot(_mm256_abs_epi8(signed), _mm256_sign_epi8(values, signed));
                    let scale = half_at(block) * *row.scales.get_unchecked(index);
                    _mm256_fmadd_ps(_mm256_cvtepi32_ps(product), _mm256_set1_ps(scale), total)
                };
                for pair in 0..blocks / 2 {
                    even = add(2 * pair, even);
                    odd = add(2 * pair + 1, odd);
                }
                if blocks % 2 == 1 {
                    even = add(blocks - 1, even);
                }
                sum(_mm256_add_ps(even, odd))
            }

            #[target_feature(enable = $features)]
            unsafe fn q4_0(weights: &[u8], row: Row) -> f32 {
                let nibble = _mm256_set1_epi8(15);
                let (mut even, mut odd) = ((_mm256_setzero_ps(), 0.0), (_mm256_setzero_ps(), 0.0));
                let blocks = weights.len() / 18;
                // SAFETY: the caller's promise: a block has 18 bytes, and there are 32 activations, a scale, a sum for each.
                let add = |index: usize, (total, less): (__m256, f32)| unsafe {
                    let block = weights.as_ptr().add(index * 18);
                    let bytes = _mm_loadu_si128(block.add(2).cast());
                    let both = _mm256_set_m128i(_mm_srli_epi16(bytes, 4), bytes);
                    let values = _mm256_loadu_si256(row.values.as_ptr().add(index * 32).cast());
                    let product = dot(_mm256_and_si256(both, nibble), values);
                    let scale = half_at(block);
                    let factor = _mm256_set1_ps(scale * *row.scales.get_unchecked(index));
                    let total = _mm256_fmadd_ps(_mm256_cvtepi32_ps(product), factor, total);
                    (total, scale * *row.sums.get_unchecked(index) + less)
                };
                for pair in 0..blocks / 2 {
                    even = add(2 * pair, even);
                    odd = add(2 * pair + 1, odd);
                }
                if blocks % 2 == 1 {
                    even = add(blocks - 1, even);
                }
                sum(_mm256_add_ps(even.0, odd.0)) - 8.0 * (even.1 + odd.1)
            }
        }
    };
}

compiled! { avx2, "avx2,fma,f16c",
    /// The products of unsigned and signed bytes, added four by four.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    fn dot(unsigned: __m256i, signed: __m256i) -> __m256i {
        _mm256_madd_epi16(_mm256_maddubs_epi16(unsigned, signed), _mm256_set1_epi16(1))
    }
}

compiled! { vnni, "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512vnni",
    /// The products of unsigned and signed bytes, added four by four.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512vnni")]
    fn dot(unsigned: __m256i, signed: __m256i) -> __m256i {
        _mm256_dpbusd_epi32(_mm256_setzero_si256(), unsigned, signed)
    }
}
