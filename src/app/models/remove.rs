//! A model taken off the disk, with the vectors that it made.

use serde_json::{Value, json};

use super::Keeper;
use crate::app::error::{Error, Kind, Result};
use crate::app::open::in_the_background;

/// Removes the model `name`, or what has come of its unfinished download. One that is in use only with `force`.
pub(super) async fn remove(keeper: &Keeper<'_>, name: &str, force: bool) -> Result<Value> {
    let library = keeper.library.clone();
    let Some(found) = keeper.library.find(name) else {
        let unfinished = name.to_owned();
        let given_up = in_the_background(move || library.give_up(&unfinished)).await?;
        let Some(bytes) = given_up else { return Err(keeper.find(name).map(drop).expect_err("it was not found")) };
        return Ok(json!({ "name": name, "bytes": bytes, "unfinished": true }));
    };
    let in_use = keeper.in_use().await?.has(&found);
    if in_use && !force {
        let message = format!(
            "{} is in use. `nosia model use NAME` chooses another first; `--force` removes it nevertheless.",
            found.name
        );
        return Err(Error::new(Kind::Conflict, message));
    }
    let name = found.name.clone();
    let vectors = if in_use { 0 } else { drop_vectors(keeper, &name).await? };
    let bytes = in_the_background(move || library.remove(&found)).await?;
    keeper.refresh().await?;
    Ok(json!({ "name": name, "bytes": bytes, "vectors": vectors, "was_in_use": in_use }))
}

/// Removes the generations of an embedding model that is neither asked nor built; how many vectors they had.
async fn drop_vectors(keeper: &Keeper<'_>, name: &str) -> Result<u64> {
    let mut dropped = 0;
    for (generation, model) in keeper.store.generations().await? {
        // An endpoint may know another model by the same name.
        if model.name == name && model.pooling != "remote" {
            dropped += keeper.store.drop_generation(generation).await?;
        }
    }
    if let Some(app) = keeper.app {
        app.forget_strangers().await?;
    }
    Ok(dropped)
}
