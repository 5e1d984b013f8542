//! Prompts to words, by a model on this machine or by an endpoint.

use super::InferenceError;
use super::local::{Local, LocalOptions};
use super::remote::endpoint::Endpoint;
use super::remote::generator::Remote;
use super::sampling::Sampling;
use crate::domain::answer::Finish;
use crate::domain::chat::Turn;
use crate::net;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::mpsc;

/// A piece of what is generated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Generated {
    /// Nothing yet: so many are ahead, oneself among them.
    Waiting { ahead: usize },
    /// More text, never empty.
    Text(String),
    /// The end. The counts are 0 where an endpoint does not tell them.
    Done { finish: Finish, prompt_tokens: u32, completion_tokens: u32 },
}

/// Who asks, for fairness only: whoever has the fewest answers in progress goes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Reader(pub u64);

/// Where the pieces of one answer go.
pub(super) type Sender = mpsc::UnboundedSender<Result<Generated, InferenceError>>;

/// A generator: cheap to clone.
#[derive(Clone)]
pub struct Generator {
    engine: Arc<Engine>,
}

enum Engine {
    Local(Local),
    Remote(Remote),
}

impl Generator {
    /// Loads the model file at `path` and starts its thread. Blocking.
    pub fn local(path: &Path, options: LocalOptions) -> Result<Generator, InferenceError> {
        Ok(Generator { engine: Arc::new(Engine::Local(Local::open(path, options)?)) })
    }

    /// The model that `endpoint` names. Nothing is sent before the first question.
    pub fn remote(client: net::Client, endpoint: Endpoint) -> Generator {
        Generator { engine: Arc::new(Engine::Remote(Remote::new(client, endpoint))) }
    }

    /// The model's name.
    pub fn name(&self) -> &str {
        match &*self.engine {
            Engine::Local(local) => local.name(),
            Engine::Remote(remote) => remote.name(),
        }
    }

    /// Whether it runs on this machine.
    pub fn is_local(&self) -> bool {
        matches!(*self.engine, Engine::Local(_))
    }

    /// What computes it on this machine, for the administrator; `None` where it runs elsewhere.
    pub fn computes(&self) -> Option<&str> {
        match &*self.engine {
            Engine::Local(local) => Some(local.computes()),
            Engine::Remote(_) => None,
        }
    }

    /// The tokens of `text` in a prompt: exact for a model here, at least as many as there are for an endpoint.
    pub fn count_tokens(&self, text: &str) -> usize {
        match &*self.engine {
            Engine::Local(local) => local.count_tokens(text),
            Engine::Remote(_) => super::remote::embeddings::tokens_at_most(text),
        }
    }

    /// The most tokens of prompt and answer together; `None` where an endpoint does not tell.
    pub fn context(&self) -> Option<usize> {
        match &*self.engine {
            Engine::Local(local) => Some(local.context()),
            Engine::Remote(_) => None,
        }
    }

    /// How fast prompts are read, in tokens a second; `None` where that is not known.
    pub fn prompt_tokens_per_s(&self) -> Option<f32> {
        match &*self.engine {
            Engine::Local(local) => local.prompt_tokens_per_s(),
            Engine::Remote(_) => None,
        }
    }

    /// Begins an answer to the last of `turns`. The stream ends after [`Generated::Done`] or its first error; dropped,
    /// it ends the work.
    ///
    /// An answer longer than [`limits::ANSWER_BYTES_MAX`](crate::limits::ANSWER_BYTES_MAX) ends there with
    /// [`Finish::Length`].
    pub async fn generate(
        &self,
        turns: Vec<Turn>,
        sampling: Sampling,
        reader: Reader,
    ) -> Result<BoxStream<'static, Result<Generated, InferenceError>>, InferenceError> {
        Ok(match &*self.engine {
            Engine::Local(local) => local.generate(turns, sampling, reader).await?.boxed(),
            Engine::Remote(remote) => remote.generate(turns, sampling).await?.boxed(),
        })
    }

    /// Refuses what waits and what comes.
    pub fn close(&self) {
        if let Engine::Local(local) = &*self.engine {
            local.close();
        }
    }
}
