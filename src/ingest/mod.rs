//! Bytes to searchable chunks: extract, chunk, embed.

pub mod chunk;
pub mod extract;
pub mod sandbox;
