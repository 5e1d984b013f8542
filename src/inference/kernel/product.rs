//! Products of matrices with activations, several at a time, dealt out to the cores.

use super::activations::Quantised;
use super::dot::{self, Row};
use super::isa::Isa;
use super::panel::{self, Form};
use super::threads::{self, Shared};
use super::tile::{self, FLAT, TALL};
use super::{Matrix, float};
use std::cell::RefCell;

/// From so many rows of activations on, packing weights pays.
fn packed_rows_min(isa: Isa) -> usize {
    match isa {
        Isa::Avx2 => 6,
        _ => 4,
    }
}

/// Bytes of panels that a core keeps in its cache while it goes through the activations.
const PANELS_BYTES: usize = 256 << 10;
/// Tasks for each core, so that a core that is disturbed holds up the others little.
const TASKS_PER_CORE: usize = 8;

thread_local! {
    /// Panels of the weights at hand.
    static PANELS: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A matrix and where its product goes: `[rows of activations, rows of the matrix]`.
pub struct Product<'a> {
    pub matrix: &'a Matrix,
    pub into: &'a mut [f32],
}

/// Part of one product: some rows of its matrix.
struct Task {
    product: usize,
    first: usize,
    rows: usize,
}

/// Multiplies each matrix with the same activations, given as floats `[rows, columns]` and, if any matrix is quantised,
/// in eight bits.
pub fn multiply(products: &mut [Product], floats: &[f32], quantised: &Quantised) {
    let isa = Isa::best();
    let Some(columns) = products.first().map(|product| product.matrix.columns) else {
        return;
    };
    let height = floats.len() / columns;
    let total: usize = products.iter().map(|product| product.matrix.rows).sum();
    let is_packed = height >= packed_rows_min(isa);
    let step = step(total, columns, is_packed);
    let mut tasks = Vec::new();
    for (index, product) in products.iter().enumerate() {
        assert_eq!(product.matrix.columns, columns, "the matrices take the same activations");
        assert_eq!(product.into.len(), height * product.matrix.rows, "the product has its place");
        assert!(!product.matrix.is_quantised() || (quantised.rows, quantised.columns) == (height, columns));
        let rows = product.matrix.rows;
        tasks.extend((0..rows).step_by(step).map(|first| Task { product: index, first, rows: step.min(rows - first) }));
    }
    let places: Vec<(&Matrix, Shared<f32>)> =
        products.iter_mut().map(|product| (product.matrix, Shared::new(product.into))).collect();
    threads::share(tasks.len(), |index| {
        let task = &tasks[index];
        let (matrix, into) = places[task.product];
        let row_bytes = matrix.row_bytes();
        let weights = &matrix.bytes()[task.first * row_bytes..][..task.rows * row_bytes];
        // SAFETY: the columns `first..first + rows` of the product are this task's alone, and the slice is borrowed
        // until all tasks are done.
        unsafe {
            let into = into.at(task.first);
            if !matrix.is_quantised() {
                float::multiply(matrix.kind, weights, columns, floats, into, matrix.rows);
            } else if is_packed {
                many(isa, matrix, weights, quantised, into);
            } else {
                few(isa, matrix, weights, quantised, into);
            }
        }
    });
}

/// Rows of weights in one task.
fn step(rows: usize, columns: usize, is_packed: bool) -> usize {
    let even = rows.div_ceil(threads::count() * TASKS_PER_CORE);
    let fitting = if is_packed { PANELS_BYTES / columns } else { usize::MAX };
    even.min(fitting).next_multiple_of(panel::ROWS).max(panel::ROWS)
}

/// Products with a few rows of activations.
///
/// # Safety
/// `into` may be written at `m * matrix.rows + n` for each row `m` of activations and `n` of weights.
unsafe fn few(isa: Isa, matrix: &Matrix, weights: &[u8], activations: &Quantised, into: *mut f32) {
    /// Rows of weights that stay in the nearest cache while each row of activations passes by.
    const NEAR: usize = 16;
    let row_bytes = matrix.row_bytes();
    let near = if activations.rows == 1 { usize::MAX / row_bytes } else { NEAR };
    for (chunk, weights) in weights.chunks(near * row_bytes).enumerate() {
        for row in 0..activations.rows {
            // SAFETY: promised by the caller.
            let into = unsafe {
                std::slice::from_raw_parts_mut(into.add(row * matrix.rows + chunk * near), weights.len() / row_bytes)
            };
            dot::rows(isa, matrix.kind, weights, Row::of(activations, row), into);
        }
    }
}

/// Products with many rows of activations.
///
/// # Safety
/// As [`few`].
unsafe fn many(isa: Isa, matrix: &Matrix, weights: &[u8], activations: &Quantised, into: *mut f32) {
    let form = Form::of(matrix.kind);
    let panel_bytes = form.bytes(matrix.columns);
    let rows_bytes = panel::ROWS * matrix.row_bytes();
    PANELS.with_borrow_mut(|panels| {
        panels.resize(weights.len().div_ceil(rows_bytes) * panel_bytes, 0);
        for (rows, panel) in weights.chunks(rows_bytes).zip(panels.chunks_exact_mut(panel_bytes)) {
            panel::pack(matrix.kind, rows, matrix.columns, panel);
        }
        let widths = weights.chunks(rows_bytes).map(|rows| rows.len() / matrix.row_bytes());
        let mut row = 0;
        while row < activations.rows {
            let left = activations.rows - row;
            for (index, (panel, width)) in panels.chunks_exact(panel_bytes).zip(widths.clone()).enumerate() {
                // SAFETY: promised by the caller; only rows and columns that are there are written.
                let write = |products: &[[f32; panel::ROWS]]| unsafe {
                    for (at, products) in products.iter().take(left).enumerate() {
                        let into = into.add((row + at) * matrix.rows + index * panel::ROWS);
                        std::ptr::copy_nonoverlapping(products.as_ptr(), into, width);
                    }
                };
                if left > FLAT {
                    let mut products = [[0.0; panel::ROWS]; TALL];
                    tile::multiply(isa, form, panel, activations, row, &mut products);
                    write(&products);
                } else {
                    let mut products = [[0.0; panel::ROWS]; FLAT];
                    tile::multiply(isa, form, panel, activations, row, &mut products);
                    write(&products);
                }
            }
            row += if left > FLAT { TALL } else { FLAT };
        }
    });
}
