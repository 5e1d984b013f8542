//! How well passages fit a question, by a model that reads both together.
//!
//! Slower than comparing vectors and much more exact: meant for the best few of what a search found.

use super::arch::encoder::{Encoder, Precision, Wanted};
use super::catalog::{self, Purpose};
use super::thread::Worker;
use super::tokenizer::Tokenizer;
use super::weights::Weights;
use super::{InferenceError, Urgency};
use crate::limits;
use std::path::Path;
use std::sync::Arc;

/// A reranking model: cheap to clone, for any thread.
#[derive(Clone)]
pub struct Reranker {
    inner: Arc<Inner>,
}

struct Inner {
    name: String,
    worker: Worker,
}

impl Reranker {
    /// Loads the model at `path`, a folder (model.safetensors, tokenizer.json, config.json) or a GGUF file, and starts its
    /// thread. Blocking.
    ///
    /// The name of the folder or file is the model's name.
    ///
    /// # Errors
    /// [`InferenceError::Model`] for a missing, damaged or unsupported file, and for a model that is no reranker.
    pub fn local(path: &Path) -> Result<Reranker, InferenceError> {
        let weights = Weights::open(path)?;
        let name = weights.name();
        if !weights.settings.judges {
            return Err(weights.fault("it is an embedding model and no reranker"));
        }
        let known = catalog::find(&name).filter(|entry| entry.purpose == Purpose::Reranking);
        let model = Encoder::new(&weights, Wanted::Score, Precision::Full)?;
        let tokens_max = weights.tokens_max(known)?.min(limits::RERANK_TOKENS_MAX);
        let tokenizer = Tokenizer::of(&weights, tokens_max)?;
        let worker = Worker::start("reranker", model, tokenizer)?;
        tracing::debug!(model = name, "the reranker is loaded");
        Ok(Reranker { inner: Arc::new(Inner { name, worker }) })
    }

    /// The model's name.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// How well each of `passages` answers `question`, from 0 to 1, in their order. A pair that is longer than the model
    /// reads is cut at the passage's end. Dropping the future takes back what has not begun.
    ///
    /// The score is the sigmoid of the model's logit: comparable between passages of one question, and nearly so
    /// between questions.
    ///
    /// # Errors
    /// [`InferenceError::Busy`] when too much waits already, [`InferenceError::Closed`] after [`Reranker::close`].
    pub async fn scores(&self, question: &str, passages: Vec<String>) -> Result<Vec<f32>, InferenceError> {
        let logits = self.inner.worker.compute(Some(question.to_owned()), passages, Urgency::Question).await?;
        Ok(logits.iter().map(|logit| logit.first().map_or(0.0, |logit| 1.0 / (1.0 + (-logit).exp()))).collect())
    }

    /// Refuses what waits and what comes; a batch in progress is finished, and then the thread ends.
    pub fn close(&self) {
        self.inner.worker.close();
    }
}
