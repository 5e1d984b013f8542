//! The models that answer here, and those on this machine: which there are, how one comes, goes, and is chosen.
//!
//! What is done to models goes through a [`Keeper`]: the folders of models, the settings, and the running appliance
//! where there is one. Without it the same use cases work on the data folder alone ([`Shelf`]), because they are what
//! mends an appliance that cannot start for want of a model.

pub mod command;
pub mod generator;
pub mod embedder;
pub mod reranker;
mod change;
mod add;
mod build;
mod fetch;
mod keeper;
mod list;
mod remove;
mod select;
mod show;
mod tokenize;
mod verify;
mod watch;

pub use keeper::{Keeper, Shelf};
pub use tokenize::tokenize;

use std::path::Path;

use super::App;
use super::error::Result;
use super::principal::Principal;
use crate::answer::MODEL_QUOTES;
use crate::inference::catalog;
use crate::inference::library::Brought;
use crate::inference::library::hub::Reference;
use crate::store::Share;

/// One row of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelRow {
    pub id: String,
    /// `chat` or `embedding`.
    pub kind: &'static str,
    pub owned_by: &'static str,
}

/// Every model that a request may name.
pub fn list(app: &App, _principal: &Principal) -> Vec<ModelRow> {
    let mut rows = vec![ModelRow { id: MODEL_QUOTES.to_owned(), kind: "chat", owned_by: "nosia" }];
    let writing = app.writing();
    if let Some(generator) = &writing.generator {
        let owned_by = if writing.state == generator::State::Remote { "remote" } else { "nosia" };
        rows.push(ModelRow { id: generator.name().to_owned(), kind: "chat", owned_by });
    }
    let embedder = app.searching().active.map(|model| model.embedder.identity().name.clone());
    rows.extend(embedder.map(|id| ModelRow { id, kind: "embedding", owned_by: "nosia" }));
    rows
}

/// Whether answers are written by a generator, or composed of quotations.
pub fn has_generator(app: &App) -> bool {
    app.writing().generator.is_some()
}

/// The generator that was named and cannot be had, for the pages to explain: its name.
pub fn generator_missing(app: &App) -> Option<String> {
    match app.writing().state {
        generator::State::Missing { wanted } => Some(wanted),
        generator::State::Unusable { name, .. } => Some(name),
        generator::State::Remote | generator::State::Local { .. } | generator::State::Nothing => None,
    }
}

/// What questions are compared by, for the pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparing {
    /// The embedding model; `None` where it is not here, and words alone are.
    pub by: Option<String>,
    /// The one that is about to take over.
    pub next: Option<Next>,
}

/// An embedding model that makes its vectors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    pub name: String,
    /// How much is done, of all accounts together: a share, since how many chunks others have is nobody's business.
    pub percent: u64,
}

/// What questions are compared by, and what is on its way.
pub async fn comparing(app: &App) -> Result<Comparing> {
    let by = app.searching().active.map(|model| model.embedder.identity().name.clone());
    let embedding = app.keeper().embedding().await?;
    let percent = |share: Share| (100 * share.done).checked_div(share.total).unwrap_or(100);
    let next = embedding.building().map(|build| Next { name: build.model.name.clone(), percent: percent(build.share) });
    Ok(Comparing { by, next })
}

/// Whether documents are searched by their words alone, because the model that they were read with is not here.
pub fn is_by_words(app: &App) -> bool {
    app.searching().active.is_none()
}

/// Whether `name` is one that can be fetched: `hf:OWNER/REPO[/FILE]`, or a name of the catalog.
pub fn can_be_fetched(name: &str) -> bool {
    Reference::is_meant(name) || catalog::find(name).is_some_and(|entry| entry.repository.is_some())
}

/// The model that somebody brought as the file or folder at `path`. What cannot be used is refused here, before
/// anything is copied. Blocking.
pub fn brought(path: &Path) -> Result<Brought> {
    Ok(Brought::look_at(path)?)
}
