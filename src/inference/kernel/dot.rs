//! The inner product of one row of weights, as it lies in the file, with one row of activations.
//!
//! For the few rows of generation. A row of weights is read once and multiplied with each row of activations, so that the
//! time is the memory's.

#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(target_arch = "x86_64")]
mod x86;

use super::activations::{GROUP, Quantised};
use super::isa::Isa;
use crate::inference::gguf::Kind;
use crate::inference::gguf::dequantise::scale_and_minimum;
use half::f16;

/// One row of quantised activations.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    pub values: &'a [i8],
    pub scales: &'a [f32],
    pub sums: &'a [f32],
    pub half_sums: &'a [f32],
    pub ratios: &'a [i16],
    /// One for each 256 values, rounded up.
    pub units: &'a [f32],
}

impl<'a> Row<'a> {
    /// Row `index` of `all`.
    pub fn of(all: &'a Quantised, index: usize) -> Row<'a> {
        let columns = all.columns;
        let part = |vector: &'a [f32], values: usize| &vector[index * columns / values..][..columns / values];
        Row {
            values: &all.values[index * columns..][..columns],
            scales: part(&all.scales, 32),
            sums: part(&all.sums, 32),
            half_sums: part(&all.half_sums, 16),
            ratios: &all.ratios[index * columns / 32..][..columns / 32],
            units: &all.units[index * columns.div_ceil(GROUP)..][..columns.div_ceil(GROUP)],
        }
    }
}

/// The inner products of rows of weights of a quantised `kind`, one after another in `weights`, with one row of
/// activations.
pub fn rows(isa: Isa, kind: Kind, weights: &[u8], activations: Row, into: &mut [f32]) {
    let row_bytes = kind.bytes(activations.values.len());
    assert_eq!(weights.len(), row_bytes * into.len(), "the weights are whole rows as long as the activations");
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the lengths agree, as asserted, and the processor has the instructions that `isa` names.
    unsafe {
        let columns = activations.values.len();
        match (isa, kind) {
            (Isa::Avx512Vnni, Kind::Q4K) => return avx512::q4_k(weights, row_bytes, activations, into),
            (Isa::Avx512Vnni, Kind::Q6K) => return avx512::q6_k(weights, row_bytes, activations, into),
            (Isa::Avx512Vnni, Kind::Q8_0) if columns.is_multiple_of(64) => {
                return avx512::q8_0(weights, row_bytes, activations, into);
            }
            (Isa::Avx512Vnni, Kind::Q4_0) if columns.is_multiple_of(128) => {
                return avx512::q4_0(weights, row_bytes, activations, into);
            }
            (Isa::Avx512Vnni, _) => return x86::vnni::rows(kind, weights, row_bytes, activations, into),
            (Isa::Avx2, _) => return x86::avx2::rows(kind, weights, row_bytes, activations, into),
            (Isa::Portable, _) => {}
        }
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: as above.
    unsafe {
        match isa {
            Isa::NeonDot => return neon::dotprod::rows(kind, weights, row_bytes, activations, into),
            Isa::Neon => return neon::plain::rows(kind, weights, row_bytes, activations, into),
            _ => {}
        }
    }
    for (weights, into) in weights.chunks_exact(row_bytes).zip(into) {
        *into = portable(kind, weights, activations);
    }
}

fn half_at(block: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([block[at], block[at + 1]]).to_f32()
}

/// The sum of the products of small integers.
fn integers(weights: impl Iterator<Item = i32>, activations: &[i8]) -> f32 {
    weights.zip(activations).map(|(weight, activation)| weight * i32::from(*activation)).sum::<i32>() as f32
}

fn portable(kind: Kind, weights: &[u8], row: Row) -> f32 {
    let blocks = weights.chunks_exact(kind.bytes(kind.block())).zip(row.values.chunks_exact(kind.block()));
    blocks
        .enumerate()
        .map(|(index, (block, values))| match kind {
            Kind::Q4_0 => {
                let low = block[2..].iter().map(|byte| i32::from(byte & 15) - 8);
                let high = block[2..].iter().map(|byte| i32::from(byte >> 4) - 8);
                half_at(block, 0) * row.scales[index] * integers(low.chain(high), values)
            }
            Kind::Q8_0 => {
                let signed = block[2..].iter().map(|byte| i32::from(*byte as i8));
                half_at(block, 0) * row.scales[index] * integers(signed, values)
            }
            Kind::Q4K | Kind::Q5K => five_bits(kind, block, values, &row.scales[index * 8..], &row.sums[index * 8..]),
            Kind::Q6K => six_bits(block, values, &row.scales[index * 8..]),
            Kind::F32 | Kind::F16 | Kind::Bf16 => unreachable!("floats are multiplied as floats"),
        })
        .sum()
}

/// A block of Q4_K or Q5_K.
fn five_bits(kind: Kind, block: &[u8], values: &[i8], scales: &[f32], sums: &[f32]) -> f32 {
    let (scale, minimum) = (half_at(block, 0), half_at(block, 2));
    let (fifth, nibbles) = block[16..].split_at(if kind == Kind::Q5K { 32 } else { 0 });
    let group = |group: usize| {
        let (group_scale, group_minimum) = scale_and_minimum(&block[4..16], group);
        let weights = nibbles[group / 2 * 32..][..32].iter().enumerate().map(|(at, byte)| {
            let high = fifth.get(at).map_or(0, |bits| bits >> group & 1);
            i32::from((byte >> (group % 2 * 4) & 15) | high << 4)
        });
        let product = integers(weights, &values[group * 32..][..32]);
        scale * f32::from(group_scale) * scales[group] * product - minimum * f32::from(group_minimum) * sums[group]
    };
    (0..8).map(group).sum()
}

/// A block of Q6_K.
fn six_bits(block: &[u8], values: &[i8], scales: &[f32]) -> f32 {
    let scale = half_at(block, 208);
    let group = |group: usize| {
        let weights = (group * 16..group * 16 + 16).map(|index| {
            let (half, within) = (index / 128, index % 128);
            let low = block[half * 64 + within % 64] >> (within / 64 * 4) & 15;
            let high = block[128 + half * 32 + within % 32] >> (within / 32 * 2) & 3;
            i32::from(low | high << 4) - 32
        });
        let product = integers(weights, &values[group * 16..][..16]);
        scale * f32::from(block[192 + group] as i8) * scales[group / 2] * product
    };
    (0..16).map(group).sum()
}
