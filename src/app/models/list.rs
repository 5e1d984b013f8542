//! Every model on this machine and its state, and what the catalog knows besides.

use serde_json::{Value, json};

use super::Keeper;
use super::keeper::InUse;
use crate::app::error::Result;
use crate::app::models::generator::{Choice, State};
use crate::app::models::reranker;
use crate::app::open::in_the_background;
use crate::inference::catalog::{self, Entry};
use crate::inference::library::{Description, Found, LibraryError};

/// The models, what was begun and not finished, what the catalog has besides, who writes the answers, and what
/// questions are compared and passages ranked by.
pub(super) async fn list(keeper: &Keeper<'_>) -> Result<Value> {
    let in_use = keeper.in_use().await?;
    let library = keeper.library.clone();
    let tokens = keeper.settings.llm_num_ctx as u64;
    let (all, unfinished) = in_the_background(move || {
        let described = library.all().into_iter().map(|found| {
            let description = found.describe();
            (found, description)
        });
        Ok::<_, LibraryError>((described.collect::<Vec<_>>(), library.unfinished()))
    })
    .await?;
    let is_installed = |entry: &&Entry| all.iter().any(|(found, _)| entry.is_called(&found.name));
    let rest: Vec<Value> = catalog::entries().iter().filter(|entry| !is_installed(entry)).map(known).collect();
    let unfinished = unfinished.into_iter().map(|(name, bytes)| json!({ "name": name, "bytes": bytes }));
    Ok(json!({
        "models": all.iter().map(|(found, description)| row(found, description, &in_use, tokens)).collect::<Vec<_>>(),
        "unfinished": unfinished.collect::<Vec<_>>(),
        "catalog": rest,
        "answers": state(keeper).await?.sentence(),
        "search": keeper.search_sentence().await?,
        "ranking": ranking(keeper).await?.sentence(),
    }))
}

/// Who writes the answers: as the running appliance knows it, or as it would be.
async fn state(keeper: &Keeper<'_>) -> Result<State> {
    if let Some(app) = keeper.app {
        return Ok(app.writing().state);
    }
    Ok(match keeper.choice().await? {
        Choice::Remote(_) => State::Remote,
        Choice::Local(Found { name, path, .. }) => State::Local { name, path, computes: None },
        Choice::Missing { wanted } => State::Missing { wanted },
        Choice::Nothing => State::Nothing,
    })
}

/// What ranks passages anew: as the running appliance knows it, or as it would be.
async fn ranking(keeper: &Keeper<'_>) -> Result<reranker::State> {
    if let Some(app) = keeper.app {
        return Ok(app.reranking().state);
    }
    Ok(match keeper.reranker_choice().await? {
        reranker::Choice::Local(Found { name, path, .. }) => reranker::State::Local { name, path },
        reranker::Choice::Missing { wanted } => reranker::State::Missing { wanted },
        reranker::Choice::Nothing => reranker::State::Nothing,
    })
}

fn row(
    found: &Found,
    description: &std::result::Result<Description, LibraryError>,
    in_use: &InUse,
    tokens: u64,
) -> Value {
    let state = match description {
        Err(_) => "unusable",
        Ok(_) => in_use.state(found),
    };
    let mut row = json!({
        "name": found.name,
        "state": state,
        "bytes": found.bytes,
        "path": found.path,
        "removable": found.is_own,
    });
    row["vectors"] = in_use.building(found).map(super::build::share).into();
    match description {
        Ok(description) => {
            let context = description.tokens_max.map_or(tokens, |most| most.min(tokens));
            row["purpose"] = description.purpose.as_str().into();
            row["architecture"] = description.architecture.clone().into();
            row["quantisation"] = description.quantisation.clone().into();
            row["tokens_max"] = description.tokens_max.into();
            row["memory_bytes"] = description.memory.bytes(context).into();
        }
        Err(reason) => row["reason"] = reason.to_string().into(),
    }
    row
}

fn known(entry: &Entry) -> Value {
    json!({
        "name": entry.name,
        "purpose": entry.purpose.as_str(),
        "architecture": entry.architecture,
        "about": entry.about,
        "licence": entry.licence,
        "tokens_max": entry.tokens_max,
        "bytes": entry.download_mb * 1_000_000,
        "memory_bytes": entry.memory_mb * 1_000_000,
        "aliases": entry.aliases,
        "repository": entry.repository,
        "add": format!("nosia model add {}", entry.name),
    })
}
