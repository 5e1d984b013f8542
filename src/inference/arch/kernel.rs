//! The few loops of an encoder that are not matrix products, and the one door to the matrix product.
//!
//! Each loop is written once in plain Rust over slices. It is compiled twice, for any processor and for AVX2 with FMA,
//! and the faster is chosen when it runs: the binary is built for the oldest x86-64, where a vector has four floats.

use gemm::Parallelism;

/// Floats handled side by side: one AVX2 register, or two of SSE2 or NEON.
const LANES: usize = 8;

/// A matrix inside a slice: element `(row, column)` stands at `row * row_step + column * column_step`.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub data: &'a [f32],
    pub rows: usize,
    pub columns: usize,
    pub row_step: usize,
    pub column_step: usize,
}

impl<'a> View<'a> {
    /// A matrix whose rows follow one another.
    pub(super) fn dense(data: &'a [f32], rows: usize, columns: usize) -> View<'a> {
        View { data, rows, columns, row_step: columns, column_step: 1 }
    }

    /// All values, of a matrix whose rows follow one another.
    pub(super) fn whole(&self) -> &'a [f32] {
        assert!(self.row_step == self.columns && self.column_step == 1, "the rows follow one another");
        &self.data[..self.rows * self.columns]
    }

    /// The same matrix with rows and columns exchanged.
    pub(super) fn transposed(self) -> View<'a> {
        View { rows: self.columns, columns: self.rows, row_step: self.column_step, column_step: self.row_step, ..self }
    }

    /// One more than the index of the last element.
    pub(super) fn end(&self) -> usize {
        last(self.rows, self.row_step) + last(self.columns, self.column_step) + 1
    }
}

/// The offset of the last of `count` items that are `step` apart.
fn last(count: usize, step: usize) -> usize {
    count.saturating_sub(1) * step
}

/// What happens to the values that the product of [`multiply`] finds in its place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    /// They are overwritten.
    Replaced,
    /// The product is added to them.
    Added,
}

/// How many threads share one product.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::inference) enum Share {
    /// The calling thread alone.
    One,
    /// As many as are free and worth it.
    All,
}

/// `into = a * b` or `into += a * b`, where row `i` of `into` begins at `i * into_row_step`.
pub(super) fn multiply(into: &mut [f32], into_row_step: usize, before: Before, a: View, b: View, share: Share) {
    assert_eq!(a.columns, b.rows, "the inner dimensions agree");
    if a.rows == 0 || b.columns == 0 {
        return;
    }
    assert!(a.end() <= a.data.len() && b.end() <= b.data.len(), "the factors lie inside their slices");
    assert!(b.columns <= into_row_step || a.rows == 1, "the rows of the product do not overlap");
    assert!(last(a.rows, into_row_step) + b.columns <= into.len(), "the product lies inside its slice");
    let parallelism = match share {
        Share::One => Parallelism::None,
        Share::All => Parallelism::Rayon(0),
    };
    // SAFETY: the three matrices lie inside their slices, as asserted just above; `into` is borrowed exclusively, so
    // it overlaps neither factor, and its rows do not overlap one another.
    unsafe {
        gemm::gemm(
            a.rows,
            b.columns,
            a.columns,
            into.as_mut_ptr(),
            1,
            into_row_step as isize,
            before == Before::Added,
            a.data.as_ptr(),
            a.column_step as isize,
            a.row_step as isize,
            b.data.as_ptr(),
            b.column_step as isize,
            b.row_step as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            parallelism,
        );
    }
}

/// Makes the public function `$name`, which runs `$body` compiled for AVX2 and FMA where the processor has them.
macro_rules! dispatched {
    ($(#[$doc:meta])* $name:ident, $wide:ident, $body:ident, ($($arg:ident: $type:ty),*)) => {
        $(#[$doc])*
        pub(super) fn $name($($arg: $type),*) {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,fma")]
                fn $wide($($arg: $type),*) {
                    $body::<true>($($arg),*);
                }
                if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                    // SAFETY: the processor has just been asked for both features.
                    return unsafe { $wide($($arg),*) };
                }
            }
            $body::<false>($($arg),*);
        }
    };
}

dispatched! {
    /// Adds `bias` to each row of `rows` and applies GELU, `x / 2 * (1 + erf(x / sqrt 2))`, in place.
    add_and_gelu, add_and_gelu_wide, add_and_gelu_body, (rows: &mut [f32], bias: &[f32])
}

dispatched! {
    /// Makes each row of `rows`, `width` long, half as long: GELU of its first half by its second half. The rows follow
    /// one another from the beginning.
    gate_by_gelu, gate_by_gelu_wide, gate_by_gelu_body, (rows: &mut [f32], width: usize)
}

dispatched! {
    /// As [`gate_by_gelu`], with `x * sigmoid(x)` for GELU.
    gate_by_silu, gate_by_silu_wide, gate_by_silu_body, (rows: &mut [f32], width: usize)
}

dispatched! {
    /// Replaces each value of a row of `scores`, `width` long, by `exp(value - the row's largest)`, and writes the
    /// inverse of the row's sum to `inverse_sums`: dividing is left to whoever has fewer values to divide.
    exponents, exponents_wide, exponents_body, (scores: &mut [f32], width: usize, inverse_sums: &mut [f32])
}

dispatched! {
    /// Normalises each row of `rows` to mean 0 and variance 1, then scales it by `gain` and shifts it by `shift`.
    normalise, normalise_wide, normalise_body, (rows: &mut [f32], gain: &[f32], shift: &[f32], epsilon: f32)
}

#[inline(always)]
fn add_and_gelu_body<const FMA: bool>(rows: &mut [f32], bias: &[f32]) {
    for row in rows.chunks_exact_mut(bias.len()) {
        for (value, bias) in row.iter_mut().zip(bias) {
            *value = gelu::<FMA>(*value + bias);
        }
    }
}

#[inline(always)]
fn gate_by_gelu_body<const FMA: bool>(rows: &mut [f32], width: usize) {
    gate(rows, width, gelu::<FMA>);
}

#[inline(always)]
fn gate_by_silu_body<const FMA: bool>(rows: &mut [f32], width: usize) {
    gate(rows, width, silu::<FMA>);
}

#[inline(always)]
fn gate(rows: &mut [f32], width: usize, activation: impl Fn(f32) -> f32) {
    let half = width / 2;
    for index in 0..rows.len() / width {
        let row = &mut rows[index * width..][..width];
        let (first, second) = row.split_at_mut(half);
        first.iter_mut().zip(second).for_each(|(value, factor)| *value = activation(*value) * *factor);
        rows.copy_within(index * width..index * width + half, index * half);
    }
}

#[inline(always)]
fn gelu<const FMA: bool>(x: f32) -> f32 {
    0.5 * x * (1.0 + erf::<FMA>(x * std::f32::consts::FRAC_1_SQRT_2))
}

/// `x * sigmoid(x)`, by the exponential of `-|x|`, which neither side of 0 lets overflow.
#[inline(always)]
fn silu<const FMA: bool>(x: f32) -> f32 {
    let small = exp::<FMA>(-x.abs());
    x * if x < 0.0 { small } else { 1.0 } / (1.0 + small)
}

#[inline(always)]
fn exponents_body<const FMA: bool>(scores: &mut [f32], width: usize, inverse_sums: &mut [f32]) {
    for (row, inverse_sum) in scores.chunks_exact_mut(width).zip(inverse_sums) {
        let mut highest = [f32::NEG_INFINITY; LANES];
        let (groups, rest) = row.as_chunks::<LANES>();
        for group in groups {
            for lane in 0..LANES {
                highest[lane] = if group[lane] > highest[lane] { group[lane] } else { highest[lane] };
            }
        }
        let highest = highest.iter().chain(rest).fold(f32::NEG_INFINITY, |a, b| a.max(*b));
        let mut sums = [0.0; LANES];
        let (groups, rest) = row.as_chunks_mut::<LANES>();
        for group in groups {
            for lane in 0..LANES {
                group[lane] = exp::<FMA>(group[lane] - highest);
                sums[lane] += group[lane];
            }
        }
        let mut sum: f32 = sums.iter().sum();
        for value in rest {
            *value = exp::<FMA>(*value - highest);
            sum += *value;
        }
        *inverse_sum = 1.0 / sum;
    }
}

#[inline(always)]
fn normalise_body<const FMA: bool>(rows: &mut [f32], gain: &[f32], shift: &[f32], epsilon: f32) {
    let width = gain.len() as f32;
    for row in rows.chunks_exact_mut(gain.len()) {
        let mean = sum(row, |value| value) / width;
        let variance = sum(row, |value| (value - mean) * (value - mean)) / width;
        let scale = 1.0 / (variance + epsilon).sqrt();
        for ((value, gain), shift) in row.iter_mut().zip(gain).zip(shift) {
            *value = fused::<FMA>((*value - mean) * scale, *gain, *shift);
        }
    }
}

/// The sum of `of` over `row`, in [`LANES`] parts: one running sum could not be computed side by side.
#[inline(always)]
pub(super) fn sum(row: &[f32], of: impl Fn(f32) -> f32) -> f32 {
    let mut sums = [0.0; LANES];
    let (groups, rest) = row.as_chunks::<LANES>();
    for group in groups {
        for lane in 0..LANES {
            sums[lane] += of(group[lane]);
        }
    }
    sums.iter().sum::<f32>() + rest.iter().map(|value| of(*value)).sum::<f32>()
}

/// `a * b + c`, in one step where the processor has one; `mul_add` without it is a slow call.
#[inline(always)]
fn fused<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// The polynomial with `coefficients`, highest power first, at `x`.
#[inline(always)]
fn polynomial<const FMA: bool, const N: usize>(coefficients: [f32; N], x: f32) -> f32 {
    let mut value = coefficients[0];
    for coefficient in &coefficients[1..] {
        value = fused::<FMA>(value, x, *coefficient);
    }
    value
}

/// `exp(x)` for `x <= 0`, with a relative error below 2e-7; below -87 it is as good as nothing.
///
/// Cody and Waite: `x = n ln 2 + r`, a polynomial for `exp(r)` (coefficients of Cephes' `expf`), `2^n` by its bits.
#[inline(always)]
pub(super) fn exp<const FMA: bool>(x: f32) -> f32 {
    /// Added and taken away again, it rounds to the nearest integer.
    const ROUNDER: f32 = 12_582_912.0;
    let x = if x > -87.0 { x } else { -87.0 };
    let shifted = fused::<FMA>(x, std::f32::consts::LOG2_E, ROUNDER);
    let n = shifted - ROUNDER;
    let r = fused::<FMA>(n, 2.121_944_4e-4, fused::<FMA>(n, -0.693_359_4, x));
    let p =
        polynomial::<FMA, 6>([1.987_569_2e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5], r);
    let power = f32::from_bits(shifted.to_bits().wrapping_add(127) << 23);
    fused::<FMA>(fused::<FMA>(p, r * r, r), power, power)
}

/// The error function, with an absolute error below 3e-7: the odd rational approximation that Eigen and XLA use for
/// f32, on [-4, 4], beyond which it is 1 in f32.
#[inline(always)]
fn erf<const FMA: bool>(x: f32) -> f32 {
    let x = if x > 4.0 { 4.0 } else { x };
    let x = if x < -4.0 { -4.0 } else { x };
    let square = x * x;
    let above = polynomial::<FMA, 7>(
        [-2.726_142_3e-10, 2.770_681_4e-8, -2.101_024e-6, -5.692_506_4e-5, -7.349_906e-4, -2.954_6e-3, -1.609_603_3e-2],
        square,
    );
    let below =
        polynomial::<FMA, 5>([-1.456_607_2e-5, -2.133_740_6e-4, -1.682_827e-3, -7.373_329e-3, -1.426_473_9e-2], square);
    x * above / below
}

#[cfg(test)]
mod tests {
    use super::{
        Before, Share, View, add_and_gelu, erf, exp, exponents, gate_by_gelu, gate_by_silu, multiply, normalise,
    };

    #[test]
    fn exp_and_erf_are_as_exact_as_promised() {
        for step in 0..=8_000 {
            let x = -80.0 * step as f32 / 8_000.0;
            let exact = f64::from(x).exp();
            for found in [exp::<true>(x), exp::<false>(x)] {
                assert!((f64::from(found) / exact - 1.0).abs() < 2e-7, "exp({x}) = {found}, not {exact}");
            }
        }
        // Abramowitz and Stegun, table 7.1.
        for (x, exact) in [
            (0.0, 0.0),
            (0.1, 0.112_462_916_0),
            (0.5, 0.520_499_877_8),
            (1.0, 0.842_700_792_9),
            (1.5, 0.966_105_146_5),
            (2.0, 0.995_322_265_0),
            (3.0, 0.999_977_909_5),
            (9.0, 1.0),
        ] {
            for found in [erf::<true>(x), erf::<false>(x), -erf::<true>(-x)] {
                assert!((f64::from(found) - exact).abs() < 3e-7, "erf({x}) = {found}, not {exact}");
            }
        }
        assert!(exp::<true>(-1e9) < 1e-37, "far below it vanishes");
    }

    #[test]
    fn rows_are_worked_on_one_by_one() {
        let mut rows = vec![0.0, 1.0, -1.0, 10.0];
        add_and_gelu(&mut rows, &[0.0, 1.0]);
        let expected = [0.0, 1.954_499_7, -0.158_655_25, 11.0];
        assert!(rows.iter().zip(expected).all(|(found, exact)| (found - exact).abs() < 1e-6), "{rows:?}");

        type Gate = fn(&mut [f32], usize);
        let expected_gelu = [1.954_499_7 * 3.0, -0.158_655_25 * 5.0];
        let expected_silu = [1.761_594_2 * 3.0, -0.268_941_43 * 5.0];
        for (gate, expected) in [(gate_by_gelu as Gate, expected_gelu), (gate_by_silu as Gate, expected_silu)] {
            let mut rows = vec![2.0, -1.0, 3.0, 5.0, 100.0, -100.0, 1.0, 1.0];
            gate(&mut rows, 4);
            let first = rows[..2].iter().zip(expected).all(|(found, exact)| (found - exact).abs() < 2e-6);
            assert!(first && (rows[2] - 100.0).abs() < 1e-4 && rows[3].abs() < 1e-4, "{rows:?}");
        }

        let mut scores: Vec<f32> = (0..22).map(|n| n as f32 / 7.0).collect();
        let mut inverse_sums = [0.0; 2];
        exponents(&mut scores, 11, &mut inverse_sums);
        for (row, inverse) in scores.chunks(11).zip(inverse_sums) {
            assert!((row.iter().sum::<f32>() * inverse - 1.0).abs() < 1e-6 && row[10] == 1.0, "{row:?}");
        }

        let mut rows: Vec<f32> = (0..20).map(|n| (n * n) as f32).collect();
        normalise(&mut rows, &[2.0; 10], &[1.0; 10], 1e-12);
        for row in rows.chunks(10) {
            let mean = row.iter().sum::<f32>() / 10.0;
            let variance = row.iter().map(|value| (value - mean) * (value - mean)).sum::<f32>() / 10.0;
            assert!((mean - 1.0).abs() < 1e-5 && (variance - 4.0).abs() < 1e-4, "{row:?}");
        }
    }

    #[test]
    fn a_product_may_lie_inside_a_larger_matrix() {
        let a = [1.0, 2.0, 9.0, 3.0, 4.0, 9.0];
        let b = [5.0, 6.0, 7.0, 8.0];
        let a = View { data: &a, rows: 2, columns: 2, row_step: 3, column_step: 1 };
        let mut into = [1.0; 6];
        multiply(&mut into[1..], 3, Before::Added, a, View::dense(&b, 2, 2).transposed(), Share::One);
        assert_eq!(into, [1.0, 18.0, 24.0, 1.0, 40.0, 54.0]);
    }
}
