//! The same encoder as candle's own BERT computes it, padded and masked: what the fused one is held against in tests,
//! and what its speed is compared with.

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config};
use std::path::Path;

pub(in crate::inference) struct Plain {
    model: BertModel,
}

impl Plain {
    pub(in crate::inference) fn load(folder: &Path) -> Plain {
        let settings = std::fs::read(folder.join("config.json")).expect("the settings are there");
        let config: Config = serde_json::from_slice(&settings).expect("the settings are a BERT's");
        let bytes = std::fs::read(folder.join("model.safetensors")).expect("the weights are there");
        let weights =
            VarBuilder::from_buffered_safetensors(bytes, DType::F32, &Device::Cpu).expect("the weights are whole");
        Plain { model: BertModel::load(weights, &config).expect("the weights fit the settings") }
    }

    /// The unit vectors of `sequences`, computed as one padded batch.
    pub(in crate::inference) fn embed(&self, sequences: &[Vec<u32>]) -> Vec<Vec<f32>> {
        self.forward(sequences).expect("the shapes agree")
    }

    fn forward(&self, sequences: &[Vec<u32>]) -> candle_core::Result<Vec<Vec<f32>>> {
        let longest = sequences.iter().map(Vec::len).max().unwrap_or(0);
        let padded = |of: &dyn Fn(&[u32], usize) -> u32| {
            let values = sequences.iter().flat_map(|ids| (0..longest).map(|at| of(ids, at)).collect::<Vec<_>>());
            Tensor::from_iter(values, &Device::Cpu)?.reshape((sequences.len(), longest))
        };
        let ids = padded(&|ids, at| ids.get(at).copied().unwrap_or(0))?;
        let mask = padded(&|ids, at| u32::from(at < ids.len()))?;
        let states = self.model.forward(&ids, &ids.zeros_like()?, Some(&mask))?;
        let mask = mask.to_dtype(DType::F32)?.unsqueeze(2)?;
        let means = states.broadcast_mul(&mask)?.sum(1)?.broadcast_div(&mask.sum(1)?)?;
        means.broadcast_div(&means.sqr()?.sum_keepdim(1)?.sqrt()?)?.to_vec2()
    }
}
