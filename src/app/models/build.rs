//! How far the embedding model is that is about to take over.

use serde_json::{Value, json};

use super::Keeper;
use crate::app::error::Result;
use crate::inference::catalog::Purpose;
use crate::inference::library::Found;
use crate::store::Share;

/// The model whose vectors questions are compared with, and the one that is built, if any is.
pub(super) async fn build(keeper: &Keeper<'_>) -> Result<Value> {
    let embedding = keeper.embedding().await?;
    let build = embedding
        .building()
        .map(|build| json!({ "name": build.model.name, "vectors": share(build.share), "put_off": build.put_off }));
    Ok(json!({ "active": embedding.active, "wanted": embedding.wanted, "build": build }))
}

/// What is told to whoever chose the embedding model `found`.
pub(super) async fn told(keeper: &Keeper<'_>, found: &Found) -> Result<Value> {
    let embedding = keeper.embedding().await?;
    let build = embedding.building().filter(|build| build.model.name == found.name);
    let state = match build {
        Some(_) => "being built",
        None if embedding.active == found.name => "in use",
        // Nothing runs that could make its vectors.
        None => "chosen",
    };
    Ok(json!({
        "name": found.name,
        "purpose": Purpose::Embedding.as_str(),
        "state": state,
        "active": embedding.active,
        "vectors": build.map(|build| share(build.share)),
    }))
}

/// Chunks done of chunks.
pub(super) fn share(share: Share) -> Value {
    json!({ "done": share.done, "total": share.total })
}
