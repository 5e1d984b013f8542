//! What a model is, read from its own files: family, size, quantisation, and the memory that it will take.

use super::{LibraryError, folder};
use crate::inference::arch::decoder::{Decoder, supported};
use crate::inference::arch::encoder;
use crate::inference::catalog::Purpose;
use crate::inference::gguf::{Gguf, Metadata};
use crate::inference::pooling;

/// Memory of a generator beside weights and context: buffers of one batch, the vocabulary, the tables of the sampler.
const BUFFERS_BYTES: u64 = 200_000_000;
/// Bytes of one value in the cache of keys and values, which is kept in half precision.
const CACHED_VALUE_BYTES: u64 = 2;
/// Names of `general.file_type`, which says how the file was quantised (`llama_ftype` in llama.cpp).
const FILE_TYPES: &[(u64, &str)] = &[
    (0, "F32"),
    (1, "F16"),
    (2, "Q4_0"),
    (7, "Q8_0"),
    (14, "Q4_K_S"),
    (15, "Q4_K_M"),
    (16, "Q5_K_S"),
    (17, "Q5_K_M"),
    (18, "Q6_K"),
    (32, "BF16"),
];

/// What a model says about itself.
#[derive(Clone, Debug)]
pub struct Description {
    pub purpose: Purpose,
    pub architecture: String,
    /// The name that its makers gave it.
    pub title: Option<String>,
    pub licence: Option<String>,
    pub parameters: u64,
    pub quantisation: String,
    /// What the parameters are stored as, most bytes first.
    pub tensors: Vec<Share>,
    /// The tokens that it was made to read at once.
    pub tokens_max: Option<u64>,
    pub dimensions: Option<u64>,
    pub layers: Option<u64>,
    /// Tokens that it knows.
    pub vocabulary: Option<u64>,
    pub has_template: bool,
    pub memory: Memory,
}

/// The tensors of one type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    pub kind: String,
    pub tensors: u64,
    pub bytes: u64,
}

/// The memory that a model takes at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    pub weights_bytes: u64,
    /// Of what is computed with and thrown away.
    pub buffers_bytes: u64,
    /// Of the cache, for each token of context.
    pub token_bytes: u64,
}

impl Memory {
    /// All of it with a context of `tokens`.
    pub fn bytes(self, tokens: u64) -> u64 {
        self.weights_bytes.saturating_add(self.token_bytes.saturating_mul(tokens)).saturating_add(self.buffers_bytes)
    }
}

/// Describes the model in a GGUF file, and refuses a file that holds none or one that cannot be run.
pub(super) fn gguf(gguf: &Gguf) -> Result<Description, LibraryError> {
    let metadata = gguf.metadata();
    let refuse = |what: &str| LibraryError::from(gguf.fault(what));
    let architecture = metadata.text("general.architecture").ok_or_else(|| refuse("it does not say what it is"))?;
    if let Some(parts) = metadata.u64("split.count").filter(|parts| *parts > 1) {
        return Err(refuse(&format!(
            "it is one of {parts} parts of a model, and models in parts are not supported; look for one in a single \
             file, or join the parts with llama.cpp's gguf-split"
        )));
    }
    let is_encoder = encoder::supported_files().contains(&architecture);
    if !is_encoder && !supported().contains(&architecture) {
        return Err(refuse(&format!(
            "it is a model of the family `{architecture}`, which is not supported; supported are {} and, as embedding \
             models and rerankers, {}",
            supported().join(", "),
            encoder::supported_files().join(", ")
        )));
    }
    let vocabulary = metadata.texts("tokenizer.ggml.tokens").map(|tokens| tokens.len() as u64);
    let tensors = shares(gguf);
    if tensors.is_empty() {
        return Err(refuse("it has no weights, only a vocabulary"));
    }
    if vocabulary.is_none() {
        return Err(refuse("it has no vocabulary"));
    }
    let text = |key: &str| metadata.text(key).filter(|text| !text.trim().is_empty()).map(str::to_owned);
    let parameters = gguf.tensors().filter_map(|name| gguf.tensor(name)).map(|tensor| tensor.values() as u64).sum();
    let stored_bytes = tensors.iter().map(|share| share.bytes).sum();
    let described = Description {
        purpose: Purpose::Generation,
        architecture: architecture.to_owned(),
        title: text("general.name"),
        licence: text("general.license"),
        parameters,
        quantisation: quantisation(metadata, &tensors),
        tensors,
        tokens_max: None,
        dimensions: None,
        layers: None,
        vocabulary,
        has_template: metadata.text("tokenizer.chat_template").is_some(),
        memory: Memory { weights_bytes: stored_bytes, buffers_bytes: BUFFERS_BYTES, token_bytes: 0 },
    };
    if is_encoder { as_encoder(gguf, described, stored_bytes) } else { as_generator(gguf, described) }
}

/// What is told of a generator besides.
fn as_generator(gguf: &Gguf, described: Description) -> Result<Description, LibraryError> {
    let network = Decoder::new(gguf)?.settings;
    // Keys and values, of each head of each layer that is attention.
    let cached_values = 2 * network.kv_heads.iter().sum::<usize>() * network.head_size;
    Ok(Description {
        tokens_max: Some(network.context as u64),
        dimensions: Some(network.hidden as u64),
        layers: Some(network.layers as u64),
        memory: Memory { token_bytes: cached_values as u64 * CACHED_VALUE_BYTES, ..described.memory },
        ..described
    })
}

/// What is told of an embedding model or reranker besides.
fn as_encoder(gguf: &Gguf, described: Description, stored_bytes: u64) -> Result<Description, LibraryError> {
    let settings = encoder::Settings::of_gguf(gguf).map_err(|what| gguf.fault(&what))?;
    if !settings.judges {
        pooling::of_gguf(gguf)?;
    }
    Ok(Description {
        purpose: if settings.judges { Purpose::Reranking } else { Purpose::Embedding },
        tokens_max: Some(settings.tokens_max as u64),
        dimensions: Some(settings.hidden as u64),
        layers: Some(settings.layers as u64),
        memory: folder::memory(&settings, described.parameters, stored_bytes),
        ..described
    })
}

/// The tensors of a file by type.
fn shares(gguf: &Gguf) -> Vec<Share> {
    let mut shares: Vec<Share> = Vec::new();
    for tensor in gguf.tensors().filter_map(|name| gguf.tensor(name)) {
        let (kind, bytes) = (tensor.kind.name(), tensor.bytes.len() as u64);
        match shares.iter_mut().find(|share| share.kind == kind) {
            Some(share) => {
                share.tensors += 1;
                share.bytes += bytes;
            }
            None => shares.push(Share { kind: kind.to_owned(), tensors: 1, bytes }),
        }
    }
    sort(&mut shares);
    shares
}

/// Most bytes first; the name decides between equals, so that the order is always the same.
pub(super) fn sort(shares: &mut [Share]) {
    shares.sort_by(|one, other| other.bytes.cmp(&one.bytes).then_with(|| one.kind.cmp(&other.kind)));
}

/// The quantisation as the file names it, or else the type that takes most of its bytes.
fn quantisation(metadata: &Metadata, shares: &[Share]) -> String {
    let stated = metadata.u64("general.file_type");
    let named = FILE_TYPES.iter().find(|(number, _)| Some(*number) == stated).map(|(_, name)| *name);
    named.or_else(|| shares.first().map(|share| share.kind.as_str())).unwrap_or_default().to_owned()
}
