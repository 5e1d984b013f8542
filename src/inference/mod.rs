//! Models: text to vectors here or at a remote endpoint, prompts to words at a remote endpoint.
