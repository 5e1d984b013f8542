//! The models known by name, as `models/catalog.toml` lists them, and whether a file is the one it should be.
//!
//! A model goes by several names: its own, the one that Ollama or Docker knows it by, and that of a file, which says
//! the quantisation too. A name of any kind leads to one entry.

use serde::Deserialize;
use std::sync::LazyLock;

static CATALOG: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    let catalog: Catalog =
        toml::from_str(include_str!("../../models/catalog.toml")).expect("the catalog is checked by a test");
    catalog.model
});

#[derive(Deserialize)]
struct Catalog {
    model: Vec<Entry>,
}

/// What a model is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// Writes text.
    Generation,
    /// Makes vectors of texts.
    Embedding,
    /// Says how well a passage fits a question.
    Reranking,
}

impl Purpose {
    /// The word for people and for JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Purpose::Generation => "generation",
            Purpose::Embedding => "embedding",
            Purpose::Reranking => "reranking",
        }
    }
}

/// A model of the catalog.
#[derive(Debug, Deserialize)]
pub struct Entry {
    pub name: String,
    pub purpose: Purpose,
    pub licence: String,
    pub about: String,
    pub architecture: String,
    /// Names that others give it.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// The tokens that it reads at once.
    pub tokens_max: u64,
    /// The length of its vectors.
    pub dimensions: Option<usize>,
    /// How the vectors of tokens become one: `mean`, `cls` or `last`.
    pub pooling: Option<String>,
    /// Text put before a question, and before a passage.
    #[serde(default)]
    pub prefix_question: String,
    #[serde(default)]
    pub prefix_passage: String,
    /// Memory that it takes at work, in megabytes; of a generator with a context of 8,192 tokens.
    pub memory_mb: u64,
    /// What there is to fetch, in megabytes, rounded.
    pub download_mb: u64,
    /// Where the hub has it: `OWNER/REPO`.
    pub repository: Option<String>,
    #[serde(rename = "file")]
    pub files: Vec<File>,
}

/// A file of a model of the catalog.
#[derive(Debug, Deserialize)]
pub struct File {
    pub name: String,
    /// In hexadecimal.
    pub sha256: Option<String>,
}

impl Entry {
    /// Whether a model on disk called `name` is this one, in whatever quantisation.
    pub fn is_called(&self, name: &str) -> bool {
        let (name, own) = (name.to_lowercase(), self.name.to_lowercase());
        let Some(rest) = name.strip_prefix(&own) else { return false };
        rest.is_empty() || rest.strip_prefix(['-', '.', '_']).is_some_and(is_quantisation)
    }
}

/// Whether `name`, in small letters, is that of a quantisation: `q4_k_m`, `iq4_xs`, `bf16`, `ud-q4_k_xl`.
fn is_quantisation(name: &str) -> bool {
    let name = name.strip_prefix("ud-").unwrap_or(name);
    let bits = name.strip_prefix("iq").or_else(|| name.strip_prefix('q'));
    bits.is_some_and(|bits| bits.starts_with(|c: char| c.is_ascii_digit())) || matches!(name, "f16" | "bf16" | "f32")
}

/// Every model of the catalog.
pub fn entries() -> &'static [Entry] {
    &CATALOG
}

/// The model that goes by `name`: its own, another's name for it, or that of a file of it.
pub fn find(name: &str) -> Option<&'static Entry> {
    let name = name.strip_suffix(":latest").or_else(|| name.strip_suffix(".gguf")).unwrap_or(name);
    let is_alias = |entry: &&Entry| entry.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(name));
    CATALOG.iter().find(is_alias).or_else(|| CATALOG.iter().find(|entry| entry.is_called(name)))
}

/// The model that the hub keeps in `repository`.
pub fn of_repository(repository: &str) -> Option<&'static Entry> {
    let is = |entry: &&Entry| entry.repository.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(repository));
    CATALOG.iter().find(is)
}

/// The published SHA-256, in hexadecimal, of `file` of `model`; `None` where the catalog has none.
pub fn published_sha256(model: &str, file: &str) -> Option<&'static str> {
    let entry = CATALOG.iter().find(|entry| entry.name == model)?;
    entry.files.iter().find(|listed| listed.name == file)?.sha256.as_deref()
}

#[cfg(test)]
mod tests {
    use super::{Purpose, entries, find, published_sha256};
    use crate::inference::arch::encoder::{Pooling, supported_files, supported_folders};

    #[test]
    fn the_default_model_is_listed_with_the_files_that_are_loaded() {
        for file in ["model.safetensors", "tokenizer.json", "config.json"] {
            let sha256 = published_sha256("all-MiniLM-L6-v2", file).expect("the catalog lists it");
            assert_eq!(hex::decode(sha256).map(|bytes| bytes.len()), Ok(32), "{file}");
        }
        assert_eq!(published_sha256("all-MiniLM-L6-v2", "README.md"), None);
        assert_eq!(published_sha256("a model of one's own", "model.safetensors"), None);
    }

    #[test]
    fn every_entry_is_whole() {
        for entry in entries() {
            let whole = !entry.files.is_empty() && !entry.licence.is_empty() && !entry.about.is_empty();
            assert!(whole && entry.memory_mb > 0 && entry.download_mb > 0 && entry.tokens_max > 0, "{}", entry.name);
            let gguf = entry.files.iter().all(|file| file.name.ends_with(".gguf"));
            assert!(gguf || entry.purpose != Purpose::Generation, "{}", entry.name);
            let makes_vectors = entry.purpose == Purpose::Embedding;
            let pooling = entry.pooling.as_deref().map(Pooling::parse);
            assert!(pooling.is_some() == makes_vectors && pooling != Some(None), "{}", entry.name);
            assert_eq!(entry.dimensions.is_some(), makes_vectors, "{}", entry.name);
            let known = if gguf { supported_files() } else { supported_folders() };
            let is_known = known.contains(&entry.architecture.as_str());
            assert!(is_known || entry.purpose == Purpose::Generation, "{} of {known:?}", entry.name);
            for name in entry.aliases.iter().chain([&entry.name]).chain(entry.files.iter().map(|file| &file.name)) {
                if !gguf && entry.files.iter().any(|file| file.name == *name) {
                    continue;
                }
                assert_eq!(find(name).map(|found| &found.name), Some(&entry.name), "{name}");
            }
        }
    }

    #[test]
    fn names_of_every_kind_lead_to_one_entry() {
        for (name, expected) in [
            ("granite3.3:2b", Some("granite-3.3-2b-instruct")),
            ("GRANITE-3.3-2B-INSTRUCT", Some("granite-3.3-2b-instruct")),
            ("granite-3.3-2b-instruct-Q8_0", Some("granite-3.3-2b-instruct")),
            ("granite-3.3-2b-instruct.Q5_K_M.gguf", Some("granite-3.3-2b-instruct")),
            ("granite-3.3-2b-instruct-f16", Some("granite-3.3-2b-instruct")),
            ("ai/granite-4.0-h-tiny:latest", Some("granite-4.0-h-tiny")),
            ("llama3.2:latest", Some("Llama-3.2-3B-Instruct")),
            ("qwen3:4b", Some("Qwen3-4B")),
            ("Qwen3-4B-Instruct-2507-Q4_K_M", None),
            ("granite-3.3-2b-instruct-tuned-by-us", None),
            ("granite-3.3-2b-instruct-qualified", None),
            ("granite", None),
            ("", None),
        ] {
            assert_eq!(find(name).map(|entry| entry.name.as_str()), expected, "{name}");
        }
    }
}
