//! Bytes to searchable chunks: extract, chunk, embed.
