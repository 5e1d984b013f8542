//! Models: text to vectors here or at a remote endpoint, prompts to words at a remote endpoint.
//!
//! **Embedding here** ([`Embedder::local`]): a folder is read and checked (`weights`, against `catalog`), and one
//! thread owns the model. A caller's texts join a bounded line (`queue`); the thread (`thread`) takes a batch by a
//! budget of tokens, questions first, cuts the texts into tokens (`tokenizer`), deals the sequences out to the cores
//! and runs the network (`arch`) on them; the vectors go back to the caller, if it is still there.
//!
//! **Elsewhere** (`remote`): the same [`Embedder`] over `/embeddings`, and the [`Generator`] over
//! `/chat/completions`, whose answer is a stream of [`Generated`] pieces; dropped, it ends the request.
//!
//! **On disk** (`library`): which models there are and what each is, and how one is brought, fetched from a hub,
//! checked and removed.
//!
//! Nothing here knows what a document or a user is, and no text is logged.

pub mod arch;
pub mod catalog;
mod embedder;
mod error;
pub mod gguf;
pub mod kernel;
pub mod library;
mod queue;
mod remote;
mod thread;
mod tokenizer;
mod weights;

pub use embedder::{Embedder, Urgency};
pub use error::InferenceError;
pub use remote::endpoint::Endpoint;
pub use remote::generator::{Generated, Generator, Sampling};

#[cfg(test)]
mod tests;
