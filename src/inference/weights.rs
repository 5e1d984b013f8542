//! A model's folder, read and checked: settings, tensors, and the hash that identifies them.

use super::InferenceError;
use super::catalog;
use candle_core::safetensors::BufferedSafetensors;
use candle_core::{DType, Device};
use serde::Deserialize;
use std::path::Path;

/// The settings of a BERT encoder, as its `config.json` gives them.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Settings {
    pub model_type: String,
    pub hidden_act: String,
    pub hidden_size: usize,
    pub intermediate_size: usize,
    pub num_attention_heads: usize,
    pub num_hidden_layers: usize,
    pub max_position_embeddings: usize,
    pub layer_norm_eps: f32,
    pub vocab_size: usize,
}

/// A folder's settings and its file of tensors, which are made one at a time: all of them at once would need the memory
/// twice.
pub(super) struct Weights {
    pub settings: Settings,
    /// SHA-256 of `model.safetensors` in hexadecimal.
    pub sha256: String,
    file: BufferedSafetensors,
}

/// The part of `1_Pooling/config.json` that matters.
#[derive(Deserialize)]
struct Pooling {
    pooling_mode_mean_tokens: bool,
}

impl Weights {
    /// Reads `config.json` and `model.safetensors` of `folder`, and refuses what cannot be computed rightly.
    pub(super) fn read(folder: &Path) -> Result<Weights, InferenceError> {
        let settings: Settings = parse(folder, "config.json", &read(folder, "config.json")?)?;
        check(folder, &settings)?;
        let bytes = read(folder, "model.safetensors")?;
        let sha256 = catalog::sha256_hex(&bytes);
        let file = BufferedSafetensors::new(bytes)
            .map_err(|error| damaged(folder, "model.safetensors", &error.to_string()))?;
        Ok(Weights { settings, sha256, file })
    }

    /// The values of tensor `name` of `shape`, row-major, whatever floating-point type they are stored in.
    pub(super) fn take(&self, folder: &Path, name: &str, shape: &[usize]) -> Result<Vec<f32>, InferenceError> {
        let fault = |what: String| damaged(folder, "model.safetensors", &what);
        // Some exports put the encoder under `bert.`.
        let prefixed = format!("bert.{name}");
        let known = [name, &prefixed].into_iter().find(|name| self.file.get(name).is_ok());
        let known = known.ok_or_else(|| fault(format!("the tensor {name} is missing")))?;
        let tensor = self.file.load(known, &Device::Cpu).map_err(|error| fault(error.to_string()))?;
        if tensor.dims() != shape {
            return Err(fault(format!("the tensor {name} has the shape {:?}, not {shape:?}", tensor.dims())));
        }
        tensor
            .to_dtype(DType::F32)
            .and_then(|floats| floats.flatten_all())
            .and_then(|flat| flat.to_vec1())
            .map_err(|error| fault(error.to_string()))
    }
}

/// The bytes of `file`, if it is there and, for a model of the catalog, has its published checksum.
pub(super) fn read(folder: &Path, file: &str) -> Result<Vec<u8>, InferenceError> {
    let path = folder.join(file);
    let bytes = std::fs::read(&path).map_err(|error| {
        InferenceError::Model(format!(
            "The embedding model cannot be loaded: {} cannot be read ({error}). Its folder needs model.safetensors, \
             tokenizer.json and config.json: copy the model there again, or reinstall the package that holds it.",
            path.display()
        ))
    })?;
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    match catalog::published_sha256(&name, file) {
        Some(published) if published != catalog::sha256_hex(&bytes) => Err(damaged(
            folder,
            file,
            &format!("it is not the published file of {name} (for a model of your own, rename the folder)"),
        )),
        _ => Ok(bytes),
    }
}

/// The error for a file that is there and cannot be used.
pub(super) fn damaged(folder: &Path, file: &str, what: &str) -> InferenceError {
    InferenceError::Model(format!(
        "The embedding model cannot be loaded: {} is damaged or of another kind: {what}. Copy the model's folder \
         there again, or reinstall the package that holds it.",
        folder.join(file).display()
    ))
}

fn parse<T: serde::de::DeserializeOwned>(folder: &Path, file: &str, bytes: &[u8]) -> Result<T, InferenceError> {
    serde_json::from_slice(bytes).map_err(|error| damaged(folder, file, &error.to_string()))
}

/// Refuses architectures, activations and poolings that would be computed wrongly.
fn check(folder: &Path, settings: &Settings) -> Result<(), InferenceError> {
    let refuse = |what: String| Err(damaged(folder, "config.json", &what));
    if settings.model_type != "bert" {
        return refuse(format!("the architecture `{}` is not supported, only `bert` is", settings.model_type));
    }
    if settings.hidden_act != "gelu" {
        return refuse(format!("the activation `{}` is not supported, only `gelu` is", settings.hidden_act));
    }
    if settings.num_attention_heads == 0 || !settings.hidden_size.is_multiple_of(settings.num_attention_heads) {
        return refuse("hidden_size is not a multiple of num_attention_heads".to_owned());
    }
    let pooling = "1_Pooling/config.json";
    if folder.join(pooling).exists() {
        let stated: Pooling = parse(folder, pooling, &read(folder, pooling)?)?;
        if !stated.pooling_mode_mean_tokens {
            return Err(damaged(folder, pooling, "only mean pooling is supported"));
        }
    }
    Ok(())
}
