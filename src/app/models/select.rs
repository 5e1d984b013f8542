//! Which model is used: a setting made in the app, weaker than one made anywhere else.

use serde_json::{Value, json};

use super::generator::{Choice, State, open};
use super::keeper::{EMBEDDER, GENERATOR, RERANKER};
use super::{Keeper, build, reranker};
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
        Purpose::Embedding => {
            embedder(keeper, &found).await?;
            return build::told(keeper, &found).await;
        }
        Purpose::Reranking => reranker(keeper, &found).await?,
    }
    Ok(json!({ "name": found.name, "purpose": description.purpose.as_str(), "state": "in use" }))
}

/// Has none used for `purpose` from now on, which must be one that the appliance can do without.
pub(super) async fn none(keeper: &Keeper<'_>, purpose: &str) -> Result<Value> {
    let (setting, name, set) = match purpose {
        "generation" => (GENERATOR, "LLM_MODEL", keeper.settings.llm_model.as_ref()),
        "reranking" => (RERANKER, "RERANKING_MODEL", keeper.settings.reranking_model.as_ref()),
        _ => {
            let message = "Nosia can do without a model for generation and for reranking, and for nothing else.";
            return Err(Error::invalid(message));
        }
    };
    if let Some(wanted) = set {
        let origin = keeper.settings.origin(name);
        let message = format!("{name} names {wanted} ({origin}). Remove it there and restart.");
        return Err(Error::new(Kind::Conflict, message));
    }
    keeper.store.set_setting(setting, None, clock::now_ms()).await?;
    keeper.refresh().await?;
    Ok(json!({ "name": null, "purpose": purpose, "state": "none" }))
}

/// Has the reranker `found` rank the best passages of every question.
async fn reranker(keeper: &Keeper<'_>, found: &Found) -> Result<()> {
    let same = |wanted: &str| keeper.library.find(wanted).is_some_and(|named| named.path == found.path);
    if let Some(wanted) = &keeper.settings.reranking_model {
        if same(wanted) {
            return keeper.refresh().await;
        }
        let message = format!(
            "RERANKING_MODEL names {wanted} ({}), which is stronger than a choice made here. Set it to {} there, or \
             remove it, and restart.",
            keeper.settings.origin("RERANKING_MODEL"),
            found.name
        );
        return Err(Error::new(Kind::Conflict, message));
    }
    let opened = match keeper.app {
        Some(app) => {
            let reranking = reranker::open(reranker::Choice::Local(found.clone())).await;
            if let reranker::State::Unusable { name, reason } = reranking.state {
                return Err(Error::invalid(format!("{name} cannot be used. {reason}")));
            }
            Some((app, reranking))
        }
        None => None,
    };
    keeper.store.set_setting(RERANKER, Some(found.name.clone()), clock::now_ms()).await?;
    if let Some((app, reranking)) = opened {
        app.rank_with(reranking);
    }
    Ok(())
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

/// Has the embedding model `found` make the vectors: what it lacks is made first, and then it takes over.
async fn embedder(keeper: &Keeper<'_>, found: &Found) -> Result<()> {
    let origin = |name: &str| keeper.settings.origin(name).to_string();
    if let Some(remote) = keeper.settings.remote_embedder() {
        let message = format!(
            "Texts are embedded by {} at {}: EMBEDDING_BASE_URL ({}) is stronger than a choice made here. Remove it there \
             and restart.",
            remote.model,
            remote.base_url,
            origin("EMBEDDING_BASE_URL")
        );
        return Err(Error::new(Kind::Conflict, message));
    }
    let named = keeper.settings.embedding_model_named();
    let same = |wanted: &str| keeper.library.find(wanted).is_some_and(|named| named.path == found.path);
    if let Some(wanted) = named.filter(|wanted| !same(wanted)) {
        let message = format!(
            "EMBEDDING_MODEL names {wanted} ({}), which is stronger than a choice made here. Set it to {} there, or \
             remove it, and restart.",
            origin("EMBEDDING_MODEL"),
            found.name
        );
        return Err(Error::new(Kind::Conflict, message));
    }
    let opened = match keeper.app {
        Some(app) => Some((app, app.open_embedder(found).await?)),
        None => None,
    };
    if named.is_none() {
        keeper.store.set_setting(EMBEDDER, Some(found.name.clone()), clock::now_ms()).await?;
    }
    match opened {
        Some((app, opened)) => {
            app.refresh_embedder(Some(opened)).await?;
            app.finish_change().await
        }
        // Where nothing runs, what is to be built is looked at anew by the next start.
        None => Ok(keeper.store.end_builds().await.map(drop)?),
    }
}
