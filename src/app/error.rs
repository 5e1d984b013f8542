//! The one error of the hall: a kind for the door's table, a sentence for the reader, a cause for the operator.

use std::fmt;

use crate::answer::AnswerError;
use crate::blobs::BlobsError;
use crate::domain::question::QuestionError;
use crate::fulltext::FulltextError;
use crate::inference::InferenceError;
use crate::inference::library::LibraryError;
use crate::ingest::{ExtractError, IngestError};
use crate::limits;
use crate::retrieve::RetrieveError;
use crate::store::StoreError;
use crate::vectors::VectorsError;

/// What went wrong, as far as a caller can act on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The request itself is wrong.
    Invalid,
    /// Nobody is signed in, or the token is not good.
    Unauthenticated,
    /// Signed in, but this is not allowed.
    Forbidden,
    /// It does not exist, or the caller may not see it.
    NotFound,
    /// It contradicts what is already there.
    Conflict,
    /// A queue is full; the same request may succeed later.
    Busy,
    /// Over a limit on size.
    TooLarge,
    /// The disk is full.
    DiskFull,
    /// Something that this depends on, such as a remote model, does not answer.
    Unavailable,
    /// A fault of the appliance.
    Internal,
}

/// What every use case fails with.
#[derive(Debug)]
pub struct Error {
    pub kind: Kind,
    /// A sentence for the reader.
    pub message: String,
    /// The cause, for the log; never shown to the reader.
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// The result of a use case.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error without a deeper cause.
    pub fn new(kind: Kind, message: impl Into<String>) -> Error {
        Error { kind, message: message.into(), source: None }
    }

    /// The request is wrong, and `message` says how to mend it.
    pub fn invalid(message: impl Into<String>) -> Error {
        Error::new(Kind::Invalid, message)
    }

    /// `what` does not exist as far as the caller may know.
    pub fn not_found(what: &str) -> Error {
        Error::new(Kind::NotFound, format!("There is no such {what}, or you may not see it."))
    }

    /// The caller's role does not allow it.
    pub fn forbidden(message: impl Into<String>) -> Error {
        Error::new(Kind::Forbidden, message)
    }

    /// A fault of the appliance itself.
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        Error::new(Kind::Internal, "Something went wrong inside Nosia. The administrator finds the cause in the log.")
            .because(cause)
    }

    fn because(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        self.source = Some(cause.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|cause| cause as &(dyn std::error::Error + 'static))
    }
}

fn disk_full(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    let message = "The disk is full: nothing was saved. Reading and asking go on; free some space and try again.";
    Error::new(Kind::DiskFull, message).because(cause)
}

fn busy(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(Kind::Busy, "Nosia is busy with other requests. Try again in a few seconds.").because(cause)
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Error {
        match error {
            StoreError::Busy => busy(error),
            StoreError::DiskFull => disk_full(error),
            StoreError::Conflict(what) => Error::new(Kind::Conflict, format!("This {what} exists already.")),
            StoreError::NewerSchema { .. } | StoreError::Damaged(_) | StoreError::Closed | StoreError::Engine(_) => {
                Error::internal(error)
            }
        }
    }
}

impl From<BlobsError> for Error {
    fn from(error: BlobsError) -> Error {
        match error {
            BlobsError::TooLarge => Error::new(
                Kind::TooLarge,
                format!("The file is larger than {} MiB, the most that is accepted.", limits::UPLOAD_BYTES_MAX >> 20),
            ),
            BlobsError::DiskFull => disk_full(error),
            BlobsError::Missing(_) | BlobsError::Io(_) => Error::internal(error),
        }
    }
}

impl From<InferenceError> for Error {
    fn from(error: InferenceError) -> Error {
        match &error {
            InferenceError::Busy => busy(error),
            InferenceError::Input(reason) => Error::invalid(reason.clone()),
            InferenceError::Unreachable { .. } | InferenceError::Refused { .. } | InferenceError::TimedOut { .. } => {
                Error::new(Kind::Unavailable, error.to_string())
            }
            InferenceError::Closed | InferenceError::Model(_) => Error::internal(error),
        }
    }
}

impl From<LibraryError> for Error {
    fn from(error: LibraryError) -> Error {
        let kind = match &error {
            LibraryError::Refused(_) => Kind::Invalid,
            LibraryError::Missing(_) => Kind::NotFound,
            LibraryError::Conflict(_) => Kind::Conflict,
            LibraryError::DiskFull { .. } => Kind::DiskFull,
            LibraryError::Unreachable(_) | LibraryError::Stopped | LibraryError::Io { .. } => Kind::Unavailable,
        };
        Error::new(kind, error.to_string())
    }
}

impl From<VectorsError> for Error {
    fn from(error: VectorsError) -> Error {
        Error::internal(error)
    }
}

impl From<FulltextError> for Error {
    fn from(error: FulltextError) -> Error {
        Error::internal(error)
    }
}

impl From<RetrieveError> for Error {
    fn from(error: RetrieveError) -> Error {
        match error {
            RetrieveError::Store(error) => error.into(),
            RetrieveError::Vectors(error) => error.into(),
            RetrieveError::Fulltext(error) => error.into(),
            RetrieveError::Inference(error) => error.into(),
            other => Error::internal(other),
        }
    }
}

impl From<AnswerError> for Error {
    fn from(error: AnswerError) -> Error {
        match error {
            AnswerError::Inference(error) => error.into(),
        }
    }
}

impl From<ExtractError> for Error {
    fn from(error: ExtractError) -> Error {
        Error::invalid(error.to_string())
    }
}

impl From<IngestError> for Error {
    fn from(error: IngestError) -> Error {
        Error::internal(error)
    }
}

impl From<QuestionError> for Error {
    fn from(error: QuestionError) -> Error {
        Error::invalid(error.to_string())
    }
}
