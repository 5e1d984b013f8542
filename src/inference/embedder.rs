//! Text to vectors, by the model in a folder or by an endpoint.

use super::InferenceError;
use super::arch::bert::Bert;
use super::queue::{Queue, Work};
use super::remote::embeddings::Remote;
use super::remote::endpoint::Endpoint;
use super::thread;
use super::tokenizer::Tokenizer;
use super::weights::Weights;
use crate::domain::model::ModelIdentity;
use crate::{limits, net};
use std::path::Path;
use std::sync::Arc;

/// Who is waiting for the vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// A reader: it goes before all passages.
    Question,
    /// Documents on their way in.
    Passages,
}

/// An embedding model: cheap to clone, for any thread.
#[derive(Clone)]
pub struct Embedder {
    inner: Arc<Inner>,
}

struct Inner {
    identity: ModelIdentity,
    engine: Engine,
}

enum Engine {
    Local { tokenizer: Arc<Tokenizer>, queue: Arc<Queue> },
    Remote(Remote),
}

impl Embedder {
    /// Loads the model of `folder` (model.safetensors, tokenizer.json, config.json) and starts its thread. Blocking.
    ///
    /// The folder's name is the model's name. A missing, damaged or unsupported file is [`InferenceError::Model`].
    pub fn local(folder: &Path) -> Result<Embedder, InferenceError> {
        let weights = Weights::read(folder)?;
        let model = Bert::new(&weights, folder)?;
        let tokens_max = limits::EMBED_TOKENS_MAX_DEFAULT.min(weights.settings.max_position_embeddings);
        let tokenizer = Arc::new(Tokenizer::read(folder, tokens_max, weights.settings.vocab_size)?);
        let queue = Arc::new(Queue::new());
        let identity = ModelIdentity {
            name: folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy().into_owned(),
            weights: weights.sha256,
            dimensions: model.dimensions(),
            pooling: "mean".to_owned(),
            prefix: String::new(),
        };
        thread::start(model, Arc::clone(&tokenizer), Arc::clone(&queue))?;
        tracing::debug!(model = identity.name, dimensions = identity.dimensions, "the embedding model is loaded");
        Ok(Embedder { inner: Arc::new(Inner { identity, engine: Engine::Local { tokenizer, queue } }) })
    }

    /// Uses the OpenAI-compatible embeddings of `endpoint`.
    ///
    /// With `dimensions` the endpoint is not asked before the first text, so that it may start later than we do, and
    /// every vector is checked against them; without, one short text is embedded to learn them.
    pub async fn remote(
        client: net::Client,
        endpoint: Endpoint,
        dimensions: Option<usize>,
    ) -> Result<Embedder, InferenceError> {
        let remote = Remote::open(client, endpoint, dimensions).await?;
        Ok(Embedder { inner: Arc::new(Inner { identity: remote.identity(), engine: Engine::Remote(remote) }) })
    }

    /// What identifies the vectors: vectors of equal identity may be compared.
    pub fn identity(&self) -> &ModelIdentity {
        &self.inner.identity
    }

    /// The length of a vector.
    pub fn dimensions(&self) -> usize {
        self.inner.identity.dimensions
    }

    /// The most tokens of one text, special tokens included; what is beyond is not read.
    pub fn tokens_max(&self) -> usize {
        match &self.inner.engine {
            Engine::Local { tokenizer, .. } => tokenizer.tokens_max(),
            Engine::Remote(_) => super::remote::embeddings::TOKENS_MAX,
        }
    }

    /// The tokens of `text`, uncut, special tokens included: exact for a local model, at least as many as there are
    /// for an endpoint, whose tokenizer is not known here.
    pub fn count_tokens(&self, text: &str) -> usize {
        match &self.inner.engine {
            Engine::Local { tokenizer, .. } => tokenizer.count(text),
            Engine::Remote(_) => super::remote::embeddings::tokens_at_most(text),
        }
    }

    /// The vectors of `texts`, of unit length, in their order. Dropping the future takes back what has not begun.
    pub async fn embed(&self, texts: Vec<String>, urgency: Urgency) -> Result<Vec<Vec<f32>>, InferenceError> {
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        match &self.inner.engine {
            Engine::Local { queue, .. } => {
                let (work, outcome) = Work::new(texts);
                queue.push(work, urgency)?;
                outcome.await.unwrap_or(Err(InferenceError::Closed))
            }
            Engine::Remote(remote) => remote.embed(&texts).await,
        }
    }

    /// Refuses what waits and what comes; a batch in progress is finished, and then the thread ends.
    pub fn close(&self) {
        self.inner.close();
    }
}

impl Inner {
    fn close(&self) {
        match &self.engine {
            Engine::Local { queue, .. } => queue.close(),
            Engine::Remote(remote) => remote.close(),
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}
