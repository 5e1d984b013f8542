//! The same with 256-bit vectors. The loops are written once and compiled twice: with the dot product of bytes that VNNI
//! has, and with what AVX2 offers instead.

use super::Row;
use crate::inference::gguf::Kind;
use crate::inference::kernel::ahead;
use std::arch::x86_64::*;

macro_rules! compiled {
    ($name:ident, $features:literal, $($products:item)*) => {
        pub mod $name {
            use super::*;

            $($products)*

            /// For a shuffle: the 16-bit number `low` of each half in all of the lower, `high` in all of the upper half.
            #[inline]
            #[target_feature(enable = $features)]
            fn both(low: usize, high: usize) -> __m256i {
                let pair = |index: usize| ((2 * index) | ((2 * index + 1) << 8)) as i16;
                _mm256_set_m128i(_mm_set1_epi16(pair(high)), _mm_set1_epi16(pair(low)))
            }

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

            /// The eight scales and the eight minima of a block of Q4_K or Q5_K, a byte each.
            ///
            /// # Safety
            /// There are twelve bytes at `packed`.
            #[inline]
            #[target_feature(enable = $features)]
            unsafe fn scales_and_minima(packed: *const u8) -> (__m128i, __m128i) {
                const LOW: u32 = 0x3f3f_3f3f;
                const NIBBLES: u32 = 0x0f0f_0f0f;
                const TOP: u32 = 0x0303_0303;
                // SAFETY: promised by the caller.
                let [a, b, c] = unsafe { packed.cast::<[u32; 3]>().read_unaligned() };
                let scales = u64::from(a & LOW) | u64::from((c & NIBBLES) | (a >> 6 & TOP) << 4) << 32;
                let minima = u64::from(b & LOW) | u64::from((c >> 4 & NIBBLES) | (b >> 6 & TOP) << 4) << 32;
                (_mm_cvtsi64_si128(scales as i64), _mm_cvtsi64_si128(minima as i64))
            }

            /// What the minima of a block of Q4_K or Q5_K take away, before the block's own factor.
            ///
            /// # Safety
            /// There are eight floats at `sums`.
            #[inline]
            #[target_feature(enable = $features)]
            unsafe fn taken(minima: __m128i, sums: *const f32) -> __m256 {
                // SAFETY: promised by the caller.
                let sums = unsafe { _mm256_loadu_ps(sums) };
                _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(minima)), sums)
            }

            /// What each of eight blocks of activations is weighted with, twice: the scale of its weights times its own.
            ///
            /// # Safety
            /// There are eight numbers at `ratios`.
            #[inline]
            #[target_feature(enable = $features)]
            unsafe fn factors(scales: __m128i, ratios: *const i16) -> __m256i {
                // SAFETY: promised by the caller.
                let ratios = unsafe { _mm_loadu_si128(ratios.cast()) };
                _mm256_broadcastsi128_si256(_mm_mullo_epi16(scales, ratios))
            }

            /// The product of a row of Q4_K or Q5_K, whose blocks have `block_bytes` and differ in their weights alone:
            /// `weights_of` gives those of the groups `2 * pair` and `2 * pair + 1` of a block.
            ///
            /// # Safety
            /// `weights` are whole blocks, and there are 256 activations and what belongs to them for each.
            #[inline]
            #[target_feature(enable = $features)]
            unsafe fn with_minima(
                weights: &[u8],
                block_bytes: usize,
                row: Row,
                weights_of: impl Fn(*const u8, usize) -> [__m256i; 2],
            ) -> f32 {
                let (mut total, mut less) = (_mm256_setzero_ps(), _mm256_setzero_ps());
                for (index, block) in weights.chunks_exact(block_bytes).enumerate() {
                    let block = block.as_ptr();
                    ahead::ask(block, ahead::ROW_BYTES, block_bytes);
                    // SAFETY: promised by the caller; a block begins with two floats of two bytes and twelve bytes.
                    unsafe {
                        let values = row.values.as_ptr().add(index * 256);
                        let (scales, minima) = scales_and_minima(block.add(4));
                        let factors = factors(_mm_cvtepu8_epi16(scales), row.ratios.as_ptr().add(index * 8));
                        let (mut even, mut odd) = (_mm256_setzero_si256(), _mm256_setzero_si256());
                        for pair in 0..4 {
                            let [low, high] = weights_of(block, pair);
                            let factor = |group| _mm256_shuffle_epi8(factors, both(group, group));
                            let given = |group: usize| _mm256_loadu_si256(values.add(group * 32).cast());
                            even = weighted(even, low, given(2 * pair), factor(2 * pair));
                            odd = weighted(odd, high, given(2 * pair + 1), factor(2 * pair + 1));
                        }
                        let unit = *row.units.get_unchecked(index);
                        let scale = _mm256_set1_ps(half_at(block) * unit);
                        total = _mm256_fmadd_ps(_mm256_cvtepi32_ps(_mm256_add_epi32(even, odd)), scale, total);
                        let minimum = _mm256_set1_ps(half_at(block.add(2)));
                        less = _mm256_fmadd_ps(taken(minima, row.sums.as_ptr().add(index * 8)), minimum, less);
                    }
                }
                sum(_mm256_sub_ps(total, less))
            }

            #[target_feature(enable = $features)]
            unsafe fn q4_k(weights: &[u8], row: Row) -> f32 {
                let nibble = _mm256_set1_epi8(15);
                // SAFETY: the caller's promise; a block has 144 bytes, the last 128 of them weights.
                unsafe {
                    with_minima(weights, 144, row, |block, pair| {
                        let bytes = _mm256_loadu_si256(block.add(16 + pair * 32).cast());
                        [_mm256_and_si256(bytes, nibble), _mm256_and_si256(_mm256_srli_epi16(bytes, 4), nibble)]
                    })
                }
            }

            #[target_feature(enable = $features)]
            unsafe fn q5_k(weights: &[u8], row: Row) -> f32 {
                let nibble = _mm256_set1_epi8(15);
                let fifth_bit = _mm256_set1_epi8(16);
                // SAFETY: the caller's promise; a block has 176 bytes, the last 160 of them weights.
                unsafe {
                    with_minima(weights, 176, row, |block, pair| {
                        let bits = _mm256_loadu_si256(block.add(16).cast());
                        let bytes = _mm256_loadu_si256(block.add(48 + pair * 32).cast());
                        // Bit `bit` of each byte comes to bit 4; what comes from the neighbouring byte is cut off.
                        let fifth = |bit: usize| {
                            let left = _mm_cvtsi32_si128(4 - bit as i32);
                            let right = _mm_cvtsi32_si128(bit as i32 - 4);
                            let moved =
                                if bit <= 4 { _mm256_sll_epi16(bits, left) } else { _mm256_srl_epi16(bits, right) };
                            _mm256_and_si256(moved, fifth_bit)
                        };
                        let high = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), nibble);
                        [
                            _mm256_or_si256(_mm256_and_si256(bytes, nibble), fifth(2 * pair)),
                            _mm256_or_si256(high, fifth(2 * pair + 1)),
                        ]
                    })
                }
            }

            #[target_feature(enable = $features)]
            unsafe fn q6_k(weights: &[u8], row: Row) -> f32 {
                let nibble = _mm256_set1_epi8(15);
                let two_bits = _mm256_set1_epi8(48);
                let (mut total, mut less) = (_mm256_setzero_ps(), _mm256_setzero_ps());
                for (index, block) in weights.chunks_exact(210).enumerate() {
                    let block = block.as_ptr();
                    ahead::ask(block, ahead::ROW_BYTES, 210);
                    // SAFETY: a block has 210 bytes, and there are 256 activations and what belongs to them for each.
                    unsafe {
                        let values = row.values.as_ptr().add(index * 256);
                        let groups = _mm_loadu_si128(block.add(192).cast());
                        let scale = half_at(block.add(208));
                        let sums = row.half_sums.as_ptr().add(index * 16);
                        let floats = |groups| _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(groups));
                        let taken = _mm256_mul_ps(floats(groups), _mm256_loadu_ps(sums));
                        let second = floats(_mm_srli_si128(groups, 8));
                        let taken = _mm256_fmadd_ps(second, _mm256_loadu_ps(sums.add(8)), taken);
                        less = _mm256_fmadd_ps(taken, _mm256_set1_ps(scale), less);
                        // A scale for sixteen values, a ratio for 32: each ratio twice.
                        let ratios = _mm_loadu_si128(row.ratios.as_ptr().add(index * 8).cast());
                        let twice = [_mm_unpacklo_epi16(ratios, ratios), _mm_unpackhi_epi16(ratios, ratios)];
                        let scales = [_mm_cvtepi8_epi16(groups), _mm_cvtepi8_epi16(_mm_srli_si128(groups, 8))];
                        let scale = _mm256_set1_ps(scale * *row.units.get_unchecked(index));
                        for half in 0..2usize {
                            let factors = _mm256_broadcastsi128_si256(_mm_mullo_epi16(scales[half], twice[half]));
                            let (mut even, mut odd) = (_mm256_setzero_si256(), _mm256_setzero_si256());
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
                                let given = _mm256_loadu_si256(values.add((half * 4 + quarter) * 32).cast());
                                let factor = _mm256_shuffle_epi8(factors, both(2 * quarter, 2 * quarter + 1));
                                if quarter % 2 == 0 {
                                    even = weighted(even, bytes, given, factor);
                                } else {
                                    odd = weighted(odd, bytes, given, factor);
                                }
                            }
                            // All eight blocks together would not fit into 32 bits.
                            let product = _mm256_cvtepi32_ps(_mm256_add_epi32(even, odd));
                            total = _mm256_fmadd_ps(product, scale, total);
                        }
                    }
                }
                sum(_mm256_fnmadd_ps(_mm256_set1_ps(32.0), less, total))
            }

            /// The 16-bit floats that stand at the beginnings of eight blocks, each `step` bytes long.
            ///
            /// # Safety
            /// There are eight such blocks at `blocks`.
            #[inline]
            #[target_feature(enable = $features)]
            unsafe fn eight_halves(blocks: *const u8, step: usize) -> __m256 {
                // SAFETY: promised by the caller.
                let half = |index: usize| unsafe { blocks.add(index * step).cast::<i16>().read_unaligned() };
                _mm256_cvtph_ps(_mm_setr_epi16(
                    half(0), half(1), half(2), half(3), half(4), half(5), half(6), half(7),
                ))
            }

            /// `total` and the products of eight blocks, each weighted with one of `factors`.
            #[inline]
            #[target_feature(enable = $features)]
            fn add_eight(
                total: [__m256; 2],
                product: impl Fn(usize) -> __m256i,
                factors: __m256,
            ) -> [__m256; 2] {
                let low = _mm256_permute2f128_ps(factors, factors, 0x00);
                let high = _mm256_permute2f128_ps(factors, factors, 0x11);
                let product = |index| _mm256_cvtepi32_ps(product(index));
                let [mut even, mut odd] = total;
                even = _mm256_fmadd_ps(product(0), _mm256_permute_ps(low, 0x00), even);
                odd = _mm256_fmadd_ps(product(1), _mm256_permute_ps(low, 0x55), odd);
                even = _mm256_fmadd_ps(product(2), _mm256_permute_ps(low, 0xaa), even);
                odd = _mm256_fmadd_ps(product(3), _mm256_permute_ps(low, 0xff), odd);
                even = _mm256_fmadd_ps(product(4), _mm256_permute_ps(high, 0x00), even);
                odd = _mm256_fmadd_ps(product(5), _mm256_permute_ps(high, 0x55), odd);
                even = _mm256_fmadd_ps(product(6), _mm256_permute_ps(high, 0xaa), even);
                odd = _mm256_fmadd_ps(product(7), _mm256_permute_ps(high, 0xff), odd);
                [even, odd]
            }

            #[target_feature(enable = $features)]
            unsafe fn q8_0(weights: &[u8], row: Row) -> f32 {
                let blocks = weights.len() / 34;
                // SAFETY: the caller's promise: a block has 34 bytes, and there are 32 activations for each.
                let product = |index: usize| unsafe {
                    let block = weights.as_ptr().add(index * 34);
                    ahead::ask(block, ahead::ROW_BYTES, 34);
                    let signed = _mm256_loadu_si256(block.add(2).cast());
                    let values = _mm256_loadu_si256(row.values.as_ptr().add(index * 32).cast());
                    dot(_mm256_abs_epi8(signed), _mm256_sign_epi8(values, signed))
                };
                let mut total = [_mm256_setzero_ps(); 2];
                for first in (0..blocks / 8 * 8).step_by(8) {
                    // SAFETY: there are eight more blocks, and a scale for each.
                    let factors = unsafe {
                        let scales = eight_halves(weights.as_ptr().add(first * 34), 34);
                        _mm256_mul_ps(scales, _mm256_loadu_ps(row.scales.as_ptr().add(first)))
                    };
                    total = add_eight(total, |index| product(first + index), factors);
                }
                for index in blocks / 8 * 8..blocks {
                    // SAFETY: the block is there.
                    let scale = unsafe { half_at(weights.as_ptr().add(index * 34)) } * row.scales[index];
                    total[0] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(product(index)), _mm256_set1_ps(scale), total[0]);
                }
                sum(_mm256_add_ps(total[0], total[1]))
            }

            #[target_feature(enable = $features)]
            unsafe fn q4_0(weights: &[u8], row: Row) -> f32 {
                let nibble = _mm256_set1_epi8(15);
                let blocks = weights.len() / 18;
                // SAFETY: the caller's promise: a block has 18 bytes, and there are 32 activations for each.
                let product = |index: usize| unsafe {
                    let block = weights.as_ptr().add(index * 18);
                    ahead::ask(block, ahead::ROW_BYTES, 18);
                    let bytes = _mm_loadu_si128(block.add(2).cast());
                    let both = _mm256_set_m128i(_mm_srli_epi16(bytes, 4), bytes);
                    let values = _mm256_loadu_si256(row.values.as_ptr().add(index * 32).cast());
                    dot(_mm256_and_si256(both, nibble), values)
                };
                let (mut total, mut less) = ([_mm256_setzero_ps(); 2], _mm256_setzero_ps());
                for first in (0..blocks / 8 * 8).step_by(8) {
                    // SAFETY: there are eight more blocks, a scale and a sum for each.
                    let factors = unsafe {
                        let scales = eight_halves(weights.as_ptr().add(first * 18), 18);
                        less = _mm256_fmadd_ps(scales, _mm256_loadu_ps(row.sums.as_ptr().add(first)), less);
                        _mm256_mul_ps(scales, _mm256_loadu_ps(row.scales.as_ptr().add(first)))
                    };
                    total = add_eight(total, |index| product(first + index), factors);
                }
                let mut rest = 0.0;
                for index in blocks / 8 * 8..blocks {
                    // SAFETY: the block is there.
                    let scale = unsafe { half_at(weights.as_ptr().add(index * 18)) };
                    let factor = _mm256_set1_ps(scale * row.scales[index]);
                    total[0] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(product(index)), factor, total[0]);
                    rest += scale * row.sums[index];
                }
                sum(_mm256_add_ps(total[0], total[1])) - 8.0 * (sum(less) + rest)
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

    /// `total` and the same, each product weighted with the factor of its sixteen bits.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    fn weighted(total: __m256i, unsigned: __m256i, signed: __m256i, factor: __m256i) -> __m256i {
        _mm256_add_epi32(total, _mm256_madd_epi16(_mm256_maddubs_epi16(unsigned, signed), factor))
    }
}

compiled! { vnni, "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512vnni",
    /// The products of unsigned and signed bytes, added four by four.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512vnni")]
    fn dot(unsigned: __m256i, signed: __m256i) -> __m256i {
        _mm256_dpbusd_epi32(_mm256_setzero_si256(), unsigned, signed)
    }

    /// `total` and the same, each product weighted with the factor of its sixteen bits.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512vnni")]
    fn weighted(total: __m256i, unsigned: __m256i, signed: __m256i, factor: __m256i) -> __m256i {
        _mm256_dpwssd_epi32(total, _mm256_maddubs_epi16(unsigned, signed), factor)
    }
}
