//! The generator on this machine: a model file, and one thread that writes every answer with it.
//!
//! A question becomes tokens by the model's own template and vocabulary ([`model`]) and joins a line ([`line`]); the
//! network computes where there is a place for it ([`place`]). The
//! thread ([`thread`]) gives it a place in the cache, with the longest beginning that some earlier conversation has
//! there already ([`cached`]), and then runs steps: in each, every answer in progress gets its next token, and prompts
//! are read on in pieces, all in one batch ([`work`]). A reader who leaves is noticed before the next step.

mod cached;
mod line;
mod memory;
mod model;
mod place;
mod thread;
mod trial;
mod work;

use super::InferenceError;
use super::generator::{Generated, Reader};
use super::sampling::Sampling;
use crate::domain::chat::Turn;
use crate::domain::device::Device;
use futures_util::Stream;
use line::Line;
use model::Model;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::mpsc;

pub use trial::Trial;

/// How a model is to be run.
#[derive(Clone, Copy, Debug)]
pub struct LocalOptions {
    /// The most tokens of a conversation: never more than the model was made for.
    pub context: usize,
    /// Memory for keys and values, in bytes; `None` for what suits this machine.
    pub cache_bytes: Option<u64>,
    /// What is to compute.
    pub device: Device,
}

/// A model that is loaded and its thread.
pub struct Local {
    model: Arc<Model>,
    line: Arc<Line>,
}

impl Local {
    /// Maps and checks the model at `path` and starts its thread. Blocking.
    ///
    /// # Errors
    /// [`InferenceError::Model`] if the file is damaged, of a kind that is not supported, or does not fit the memory.
    pub fn open(path: &Path, options: LocalOptions) -> Result<Local, InferenceError> {
        let (model, network) = Model::open(path, options)?;
        let (model, line) = (Arc::new(model), Arc::new(Line::new()));
        thread::start(Arc::clone(&model), network, Arc::clone(&line))?;
        Ok(Local { model, line })
    }

    /// The model's name: the file's, without its ending.
    pub fn name(&self) -> &str {
        &self.model.name
    }

    /// What computes it, for the administrator.
    pub fn computes(&self) -> &str {
        &self.model.computes
    }

    /// The tokens of `text`, as part of a prompt.
    pub fn count_tokens(&self, text: &str) -> usize {
        self.model.count(text)
    }

    /// The most tokens of prompt and answer together.
    pub fn context(&self) -> usize {
        self.model.context
    }

    /// How fast prompts have been read here, in tokens a second; `None` until one was.
    pub fn prompt_tokens_per_s(&self) -> Option<f32> {
        self.line.prompt_tokens_per_s()
    }

    /// Begins an answer to `turns`. The stream ends after [`Generated::Done`] or an error.
    pub async fn generate(
        &self,
        turns: Vec<Turn>,
        sampling: Sampling,
        reader: Reader,
    ) -> Result<impl Stream<Item = Result<Generated, InferenceError>> + Send + use<>, InferenceError> {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let model = Arc::clone(&self.model);
        let prepared = tokio::task::spawn_blocking(move || model.request(&turns, &sampling, reader, sender));
        let request = prepared.await.map_err(|_| InferenceError::Closed)??;
        self.line.push(request)?;
        Ok(futures_util::stream::poll_fn(move |context| receiver.poll_recv(context)))
    }

    /// Refuses what waits and what comes; answers in progress end.
    pub fn close(&self) {
        self.line.close();
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        // Answers in progress are written to their end by the model that began them.
        self.line.retire();
    }
}

#[cfg(test)]
mod tests;
