//! A matrix of weights in a mapped model file.

use crate::inference::InferenceError;
use crate::inference::gguf::{Gguf, Kind};
use std::ops::Range;

/// Weights `[rows, columns]`, row by row as the file has them: the product maps `columns` inputs to `rows` outputs.
#[derive(Clone)]
pub struct Matrix {
    gguf: Gguf,
    bytes: Range<usize>,
    pub kind: Kind,
    pub rows: usize,
    pub columns: usize,
}

impl Matrix {
    /// The tensor `name`, which must be `[columns, rows]` in the file's order.
    pub fn of(gguf: &Gguf, name: &str, rows: usize, columns: usize) -> Result<Matrix, InferenceError> {
        Matrix::stacked(gguf, name, rows, columns, 1).map(|mut matrices| matrices.remove(0))
    }

    /// The `count` matrices that the tensor `name` holds one after another: one for each expert.
    pub fn stacked(
        gguf: &Gguf,
        name: &str,
        rows: usize,
        columns: usize,
        count: usize,
    ) -> Result<Vec<Matrix>, InferenceError> {
        let (kind, shape, bytes) =
            gguf.place(name).ok_or_else(|| gguf.fault(&format!("the tensor {name} is missing")))?;
        let found = (shape[0], shape[1..].iter().product::<usize>());
        if found != (columns, rows * count) {
            return Err(
                gguf.fault(&format!("the tensor {name} has the shape {shape:?}, not [{columns}, {}]", rows * count))
            );
        }
        let each = kind.bytes(rows * columns);
        Ok((0..count)
            .map(|index| Matrix {
                gguf: gguf.clone(),
                bytes: bytes.start + index * each..bytes.start + (index + 1) * each,
                kind,
                rows,
                columns,
            })
            .collect())
    }

    /// All bytes.
    pub fn bytes(&self) -> &[u8] {
        self.gguf.bytes_at(&self.bytes)
    }

    /// The bytes of one row.
    pub fn row_bytes(&self) -> usize {
        self.kind.bytes(self.columns)
    }

    /// Whether activations must be quantised to be multiplied with it.
    pub fn is_quantised(&self) -> bool {
        !matches!(self.kind, Kind::F32 | Kind::F16 | Kind::Bf16)
    }

    /// Part of the rows.
    pub fn slice(&self, rows: Range<usize>) -> Matrix {
        let (each, start) = (self.row_bytes(), self.bytes.start);
        let bytes = start + rows.start * each..start + rows.end * each;
        assert!(rows.end <= self.rows, "the rows are there");
        Matrix { bytes, rows: rows.len(), gguf: self.gguf.clone(), ..*self }
    }

    /// Row `index` as floats.
    pub fn row_to_f32(&self, index: usize, into: &mut [f32]) {
        let each = self.row_bytes();
        self.kind.dequantise(&self.bytes()[index * each..][..each], into);
    }
}
