//! Who keeps the models: the folders, the settings, and the running appliance where there is one.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::generator::{Choice, choose};
use crate::app::App;
use crate::app::error::{Error, Kind, Result};
use crate::app::open;
use crate::config::Settings;
use crate::inference::library::{Found, Library};
use crate::store::Store;

/// The setting, made in the app, that names the generator.
pub(super) const GENERATOR: &str = "generator";

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

    /// The name of the embedding model in use.
    pub(super) fn embedder(&self) -> String {
        match (self.app, self.settings.remote_embedder()) {
            (Some(app), _) => app.embedder.identity().name.clone(),
            (None, Some(remote)) => remote.model,
            (None, None) => open::EMBEDDER_FOLDER.to_owned(),
        }
    }

    /// The models on this machine that answers depend on now: the generator's path, and the embedding model's name.
    pub(super) async fn in_use(&self) -> Result<InUse> {
        let generator = match self.choice().await? {
            Choice::Local(found) => Some(found.path),
            Choice::Remote(_) | Choice::Missing { .. } | Choice::Nothing => None,
        };
        let embedder = self.settings.remote_embedder().is_none().then(|| self.embedder());
        Ok(InUse { generator, embedder })
    }

    /// Has the running appliance look again who writes its answers, after models have come or gone.
    pub(super) async fn refresh(&self) -> Result<()> {
        match self.app {
            Some(app) => app.refresh_generator().await,
            None => Ok(()),
        }
    }
}

/// The models on this machine that answers depend on.
pub(super) struct InUse {
    generator: Option<PathBuf>,
    embedder: Option<String>,
}

impl InUse {
    /// Whether `found` is one of them.
    pub fn has(&self, found: &Found) -> bool {
        self.generator.as_ref() == Some(&found.path) || self.embedder.as_ref() == Some(&found.name)
    }
}
