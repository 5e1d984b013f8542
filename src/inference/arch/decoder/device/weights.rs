//! Weights in a device's memory, copied from the mapped file: quantised ones as they are, floats in their own type.

use super::super::weights as mapped;
use crate::inference::gguf::Kind;
use crate::inference::kernel;
use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use candle_core::{D, DType, Device, Result, Tensor};
use std::borrow::Cow;
use std::sync::Arc;

/// All weights of a network of plain layers.
pub struct Weights {
    pub embeddings: Matrix,
    pub layers: Vec<Layer>,
    pub norm: Tensor,
    pub head: Biased,
}

pub struct Layer {
    pub mixer_norm: Tensor,
    pub attention: Attention,
    pub mixer_norm_after: Option<Tensor>,
    pub feed_norm: Tensor,
    pub feed: Gated,
    pub feed_norm_after: Option<Tensor>,
}

pub struct Attention {
    pub query: Biased,
    pub key: Biased,
    pub value: Biased,
    pub query_norm: Option<Tensor>,
    pub key_norm: Option<Tensor>,
    pub output: Biased,
    pub kv_heads: usize,
}

/// `down(activation(gate(x)) * up(x))`
pub struct Gated {
    pub gate: Biased,
    pub up: Biased,
    pub down: Biased,
}

/// A matrix and what is added to its product.
pub struct Biased {
    matrix: Matrix,
    bias: Option<Tensor>,
}

/// Weights `[rows, columns]`.
#[derive(Clone)]
pub enum Matrix {
    Quantised(Arc<QTensor>),
    /// In the type that the file has.
    Floats(Tensor),
}

impl Weights {
    /// Copies `weights` to `device`.
    pub fn load(weights: &mapped::Weights, device: &Device) -> Result<Weights> {
        let embeddings = Matrix::load(&weights.embeddings, device)?;
        let head = match std::ptr::eq(weights.head.bytes(), weights.embeddings.bytes()) {
            true => embeddings.clone(),
            false => Matrix::load(&weights.head, device)?,
        };
        Ok(Weights {
            embeddings,
            layers: weights.layers.iter().map(|layer| Layer::load(layer, device)).collect::<Result<_>>()?,
            norm: floats(&weights.norm, device)?,
            head: Biased { matrix: head, bias: floats_if(weights.head_bias.as_deref(), device)? },
        })
    }
}

impl Layer {
    fn load(layer: &mapped::Layer, device: &Device) -> Result<Layer> {
        let (mapped::Mixer::Attention(attention), mapped::Feed::Dense(feed)) = (&layer.mixer, &layer.feed) else {
            candle_core::bail!("this network has layers that are computed on the processor only");
        };
        Ok(Layer {
            mixer_norm: floats(&layer.mixer_norm, device)?,
            attention: Attention {
                query: Biased::load(&attention.query, device)?,
                key: Biased::load(&attention.key, device)?,
                value: Biased::load(&attention.value, device)?,
                query_norm: floats_if(attention.query_norm.as_deref(), device)?,
                key_norm: floats_if(attention.key_norm.as_deref(), device)?,
                output: Biased::load(&attention.output, device)?,
                kv_heads: attention.kv_heads,
            },
            mixer_norm_after: floats_if(layer.mixer_norm_after.as_deref(), device)?,
            feed_norm: floats(&layer.feed_norm, device)?,
            feed: Gated {
                gate: Biased::load(&feed.gate, device)?,
                up: Biased::load(&feed.up, device)?,
                down: Biased::load(&feed.down, device)?,
            },
            feed_norm_after: floats_if(layer.feed_norm_after.as_deref(), device)?,
        })
    }
}

impl Biased {
    fn load(weights: &mapped::Biased, device: &Device) -> Result<Biased> {
        Ok(Biased { matrix: Matrix::load(&weights.matrix, device)?, bias: floats_if(weights.bias.as_deref(), device)? })
    }

    /// The product with every row of `x`, `[rows, columns]`, bias added.
    pub fn product(&self, x: &Tensor) -> Result<Tensor> {
        let product = match &self.matrix {
            Matrix::Quantised(weights) => x.contiguous()?.apply_op1_no_bwd(weights.as_ref())?,
            Matrix::Floats(weights) => product_of_floats(weights, x)?,
        };
        match &self.bias {
            None => Ok(product),
            Some(bias) => product.broadcast_add(bias),
        }
    }
}

impl Matrix {
    fn load(matrix: &kernel::Matrix, device: &Device) -> Result<Matrix> {
        let shape = (matrix.rows, matrix.columns);
        let floats = |kind| {
            let tensor = Tensor::from_raw_buffer(matrix.bytes(), kind, &[shape.0, shape.1], device)?;
            Ok(Matrix::Floats(tensor))
        };
        let quantised = |kind| {
            let storage = QStorage::from_data(Cow::Borrowed(matrix.bytes()), device, kind)?;
            Ok(Matrix::Quantised(Arc::new(QTensor::new(storage, shape)?)))
        };
        match matrix.kind {
            Kind::F32 => floats(DType::F32),
            Kind::F16 => floats(DType::F16),
            Kind::Bf16 => floats(DType::BF16),
            Kind::Q4_0 => quantised(GgmlDType::Q4_0),
            Kind::Q8_0 => quantised(GgmlDType::Q8_0),
            Kind::Q4K => quantised(GgmlDType::Q4K),
            Kind::Q5K => quantised(GgmlDType::Q5K),
            Kind::Q6K => quantised(GgmlDType::Q6K),
        }
    }

    /// The rows of these numbers as floats: `[indices, columns]`.
    pub fn rows(&self, indices: &Tensor) -> Result<Tensor> {
        match self {
            Matrix::Quantised(weights) => weights.embedding(indices)?.to_dtype(DType::F32),
            Matrix::Floats(weights) => weights.index_select(indices, 0)?.to_dtype(DType::F32),
        }
    }
}

/// The product of `weights` in their own type with every row of `x`. Each row is brought to at most 1 and back, since
/// networks have activations that two bytes do not hold.
fn product_of_floats(weights: &Tensor, x: &Tensor) -> Result<Tensor> {
    if weights.dtype() == DType::F32 {
        return x.matmul(&weights.t()?);
    }
    // Not less than the smallest normal float: a row of nothing stays nothing.
    let largest = x.abs()?.max_keepdim(D::Minus1)?.maximum(f32::MIN_POSITIVE)?;
    let product = x.broadcast_div(&largest)?.to_dtype(weights.dtype())?.matmul(&weights.t()?)?;
    product.to_dtype(DType::F32)?.broadcast_mul(&largest)
}

fn floats(values: &[f32], device: &Device) -> Result<Tensor> {
    Tensor::from_slice(values, values.len(), device)
}

fn floats_if(values: Option<&[f32]>, device: &Device) -> Result<Option<Tensor>> {
    values.map(|values| floats(values, device)).transpose()
}

#[cfg(test)]
mod tests {
    use super::{Biased, Matrix, kernel};
    use crate::inference::gguf::{Gguf, Kind};
    use candle_core::{Device, Tensor};

    /// The types with their numbers in a file.
    const KINDS: &[(u32, Kind)] = &[
        (0, Kind::F32),
        (1, Kind::F16),
        (2, Kind::Q4_0),
        (8, Kind::Q8_0),
        (12, Kind::Q4K),
        (13, Kind::Q5K),
        (14, Kind::Q6K),
        (30, Kind::Bf16),
    ];
    const COLUMNS: usize = 256;

    /// A matrix of a file, of the type of number `number`: `[rows, COLUMNS]`.
    fn matrix(number: u32, rows: usize, data: &[u8]) -> kernel::Matrix {
        let mut bytes = b"GGUF\x03\0\0\0".to_vec();
        bytes.extend([1u64, 0, 1].iter().flat_map(|count| count.to_le_bytes()));
        bytes.extend(b"w");
        bytes.extend(2u32.to_le_bytes());
        bytes.extend([COLUMNS as u64, rows as u64].iter().flat_map(|side| side.to_le_bytes()));
        bytes.extend(number.to_le_bytes());
        bytes.extend(0u64.to_le_bytes());
        bytes.resize(bytes.len().next_multiple_of(32), 0);
        bytes.extend(data);
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), bytes).expect("written");
        let gguf = Gguf::open(file.path()).expect("a good file");
        kernel::Matrix::of(&gguf, "w", rows, COLUMNS).expect("the matrix")
    }

    /// Three rows of weights of moderate size.
    fn weights(kind: Kind) -> Vec<u8> {
        let value = |index: usize| (index as f32 * 0.7).cos() / 16.0;
        let floats = (0..3 * COLUMNS).map(value);
        match kind {
            Kind::F32 => floats.flat_map(f32::to_le_bytes).collect(),
            Kind::F16 => floats.flat_map(|value| half::f16::from_f32(value).to_le_bytes()).collect(),
            Kind::Bf16 => floats.flat_map(|value| half::bf16::from_f32(value).to_le_bytes()).collect(),
            quantised => {
                let mut bytes: Vec<u8> = (0..quantised.bytes(3 * COLUMNS)).map(|index| (index * 89) as u8).collect();
                for block in bytes.chunks_exact_mut(quantised.bytes(quantised.block())) {
                    let scale = half::f16::from_f32(0.01).to_le_bytes();
                    let at = if quantised == Kind::Q6K { 208 } else { 0 };
                    block[at..at + 2].copy_from_slice(&scale);
                    if matches!(quantised, Kind::Q4K | Kind::Q5K) {
                        block[2..4].copy_from_slice(&scale);
                    }
                }
                bytes
            }
        }
    }

    fn check(number: u32, kind: Kind, x: &[f32]) -> candle_core::Result<()> {
        let mapped = matrix(number, 3, &weights(kind));
        let loaded = Matrix::load(&mapped, &Device::Cpu)?;
        let mut plain = vec![0.0; 3 * COLUMNS];
        kind.dequantise(mapped.bytes(), &mut plain);
        let rows = loaded.rows(&Tensor::new(&[2u32, 0], &Device::Cpu)?)?.flatten_all()?.to_vec1::<f32>()?;
        assert_eq!(rows, [&plain[2 * COLUMNS..], &plain[..COLUMNS]].concat(), "{}", kind.name());
        let x_there = Tensor::from_slice(x, (1, COLUMNS), &Device::Cpu)?;
        let product = Biased { matrix: loaded, bias: None }.product(&x_there)?.flatten_all()?.to_vec1::<f32>()?;
        for (found, row) in product.iter().zip(plain.chunks_exact(COLUMNS)) {
            let products = || row.iter().zip(x).map(|(w, x)| w * x);
            let (exact, size): (f32, f32) = (products().sum(), products().map(f32::abs).sum());
            assert!((found - exact).abs() <= 0.01 * size, "{}: {found}, not {exact}", kind.name());
        }
        Ok(())
    }

    #[test]
    fn weights_of_every_type_are_what_the_file_says() {
        for (number, kind) in KINDS {
            // Small activations, none, and such as two bytes do not hold.
            for size in [1.0, 0.0, 1e6] {
                let x: Vec<f32> = (0..COLUMNS).map(|index| (index as f32 * 0.7).cos() * size).collect();
                check(*number, *kind, &x).expect("nothing fails");
            }
        }
    }
}
