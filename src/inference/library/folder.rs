//! Folders of embedding models and rerankers: their settings, and whether their weights are whole.

use super::LibraryError;
use super::describe::{Description, Memory, Share, sort};
use crate::inference::arch::encoder::Settings;
use crate::inference::catalog::Purpose;
use crate::inference::pooling;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::fs::File;
use std::io::Read as _;
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
/// The largest description of tensors, in bytes.
const HEADER_BYTES_MAX: u64 = 64 << 20;
/// Memory of an encoder beside its weights: one batch of texts.
const BUFFERS_BYTES: u64 = 60_000_000;
/// Bytes of a weight at work.
const WEIGHT_BYTES: u64 = 4;

/// One tensor in the header of a file of safetensors.
#[derive(Deserialize)]
struct Tensor {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

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
    let tensors = tensors(&folder.join(WEIGHTS))?;
    read_json::<serde_json::Value>(&folder.join(TOKENIZER))?;
    let values = |tensor: &Tensor| tensor.shape.iter().fold(1, |product: u64, side| product.saturating_mul(*side));
    let parameters = tensors.values().map(values).fold(0, u64::saturating_add);
    let shares = shares(&tensors);
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

/// The tensors of a file of safetensors, all of whose bytes are there: the length of its header, the header as JSON,
/// the data (<https://huggingface.co/docs/safetensors/index#format>).
fn tensors(path: &Path) -> Result<HashMap<String, Tensor>, LibraryError> {
    let failed = || LibraryError::io(format!("{} cannot be read", path.display()));
    let mut file = File::open(path).map_err(failed())?;
    let bytes = file.metadata().map_err(failed())?.len();
    let mut length = [0; 8];
    file.read_exact(&mut length).map_err(|_| damaged(path, "it is cut short"))?;
    let length = u64::from_le_bytes(length);
    if length > HEADER_BYTES_MAX || length.saturating_add(8) > bytes {
        return Err(damaged(path, "it is cut short, or no file of safetensors"));
    }
    let mut header = vec![0; length as usize];
    file.read_exact(&mut header).map_err(failed())?;
    let mut header: HashMap<String, serde_json::Value> =
        serde_json::from_slice(&header).map_err(|error| damaged(path, &error.to_string()))?;
    header.remove("__metadata__");
    let parsed = header.into_iter().map(|(name, value)| Ok((name, serde_json::from_value(value)?)));
    let tensors: HashMap<String, Tensor> =
        parsed.collect::<Result<_, serde_json::Error>>().map_err(|error| damaged(path, &error.to_string()))?;
    let end = tensors.values().map(|tensor| tensor.data_offsets.1).max().unwrap_or(0);
    let whole = end.saturating_add(8 + length);
    match whole <= bytes {
        true => Ok(tensors),
        false => Err(damaged(path, &format!("it is cut short: {bytes} bytes are there of {whole}"))),
    }
}

fn shares(tensors: &HashMap<String, Tensor>) -> Vec<Share> {
    let mut shares: Vec<Share> = Vec::new();
    for tensor in tensors.values() {
        let bytes = tensor.data_offsets.1.saturating_sub(tensor.data_offsets.0);
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
