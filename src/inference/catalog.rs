//! The models known by name, as `models/catalog.toml` lists them, and whether a file is the one it should be.

use serde::Deserialize;
use sha2::{Digest, Sha256};

const CATALOG: &str = include_str!("../../models/catalog.toml");

#[derive(Deserialize)]
struct Catalog {
    model: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    name: String,
    file: Vec<File>,
}

#[derive(Deserialize)]
struct File {
    name: String,
    sha256: String,
}

/// The published SHA-256, in hexadecimal, of `file` of `model`; `None` for a model that is not in the catalog.
pub(super) fn published_sha256(model: &str, file: &str) -> Option<String> {
    let catalog: Catalog = toml::from_str(CATALOG).expect("the catalog is checked by a test");
    let entry = catalog.model.into_iter().find(|entry| entry.name == model)?;
    entry.file.into_iter().find(|listed| listed.name == file).map(|listed| listed.sha256)
}

/// The SHA-256 of `bytes` in hexadecimal.
pub(super) fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::published_sha256;

    #[test]
    fn the_default_model_is_listed_with_the_files_that_are_loaded() {
        for file in ["model.safetensors", "tokenizer.json", "config.json"] {
            let sha256 = published_sha256("all-MiniLM-L6-v2", file).expect("the catalog lists it");
            assert_eq!(hex::decode(&sha256).map(|bytes| bytes.len()), Ok(32), "{file}");
        }
        assert_eq!(published_sha256("all-MiniLM-L6-v2", "README.md"), None);
        assert_eq!(published_sha256("a model of one's own", "model.safetensors"), None);
    }
}
