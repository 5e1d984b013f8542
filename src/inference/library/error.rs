//! Why a model could not be found, taken in, fetched or removed.

use crate::inference::InferenceError;
use crate::limits;

/// Each message is a sentence for the administrator; it names files and hosts, never a token.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// What was named or brought is not what it should be.
    #[error("{0}")]
    Refused(String),
    /// There is no such thing.
    #[error("{0}")]
    Missing(String),
    /// It contradicts what is there.
    #[error("{0}")]
    Conflict(String),
    /// The disk has too little room.
    #[error(
        "{what} needs {needed_mb} MB in {folder}, and {free_mb} MB are free there ({kept_mb} MB are kept free for documents). \
         Free some space, or remove a model with `nosia model remove`.",
        needed_mb = needed_bytes.div_ceil(1_000_000), free_mb = free_bytes / 1_000_000,
        kept_mb = limits::DISK_FREE_BYTES_MIN / 1_000_000
    )]
    DiskFull { what: String, folder: String, needed_bytes: u64, free_bytes: u64 },
    /// The network or the hub does not answer.
    #[error("{0}")]
    Unreachable(String),
    /// It was stopped on the way.
    #[error("it was stopped")]
    Stopped,
    /// A file could not be read or written.
    #[error("{doing}: {error}")]
    Io { doing: String, error: std::io::Error },
}

impl LibraryError {
    /// Turns an input or output error into one that says what was being done.
    pub(super) fn io(doing: impl Into<String>) -> impl FnOnce(std::io::Error) -> LibraryError {
        let doing = doing.into();
        move |error| LibraryError::Io { doing, error }
    }
}

impl From<InferenceError> for LibraryError {
    fn from(error: InferenceError) -> LibraryError {
        LibraryError::Refused(error.to_string())
    }
}
