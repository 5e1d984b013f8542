//! The note beside a model that says where it came from and what its bytes were then: a JSON file that travels with it.

use super::LibraryError;
use super::disk;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The receipt of a folder, inside it. That of a file stands beside it under its name and `.json`.
const IN_FOLDER: &str = "nosia.json";

/// Where a model came from, and its files as they were taken in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// `hf:OWNER/REPO/FILE`, or the name of the file that was brought.
    pub source: String,
    /// The state of the repository that it was taken from.
    pub commit: Option<String>,
    pub added_at_ms: i64,
    pub files: Vec<Kept>,
}

/// One file of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    pub name: String,
    pub bytes: u64,
    /// In hexadecimal.
    pub sha256: String,
}

impl Receipt {
    /// Where the receipt of the model at `path` stands.
    pub(super) fn place(path: &Path) -> PathBuf {
        if path.is_dir() {
            return path.join(IN_FOLDER);
        }
        disk::with_ending(path, ".json")
    }

    /// The receipt of the model at `path`; `None` for one that was put there by hand.
    pub(super) fn read(path: &Path) -> Option<Receipt> {
        serde_json::from_slice(&std::fs::read(Receipt::place(path)).ok()?).ok()
    }

    /// Writes it to `place`, whole or not at all.
    pub(super) fn write(&self, place: &Path) -> Result<(), LibraryError> {
        let text = serde_json::to_vec_pretty(self).expect("a receipt is plain data");
        disk::replace(place, &text)
    }
}
