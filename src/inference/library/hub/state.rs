//! What is known of a file that is partly here, kept beside it so that the same command goes on where it was.

use super::Meta;
use crate::inference::library::{LibraryError, disk};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Of which file at the hub the bytes are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    pub source: String,
    pub commit: Option<String>,
    /// The file's tag at the hub, its SHA-256 mostly.
    pub tag: Option<String>,
    pub bytes: Option<u64>,
    /// The tag that the storage gave with the bytes, by which it is asked for the rest.
    pub storage_tag: Option<String>,
}

impl State {
    /// That of a file of which no byte is here.
    pub fn new(source: String, meta: &Meta) -> State {
        State { source, commit: meta.commit.clone(), tag: meta.tag.clone(), bytes: meta.bytes, storage_tag: None }
    }

    /// The state of `part`, if its bytes are those of the file that the hub has now.
    pub fn read(part: &Path, source: &str, meta: &Meta) -> Option<State> {
        let state: State = serde_json::from_slice(&std::fs::read(state_of(part)).ok()?).ok()?;
        let same = state.source == source && state.bytes == meta.bytes && state.tag == meta.tag && state.tag.is_some();
        same.then_some(state)
    }

    pub fn write(&self, part: &Path) -> Result<(), LibraryError> {
        disk::replace(&state_of(part), &serde_json::to_vec_pretty(self).expect("a state is plain data"))
    }
}

/// Where the state of the partial file `part` stands.
pub(in crate::inference::library) fn state_of(part: &Path) -> PathBuf {
    disk::with_ending(part, ".json")
}
