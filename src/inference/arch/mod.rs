//! The networks themselves: weights and token ids in, numbers out. No files, no threads, no queues.

pub mod decoder;
pub(super) mod encoder;
pub(super) mod kernel;
mod packed;
