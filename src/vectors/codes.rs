//! Quantisation: a vector of `f32` as signed bytes and one scale. Knows nothing of files or searching.

/// Codes of one row are padded with zeros to a multiple of this many bytes, so that no kernel has a tail.
pub const STRIDE_BYTES: usize = 64;

/// The bytes that the codes of one vector of `dimensions` take.
pub fn stride(dimensions: usize) -> usize {
    dimensions.next_multiple_of(STRIDE_BYTES)
}

/// Appends the codes of `vector`, padded to its stride, and returns the scale by which they are multiplied back.
///
/// Symmetric: the largest magnitude becomes 127, so no code is -128. A vector of zeros has scale 0. `None`, and
/// nothing appended, if a value is not finite.
pub fn quantise(vector: &[f32], codes: &mut Vec<u8>) -> Option<f32> {
    if !vector.iter().all(|value| value.is_finite()) {
        return None;
    }
    let largest = vector.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    // A subnormal largest value has no finite inverse; such a vector is zero for every purpose.
    let factor = if largest >= f32::MIN_POSITIVE * 127.0 { 127.0 / largest } else { 0.0 };
    codes.extend(vector.iter().map(|value| (value * factor).round() as i8 as u8));
    codes.resize(codes.len() + stride(vector.len()) - vector.len(), 0);
    Some(if factor == 0.0 { 0.0 } else { largest / 127.0 })
}

/// A question's vector in the form that the kernels take.
#[derive(Debug)]
pub struct Probe {
    /// Padded codes; each byte is an `i8`.
    pub codes: Vec<u8>,
    pub scale: f32,
}

impl Probe {
    /// The probe of `vector`, or `None` if a value is not finite.
    pub fn new(vector: &[f32]) -> Option<Probe> {
        let mut codes = Vec::with_capacity(stride(vector.len()));
        let scale = quantise(vector, &mut codes)?;
        Some(Probe { codes, scale })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_are_quantised_symmetrically() {
        type Quantised = (&'static [i8], f32);
        let cases: [(&[f32], Option<Quantised>); 6] = [
            (&[1.0, -1.0, 0.5], Some((&[127, -127, 64], 1.0 / 127.0))),
            (&[0.0, 0.0], Some((&[0, 0], 0.0))),
            (&[254.0, -2.0], Some((&[127, -1], 2.0))),
            (&[f32::MIN_POSITIVE, 0.0], Some((&[0, 0], 0.0))),
            (&[f32::NAN, 1.0], None),
            (&[f32::INFINITY], None),
        ];
        for (vector, expected) in cases {
            let mut codes = Vec::new();
            let scale = quantise(vector, &mut codes);
            assert_eq!(scale, expected.map(|(_, scale)| scale), "{vector:?}");
            let Some((expected, _)) = expected else {
                assert!(codes.is_empty());
                continue;
            };
            let signed: Vec<i8> = codes.iter().map(|code| *code as i8).collect();
            assert_eq!(&signed[..vector.len()], expected, "{vector:?}");
            assert_eq!(codes.len(), stride(vector.len()));
            assert!(signed[vector.len()..].iter().all(|code| *code == 0));
        }
    }
}
