//! The small loops between the products, compiled for any processor and for AVX2, as those of the encoders are.

use crate::inference::arch::kernel::{exp, sum};

/// Makes the function `$name`, which runs `$body` compiled for AVX2 and FMA where the processor has them.
macro_rules! dispatched {
    ($(#[$doc:meta])* $name:ident, $body:ident, ($($arg:ident: $type:ty),*)) => {
        $(#[$doc])*
        pub fn $name($($arg: $type),*) {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,fma")]
                fn wide($($arg: $type),*) {
                    $body::<true>($($arg),*);
                }
                if crate::inference::kernel::isa::Isa::best() >= crate::inference::kernel::isa::Isa::Avx2 {
                    // SAFETY: the processor has AVX2 and FMA.
                    return unsafe { wide($($arg),*) };
                }
            }
            // Every arm64 processor multiplies and adds at once.
            $body::<{ cfg!(target_arch = "aarch64") }>($($arg),*);
        }
    };
}

dispatched! {
    /// Divides each row, as long as `gain`, by its root mean square and multiplies it with `gain`.
    normalise, normalise_body, (rows: &[f32], gain: &[f32], epsilon: f32, into: &mut [f32])
}

dispatched! {
    /// `gate = gate * sigmoid(gate) * up`
    silu_times, silu_times_body, (gate: &mut [f32], up: &[f32])
}

dispatched! {
    /// `gate = gelu(gate) * up`, where `gelu(x) = x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))`.
    gelu_times, gelu_times_body, (gate: &mut [f32], up: &[f32])
}

dispatched! {
    /// `x = x * sigmoid(x)`
    silu, silu_body, (values: &mut [f32])
}

dispatched! {
    /// `into += values * scale`
    add_scaled, add_scaled_body, (into: &mut [f32], values: &[f32], scale: f32)
}

dispatched! {
    /// `into = into * keep + values * scale`
    decay_and_add, decay_and_add_body, (into: &mut [f32], values: &[f32], keep: f32, scale: f32)
}

dispatched! {
    /// Adds to each row of `into`, `width` long, the products of a row of `a`, `inner` long, with `b`, `[inner, width]`.
    /// For few rows; `width` is a multiple of 32.
    add_products, add_products_body, (a: &[f32], a_step: usize, inner: usize, b: &[f32], into: &mut [f32], into_step: usize, width: usize)
}

#[inline(always)]
fn normalise_body<const FMA: bool>(rows: &[f32], gain: &[f32], epsilon: f32, into: &mut [f32]) {
    for (row, into) in rows.chunks_exact(gain.len()).zip(into.chunks_exact_mut(gain.len())) {
        let scale = 1.0 / (sum(row, |value| value * value) / gain.len() as f32 + epsilon).sqrt();
        for ((into, value), gain) in into.iter_mut().zip(row).zip(gain) {
            *into = value * scale * gain;
        }
    }
}

/// `1 / (1 + exp(-x))`, by way of an exponent that is never positive.
#[inline(always)]
fn sigmoid<const FMA: bool>(x: f32) -> f32 {
    let small = exp::<FMA>(-x.abs());
    let share = if x < 0.0 { small } else { 1.0 };
    share / (1.0 + small)
}

#[inline(always)]
fn silu_times_body<const FMA: bool>(gate: &mut [f32], up: &[f32]) {
    for (gate, up) in gate.iter_mut().zip(up) {
        *gate *= sigmoid::<FMA>(*gate) * up;
    }
}

#[inline(always)]
fn silu_body<const FMA: bool>(values: &mut [f32]) {
    for value in values {
        *value *= sigmoid::<FMA>(*value);
    }
}

#[inline(always)]
fn gelu_times_body<const FMA: bool>(gate: &mut [f32], up: &[f32]) {
    /// `2 * sqrt(2 / pi)`: `1 + tanh(y)` is `2 * sigmoid(2 y)`.
    const FACTOR: f32 = 1.595_769;
    for (gate, up) in gate.iter_mut().zip(up) {
        let x = *gate;
        *gate = x * sigmoid::<FMA>(FACTOR * (x + 0.044_715 * x * x * x)) * up;
    }
}

#[inline(always)]
fn add_scaled_body<const FMA: bool>(into: &mut [f32], values: &[f32], scale: f32) {
    for (into, value) in into.iter_mut().zip(values) {
        *into = if FMA { value.mul_add(scale, *into) } else { value * scale + *into };
    }
}

#[inline(always)]
fn decay_and_add_body<const FMA: bool>(into: &mut [f32], values: &[f32], keep: f32, scale: f32) {
    for (into, value) in into.iter_mut().zip(values) {
        *into = if FMA { into.mul_add(keep, value * scale) } else { *into * keep + value * scale };
    }
}

/// Columns that are summed up in registers at a time.
const WIDE: usize = 32;

#[inline(always)]
fn add_products_body<const FMA: bool>(
    a: &[f32],
    a_step: usize,
    inner: usize,
    b: &[f32],
    into: &mut [f32],
    into_step: usize,
    width: usize,
) {
    for (a, into) in a.chunks(a_step).zip(into.chunks_mut(into_step)) {
        for column in (0..width).step_by(WIDE) {
            let into: &mut [f32; WIDE] = (&mut into[column..column + WIDE]).try_into().expect("a multiple of 32");
            let mut sums = *into;
            for (a, b) in a[..inner].iter().zip(b.chunks_exact(width)) {
                let b: &[f32; WIDE] = b[column..column + WIDE].try_into().expect("a multiple of 32");
                for (sum, b) in sums.iter_mut().zip(b) {
                    *sum = if FMA { a.mul_add(*b, *sum) } else { a * b + *sum };
                }
            }
            *into = sums;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_close(found: &[f32], expected: impl IntoIterator<Item = f64>) {
        for (found, expected) in found.iter().zip(expected) {
            assert!((f64::from(*found) - expected).abs() < 1e-6 * expected.abs().max(1.0), "{found}, not {expected}");
        }
    }

    #[test]
    fn the_loops_compute_their_formulas() {
        let x: Vec<f32> = (0..41).map(|n| (n as f32 - 20.0) * 0.7).collect();
        let up: Vec<f32> = x.iter().map(|x| x * 0.1 + 1.0).collect();
        let exact = || x.iter().map(|x| f64::from(*x)).zip(up.iter().map(|up| f64::from(*up)));
        let mut gate = x.clone();
        silu_times(&mut gate, &up);
        assert_close(&gate, exact().map(|(x, up)| x / (1.0 + (-x).exp()) * up));
        let mut gate = x.clone();
        silu(&mut gate);
        assert_close(&gate, exact().map(|(x, _)| x / (1.0 + (-x).exp())));
        let mut gate = x.clone();
        gelu_times(&mut gate, &up);
        let tanh = |x: f64| ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x)).tanh();
        assert_close(&gate, exact().map(|(x, up)| x / 2.0 * (1.0 + tanh(x)) * up));
        let mut found = vec![0.0; 41];
        normalise(&x, &up, 1e-5, &mut found);
        let mean = exact().map(|(x, _)| x * x).sum::<f64>() / 41.0;
        assert_close(&found, exact().map(|(x, up)| x / (mean + 1e-5).sqrt() * up));
        let mut into = up.clone();
        add_scaled(&mut into, &x, 0.25);
        assert_close(&into, exact().map(|(x, up)| up + x / 4.0));
    }

    #[test]
    fn products_of_few_rows_are_added() {
        let a: Vec<f32> = (0..3 * 8).map(|n| (n % 7) as f32).collect();
        let b: Vec<f32> = (0..5 * 64).map(|n| (n % 11) as f32 - 5.0).collect();
        let mut into = vec![1.0; 3 * 70];
        add_products(&a, 8, 5, &b, &mut into, 70, 64);
        for row in 0..3 {
            for column in 0..70 {
                let product: f32 =
                    (0..5).map(|k| a[row * 8 + k] * b.get(k * 64 + column).copied().unwrap_or(0.0)).sum();
                let expected = if column < 64 { 1.0 + product } else { 1.0 };
                assert_eq!(into[row * 70 + column], expected, "{row} {column}");
            }
        }
    }
}
