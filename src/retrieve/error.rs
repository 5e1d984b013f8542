//! Why a search failed.

use crate::fulltext::FulltextError;
use crate::inference::InferenceError;
use crate::store::StoreError;
use crate::vectors::VectorsError;

/// What an engine said, or that work on it was cut off.
#[derive(Debug, thiserror::Error)]
pub enum RetrieveError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Vectors(#[from] VectorsError),
    #[error(transparent)]
    Fulltext(#[from] FulltextError),
    #[error(transparent)]
    Inference(#[from] InferenceError),
    #[error("a search was cut off: {0}")]
    CutOff(#[from] tokio::task::JoinError),
}
