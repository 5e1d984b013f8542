//! Models: text to vectors and prompts to words, here or at a remote endpoint.
//!
//! **Embedding here** ([`Embedder::local`]): a folder or a GGUF file is read and checked (`weights`, against `catalog`;
//! `pooling`, `prefixes`), and one thread owns the model. A caller's texts join a bounded line (`queue`); the thread
//! (`thread`) takes a batch by a budget of tokens, questions first, cuts the texts into tokens (`tokenizer`), deals the
//! sequences out to the cores and runs the network (`arch::encoder`) on them; the vectors go back to the caller, if it
//! is still there.
//!
//! **Judging here** ([`Reranker::local`]): the same line and thread for a network that reads question and passage
//! together. Models that are at work side by side take turns (`turn`).
//!
//! **Writing here** ([`Generator::local`]): a GGUF file (`gguf`) brings network (`arch::decoder`, on the products of
//! `kernel`), tokens (`vocabulary`) and the form of a conversation (`template`). One thread (`local`) writes all answers,
//! token by token, chosen by `sample`; an answer is a stream of [`Generated`] pieces, and dropped, it ends the work.
//!
//! **Elsewhere** (`remote`): the same [`Embedder`] over `/embeddings`, the same [`Generator`] over `/chat/completions`.
//!
//! **On disk** (`library`): which models there are and what each is, and how one is brought, fetched from a hub,
//! checked and removed.
//!
//! **Vocabularies** (`vocabulary`): the tokenizers that model files describe.
//!
//! Nothing here knows what a document or a user is, and no text is logged.

pub mod arch;
pub mod catalog;
mod embedder;
mod error;
mod generator;
pub mod gguf;
pub mod kernel;
pub mod library;
mod local;
mod pooling;
mod prefixes;
mod queue;
mod remote;
mod reranker;
mod safetensors;
mod sample;
mod sampling;
mod template;
mod thread;
mod tokenizer;
mod turn;
pub mod vocabulary;
mod weights;

pub use arch::encoder::Precision;
pub use embedder::{Embedder, Urgency};
pub use error::InferenceError;
pub use generator::{Generated, Generator, Reader};
pub use local::{LocalOptions, Trial};
pub use remote::endpoint::Endpoint;
pub use reranker::Reranker;
pub use sampling::{Format, Sampling, Schema};

#[cfg(test)]
mod tests;
