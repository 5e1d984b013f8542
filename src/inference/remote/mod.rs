//! Models behind an OpenAI-compatible endpoint that the administrator named.

pub(super) mod embeddings;
pub(super) mod endpoint;
mod events;
pub(super) mod generator;
