//! Why a document is not searchable: for good, or for now.

use super::extract::ExtractError;
use crate::blobs::BlobsError;
use crate::fulltext::FulltextError;
use crate::inference::InferenceError;
use crate::store::StoreError;
use crate::vectors::VectorsError;

/// What stops a job.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The document's own fault; trying again changes nothing.
    #[error("{0}")]
    Document(ExtractError),
    /// A fault of this machine or of a remote model; the job is tried again.
    #[error("{0}")]
    Later(String),
}

impl From<ExtractError> for IngestError {
    fn from(error: ExtractError) -> IngestError {
        match error {
            ExtractError::Io(cause) => IngestError::Later(cause.to_string()),
            own => IngestError::Document(own),
        }
    }
}

macro_rules! tried_again {
    ($($error:ty),*) => {$(
        impl From<$error> for IngestError {
            fn from(error: $error) -> IngestError {
                IngestError::Later(error.to_string())
            }
        }
    )*};
}

tried_again!(StoreError, BlobsError, InferenceError, VectorsError, FulltextError);
