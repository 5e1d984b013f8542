//! Folders of embedding models and rerankers: their settings, and whether their weights are whole.

use super::LibraryError;
use super::describe::{Description, Memory, Share, sort};
use crate::inference::arch::encoder::Settings;
use crate::inference::catalog::Purpose;
use crate::inference::pooling;
use crate::inference::safetensors::{Safetensors, Tensor};
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::path::Path;

/// The files that such a folder has.
pub(super) const SETTINGS: &str = "config.json";
pub(super) const WEIGHTS: &str = "model.safetensors";
pub(super) const TOKENIZER: &str = "tokenizer.json";
pub(super) const NEEDED: &[&str] = &[SETTINGS, TOKENIZER, WEIGHTS];
/// The files that a folder may lack: how the vectors of tokens become one, what comes after that, the most tokens, and
/// what is put before texts.
pub(super) const OPTIONAL: &[&str] =
    &["modules.json", pooling::FILE, "sentence_bert_config.json", "config_sentence_transformers.json"];
/// Memory of an encoder beside its weights: one batch of texts.
const BUFFERS_BYTES: u64 = 60_000_000;
/// Bytes of a weight at work.
const WEIGHT_BYTES: u64 = 4;

/// Describes the model in `folder`, and refuses one that is no encoder, is cut short or lacks a file.
pub(super) fn describe(folder: &Path) -> Result<Description, LibraryError> {
    if let Some(missing) = NEEDED.iter().find(|file| !folder.join(file).is_file()) {
        let message = format!(
            "The folder {} is no model that can be used: it has no {missing}. An embedding model or reranker has {}; a \
             generator is a single .gguf file.",
            folder.display(),
            NEEDED.join(", ")
        );
        return Err(LibraryError::Refused(message));
    }
    let settings = settings(folder)?;
    let weights = folder.join(WEIGHTS);
    let file = Safetensors::open(&weights).map_err(|what| damaged(&weights, &what))?;
    let tensors = file.tensors();
    read_json::<serde_json::Value>(&folder.join(TOKENIZER))?;
    let values =
        |tensor: &Tensor| tensor.shape.iter().fold(1, |product: u64, side| product.saturating_mul(*side as u64));
    let parameters = tensors.values().map(values).fold(0, u64::saturating_add);
    let shares = shares(tensors);
    if !settings.judges {
        pooling::of_folder(folder)?;
    }
    Ok(Description {
        purpose: if settings.judges { Purpose::Reranking } else { Purpose::Embedding },
        architecture: settings.family().to_owned(),
        title: None,
        licence: None,
        parameters,
        quantisation: shares.first().map(|share| share.kind.clone()).unwrap_or_default(),
        tokens_max: Some(settings.tokens_max as u64),
        dimensions: Some(settings.hidden as u64),
        layers: Some(settings.layers as u64),
        vocabulary: Some(settings.vocabulary as u64),
        has_template: false,
        memory: memory(&settings, parameters, shares.iter().map(|share| share.bytes).sum()),
        tensors: shares,
    })
}

/// The memory of an encoder of so many `parameters`, `stored_bytes` in its file. The embeddings of tokens stay there.
pub(super) fn memory(settings: &Settings, parameters: u64, stored_bytes: u64) -> Memory {
    let words = (settings.vocabulary as u64).saturating_mul(settings.hidden as u64).min(parameters);
    let stored_words = u128::from(stored_bytes) * u128::from(words) / u128::from(parameters.max(1));
    let laid_out = (parameters - words).saturating_mul(WEIGHT_BYTES);
    Memory {
        weights_bytes: laid_out.saturating_add(u64::try_from(stored_words).unwrap_or(u64::MAX)),
        buffers_bytes: BUFFERS_BYTES,
        token_bytes: 0,
    }
}

/// Whether `file` may be in such a folder.
pub(super) fn may_have(file: &str) -> bool {
    NEEDED.contains(&file) || OPTIONAL.contains(&file)
}

/// Passes if `config.json` of `folder` is that of an encoder: known before gigabytes of anything else are fetched.
pub(super) fn check_settings(folder: &Path) -> Result<(), LibraryError> {
    settings(folder).map(drop)
}

/// What `config.json` of `folder` says of the network.
fn settings(folder: &Path) -> Result<Settings, LibraryError> {
    let config: Map<String, Value> = read_json(&folder.join(SETTINGS))?;
    let refuse = |what: String| {
        LibraryError::Refused(format!(
            "The folder {} holds a model that cannot be used: {what}. Generators are single .gguf files.",
            folder.display()
        ))
    };
    Settings::of_config(&config).map_err(refuse)
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, LibraryError> {
    let text = std::fs::read(path).map_err(LibraryError::io(format!("{} cannot be read", path.display())))?;
    serde_json::from_slice(&text).map_err(|error| damaged(path, &error.to_string()))
}

fn shares(tensors: &HashMap<String, Tensor>) -> Vec<Share> {
    let mut shares: Vec<Share> = Vec::new();
    for tensor in tensors.values() {
        let bytes = tensor.bytes.len() as u64;
        match shares.iter_mut().find(|share| share.kind == tensor.dtype) {
            Some(share) => {
                share.tensors += 1;
                share.bytes += bytes;
            }
            None => shares.push(Share { kind: tensor.dtype.clone(), tensors: 1, bytes }),
        }
    }
    sort(&mut shares);
    shares
}

fn damaged(path: &Path, what: &str) -> LibraryError {
    LibraryError::Refused(format!(
        "{} is damaged or of another kind: {what}. Copy or download it again.",
        path.display()
    ))
}
