//! Which model is used: a setting made in the app, weaker than one made anywhere else.

use serde_json::{Value, json};

use super::Keeper;
use super::generator::{Choice, State, open};
use super::keeper::GENERATOR;
use crate::app::error::{Error, Kind, Result};
use crate::app::open::in_the_background;
use crate::clock;
use crate::inference::catalog::Purpose;
use crate::inference::library::{Found, LibraryError};

/// Has the model `name` used from now on, without a restart.
pub(super) async fn select(keeper: &Keeper<'_>, name: &str) -> Result<Value> {
    let found = keeper.find(name)?;
    let (found, description) = in_the_background(move || {
        let description = found.describe()?;
        Ok::<_, LibraryError>((found, description))
    })
    .await?;
    match description.purpose {
        Purpose::Generation => generator(keeper, &found).await?,
        Purpose::Embedding => embedder(keeper, &found)?,
        Purpose::Reranking => {
            return Err(Error::invalid(format!("{} is a reranker, and this release uses none.", found.name)));
        }
    }
    Ok(json!({ "name": found.name, "purpose": description.purpose.as_str(), "state": "in use" }))
}

async fn generator(keeper: &Keeper<'_>, found: &Found) -> Result<()> {
    let origin = |name: &str| keeper.settings.origin(name).to_string();
    if let Some(remote) = keeper.settings.generator() {
        let message = format!(
            "Answers are written by {} at {}: AI_BASE_URL ({}) and LLM_MODEL ({}) are stronger than a choice made here. \
             Remove AI_BASE_URL there, set LLM_MODEL to {} or remove it too, and restart.",
            remote.model,
            remote.base_url,
            origin("AI_BASE_URL"),
            origin("LLM_MODEL"),
            found.name
        );
        return Err(Error::new(Kind::Conflict, message));
    }
    if let Some(wanted) = &keeper.settings.llm_model {
        if keeper.library.find(wanted).is_some_and(|named| named.path == found.path) {
            return keeper.refresh().await;
        }
        let message = format!(
            "LLM_MODEL names {wanted} ({}), which is stronger than a choice made here. Set it to {} there, or remove \
             it, and restart.",
            origin("LLM_MODEL"),
            found.name
        );
        return Err(Error::new(Kind::Conflict, message));
    }
    let opened = match keeper.app {
        Some(app) => {
            let writing = open(Choice::Local(found.clone()), &app.client, &app.settings).await;
            if let State::Unusable { name, reason } = writing.state {
                return Err(Error::invalid(format!("{name} cannot be used. {reason}")));
            }
            Some((app, writing))
        }
        None => None,
    };
    keeper.store.set_setting(GENERATOR, Some(found.name.clone()), clock::now_ms()).await?;
    if let Some((app, writing)) = opened {
        app.write_with(writing);
    }
    Ok(())
}

fn embedder(keeper: &Keeper<'_>, found: &Found) -> Result<()> {
    let present = keeper.embedder();
    if present == found.name && keeper.settings.remote_embedder().is_none() {
        return Ok(());
    }
    Err(Error::new(
        Kind::Conflict,
        format!(
            "{} makes vectors of another kind than {present}, which every document was read with; this release cannot \
             change from one to the other. Search goes on with {present}.",
            found.name
        ),
    ))
}
