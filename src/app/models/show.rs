//! All that is known of one model.

use serde_json::{Value, json};

use super::Keeper;
use crate::app::error::Result;
use crate::app::open::in_the_background;
use crate::clock;
use crate::inference::catalog;
use crate::inference::library::{Kept, LibraryError, Share};

/// What the model `name` says of itself, what it needs, and where it came from.
pub(super) async fn show(keeper: &Keeper<'_>, name: &str) -> Result<Value> {
    let found = keeper.find(name)?;
    let in_use = keeper.in_use().await?;
    let (found, description, receipt) = in_the_background(move || {
        let description = found.describe()?;
        let receipt = found.receipt();
        Ok::<_, LibraryError>((found, description, receipt))
    })
    .await?;
    let known = catalog::find(&found.name);
    let tokens = keeper.settings.llm_num_ctx as u64;
    let tokens = description.tokens_max.map_or(tokens, |most| most.min(tokens));
    let share = |share: &Share| json!({ "type": share.kind, "tensors": share.tensors, "bytes": share.bytes });
    let kept = |kept: &Kept| json!({ "name": kept.name, "bytes": kept.bytes, "sha256": kept.sha256 });
    Ok(json!({
        "name": found.name,
        "state": in_use.state(&found),
        "vectors": in_use.building(&found).map(super::build::share),
        "path": found.path,
        "bytes": found.bytes,
        "title": description.title,
        "purpose": description.purpose.as_str(),
        "architecture": description.architecture,
        "parameters": description.parameters,
        "quantisation": description.quantisation,
        "tensors": description.tensors.iter().map(share).collect::<Vec<_>>(),
        "tokens_max": description.tokens_max,
        "dimensions": description.dimensions,
        "layers": description.layers,
        "vocabulary": description.vocabulary,
        "chat_template": description.has_template,
        "memory": {
            "context_tokens": tokens,
            "bytes": description.memory.bytes(tokens),
            "weights_bytes": description.memory.weights_bytes,
            "bytes_per_token": description.memory.token_bytes,
        },
        "licence": description.licence.or_else(|| known.map(|entry| entry.licence.clone())),
        "about": known.map(|entry| entry.about.clone()),
        "source": receipt.as_ref().map(|receipt| receipt.source.clone()),
        "commit": receipt.as_ref().and_then(|receipt| receipt.commit.clone()),
        "added_at": receipt.as_ref().map(|receipt| clock::iso(receipt.added_at_ms)),
        "files": receipt.map(|receipt| receipt.files.iter().map(kept).collect::<Vec<_>>()),
    }))
}
