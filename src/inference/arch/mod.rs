//! The networks themselves: weights and token ids in, numbers out. No files, no threads, no queues.

pub(super) mod bert;
pub mod decoder;
pub(super) mod kernel;
