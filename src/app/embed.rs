//! Embeddings for a developer: the same model that the appliance searches with.

use super::App;
use super::error::{Error, Kind, Result};
use super::principal::Principal;
use crate::inference::Urgency;
use crate::limits;

/// Vectors in the order of their texts.
#[derive(Clone, Debug)]
pub struct Embedded {
    /// `[inputs][dimensions]`, unit length.
    pub vectors: Vec<Vec<f32>>,
    /// Tokens of all inputs together.
    pub tokens: usize,
    pub model: String,
}

/// Embeds texts; any member may.
pub async fn embed(app: &App, _principal: &Principal, texts: Vec<String>) -> Result<Embedded> {
    if texts.is_empty() || texts.len() > limits::EMBEDDING_INPUTS_MAX {
        let max = limits::EMBEDDING_INPUTS_MAX;
        return Err(Error::new(
            Kind::Invalid,
            format!("`input` holds 1 to {max} texts; this one has {}.", texts.len()),
        ));
    }
    if let Some(at) = texts.iter().position(String::is_empty) {
        return Err(Error::invalid(format!("`input` number {at} is empty.")));
    }
    let embedder = app.embedder()?;
    let tokens = texts.iter().map(|text| embedder.count_tokens(text)).sum();
    let vectors = embedder.embed(texts, Urgency::Passages).await?;
    Ok(Embedded { vectors, tokens, model: embedder.identity().name.clone() })
}
