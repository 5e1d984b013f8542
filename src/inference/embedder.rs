//! Text to vectors, by the model in a folder or by an endpoint.

use super::InferenceError;
use super::arch::encoder::{Encoder, Precision, Wanted};
use super::catalog::{self, Purpose};
use super::pooling;
use super::prefixes::Prefixes;
use super::remote::embeddings::Remote;
use super::remote::endpoint::Endpoint;
use super::thread::Worker;
use super::tokenizer::Tokenizer;
use super::weights::Weights;
use crate::domain::model::ModelIdentity;
use crate::{limits, net};
use std::path::Path;
use std::sync::Arc;

/// What is put behind the hash of weights that are computed with in eight bits.
const IN_EIGHT_BITS: &str = " int8";

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
    prefixes: Prefixes,
    engine: Engine,
}

enum Engine {
    Local(Worker),
    Remote(Remote),
}

impl Embedder {
    /// Loads the model at `path`, a folder (model.safetensors, tokenizer.json, config.json) or a GGUF file, and starts its
    /// thread. Blocking.
    ///
    /// The name of the folder or file is the model's name. What the catalog knows of a model of that name holds where
    /// its files say nothing: the pooling, the prefixes, the most tokens.
    ///
    /// # Errors
    /// [`InferenceError::Model`] for a missing, damaged or unsupported file.
    pub fn local(path: &Path) -> Result<Embedder, InferenceError> {
        Embedder::local_with(path, Precision::Full)
    }

    /// As [`Embedder::local`], with weights of `precision`. Vectors of another precision are of another identity.
    ///
    /// # Errors
    /// As [`Embedder::local`].
    pub fn local_with(path: &Path, precision: Precision) -> Result<Embedder, InferenceError> {
        let weights = Weights::open(path)?;
        let name = weights.name();
        if weights.settings.judges {
            return Err(weights.fault("it is a reranker, which makes no vectors"));
        }
        let known = catalog::find(&name).filter(|entry| entry.purpose == Purpose::Embedding);
        let pooling = pooling::of(&weights, known)?;
        let model = Encoder::new(&weights, Wanted::Vector(pooling), precision)?;
        let tokens_max = weights.tokens_max(known)?.min(limits::EMBED_TOKENS_MAX);
        let tokenizer = Tokenizer::of(&weights, tokens_max)?;
        let prefixes = Prefixes::of(&weights, known)?;
        let identity = ModelIdentity {
            name,
            weights: match precision {
                Precision::Full => weights.sha256,
                Precision::Eight => format!("{}{IN_EIGHT_BITS}", weights.sha256),
            },
            dimensions: model.dimensions(),
            pooling: pooling.as_str().to_owned(),
            prefix: prefixes.identity(),
        };
        let worker = Worker::start("embedder", model, tokenizer)?;
        tracing::debug!(model = identity.name, dimensions = identity.dimensions, "the embedding model is loaded");
        Ok(Embedder { inner: Arc::new(Inner { identity, prefixes, engine: Engine::Local(worker) }) })
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
        let (identity, prefixes) = (remote.identity(), Prefixes::default());
        Ok(Embedder { inner: Arc::new(Inner { identity, prefixes, engine: Engine::Remote(remote) }) })
    }

    /// What identifies the vectors: vectors of equal identity may be compared.
    pub fn identity(&self) -> &ModelIdentity {
        &self.inner.identity
    }

    /// How exactly it computes; of an endpoint's model nothing else is known.
    pub fn precision(&self) -> Precision {
        if self.inner.identity.weights.ends_with(IN_EIGHT_BITS) { Precision::Eight } else { Precision::Full }
    }

    /// The length of a vector.
    pub fn dimensions(&self) -> usize {
        self.inner.identity.dimensions
    }

    /// The most tokens of one text, special tokens included; what is beyond is not read. The prefixes are taken off: a
    /// passage of so many tokens is read to its end.
    pub fn tokens_max(&self) -> usize {
        match &self.inner.engine {
            Engine::Local(worker) => {
                let tokenizer = worker.tokenizer();
                let taken = |prefix: &str| tokenizer.count(prefix) - tokenizer.count("");
                tokenizer.tokens_max().saturating_sub(self.inner.prefixes.most(taken))
            }
            Engine::Remote(_) => super::remote::embeddings::TOKENS_MAX,
        }
    }

    /// The tokens of `text`, uncut, special tokens included: exact for a local model, at least as many as there are
    /// for an endpoint, whose tokenizer is not known here.
    pub fn count_tokens(&self, text: &str) -> usize {
        match &self.inner.engine {
            Engine::Local(worker) => worker.tokenizer().count(text),
            Engine::Remote(_) => super::remote::embeddings::tokens_at_most(text),
        }
    }

    /// The vector of a question, of unit length, with the prefix that the model was trained to see before one.
    pub async fn embed_question(&self, question: &str) -> Result<Vec<f32>, InferenceError> {
        let texts = vec![format!("{}{question}", self.inner.prefixes.question)];
        let vectors = self.embed(texts, Urgency::Question).await?;
        vectors.into_iter().next().ok_or_else(|| InferenceError::Input("no vector came for the question".to_owned()))
    }

    /// The vectors of passages, of unit length, in their order, with the prefix that the model was trained to see before
    /// one.
    pub async fn embed_passages(
        &self,
        mut passages: Vec<String>,
        urgency: Urgency,
    ) -> Result<Vec<Vec<f32>>, InferenceError> {
        let prefix = &self.inner.prefixes.passage;
        passages.iter_mut().for_each(|passage| passage.insert_str(0, prefix));
        self.embed(passages, urgency).await
    }

    /// The vectors of `texts` as they stand, without any prefix, of unit length, in their order. Dropping the future
    /// takes back what has not begun.
    pub async fn embed(&self, texts: Vec<String>, urgency: Urgency) -> Result<Vec<Vec<f32>>, InferenceError> {
        match &self.inner.engine {
            Engine::Local(worker) => worker.compute(None, texts, urgency).await,
            Engine::Remote(_) if texts.is_empty() => Ok(Vec::new()),
            Engine::Remote(remote) => remote.embed(&texts).await,
        }
    }

    /// Refuses what waits and what comes; a batch in progress is finished, and then the thread ends.
    pub fn close(&self) {
        match &self.inner.engine {
            Engine::Local(worker) => worker.close(),
            Engine::Remote(remote) => remote.close(),
        }
    }
}
