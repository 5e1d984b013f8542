//! The types that generation meets most, with 512-bit vectors.
//!
//! Activations are first brought into the order in which weights come out of their bytes, and what the offset of a type
//! takes away is summed up beforehand, for where each dot product begins: that is done once for many rows of weights.

use super::Row;
use crate::inference::kernel::ahead;
use std::arch::x86_64::*;
use std::cell::RefCell;

/// Activations for one register.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line {
    values: [i8; 64],
}

/// Where sixteen dot products begin.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Start {
    values: [i32; 16],
}

/// A row of activations, ready for one type of weights.
#[derive(Default)]
struct Prepared {
    lines: Vec<Line>,
    starts: Vec<Start>,
}

thread_local! {
    static PREPARED: RefCell<Prepared> = RefCell::default();
}

impl Prepared {
    /// Takes parts of sixteen values of `row`, in groups as long as `order`, in that order, `per_start` lines for one
    /// dot product whose weights are too large by `offset`.
    fn fill(&mut self, row: Row, order: &[usize], per_start: usize, offset: i32) {
        self.lines.clear();
        self.starts.clear();
        for group in row.values.chunks_exact(order.len() * 16) {
            for parts in order.chunks_exact(4) {
                let mut line = Line { values: [0; 64] };
                for (into, part) in line.values.chunks_exact_mut(16).zip(parts) {
                    into.copy_from_slice(&group[part * 16..][..16]);
                }
                self.lines.push(line);
            }
        }
        for lines in self.lines.chunks_exact(per_start) {
            let mut start = Start { values: [0; 16] };
            for line in lines {
                for (start, four) in start.values.iter_mut().zip(line.values.chunks_exact(4)) {
                    *start -= offset * four.iter().map(|value| i32::from(*value)).sum::<i32>();
                }
            }
            self.starts.push(start);
        }
    }

    /// # Safety
    /// There is such a line.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma")]
    unsafe fn line(&self, index: usize) -> __m512i {
        // SAFETY: promised by the caller; a line is as long as the register.
        unsafe { _mm512_load_si512(self.lines.as_ptr().add(index).cast()) }
    }

    /// # Safety
    /// There is such a start.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma")]
    unsafe fn start(&self, index: usize) -> __m512i {
        // SAFETY: promised by the caller; a start is as long as the register.
        unsafe { _mm512_load_si512(self.starts.as_ptr().add(index).cast()) }
    }
}

/// The 16-bit float at `at` in all lanes.
///
/// # Safety
/// There are two bytes at `at`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma")]
unsafe fn half_at(at: *const u8) -> __m512 {
    // SAFETY: promised by the caller.
    let bits = unsafe { at.cast::<u16>().read_unaligned() };
    _mm512_broadcastss_ps(_mm_cvtph_ps(_mm_cvtsi32_si128(i32::from(bits))))
}

/// The sum of the floats of `total`, less that of `less`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma")]
fn difference(total: __m512, less: __m512) -> f32 {
    _mm512_reduce_add_ps(_mm512_sub_ps(total, less))
}

/// For a shuffle of eight 16-bit numbers in each quarter: number `groups[n]` in all places of quarter `n`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma")]
fn quarters(groups: [i32; 4]) -> __m512i {
    let pair = |group: i32| (2 * group) | ((2 * group + 1) << 8);
    let [a, b, c, d] = groups.map(|group| pair(group) | pair(group) << 16);
    _mm512_set_epi32(d, d, d, d, c, c, c, c, b, b, b, b, a, a, a, a)
}

/// `total` and the products of unsigned and signed bytes, each weighted with the factor of its sixteen bits.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma")]
fn weighted(total: __m512i, unsigned: __m512i, signed: __m512i, factor: __m512i) -> __m512i {
    _mm512_dpwssd_epi32(total, _mm512_maddubs_epi16(unsigned, signed), factor)
}

/// The inner products of the rows of Q4_K in `weights` with `row`.
///
/// # Safety
/// The processor has the instructions, and `weights` are whole rows, each as long as `row`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma")]
pub unsafe fn q4_k(weights: &[u8], row_bytes: usize, row: Row, into: &mut [f32]) {
    PREPARED.with_borrow_mut(|prepared| {
        // The low nibbles of 64 bytes are groups 0 and 2 of 32 values, the high ones groups 1 and 3.
        prepared.fill(row, &[0, 1, 4, 5, 2, 3, 6, 7], 1, 0);
        for (weights, into) in weights.chunks_exact(row_bytes).zip(into) {
            // SAFETY: the caller's promise, for one row; the order changes no length.
            *into = unsafe { q4_k_row(weights, prepared, row) };
        }
    });
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma")]
unsafe fn q4_k_row(weights: &[u8], prepared: &Prepared, row: Row) -> f32 {
    const LOW: u32 = 0x3f3f_3f3f;
    const NIBBLES: u32 = 0x0f0f_0f0f;
    const TOP: u32 = 0x0303_0303;
    let nibble = _mm512_set1_epi8(15);
    let (lows, highs) = ([[0, 0, 2, 2], [4, 4, 6, 6]], [[1, 1, 3, 3], [5, 5, 7, 7]]);
    let (mut total, mut less) = (_mm512_setzero_ps(), _mm256_setzero_ps());
    for (index, block) in weights.chunks_exact(144).enumerate() {
        let block = block.as_ptr();
        ahead::ask(block, ahead::ROW_BYTES, 144);
        // SAFETY: a block has 144 bytes, and there are 256 activations and what belongs to them for each.
        unsafe {
            let [a, b, c] = block.add(4).cast::<[u32; 3]>().read_unaligned();
            let scales = u64::from(a & LOW) | u64::from((c & NIBBLES) | (a >> 6 & TOP) << 4) << 32;
            let minima = u64::from(b & LOW) | u64::from((c >> 4 & NIBBLES) | (b >> 6 & TOP) << 4) << 32;
            let minima = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_cvtsi64_si128(minima as i64)));
            let taken = _mm256_mul_ps(minima, _mm256_loadu_ps(row.sums.as_ptr().add(index * 8)));
            less = _mm256_fmadd_ps(taken, _mm512_castps512_ps256(half_at(block.add(2))), less);
            let ratios = _mm_loadu_si128(row.ratios.as_ptr().add(index * 8).cast());
            let factors = _mm_mullo_epi16(_mm_cvtepu8_epi16(_mm_cvtsi64_si128(scales as i64)), ratios);
            let factors = _mm512_broadcast_i32x4(factors);
            let (mut even, mut odd) = (_mm512_setzero_si512(), _mm512_setzero_si512());
            for half in 0..2 {
                let bytes = _mm512_loadu_si512(block.add(16 + half * 64).cast());
                let low = _mm512_and_si512(bytes, nibble);
                let high = _mm512_and_si512(_mm512_srli_epi16(bytes, 4), nibble);
                let at = index * 4 + half * 2;
                let factor = |groups| _mm512_shuffle_epi8(factors, quarters(groups));
                even = weighted(even, low, prepared.line(at), factor(lows[half]));
                odd = weighted(odd, high, prepared.line(at + 1), factor(highs[half]));
            }
            let scale = _mm512_mul_ps(half_at(block), _mm512_set1_ps(*row.units.get_unchecked(index)));
            total = _mm512_fmadd_ps(_mm512_cvtepi32_ps(_mm512_add_epi32(even, odd)), scale, total);
        }
    }
    difference(total, _mm512_zextps256_ps512(less))
}

/// The inner products of the rows of Q6_K in `weights` with `row`.
///
/// # Safety
/// The processor has the instructions, and `weights` are whole rows, each as long as `row`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma")]
pub unsafe fn q6_k(weights: &[u8], row_bytes: usize, row: Row, into: &mut [f32]) {
    for (weights, into) in weights.chunks_exact(row_bytes).zip(into) {
        // SAFETY: the caller's promise, for one row.
        *into = unsafe { q6_k_row(weights, row) };
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma")]
unsafe fn q6_k_row(weights: &[u8], row: Row) -> f32 {
    let nibble = _mm512_set1_epi8(15);
    let two_bits = _mm512_set1_epi8(48);
    // The upper bits of the two quarters of a half lie two apart.
    let left = _mm512_inserti64x4(_mm512_set1_epi16(4), _mm256_set1_epi16(2), 1);
    let right = _mm512_inserti64x4(_mm512_setzero_si512(), _mm256_set1_epi16(2), 1);
    let (mut total, mut less) = (_mm512_setzero_ps(), _mm512_setzero_ps());
    for (index, block) in weights.chunks_exact(210).enumerate() {
        let block = block.as_ptr();
        ahead::ask(block, ahead::ROW_BYTES, 210);
        // SAFETY: a block has 210 bytes, and there are 256 activations and what belongs to them for each.
        unsafe {
            let groups = _mm_loadu_si128(block.add(192).cast());
            let taken = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(groups));
            let taken = _mm512_mul_ps(taken, _mm512_loadu_ps(row.half_sums.as_ptr().add(index * 16)));
            let scale = half_at(block.add(208));
            less = _mm512_fmadd_ps(taken, scale, less);
            // A scale for sixteen values, a ratio for 32: each ratio twice.
            let ratios = _mm_loadu_si128(row.ratios.as_ptr().add(index * 8).cast());
            let twice = [_mm_unpacklo_epi16(ratios, ratios), _mm_unpackhi_epi16(ratios, ratios)];
            let scales = [_mm_cvtepi8_epi16(groups), _mm_cvtepi8_epi16(_mm_srli_si128(groups, 8))];
            let (mut even, mut odd) = (_mm512_setzero_si512(), _mm512_setzero_si512());
            for half in 0..2 {
                let factors = _mm512_broadcast_i32x4(_mm_mullo_epi16(scales[half], twice[half]));
                let bytes = _mm512_loadu_si512(block.add(half * 64).cast());
                let upper = _mm512_broadcast_i64x4(_mm256_loadu_si256(block.add(128 + half * 32).cast()));
                let low = _mm512_and_si512(bytes, nibble);
                let high = _mm512_and_si512(_mm512_srli_epi16(bytes, 4), nibble);
                let low = _mm512_or_si512(low, _mm512_and_si512(_mm512_sllv_epi16(upper, left), two_bits));
                let high = _mm512_or_si512(high, _mm512_and_si512(_mm512_srlv_epi16(upper, right), two_bits));
                let values = row.values.as_ptr().add(index * 256 + half * 128);
                let given = |part: usize| _mm512_loadu_si512(values.add(part * 64).cast());
                even = weighted(even, low, given(0), _mm512_shuffle_epi8(factors, quarters([0, 1, 2, 3])));
                odd = weighted(odd, high, given(1), _mm512_shuffle_epi8(factors, quarters([4, 5, 6, 7])));
            }
            let scale = _mm512_mul_ps(scale, _mm512_set1_ps(*row.units.get_unchecked(index)));
            total = _mm512_fmadd_ps(_mm512_cvtepi32_ps(_mm512_add_epi32(even, odd)), scale, total);
        }
    }
    difference(total, _mm512_mul_ps(less, _mm512_set1_ps(32.0)))
}

/// The inner products of the rows of Q8_0 in `weights` with `row`, whose values are a multiple of 64.
///
/// # Safety
/// The processor has the instructions, and `weights` are whole rows, each as long as `row`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma")]
pub unsafe fn q8_0(weights: &[u8], row_bytes: usize, row: Row, into: &mut [f32]) {
    PREPARED.with_borrow_mut(|prepared| {
        prepared.fill(row, &[0, 1, 2, 3], 1, 128);
        for (weights, into) in weights.chunks_exact(row_bytes).zip(into) {
            // SAFETY: the caller's promise, for one row.
            *into = unsafe { q8_0_row(weights, prepared, row) };
        }
    });
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma")]
unsafe fn q8_0_row(weights: &[u8], prepared: &Prepared, row: Row) -> f32 {
    let sign = _mm512_set1_epi8(-128);
    let given = _mm512_set_epi32(1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0);
    let mut totals = [_mm512_setzero_ps(); 2];
    // SAFETY: a pair of blocks has 68 bytes, and there are 64 activations and two scales for each.
    let add = |pair: usize, total: __m512| unsafe {
        let block = weights.as_ptr().add(pair * 68);
        ahead::ask(block, ahead::ROW_BYTES, 68);
        let bytes = _mm512_castsi256_si512(_mm256_loadu_si256(block.add(2).cast()));
        let bytes = _mm512_inserti64x4(bytes, _mm256_loadu_si256(block.add(36).cast()), 1);
        let product = _mm512_dpbusd_epi32(prepared.start(pair), _mm512_xor_si512(bytes, sign), prepared.line(pair));
        let scale = |at: usize| block.add(at).cast::<i16>().read_unaligned();
        let scales = _mm256_mask_set1_epi16(_mm256_set1_epi16(scale(0)), 0xff00, scale(34));
        let two = row.scales.as_ptr().add(pair * 2).cast::<f64>().read_unaligned();
        let factors = _mm512_permutexvar_ps(given, _mm512_castpd_ps(_mm512_castpd128_pd512(_mm_set_sd(two))));
        let factors = _mm512_mul_ps(factors, _mm512_cvtph_ps(scales));
        _mm512_fmadd_ps(_mm512_cvtepi32_ps(product), factors, total)
    };
    let pairs = weights.len() / 68;
    for two in 0..pairs / 2 {
        totals = [add(two * 2, totals[0]), add(two * 2 + 1, totals[1])];
    }
    if pairs % 2 == 1 {
        totals[0] = add(pairs - 1, totals[0]);
    }
    _mm512_reduce_add_ps(_mm512_add_ps(totals[0], totals[1]))
}

/// The inner products of the rows of Q4_0 in `weights` with `row`, whose values are a multiple of 128.
///
/// # Safety
/// The processor has the instructions, and `weights` are whole rows, each as long as `row`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma")]
pub unsafe fn q4_0(weights: &[u8], row_bytes: usize, row: Row, into: &mut [f32]) {
    PREPARED.with_borrow_mut(|prepared| {
        // The low nibbles of a block are its first sixteen values, the high ones the others.
        prepared.fill(row, &[0, 2, 4, 6, 1, 3, 5, 7], 2, 8);
        for (weights, into) in weights.chunks_exact(row_bytes).zip(into) {
            // SAFETY: the caller's promise, for one row.
            *into = unsafe { q4_0_row(weights, prepared, row) };
        }
    });
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma")]
unsafe fn q4_0_row(weights: &[u8], prepared: &Prepared, row: Row) -> f32 {
    let nibble = _mm512_set1_epi8(15);
    let given = _mm512_set_epi32(3, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0);
    let mut totals = [_mm512_setzero_ps(); 2];
    // SAFETY: four blocks have 72 bytes, and there are 128 activations and four scales for them.
    let add = |four: usize, total: __m512| unsafe {
        let block = weights.as_ptr().add(four * 72);
        ahead::ask(block, ahead::ROW_BYTES, 72);
        let bytes = |index: usize| _mm_loadu_si128(block.add(index * 18 + 2).cast());
        let (low, high) = (_mm256_set_m128i(bytes(1), bytes(0)), _mm256_set_m128i(bytes(3), bytes(2)));
        let bytes = _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
        let low = _mm512_and_si512(bytes, nibble);
        let high = _mm512_and_si512(_mm512_srli_epi16(bytes, 4), nibble);
        let product = _mm512_dpbusd_epi32(prepared.start(four), low, prepared.line(four * 2));
        let product = _mm512_dpbusd_epi32(product, high, prepared.line(four * 2 + 1));
        let scale = |index: usize| block.add(index * 18).cast::<i16>().read_unaligned();
        let scales = _mm256_mask_set1_epi16(_mm256_set1_epi16(scale(0)), 0x00f0, scale(1));
        let scales = _mm256_mask_set1_epi16(_mm256_mask_set1_epi16(scales, 0x0f00, scale(2)), 0xf000, scale(3));
        let factors = _mm512_castps128_ps512(_mm_loadu_ps(row.scales.as_ptr().add(four * 4)));
        let factors = _mm512_mul_ps(_mm512_permutexvar_ps(given, factors), _mm512_cvtph_ps(scales));
        _mm512_fmadd_ps(_mm512_cvtepi32_ps(product), factors, total)
    };
    let fours = weights.len() / 72;
    for two in 0..fours / 2 {
        totals = [add(two * 2, totals[0]), add(two * 2 + 1, totals[1])];
    }
    if fours % 2 == 1 {
        totals[0] = add(fours - 1, totals[0]);
    }
    _mm512_reduce_add_ps(_mm512_add_ps(totals[0], totals[1]))
}
