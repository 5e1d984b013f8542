//! The inner product of a panel of weights with a few rows of activations.

#[cfg(target_arch = "aarch64")]
mod neon;

use super::activations::{HALF, Quantised};
use super::isa::Isa;
use super::panel::{Form, ROWS};

/// Rows of activations in a tile.
pub const TALL: usize = 8;
/// Rows in a tile where fewer are left.
pub const FLAT: usize = 4;

/// Rows of activations as a tile reads them.
#[derive(Clone, Copy)]
struct Rows {
    values: *const i8,
    scales: *const f32,
    /// One for each block of the panel.
    sums: *const f32,
    columns: usize,
    blocks: usize,
}

/// Multiplies `panel` with rows `first..first + M` of `activations`: `M` rows of sixteen products go to `into`.
///
/// `M` is [`TALL`] or [`FLAT`]; rows beyond the last are read as whatever they hold and their products mean nothing.
pub fn multiply<const M: usize>(
    isa: Isa,
    form: Form,
    panel: &[u8],
    activations: &Quantised,
    first: usize,
    into: &mut [[f32; ROWS]; M],
) {
    let columns = activations.columns;
    assert!(panel.len() >= form.bytes(columns), "the panel has all columns");
    assert!((first + M) * columns <= activations.values.len(), "the rows are there, or room that stands for them");
    let sums = if form.block == HALF { &activations.half_sums } else { &activations.sums };
    let blocks = columns / form.block;
    // SAFETY: all three offsets lie within their vectors, by the assertion above and `Quantised::reset`.
    let rows = unsafe {
        Rows {
            values: activations.values.as_ptr().add(first * columns),
            scales: activations.scales.as_ptr().add(first * columns / 32),
            sums: sums.as_ptr().add(first * blocks),
            columns,
            blocks,
        }
    };
    // SAFETY: the panel and the rows are as long as `blocks` says, and each set of instructions is there if `isa` says so.
    unsafe {
        match (isa, form.block) {
            #[cfg(target_arch = "x86_64")]
            (Isa::Avx512Vnni, 16) => avx512::<M, 4>(panel, rows, into),
            #[cfg(target_arch = "x86_64")]
            (Isa::Avx512Vnni, _) => avx512::<M, 8>(panel, rows, into),
            #[cfg(target_arch = "x86_64")]
            (Isa::Avx2, 16) => avx2::<M, 4, 63>(panel, rows, into),
            #[cfg(target_arch = "x86_64")]
            (Isa::Avx2, _) => match form.largest {
                15 => avx2::<M, 8, 15>(panel, rows, into),
                31 => avx2::<M, 8, 31>(panel, rows, into),
                _ => avx2::<M, 8, 255>(panel, rows, into),
            },
            #[cfg(target_arch = "aarch64")]
            (Isa::NeonDot, 16) => neon::dotprod::<M, 4, 63>(panel, rows, into),
            #[cfg(target_arch = "aarch64")]
            (Isa::NeonDot, _) if form.largest == 255 => neon::dotprod::<M, 8, 255>(panel, rows, into),
            #[cfg(target_arch = "aarch64")]
            (Isa::NeonDot, _) => neon::dotprod::<M, 8, 31>(panel, rows, into),
            #[cfg(target_arch = "aarch64")]
            (Isa::Neon, 16) => neon::plain::<M, 4, 63>(panel, rows, into),
            #[cfg(target_arch = "aarch64")]
            (Isa::Neon, _) if form.largest == 255 => neon::plain::<M, 8, 255>(panel, rows, into),
            #[cfg(target_arch = "aarch64")]
            (Isa::Neon, _) => neon::plain::<M, 8, 31>(panel, rows, into),
            (_, 16) => portable::<M, 4>(panel, rows, into),
            _ => portable::<M, 8>(panel, rows, into),
        }
    }
}

/// The bytes of a block of a panel whose rows have `WORDS` double words.
const fn block_bytes<const WORDS: usize>() -> usize {
    Form { block: WORDS * 4, largest: 0 }.block_bytes()
}

/// # Safety
/// `panel` has `rows.blocks` blocks of `WORDS` double words, and `rows` has `M` rows.
unsafe fn portable<const M: usize, const WORDS: usize>(panel: &[u8], rows: Rows, into: &mut [[f32; ROWS]; M]) {
    let factor = |bytes: &[u8], at: usize| f32::from_ne_bytes(bytes[at * 4..][..4].try_into().expect("four bytes"));
    *into = [[0.0; ROWS]; M];
    for (index, block) in panel.chunks_exact(block_bytes::<WORDS>()).take(rows.blocks).enumerate() {
        let (bytes, factors) = block.split_at(WORDS * 4 * ROWS);
        for (row, into) in into.iter_mut().enumerate() {
            let values = rows.values.wrapping_add(row * rows.columns + index * WORDS * 4);
            // SAFETY: the caller promises the rows; a block of values has `WORDS * 4` of them.
            let values = unsafe { std::slice::from_raw_parts(values, WORDS * 4) };
            // SAFETY: as above, one scale for 32 values and one sum for a block.
            let (scale, sum) = unsafe {
                let scale = *rows.scales.add(row * (rows.columns / 32) + index * WORDS / 8);
                (scale, *rows.sums.add(row * rows.blocks + index))
            };
            let mut dots = [0i32; ROWS];
            for (four, bytes) in values.chunks_exact(4).zip(bytes.chunks_exact(4 * ROWS)) {
                for (dot, bytes) in dots.iter_mut().zip(bytes.chunks_exact(4)) {
                    *dot += four.iter().zip(bytes).map(|(a, w)| i32::from(*a) * i32::from(*w)).sum::<i32>();
                }
            }
            for (column, (into, dot)) in into.iter_mut().zip(dots).enumerate() {
                *into += factor(factors, column) * scale * dot as f32 - factor(factors, ROWS + column) * sum;
            }
        }
    }
}

/// # Safety
/// As [`portable`], on a processor with AVX-512 F, BW, VL and VNNI.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn avx512<const M: usize, const WORDS: usize>(panel: &[u8], rows: Rows, into: &mut [[f32; ROWS]; M]) {
    use std::arch::x86_64::*;
    let mut total = [_mm512_setzero_ps(); M];
    let mut block = panel.as_ptr();
    for index in 0..rows.blocks {
        // SAFETY: the caller promises so many blocks and rows; every address below lies in one of them.
        unsafe {
            let weights: [__m512i; WORDS] = std::array::from_fn(|word| _mm512_loadu_si512(block.add(word * 64).cast()));
            let scales = _mm512_loadu_ps(block.add(WORDS * 64).cast());
            let offsets = _mm512_loadu_ps(block.add(WORDS * 64 + 64).cast());
            for (row, total) in total.iter_mut().enumerate() {
                let values = rows.values.add(row * rows.columns + index * WORDS * 4).cast::<i32>();
                let word = |at: usize| _mm512_set1_epi32(values.add(at).read_unaligned());
                let mut even = _mm512_setzero_si512();
                let mut odd = _mm512_setzero_si512();
                for pair in 0..WORDS / 2 {
                    even = _mm512_dpbusd_epi32(even, weights[2 * pair], word(2 * pair));
                    odd = _mm512_dpbusd_epi32(odd, weights[2 * pair + 1], word(2 * pair + 1));
                }
                let dots = _mm512_cvtepi32_ps(_mm512_add_epi32(even, odd));
                let scale = _mm512_set1_ps(*rows.scales.add(row * (rows.columns / 32) + index * WORDS / 8));
                let sum = _mm512_set1_ps(*rows.sums.add(row * rows.blocks + index));
                *total = _mm512_fmadd_ps(dots, _mm512_mul_ps(scales, scale), *total);
                *total = _mm512_fnmadd_ps(offsets, sum, *total);
            }
            block = block.add(block_bytes::<WORDS>());
        }
    }
    for (total, into) in total.into_iter().zip(into) {
        // SAFETY: a row of `into` is sixteen floats.
        unsafe { _mm512_storeu_ps(into.as_mut_ptr(), total) };
    }
}

/// Rows of activations that a block of weights meets at once: as many as leave registers for the weights.
#[cfg(target_arch = "x86_64")]
const AT_ONCE: usize = 4;

/// Eight bits times eight bits are added in pairs into sixteen, so that `LARGEST` says how many pairs fit there before
/// they must be widened. Weights of the full eight bits are taken with their sign moved to the activations.
///
/// # Safety
/// As [`portable`], on a processor with AVX2 and FMA.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2<const M: usize, const WORDS: usize, const LARGEST: u8>(
    panel: &[u8],
    rows: Rows,
    into: &mut [[f32; ROWS]; M],
) {
    use std::arch::x86_64::*;
    /// Products of pairs that fit into sixteen bits together.
    const fn pairs(largest: u8) -> usize {
        match largest {
            255 => 1,
            largest => i16::MAX as usize / (2 * 127 * largest as usize),
        }
    }
    let ones = _mm256_set1_epi16(1);
    // The sixteen products of each row are two registers.
    let mut total = [[_mm256_setzero_ps(); 2]; M];
    let mut block = panel.as_ptr();
    for index in 0..rows.blocks {
        // SAFETY: the caller promises so many blocks and rows; every address below lies in one of them.
        unsafe {
            let floats = |at: usize| _mm256_loadu_ps(block.add(WORDS * 64 + at).cast());
            let (scales, offsets) = ([floats(0), floats(32)], [floats(64), floats(96)]);
            for (first, total) in total.as_chunks_mut::<AT_ONCE>().0.iter_mut().enumerate() {
                let first = first * AT_ONCE;
                let values = rows.values.add(first * rows.columns + index * WORDS * 4);
                let mut dots = [[_mm256_setzero_si256(); 2]; AT_ONCE];
                let mut narrow = [[_mm256_setzero_si256(); 2]; AT_ONCE];
                for word in 0..WORDS {
                    let weights = |side: usize| _mm256_loadu_si256(block.add(word * 64 + side * 32).cast());
                    let signed = |side: usize| _mm256_xor_si256(weights(side), _mm256_set1_epi8(-128));
                    let sides = if LARGEST == 255 { [signed(0), signed(1)] } else { [weights(0), weights(1)] };
                    for row in 0..AT_ONCE {
                        let four = values.add(row * rows.columns).cast::<i32>().add(word).read_unaligned();
                        let four = _mm256_set1_epi32(four);
                        for side in 0..2 {
                            let products = if LARGEST == 255 {
                                let signed = sides[side];
                                _mm256_maddubs_epi16(_mm256_abs_epi8(signed), _mm256_sign_epi8(four, signed))
                            } else {
                                _mm256_maddubs_epi16(sides[side], four)
                            };
                            let narrow = &mut narrow[row][side];
                            let is_first = word % pairs(LARGEST) == 0;
                            *narrow = if is_first { products } else { _mm256_add_epi16(*narrow, products) };
                            if (word + 1) % pairs(LARGEST) == 0 || word + 1 == WORDS {
                                let wide = _mm256_madd_epi16(*narrow, ones);
                                dots[row][side] = _mm256_add_epi32(dots[row][side], wide);
                            }
                        }
                    }
                }
                for (row, (total, dots)) in total.iter_mut().zip(dots).enumerate() {
                    let row = first + row;
                    let scale = _mm256_set1_ps(*rows.scales.add(row * (rows.columns / 32) + index * WORDS / 8));
                    let sum = _mm256_set1_ps(*rows.sums.add(row * rows.blocks + index));
                    for side in 0..2 {
                        let dots = _mm256_cvtepi32_ps(dots[side]);
                        total[side] = _mm256_fmadd_ps(dots, _mm256_mul_ps(scales[side], scale), total[side]);
                        if LARGEST != 255 {
                            total[side] = _mm256_fnmadd_ps(offsets[side], sum, total[side]);
                        }
                    }
                }
            }
            block = block.add(block_bytes::<WORDS>());
        }
    }
    for (total, into) in total.into_iter().zip(into.iter_mut()) {
        for (total, into) in total.into_iter().zip(into.chunks_exact_mut(8)) {
            // SAFETY: half a row of `into` is eight floats.
            unsafe { _mm256_storeu_ps(into.as_mut_ptr(), total) };
        }
    }
}
