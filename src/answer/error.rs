//! Why an answer could not be given.

use crate::inference::InferenceError;

/// What a model said.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    #[error(transparent)]
    Inference(#[from] InferenceError),
}
