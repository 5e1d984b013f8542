//! Weights: the right factor of many matrix products, laid out once for the processor at hand.
//!
//! A product of any two matrices begins by copying them into the order that its inner loop likes. For the few rows of a
//! question that takes half as long as the product, and for weights it is always the same copy: here it is made once.

#[cfg(target_arch = "x86_64")]
mod panels;

use super::kernel::{self, Before, Share, View};

/// A matrix `[inputs, outputs]` to multiply by.
pub(super) struct Packed {
    inputs: usize,
    outputs: usize,
    form: Form,
}

enum Form {
    /// Row after row, for the general product.
    Rows(Vec<f32>),
    #[cfg(target_arch = "x86_64")]
    Panels(panels::Panels),
}

impl Packed {
    /// Lays out `values`, which stand row after row: a row for each input, a column for each output.
    pub(super) fn new(values: Vec<f32>, outputs: usize) -> Packed {
        let inputs = values.len() / outputs;
        assert_eq!(values.len(), inputs * outputs, "the rows are whole");
        Packed { inputs, outputs, form: form(values, outputs) }
    }

    /// `into = a * self` or `into += a * self`, where row `i` of `into` begins at `i * into_row_step`.
    pub(super) fn multiply(&self, into: &mut [f32], into_row_step: usize, before: Before, a: View, share: Share) {
        match &self.form {
            Form::Rows(values) => {
                let weights = View::dense(values, self.inputs, self.outputs);
                kernel::multiply(into, into_row_step, before, a, weights, share);
            }
            #[cfg(target_arch = "x86_64")]
            Form::Panels(panels) => panels.multiply(into, into_row_step, before, a, share),
        }
    }
}

/// The form that is the fastest here.
///
/// The loops over panels live in this crate, which a development build hardly optimises: there the general product, which
/// lives in a crate that is, takes a fraction of the time.
fn form(values: Vec<f32>, outputs: usize) -> Form {
    #[cfg(target_arch = "x86_64")]
    if !cfg!(debug_assertions)
        && let Some(panels) = panels::Panels::new(&values, outputs)
    {
        return Form::Panels(panels);
    }
    Form::Rows(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A small whole number, so that sums are exact however they are added up.
    fn value(at: usize) -> f32 {
        (at * 7919 % 13) as f32 - 6.0
    }

    /// Compares all ways to multiply `rows` rows, `a_step` apart, with the plain sum.
    fn check(rows: usize, inputs: usize, outputs: usize, a_step: usize, into_step: usize) {
        let weights: Vec<f32> = (0..inputs * outputs).map(value).collect();
        let a: Vec<f32> = (0..rows * a_step).map(|at| value(at + 5)).collect();
        let view = View { data: &a, rows, columns: inputs, row_step: a_step, column_step: 1 };
        #[cfg(target_arch = "x86_64")]
        let panels = panels::Panels::new(&weights, outputs).map(Form::Panels);
        #[cfg(not(target_arch = "x86_64"))]
        let panels = None;
        for form in [Some(Form::Rows(weights.clone())), panels].into_iter().flatten() {
            let packed = Packed { inputs, outputs, form };
            for (before, kept) in [(Before::Added, 1.0), (Before::Replaced, 0.0)] {
                for share in [Share::One, Share::All] {
                    let mut into = vec![3.0; rows * into_step];
                    packed.multiply(&mut into, into_step, before, view, share);
                    for (at, found) in into.iter().enumerate() {
                        let (row, column) = (at / into_step, at % into_step);
                        let term = |input: usize| a[row * a_step + input] * weights[input * outputs + column];
                        let expected = match column < outputs {
                            true => 3.0 * kept + (0..inputs).map(term).sum::<f32>(),
                            false => 3.0,
                        };
                        assert_eq!(*found, expected, "{rows}x{inputs}x{outputs}: row {row}, column {column}");
                    }
                }
            }
        }
    }

    #[test]
    fn every_way_to_multiply_gives_the_sum() {
        for rows in 1..=13 {
            check(rows, 5, 16, 5, 16);
        }
        check(7, 900, 48, 901, 50);
        check(300, 17, 32, 20, 32);
        check(40, 400, 160, 400, 160);
        // No whole panels.
        check(4, 3, 18, 3, 18);
    }
}
