//! Why a model gave no answer.

/// Each message is for the operator: it names the file or the endpoint and what to do, never a text or a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InferenceError {
    /// The queue is full.
    #[error("the model is busy: too much is waiting for it. Try again in a moment")]
    Busy,
    /// The model was closed, because the appliance is stopping.
    #[error("the model has been closed")]
    Closed,
    /// The model's files are missing, damaged, or of a kind that is not supported.
    #[error("{0}")]
    Model(String),
    /// What was given cannot be worked on.
    #[error("{0}")]
    Input(String),
    /// The endpoint cannot be reached, or its answer broke off.
    #[error("{endpoint} cannot be reached: {reason}. Check that it runs and that its address is right")]
    Unreachable { endpoint: String, reason: String },
    /// The endpoint answered, and said no or said nothing that can be understood.
    #[error("{endpoint} refused the request (status {status}): {reason}")]
    Refused { endpoint: String, status: u16, reason: String },
    /// The endpoint did not answer in time.
    #[error("{endpoint} did not answer in time. It may be loading its model; try again, or check its log")]
    TimedOut { endpoint: String },
}
