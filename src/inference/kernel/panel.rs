//! Sixteen rows of weights, interleaved for the tile.
//!
//! Every type is brought to one form: a weight is `scale * q - offset` with `q` in one byte and a scale and an offset for
//! each block of 32 values of a row (16 for Q6_K). A panel is a sequence of such blocks: first the bytes, four
//! neighbouring values of the first row, the same four of the second row, and so on; then the sixteen scales; then the
//! sixteen offsets.

use super::ahead;
use super::isa::Isa;
use crate::inference::gguf::Kind;
use crate::inference::gguf::dequantise::scale_and_minimum;
use half::f16;

/// Rows of weights in a panel.
pub const ROWS: usize = 16;
/// Values of a row that are unpacked together.
const GROUP: usize = 256;

/// How the weights of a type lie in a panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    /// Values that share a scale: 32 or 16.
    pub block: usize,
    /// The largest `q`.
    pub largest: u8,
}

impl Form {
    /// The form of a quantised type.
    pub fn of(kind: Kind) -> Form {
        match kind {
            Kind::Q4_0 | Kind::Q4K => Form { block: 32, largest: 15 },
            Kind::Q5K => Form { block: 32, largest: 31 },
            Kind::Q6K => Form { block: 16, largest: 63 },
            Kind::Q8_0 => Form { block: 32, largest: 255 },
            Kind::F32 | Kind::F16 | Kind::Bf16 => unreachable!("floats are not packed"),
        }
    }

    /// The bytes of one block of a panel.
    pub const fn block_bytes(self) -> usize {
        self.block * ROWS + 2 * ROWS * size_of::<f32>()
    }

    /// The bytes of a panel of rows of `columns` values.
    pub fn bytes(self, columns: usize) -> usize {
        columns / self.block * self.block_bytes()
    }
}

/// Values of one row, unpacked.
struct Unpacked {
    values: [u8; GROUP],
    scales: [f32; GROUP / 16],
    offsets: [f32; GROUP / 16],
}

/// Packs up to sixteen rows of `columns` values, each `row_bytes` long, into `panel`; rows that are not there are zeros.
pub fn pack(kind: Kind, rows: &[u8], columns: usize, panel: &mut [u8]) {
    #[cfg(target_arch = "x86_64")]
    if Isa::best() >= Isa::Avx512Vnni {
        // SAFETY: the processor has these instructions.
        return unsafe { pack_avx512(kind, rows, columns, panel) };
    } else if Isa::best() >= Isa::Avx2 {
        // SAFETY: the processor has AVX2.
        return unsafe { pack_avx2(kind, rows, columns, panel) };
    }
    pack_body(kind, rows, columns, panel, |unpacked, form, blocks| write(unpacked, form, blocks, interleave));
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c")]
fn pack_avx2(kind: Kind, rows: &[u8], columns: usize, panel: &mut [u8]) {
    pack_body(kind, rows, columns, panel, |unpacked, form, blocks| {
        if blocks.len() == GROUP / form.block * form.block_bytes() {
            write_avx2(unpacked, form, blocks);
        } else {
            write(unpacked, form, blocks, interleave);
        }
    });
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq")]
fn pack_avx512(kind: Kind, rows: &[u8], columns: usize, panel: &mut [u8]) {
    let interleave = |unpacked: &[Unpacked; ROWS], at: usize, values: usize, into: &mut [u8]| {
        interleave_avx512(unpacked, at, values, into);
    };
    pack_body(kind, rows, columns, panel, |unpacked, form, blocks| write(unpacked, form, blocks, interleave));
}

/// Unpacks up to 256 values of each row at a time and has `write` put them into their blocks of the panel.
#[inline(always)]
fn pack_body(
    kind: Kind,
    rows: &[u8],
    columns: usize,
    panel: &mut [u8],
    write: impl Fn(&[Unpacked; ROWS], Form, &mut [u8]),
) {
    let form = Form::of(kind);
    let row_bytes = kind.bytes(columns);
    let mut unpacked =
        [const { Unpacked { values: [0; GROUP], scales: [0.0; GROUP / 16], offsets: [0.0; GROUP / 16] } }; ROWS];
    let groups = panel.chunks_mut(GROUP / form.block * form.block_bytes());
    for (start, blocks) in (0..columns).step_by(GROUP).zip(groups) {
        let values = GROUP.min(columns - start);
        let (from, length) = (kind.bytes(start), kind.bytes(values));
        for (row, unpacked) in rows.chunks_exact(row_bytes).zip(&mut unpacked) {
            let bytes = &row[from..from + length];
            // The same part of the next panel.
            ahead::ask(bytes.as_ptr(), ROWS * row_bytes, length);
            match kind {
                Kind::Q4K => unpack_q4_k(bytes, unpacked),
                Kind::Q5K => unpack_q5_k(bytes, unpacked),
                Kind::Q6K => unpack_q6_k(bytes, unpacked),
                Kind::Q8_0 => unpack_q8_0(bytes, unpacked),
                Kind::Q4_0 => unpack_q4_0(bytes, unpacked),
                Kind::F32 | Kind::F16 | Kind::Bf16 => unreachable!("floats are not packed"),
            }
        }
        let length = values / form.block * form.block_bytes();
        write(&unpacked, form, &mut blocks[..length]);
    }
}

/// Writes `blocks` of a panel, the bytes by way of `interleave`.
#[inline(always)]
fn write(
    unpacked: &[Unpacked; ROWS],
    form: Form,
    blocks: &mut [u8],
    interleave: impl Fn(&[Unpacked; ROWS], usize, usize, &mut [u8]),
) {
    for (index, block) in blocks.chunks_exact_mut(form.block_bytes()).enumerate() {
        let (bytes, factors) = block.split_at_mut(form.block * ROWS);
        interleave(unpacked, index * form.block, form.block, bytes);
        for (row, unpacked) in unpacked.iter().enumerate() {
            factors[row * 4..][..4].copy_from_slice(&unpacked.scales[index].to_ne_bytes());
            factors[(ROWS + row) * 4..][..4].copy_from_slice(&unpacked.offsets[index].to_ne_bytes());
        }
    }
}

/// Writes `values` values of each row, from value `at` on, four by four.
#[inline(always)]
fn interleave(unpacked: &[Unpacked; ROWS], at: usize, values: usize, into: &mut [u8]) {
    for (row, unpacked) in unpacked.iter().enumerate() {
        for (index, four) in unpacked.values[at..at + values].chunks_exact(4).enumerate() {
            into[(index * ROWS + row) * 4..][..4].copy_from_slice(four);
        }
    }
}

/// As [`write`] for all blocks of 256 values: matrices of eight by eight double words are transposed in registers.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c")]
fn write_avx2(unpacked: &[Unpacked; ROWS], form: Form, blocks: &mut [u8]) {
    use std::arch::x86_64::*;
    assert_eq!(blocks.len(), GROUP / form.block * form.block_bytes(), "the blocks are those of all values");
    // Double word `word` of eight rows becomes one register, which is stored at `place(word)`.
    let transpose =
        |side: usize, row: &dyn Fn(usize) -> *const u8, place: &dyn Fn(usize) -> usize, blocks: &mut [u8]| {
            // SAFETY: the callers below give addresses of 32 bytes within the unpacked rows.
            let rows: [__m256i; 8] =
                std::array::from_fn(|index| unsafe { _mm256_loadu_si256(row(side * 8 + index).cast()) });
            let pairs = |a, b| (_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
            let ((a, b), (c, d)) = (pairs(rows[0], rows[1]), pairs(rows[2], rows[3]));
            let ((e, f), (g, h)) = (pairs(rows[4], rows[5]), pairs(rows[6], rows[7]));
            let fours = |a, b| (_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b));
            // Words 0 to 3 of four rows each, with words 4 to 7 in the upper halves.
            let (first, second) = (fours(a, c), fours(b, d));
            let (third, fourth) = (fours(e, g), fours(f, h));
            let upper = [first.0, first.1, second.0, second.1];
            let lower = [third.0, third.1, fourth.0, fourth.1];
            for word in 0..4 {
                let low = _mm256_permute2x128_si256(upper[word], lower[word], 0x20);
                let high = _mm256_permute2x128_si256(upper[word], lower[word], 0x31);
                for (word, register) in [(word, low), (word + 4, high)] {
                    let into = &mut blocks[place(word) + side * 32..][..32];
                    // SAFETY: the slice is as long as the register.
                    unsafe { _mm256_storeu_si256(into.as_mut_ptr().cast(), register) };
                }
            }
        };
    let (block_values, block_bytes) = (form.block, form.block_bytes());
    for side in 0..2 {
        for part in (0..GROUP).step_by(32) {
            let place = |word: usize| {
                let value = part + word * 4;
                value / block_values * block_bytes + value % block_values * ROWS
            };
            transpose(side, &|row| unpacked[row].values[part..].as_ptr(), &place, blocks);
        }
        for first in (0..GROUP / block_values).step_by(8) {
            let scales = |word: usize| (first + word) * block_bytes + block_values * ROWS;
            transpose(side, &|row| unpacked[row].scales[first..].as_ptr().cast(), &scales, blocks);
            let offsets = |word: usize| scales(word) + ROWS * size_of::<f32>();
            transpose(side, &|row| unpacked[row].offsets[first..].as_ptr().cast(), &offsets, blocks);
        }
    }
}

/// As [`interleave`]: a matrix of 16 by 4 or 8 double words is transposed in registers.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
fn interleave_avx512(unpacked: &[Unpacked; ROWS], at: usize, values: usize, into: &mut [u8]) {
    use std::arch::x86_64::*;
    assert!(at + values <= GROUP && into.len() >= values * ROWS && values.is_multiple_of(16), "the blocks are whole");
    for part in (0..values).step_by(16) {
        // Four double words of each row: a register for each four rows, one row in each quarter.
        let quarter = |row: usize| {
            // SAFETY: sixteen bytes from `at + part` on lie in the values, as asserted.
            unsafe { _mm_loadu_si128(unpacked[row].values.as_ptr().add(at + part).cast()) }
        };
        let rows = |first: usize| {
            let low = _mm256_set_m128i(quarter(first + 1), quarter(first));
            let high = _mm256_set_m128i(quarter(first + 3), quarter(first + 2));
            _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1)
        };
        // `[r0 r1 r2 r3]` with four words each, so that word w of row r is at 4 r + w; wanted: word w of all rows.
        let (a, b, c, d) = (rows(0), rows(4), rows(8), rows(12));
        let first = _mm512_set_epi32(29, 25, 21, 17, 13, 9, 5, 1, 28, 24, 20, 16, 12, 8, 4, 0);
        let second = _mm512_set_epi32(31, 27, 23, 19, 15, 11, 7, 3, 30, 26, 22, 18, 14, 10, 6, 2);
        // Words 0 and 1 of rows 0 to 7, then of rows 8 to 15; words 2 and 3 likewise.
        let (ab, cd) = (_mm512_permutex2var_epi32(a, first, b), _mm512_permutex2var_epi32(c, first, d));
        let (ef, gh) = (_mm512_permutex2var_epi32(a, second, b), _mm512_permutex2var_epi32(c, second, d));
        let words = [
            _mm512_shuffle_i64x2(ab, cd, 0b01_00_01_00),
            _mm512_shuffle_i64x2(ab, cd, 0b11_10_11_10),
            _mm512_shuffle_i64x2(ef, gh, 0b01_00_01_00),
            _mm512_shuffle_i64x2(ef, gh, 0b11_10_11_10),
        ];
        for (word, register) in words.into_iter().enumerate() {
            // SAFETY: the 64 bytes of word `part / 4 + word` lie in `into`, as asserted.
            unsafe { _mm512_storeu_si512(into.as_mut_ptr().add((part / 4 + word) * 4 * ROWS).cast(), register) };
        }
    }
}

#[inline(always)]
fn half_at(bytes: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([bytes[at], bytes[at + 1]]).to_f32()
}

#[inline(always)]
fn unpack_q4_0(bytes: &[u8], into: &mut Unpacked) {
    for (index, block) in bytes.chunks_exact(18).enumerate() {
        into.scales[index] = half_at(block, 0);
        into.offsets[index] = 8.0 * into.scales[index];
        let (low, high) = into.values[index * 32..][..32].split_at_mut(16);
        for ((low, high), byte) in low.iter_mut().zip(high).zip(&block[2..18]) {
            (*low, *high) = (byte & 15, byte >> 4);
        }
    }
}

#[inline(always)]
fn unpack_q8_0(bytes: &[u8], into: &mut Unpacked) {
    for (index, block) in bytes.chunks_exact(34).enumerate() {
        into.scales[index] = half_at(block, 0);
        into.offsets[index] = 128.0 * into.scales[index];
        for (value, byte) in into.values[index * 32..][..32].iter_mut().zip(&block[2..34]) {
            *value = byte ^ 0x80;
        }
    }
}

/// The scales and offsets of Q4_K and Q5_K.
#[inline(always)]
fn unpack_factors(block: &[u8], into: &mut Unpacked) {
    let (scale, minimum) = (half_at(block, 0), half_at(block, 2));
    for group in 0..8 {
        let (group_scale, group_minimum) = scale_and_minimum(&block[4..16], group);
        into.scales[group] = scale * f32::from(group_scale);
        into.offsets[group] = minimum * f32::from(group_minimum);
    }
}

#[inline(always)]
fn unpack_q4_k(block: &[u8], into: &mut Unpacked) {
    unpack_factors(block, into);
    for (bytes, values) in block[16..144].chunks_exact(32).zip(into.values.chunks_exact_mut(64)) {
        let (low, high) = values.split_at_mut(32);
        for ((low, high), byte) in low.iter_mut().zip(high).zip(bytes) {
            (*low, *high) = (byte & 15, byte >> 4);
        }
    }
}

#[inline(always)]
fn unpack_q5_k(block: &[u8], into: &mut Unpacked) {
    unpack_factors(block, into);
    let fifth = &block[16..48];
    for (pair, (bytes, values)) in block[48..176].chunks_exact(32).zip(into.values.chunks_exact_mut(64)).enumerate() {
        let (low, high) = values.split_at_mut(32);
        for (((low, high), byte), fifth) in low.iter_mut().zip(high).zip(bytes).zip(fifth) {
            *low = (byte & 15) | (fifth >> (2 * pair) & 1) << 4;
            *high = (byte >> 4) | (fifth >> (2 * pair + 1) & 1) << 4;
        }
    }
}

#[inline(always)]
fn unpack_q6_k(block: &[u8], into: &mut Unpacked) {
    let scale = half_at(block, 208);
    for group in 0..16 {
        into.scales[group] = scale * f32::from(block[192 + group] as i8);
        into.offsets[group] = 32.0 * into.scales[group];
    }
    for half in 0..2 {
        let (low, high) = (&block[half * 64..][..64], &block[128 + half * 32..][..32]);
        for quarter in 0..4 {
            let low = &low[quarter % 2 * 32..][..32];
            let values = &mut into.values[half * 128 + quarter * 32..][..32];
            for ((value, low), high) in values.iter_mut().zip(low).zip(high) {
                *value = (low >> (quarter / 2 * 4) & 15) | (high >> (2 * quarter) & 3) << 4;
            }
        }
    }
}
