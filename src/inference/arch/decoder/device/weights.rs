//! Weights in a device's memory, copied from the mapped file: quantised ones as they are, floats in their own type.

use super::super::weights as mapped;
use crate::inference::gguf::Kind;
use crate::inference::kernel;
use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use candle_core::{DType, Device, Result, Tensor};
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
            Matrix::Floats(weights) => x.to_dtype(weights.dtype())?.matmul(&weights.t()?)?.to_dtype(DType::F32)?,
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

fn floats(values: &[f32], device: &Device) -> Result<Tensor> {
    Tensor::from_slice(values, values.len(), device)
}

fn floats_if(values: Option<&[f32]>, device: &Device) -> Result<Option<Tensor>> {
    values.map(|values| floats(values, device)).transpose()
}
