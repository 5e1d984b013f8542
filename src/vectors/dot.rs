//! Products of one row of codes with many, by the best instructions that this processor has.
//!
//! `unsafe` is worth it here: the scan is the whole cost of a search by meaning. Every kernel returns exactly what
//! the scalar one does, since all of them add integers.

/// A way to multiply rows of codes. Only kernels that this processor can run are ever made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Sse41,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Vnni,
    #[cfg(target_arch = "aarch64")]
    Neon,
}

impl Kernel {
    /// The fastest kernel of this processor.
    pub fn best() -> Kernel {
        Kernel::available().pop().unwrap_or(Kernel::Scalar)
    }

    /// Every kernel that this processor can run, slowest first.
    pub fn available() -> Vec<Kernel> {
        let mut kernels = vec![Kernel::Scalar];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("sse4.1") && is_x86_feature_detected!("ssse3") {
                kernels.push(Kernel::Sse41);
            }
            if is_x86_feature_detected!("avx2") {
                kernels.push(Kernel::Avx2);
            }
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vnni")
            {
                kernels.push(Kernel::Vnni);
            }
        }
        #[cfg(target_arch = "aarch64")]
        if std::arch::is_aarch64_feature_detected!("neon") {
            kernels.push(Kernel::Neon);
        }
        kernels
    }

    /// Writes to each of `products` the product of `probe` with its row of `rows`.
    ///
    /// All bytes are `i8` from -127 to 127. `probe` is one stride long, a multiple of 64; `rows` is one stride for
    /// each product.
    pub fn products(self, probe: &[u8], rows: &[u8], products: &mut [i32]) {
        assert!(!probe.is_empty() && probe.len().is_multiple_of(super::codes::STRIDE_BYTES));
        assert_eq!(rows.len(), probe.len() * products.len());
        match self {
            Kernel::Scalar => scalar(probe, rows, products),
            // SAFETY: `available` and `best`, the only makers of this value, have seen the features of this processor.
            #[cfg(target_arch = "x86_64")]
            Kernel::Sse41 => unsafe { x86::sse41(probe, rows, products) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2 => unsafe { x86::avx2(probe, rows, products) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Kernel::Vnni => unsafe { x86::vnni(probe, rows, products) },
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            Kernel::Neon => unsafe { arm::neon(probe, rows, products) },
        }
    }
}

/// What every other kernel must equal.
fn scalar(probe: &[u8], rows: &[u8], products: &mut [i32]) {
    for (row, product) in rows.chunks_exact(probe.len()).zip(products) {
        *product = row.iter().zip(probe).map(|(a, b)| i32::from(*a as i8) * i32::from(*b as i8)).sum();
    }
}

/// One row after the other, each from front to back: taking four rows side by side, so that the adders do not wait for
/// one another, halved the speed, because the scan waits for memory and memory is fetched ahead only for straight walks.
#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    /// |probe| * (row with the probe's sign) needs no widening: two products of at most 127 * 127 fit an `i16`.
    #[target_feature(enable = "avx2")]
    pub fn avx2(probe: &[u8], rows: &[u8], products: &mut [i32]) {
        let pairs = _mm256_set1_epi16(1);
        for (row, out) in rows.chunks_exact(probe.len()).zip(products) {
            let mut sum = _mm256_setzero_si256();
            for (row, probe) in row.chunks_exact(32).zip(probe.chunks_exact(32)) {
                // SAFETY: both chunks are 32 bytes long.
                let (row, probe) =
                    unsafe { (_mm256_loadu_si256(row.as_ptr().cast()), _mm256_loadu_si256(probe.as_ptr().cast())) };
                let products = _mm256_maddubs_epi16(_mm256_abs_epi8(probe), _mm256_sign_epi8(row, probe));
                sum = _mm256_add_epi32(sum, _mm256_madd_epi16(products, pairs));
            }
            *out = total(_mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256::<1>(sum)));
        }
    }

    /// As [`avx2`], half as wide.
    #[target_feature(enable = "sse4.1,ssse3")]
    pub fn sse41(probe: &[u8], rows: &[u8], products: &mut [i32]) {
        let pairs = _mm_set1_epi16(1);
        for (row, out) in rows.chunks_exact(probe.len()).zip(products) {
            let mut sum = _mm_setzero_si128();
            for (row, probe) in row.chunks_exact(16).zip(probe.chunks_exact(16)) {
                // SAFETY: both chunks are 16 bytes long.
                let (row, probe) =
                    unsafe { (_mm_loadu_si128(row.as_ptr().cast()), _mm_loadu_si128(probe.as_ptr().cast())) };
                let products = _mm_maddubs_epi16(_mm_abs_epi8(probe), _mm_sign_epi8(row, probe));
                sum = _mm_add_epi32(sum, _mm_madd_epi16(products, pairs));
            }
            *out = total(sum);
        }
    }

    /// The sum of four lanes.
    #[target_feature(enable = "sse2")]
    fn total(lanes: __m128i) -> i32 {
        let two = _mm_add_epi32(lanes, _mm_shuffle_epi32::<0b_01_00_11_10>(lanes));
        _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32::<0b_10_11_00_01>(two)))
    }

    /// The instruction multiplies unsigned by signed bytes, so 128 is added to every code of the rows (by flipping
    /// its top bit), and 128 times the sum of the probe taken off again.
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    pub fn vnni(probe: &[u8], rows: &[u8], products: &mut [i32]) {
        let excess = 128 * probe.iter().map(|code| i32::from(*code as i8)).sum::<i32>();
        let top_bits = _mm512_set1_epi8(i8::MIN);
        for (row, out) in rows.chunks_exact(probe.len()).zip(products) {
            let mut sum = _mm512_setzero_si512();
            for (row, probe) in row.chunks_exact(64).zip(probe.chunks_exact(64)) {
                // SAFETY: both chunks are 64 bytes long.
                let (row, probe) =
                    unsafe { (_mm512_loadu_si512(row.as_ptr().cast()), _mm512_loadu_si512(probe.as_ptr().cast())) };
                sum = _mm512_dpbusd_epi32(sum, _mm512_xor_si512(row, top_bits), probe);
            }
            *out = _mm512_reduce_add_epi32(sum) - excess;
        }
    }
}

#[cfg(target_arch = "aarch64")]
mod arm {
    use std::arch::aarch64::*;

    /// Products of 16 codes at a time, widened to `i16` and summed pairwise into `i32`.
    #[target_feature(enable = "neon")]
    pub fn neon(probe: &[u8], rows: &[u8], products: &mut [i32]) {
        let stride = probe.len();
        for (row, out) in rows.chunks_exact(stride).zip(products) {
            let mut sums = [vdupq_n_s32(0); 2];
            for (row, probe) in row.chunks_exact(16).zip(probe.chunks_exact(16)) {
                // SAFETY: both chunks are 16 bytes long.
                let (row, probe) = unsafe { (vld1q_s8(row.as_ptr().cast()), vld1q_s8(probe.as_ptr().cast())) };
                sums[0] = vpadalq_s16(sums[0], vmull_s8(vget_low_s8(row), vget_low_s8(probe)));
                sums[1] = vpadalq_s16(sums[1], vmull_high_s8(row, probe));
            }
            *out = vaddvq_s32(vaddq_s32(sums[0], sums[1]));
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    use super::*;
    use crate::vectors::codes;

    #[test]
    fn every_kernel_equals_the_scalar_one() {
        let mut random = StdRng::seed_from_u64(7);
        for dimensions in [1, 3, 63, 64, 65, 100, 127, 129, 383, 384, 385, 768, 1023, 1024] {
            let stride = codes::stride(dimensions);
            for count in [0, 1, 2, 3, 4, 5, 7, 8, 33] {
                let mut row = |extreme: bool| -> Vec<u8> {
                    let mut row = vec![0; stride];
                    for code in &mut row[..dimensions] {
                        let value: i8 = random.random_range(-127..=127);
                        *code = (if extreme { 127 * value.signum() } else { value }) as u8;
                    }
                    row
                };
                let probe = row(count % 2 == 1);
                let rows: Vec<u8> = (0..count).flat_map(|n| row(n % 3 == 0)).collect();
                let mut expected = vec![0; count];
                scalar(&probe, &rows, &mut expected);
                for kernel in Kernel::available() {
                    let mut products = vec![-1; count];
                    kernel.products(&probe, &rows, &mut products);
                    assert_eq!(products, expected, "{kernel:?}, {dimensions} dimensions, {count} rows");
                }
            }
        }
    }
}
