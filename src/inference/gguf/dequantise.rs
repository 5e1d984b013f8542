//! Quantised values as floats, exactly as the reference computes them. For embeddings' rows, small tensors and checks;
//! products of matrices never come this way.

use super::Kind;
use half::{bf16, f16};

/// Writes the values of `bytes`, whole blocks of `kind`, to `into`.
pub(super) fn row(kind: Kind, bytes: &[u8], into: &mut [f32]) {
    assert_eq!(bytes.len(), kind.bytes(into.len()), "as many bytes as the values take");
    let blocks = bytes.chunks_exact(kind.bytes(kind.block())).zip(into.chunks_exact_mut(kind.block()));
    for (block, values) in blocks {
        match kind {
            Kind::F32 => values[0] = f32::from_le_bytes([block[0], block[1], block[2], block[3]]),
            Kind::F16 => values[0] = half_at(block, 0),
            Kind::Bf16 => values[0] = bf16::from_le_bytes([block[0], block[1]]).to_f32(),
            Kind::Q4_0 => q4_0(block, values),
            Kind::Q8_0 => q8_0(block, values),
            Kind::Q4K => q4_k(block, values),
            Kind::Q5K => q5_k(block, values),
            Kind::Q6K => q6_k(block, values),
        }
    }
}

/// The 16-bit float at byte `at`.
fn half_at(block: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([block[at], block[at + 1]]).to_f32()
}

/// Scale, then 32 nibbles less 8: the low ones of the 16 bytes first.
fn q4_0(block: &[u8], values: &mut [f32]) {
    let scale = half_at(block, 0);
    for (index, byte) in block[2..].iter().enumerate() {
        values[index] = (i32::from(byte & 15) - 8) as f32 * scale;
        values[index + 16] = (i32::from(byte >> 4) - 8) as f32 * scale;
    }
}

/// Scale, then 32 signed bytes.
fn q8_0(block: &[u8], values: &mut [f32]) {
    let scale = half_at(block, 0);
    for (value, byte) in values.iter_mut().zip(&block[2..]) {
        *value = f32::from(*byte as i8) * scale;
    }
}

/// The scale and minimum, six bits each, of group `index` of eight, out of the twelve bytes that hold them all.
pub(in crate::inference) fn scale_and_minimum(packed: &[u8], index: usize) -> (u8, u8) {
    match index {
        0..4 => (packed[index] & 63, packed[index + 4] & 63),
        _ => {
            let low = packed[index + 4];
            ((low & 15) | (packed[index - 4] >> 6 << 4), (low >> 4) | (packed[index] >> 6 << 4))
        }
    }
}

/// Scale, minimum, eight six-bit scales and minima, 256 nibbles: of each 32 bytes the low nibbles, then the high.
fn q4_k(block: &[u8], values: &mut [f32]) {
    let (scale, minimum) = (half_at(block, 0), half_at(block, 2));
    for group in 0..8 {
        let (group_scale, group_minimum) = scale_and_minimum(&block[4..16], group);
        let (scale, minimum) = (scale * f32::from(group_scale), minimum * f32::from(group_minimum));
        let bytes = &block[16 + group / 2 * 32..][..32];
        for (value, byte) in values[group * 32..][..32].iter_mut().zip(bytes) {
            *value = scale * f32::from(byte >> (group % 2 * 4) & 15) - minimum;
        }
    }
}

/// As `q4_k`, with a fifth bit for each value: bit `g` of byte `i` belongs to value `i` of group `g`.
fn q5_k(block: &[u8], values: &mut [f32]) {
    let (scale, minimum) = (half_at(block, 0), half_at(block, 2));
    for group in 0..8 {
        let (group_scale, group_minimum) = scale_and_minimum(&block[4..16], group);
        let (scale, minimum) = (scale * f32::from(group_scale), minimum * f32::from(group_minimum));
        let bytes = &block[48 + group / 2 * 32..][..32];
        for (index, value) in values[group * 32..][..32].iter_mut().enumerate() {
            let high = block[16 + index] >> group & 1;
            *value = scale * f32::from((bytes[index] >> (group % 2 * 4) & 15) | high << 4) - minimum;
        }
    }
}

/// 256 low nibbles, 256 pairs of high bits, sixteen signed scales, and the scale of them all.
fn q6_k(block: &[u8], values: &mut [f32]) {
    let scale = half_at(block, 208);
    for (index, value) in values.iter_mut().enumerate() {
        let (half, within) = (index / 128, index % 128);
        let low = block[half * 64 + within % 64] >> (within / 64 * 4) & 15;
        let high = block[128 + half * 32 + within % 32] >> (within / 32 * 2) & 3;
        let group_scale = block[192 + index / 16] as i8;
        *value = scale * f32::from(group_scale) * f32::from((low | high << 4) as i8 - 32);
    }
}
