//! How an embedding model's files say that the states of tokens become one vector.
//!
//! A folder says so as sentence-transformers writes it (`modules.json`, `1_Pooling/config.json`), a GGUF file in its
//! metadata; where neither does, the catalog may know it. A model that does more than pool and scale is refused, since
//! its vectors would be wrong.

use super::InferenceError;
use super::arch::encoder::Pooling;
use super::catalog::Entry;
use super::gguf::Gguf;
use super::weights::{self, Weights};
use serde_json::{Map, Value};
use std::path::Path;

/// The files of a folder.
const MODULES: &str = "modules.json";
pub(super) const FILE: &str = "1_Pooling/config.json";
/// Steps of sentence-transformers that are computed here. Vectors are scaled to unit length in any case.
const KNOWN: &[&str] = &["Transformer", "Pooling", "Normalize"];
/// The switches in a file of pooling, and what they mean here; the square root of a length falls out of the scaling.
const SWITCHES: &[(&str, Option<Pooling>)] = &[
    ("pooling_mode_cls_token", Some(Pooling::Cls)),
    ("pooling_mode_mean_tokens", Some(Pooling::Mean)),
    ("pooling_mode_mean_sqrt_len_tokens", Some(Pooling::Mean)),
    ("pooling_mode_lasttoken", Some(Pooling::Last)),
    ("pooling_mode_max_tokens", None),
    ("pooling_mode_weightedmean_tokens", None),
];

/// The pooling of the model that has `weights` and is `known` to the catalog, maybe.
///
/// # Errors
/// [`InferenceError::Model`] for a pooling that is not supported, and for steps after it.
pub(super) fn of(weights: &Weights, known: Option<&Entry>) -> Result<Pooling, InferenceError> {
    let stated = match weights.gguf() {
        None => of_folder(&weights.path)?,
        Some(gguf) => of_gguf(gguf)?,
    };
    let by_name = || known?.pooling.as_deref().and_then(Pooling::parse);
    Ok(stated.or_else(by_name).unwrap_or(Pooling::Mean))
}

/// The pooling that `gguf` states, if it does (`llama_pooling_type` in llama.cpp).
///
/// # Errors
/// As [`of`].
pub(super) fn of_gguf(gguf: &Gguf) -> Result<Option<Pooling>, InferenceError> {
    let metadata = gguf.metadata();
    let architecture = metadata.text("general.architecture").unwrap_or_default();
    match metadata.u64(&format!("{architecture}.pooling_type")) {
        None | Some(0) => Ok(None),
        Some(1) => Ok(Some(Pooling::Mean)),
        Some(2) => Ok(Some(Pooling::Cls)),
        Some(3) => Ok(Some(Pooling::Last)),
        Some(other) => Err(gguf.fault(&format!("its pooling {other} is not supported"))),
    }
}

/// The pooling that `folder` states, if it does.
///
/// # Errors
/// As [`of`].
pub(super) fn of_folder(folder: &Path) -> Result<Option<Pooling>, InferenceError> {
    if folder.join(MODULES).is_file() {
        let modules: Vec<Map<String, Value>> = weights::read_json(folder, MODULES)?;
        for module in &modules {
            let kind = module.get("type").and_then(Value::as_str).unwrap_or_default();
            if !KNOWN.contains(&kind.rsplit('.').next().unwrap_or_default()) {
                let what = format!("its step {kind} is not supported; supported are {}", KNOWN.join(", "));
                return Err(weights::damaged(folder, MODULES, &what));
            }
        }
    }
    if !folder.join(FILE).is_file() {
        return Ok(None);
    }
    let stated: Map<String, Value> = weights::read_json(folder, FILE)?;
    let refuse = |what: &str| weights::damaged(folder, FILE, what);
    if stated.get("include_prompt") == Some(&Value::Bool(false)) {
        return Err(refuse("it leaves the prefix of a text out of the pooling, which is not supported"));
    }
    // Newer files name the pooling, older ones have a switch for each.
    if let Some(name) = stated.get("pooling_mode").and_then(Value::as_str) {
        let found = SWITCHES.iter().find(|(switch, _)| {
            let rest = switch.trim_start_matches("pooling_mode_");
            rest == name || rest.trim_end_matches("_tokens").trim_end_matches("_token") == name
        });
        return match found {
            Some((_, Some(pooling))) => Ok(Some(*pooling)),
            _ => Err(refuse(&format!("the pooling {name} is not supported"))),
        };
    }
    let on = |switch: &str| stated.get(switch) == Some(&Value::Bool(true));
    let chosen: Vec<_> = SWITCHES.iter().filter(|(switch, _)| on(switch)).collect();
    match chosen.as_slice() {
        [(_, Some(pooling))] => Ok(Some(*pooling)),
        _ => Err(refuse("its pooling is not supported; supported are mean, cls and the last token, one at a time")),
    }
}
