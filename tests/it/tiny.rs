//! Encoders of random weights, small enough to be made by each test, in the folders that real ones come in.

use std::path::PathBuf;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::appliance::{folder, models};

/// The name of the embedding model.
pub const EMBEDDER: &str = "tiny-64";
/// The name of the reranker.
pub const RERANKER: &str = "tiny-reranker";
/// The width, and the length of the vectors.
pub const HIDDEN: usize = 64;
const INNER: usize = 128;
const VOCABULARY: usize = 30_522;
const POSITIONS: usize = 512;

/// A tensor's name and shape.
type Tensor = (String, Vec<usize>);

/// A folder that holds an embedding model, as it would come on a stick.
pub fn embedder(seed: u64) -> (TempDir, PathBuf) {
    made(EMBEDDER, "BertModel", seed, network(""))
}

/// A folder that holds a reranker.
pub fn reranker(seed: u64) -> (TempDir, PathBuf) {
    let mut tensors = network("bert.");
    tensors.extend(dense("bert.pooler.dense", HIDDEN, HIDDEN));
    tensors.extend(dense("classifier", 1, HIDDEN));
    made(RERANKER, "BertForSequenceClassification", seed, tensors)
}

/// The folder called `name`, with the built-in model's tokenizer.
fn made(name: &str, class: &str, seed: u64, tensors: Vec<Tensor>) -> (TempDir, PathBuf) {
    let stick = folder();
    let place = stick.path().join(name);
    std::fs::create_dir(&place).expect("a folder");
    let settings = json!({
        "architectures": [class], "model_type": "bert", "hidden_act": "gelu", "hidden_size": HIDDEN,
        "intermediate_size": INNER, "num_attention_heads": 2, "num_hidden_layers": 1,
        "max_position_embeddings": POSITIONS, "type_vocab_size": 2, "layer_norm_eps": 1e-12, "vocab_size": VOCABULARY,
        "id2label": { "0": "LABEL_0" }, "label2id": { "LABEL_0": 0 },
    });
    std::fs::write(place.join("config.json"), settings.to_string()).expect("written");
    let tokenizer = models().join("all-MiniLM-L6-v2/tokenizer.json");
    std::fs::copy(tokenizer, place.join("tokenizer.json")).expect("copied");
    std::fs::write(place.join("model.safetensors"), safetensors(seed, tensors)).expect("written");
    (stick, place)
}

/// The tensors of one layer between the embeddings and the vectors.
fn network(prefix: &str) -> Vec<Tensor> {
    let embeddings = [("word", VOCABULARY), ("position", POSITIONS), ("token_type", 2)];
    let mut tensors: Vec<Tensor> = embeddings
        .into_iter()
        .map(|(name, rows)| (format!("{prefix}embeddings.{name}_embeddings.weight"), vec![rows, HIDDEN]))
        .collect();
    let layer = format!("{prefix}encoder.layer.0");
    for name in ["self.query", "self.key", "self.value", "output.dense"] {
        tensors.extend(dense(&format!("{layer}.attention.{name}"), HIDDEN, HIDDEN));
    }
    tensors.extend(dense(&format!("{layer}.intermediate.dense"), INNER, HIDDEN));
    tensors.extend(dense(&format!("{layer}.output.dense"), HIDDEN, INNER));
    let norms = ["attention.output.LayerNorm", "output.LayerNorm"].map(|norm| format!("{layer}.{norm}"));
    for norm in [format!("{prefix}embeddings.LayerNorm")].into_iter().chain(norms) {
        tensors.push((format!("{norm}.weight"), vec![HIDDEN]));
        tensors.push((format!("{norm}.bias"), vec![HIDDEN]));
    }
    tensors
}

fn dense(name: &str, outputs: usize, inputs: usize) -> [Tensor; 2] {
    [(format!("{name}.weight"), vec![outputs, inputs]), (format!("{name}.bias"), vec![outputs])]
}

/// Random values in the format of safetensors: the length of the header, the header, the values.
fn safetensors(seed: u64, tensors: Vec<Tensor>) -> Vec<u8> {
    let mut random = StdRng::seed_from_u64(seed);
    let (mut header, mut values) = (serde_json::Map::new(), Vec::new());
    for (name, shape) in tensors {
        let begin = values.len();
        for _ in 0..shape.iter().product::<usize>() {
            let value = if name.ends_with("LayerNorm.weight") { 1.0 } else { random.random_range(-0.3_f32..0.3_f32) };
            values.extend_from_slice(&value.to_le_bytes());
        }
        header.insert(name, json!({ "dtype": "F32", "shape": shape, "data_offsets": [begin, values.len()] }));
    }
    let header = Value::Object(header).to_string();
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &values].concat()
}
