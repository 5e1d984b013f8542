//! Who keeps the models: the folders, the settings, and the running appliance where there is one.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::generator::{Choice, choose};
use super::{embedder, reranker};
use crate::app::App;
use crate::app::error::{Error, Kind, Result};
use crate::app::open;
use crate::config::Settings;
use crate::domain::id::GenerationId;
use crate::inference::library::{Found, Library};
use crate::store::{Build, Share, Store};

/// The setting, made in the app, that names the generator.
pub(super) const GENERATOR: &str = "generator";

/// The setting, made in the app, that names the embedding model.
pub(super) const EMBEDDER: &str = "embedder";

/// The setting, made in the app, that names the reranker.
pub(super) const RERANKER: &str = "reranker";

/// What the use cases of models work with.
pub struct Keeper<'a> {
    pub(super) settings: &'a Settings,
    pub(super) store: &'a Store,
    pub(super) library: &'a Library,
    /// `None` where only the folder is open.
    pub(super) app: Option<&'a App>,
}

/// A data folder of which only models and settings are open: enough to bring, choose and remove models.
pub struct Shelf {
    settings: Settings,
    store: Store,
    library: Library,
    /// Locked while this process owns the data folder.
    _lock: File,
}

impl Shelf {
    /// Opens the data folder of `settings`, but no model. `program` is this binary.
    pub async fn open(settings: Settings, program: &Path) -> Result<Shelf> {
        let (lock, store) = open::ground(&settings).await?;
        let library = open::library(&settings, program);
        library.sweep();
        Ok(Shelf { settings, store, library, _lock: lock })
    }

    /// What the use cases take.
    pub fn keeper(&self) -> Keeper<'_> {
        Keeper { settings: &self.settings, store: &self.store, library: &self.library, app: None }
    }

    /// Closes the folder.
    pub async fn close(self) {
        self.store.close().await;
    }
}

impl App {
    /// What the use cases of models take.
    pub fn keeper(&self) -> Keeper<'_> {
        Keeper { settings: &self.settings, store: &self.store, library: &self.library, app: Some(self) }
    }
}

impl Keeper<'_> {
    /// The installed model that `name` means.
    pub(super) fn find(&self, name: &str) -> Result<Found> {
        self.library.find(name).ok_or_else(|| {
            let places: Vec<_> = self.library.places().iter().map(|place| place.display().to_string()).collect();
            Error::new(
                Kind::NotFound,
                format!(
                    "{name} is not installed; looked in {}. `nosia model list` shows what is, and what can be fetched.",
                    places.join(", ")
                ),
            )
        })
    }

    /// What is to write the answers, as things stand.
    pub(super) async fn choice(&self) -> Result<Choice> {
        Ok(choose(self.settings, self.library, self.store.setting(GENERATOR).await?))
    }

    /// What is to rank passages anew, as things stand.
    pub(super) async fn reranker_choice(&self) -> Result<reranker::Choice> {
        Ok(reranker::choose(self.settings, self.library, self.store.setting(RERANKER).await?))
    }

    /// What makes the vectors, as things stand: by its name and, where it lies on this machine, its place.
    pub(super) async fn embedding(&self) -> Result<Embedding> {
        let builds = self.store.builds().await?;
        let wanted = embedder::choose(self.settings, self.library, self.store.setting(EMBEDDER).await?);
        let wanted = match wanted {
            embedder::Choice::Remote(remote) => remote.model,
            embedder::Choice::Local(found) => found.name,
            embedder::Choice::Missing { wanted } => wanted,
        };
        let active = self.store.active_generation().await?;
        let is_local = active.as_ref().is_none_or(|(_, model)| model.pooling != "remote");
        let (generation, active) = match active {
            Some((generation, model)) => (Some(generation), model.name),
            None => (None, wanted.clone()),
        };
        Ok(Embedding { active, generation, is_local, wanted, builds })
    }

    /// Sentences that say what questions are compared by, and what is on its way.
    pub async fn search_sentence(&self) -> Result<String> {
        let embedding = self.embedding().await?;
        if let Some(app) = self.app {
            return Ok(app.searching().sentence(&embedding.active, &embedding.builds));
        }
        let mut said = format!("Questions are compared by {}.", embedding.active);
        if embedding.wanted != embedding.active {
            said.push_str(&format!(
                " {} was chosen; its vectors are made while the server runs, and then it takes over.",
                embedding.wanted
            ));
        }
        for build in &embedding.builds {
            said.push(' ');
            said.push_str(&embedder::progress(build, embedding.generation));
        }
        Ok(said)
    }

    /// The models on this machine that answers depend on now.
    pub(super) async fn in_use(&self) -> Result<InUse> {
        let generator = match self.choice().await? {
            Choice::Local(found) => Some(found.path),
            Choice::Remote(_) | Choice::Missing { .. } | Choice::Nothing => None,
        };
        let reranker = match self.reranker_choice().await? {
            reranker::Choice::Local(found) => Some(found.path),
            reranker::Choice::Missing { .. } | reranker::Choice::Nothing => None,
        };
        let embedding = self.embedding().await?;
        let embedder = embedding.is_local.then_some(embedding.active.clone());
        let building = embedding.building().map(|build| (build.model.name.clone(), build.share));
        Ok(InUse { generator, reranker, embedder, building })
    }

    /// Has the running appliance look again who writes its answers and what makes its vectors, after models have come or
    /// gone.
    pub(super) async fn refresh(&self) -> Result<()> {
        let Some(app) = self.app else { return Ok(()) };
        app.refresh_generator().await?;
        app.refresh_reranker().await?;
        app.refresh_embedder(None).await
    }
}

/// What makes the vectors.
pub(super) struct Embedding {
    /// The name of the model whose vectors questions are compared with.
    pub active: String,
    /// Its generation, once there is one.
    pub generation: Option<GenerationId>,
    /// Whether that model is one of this machine.
    pub is_local: bool,
    /// The name of the model that was chosen.
    pub wanted: String,
    pub builds: Vec<Build>,
}

impl Embedding {
    /// What is built to take over, if anything is.
    pub fn building(&self) -> Option<&Build> {
        self.builds.iter().find(|build| Some(build.generation) != self.generation)
    }
}

/// The models on this machine that answers depend on.
pub(super) struct InUse {
    generator: Option<PathBuf>,
    reranker: Option<PathBuf>,
    embedder: Option<String>,
    /// The embedding model that is about to take over, and how far it is.
    building: Option<(String, Share)>,
}

impl InUse {
    /// Whether `found` is one of them.
    pub fn has(&self, found: &Found) -> bool {
        [&self.generator, &self.reranker].into_iter().any(|path| path.as_ref() == Some(&found.path))
            || self.embedder.as_ref() == Some(&found.name)
            || self.building(found).is_some()
    }

    /// How far the vectors of `found` are, where they are being made.
    pub fn building(&self, found: &Found) -> Option<Share> {
        self.building.as_ref().filter(|(name, _)| *name == found.name).map(|(_, share)| *share)
    }

    /// The word for the state of an installed model.
    pub fn state(&self, found: &Found) -> &'static str {
        match (self.building(found), self.has(found)) {
            (Some(_), _) => "being built",
            (None, true) => "in use",
            (None, false) => "installed",
        }
    }
}
