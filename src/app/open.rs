//! Birth and death of the appliance: rooms are opened from the ground up and closed in reverse.

use std::fs::{self, File, TryLockError};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock as Lock};

use tokio::sync::{Mutex as Gate, Notify, RwLock, Semaphore};

use super::error::{Error, Kind, Result};
use super::models::embedder::{Choice, Looking, choose};
use super::{App, Rooms, health, models, passwords, sign_in, worker};
use crate::blobs::Blobs;
use crate::config::{Remote, Settings};
use crate::domain::id::GenerationId;
use crate::fulltext::Fulltext;
use crate::inference::library::{Found, Library};
use crate::inference::{Embedder, Endpoint, Generator, Precision};
use crate::store::Store;
use crate::vectors::Vectors;
use crate::{ingest, limits, net};

/// Where the package installs models.
const MODELS_OF_THE_PACKAGE: &str = "/usr/share/nosia/models";
/// The folder in the data folder that models are taken in to.
const MODELS: &str = "models";

impl App {
    /// Opens every room on the data folder of `settings` and starts the background work. `program` is this binary,
    /// started again to read documents.
    pub async fn open(settings: Settings, program: PathBuf) -> Result<App> {
        let data = settings.data.clone();
        let (lock, store) = ground(&settings).await?;
        let client = net::Client::new(net::Policy::Configured);
        let library = library(&settings, &program);
        library.sweep();
        let looking =
            Looking { settings: &settings, library: &library, store: &store, client: &client, open: Vec::new() };
        let searching = looking.resolve().await?;
        let writing = models::generator::at_the_start(&settings, &library, &store, &client).await?;
        let reranking = models::reranker::at_the_start(&settings, &library, &store).await?;
        let guard = settings.guard().map(|remote| Generator::remote(client.clone(), endpoint(remote)));
        let blobs = Blobs::open(&data.join("blobs"))?;
        let vectors = in_the_background({
            let folder = data.join("vectors");
            move || Vectors::open(&folder)
        })
        .await?;
        let fulltext = in_the_background({
            let folder = data.join("fulltext");
            move || Fulltext::open(&folder)
        })
        .await?;
        forget_strangers(&store, &vectors).await?;
        let reader = ingest::sandbox::Reader { program };
        let ocr = ingest::ocr::Ocr::new(settings.ocr_languages.as_deref());
        let reading = reader.open_doors().await.map_err(|error| error.to_string());
        if let Some(warning) = health::reading_warning(&reading) {
            tracing::warn!("{warning}");
        }
        store.release_jobs().await?;
        store.release_websites().await?;
        store.release_folders().await?;
        let visitor = net::Visitor::new(&settings.web_allowed_ranges);
        let app = App(Arc::new(Rooms {
            settings,
            store,
            blobs,
            vectors,
            fulltext,
            searching: Lock::new(searching),
            changing: Gate::new(()),
            writing: Lock::new(writing),
            reranking: Lock::new(reranking),
            guard,
            library,
            client,
            visitor,
            reader,
            ocr,
            reading,
            data,
            passwords: passwords::Passwords::new()?,
            sign_ins: sign_in::SignIns::default(),
            work: Notify::new(),
            build: Notify::new(),
            visit: Notify::new(),
            watch: Notify::new(),
            in_hand: worker::InHand::default(),
            indexer: worker::Indexer::default(),
            stages: worker::StageTotals::default(),
            workers: Mutex::new(None),
            questions: Arc::new(Semaphore::new(limits::QUESTIONS_AT_ONCE_MAX)),
            blob_gate: Arc::new(RwLock::new(())),
            _lock: lock,
        }));
        app.begin_change().await?;
        let workers = worker::start(&app);
        *app.workers.lock().unwrap_or_else(PoisonError::into_inner) = Some(workers);
        Ok(app)
    }

    /// Ends background work at its next safe point and closes the rooms. What was acknowledged is on disk already.
    pub async fn stop(&self) {
        let workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(workers) = workers {
            workers.stop().await;
        }
        let searching = self.searching();
        searching.active.into_iter().chain(searching.building).for_each(|model| model.embedder.close());
        if let Some(rereader) = self.reranking().rereader {
            rereader.reranker.close();
        }
        self.store.close().await;
    }

    /// The settings that the appliance was opened with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The data folder.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The embedding model on this machine that the settings name, or else the one that the package brings, and the most
    /// tokens that it reads at once, without opening anything else: what `nosia model use` chose is not looked at.
    pub fn embedding_limit(settings: &Settings, program: &Path) -> Result<(String, usize)> {
        let embedder = Embedder::local_with(&embedder_found(settings, program)?.path, precision(settings))?;
        Ok((embedder.identity().name.clone(), embedder.tokens_max()))
    }
}

/// Takes the data folder of `settings` for this process and opens its database.
pub(super) async fn ground(settings: &Settings) -> Result<(File, Store)> {
    make_folder(&settings.data)?;
    let lock = lock(&settings.data)?;
    let path = settings.data.join("nosia.db");
    let store = in_the_background(move || Store::open(&path)).await?;
    Ok((lock, store))
}

/// The models on this machine.
pub(super) fn library(settings: &Settings, program: &Path) -> Library {
    Library::new(model_places(settings, program), settings.data.join(MODELS))
}

/// Makes the data folder, readable by its owner alone.
fn make_folder(data: &Path) -> Result<()> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(data);
    made.map_err(|error| {
        Error::new(Kind::Invalid, format!("The data folder {} cannot be made: {error}.", data.display()))
    })
}

/// Takes the data folder for this process.
fn lock(data: &Path) -> Result<File> {
    let path = data.join("lock");
    let denied = |error: std::io::Error| {
        let owner = fs::metadata(data).map(|folder| folder.uid()).unwrap_or_default();
        let message = format!(
            "The data folder {} cannot be used: {error}. It belongs to user number {owner}: run as that user, or as root.",
            data.display()
        );
        Error::new(Kind::Forbidden, message)
    };
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(denied)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(Error::new(Kind::Conflict, format!("Another Nosia is running on the data folder {}.", data.display())))
        }
        Err(TryLockError::Error(error)) => Err(denied(error)),
    }
}

/// The embedding model on this machine.
pub(super) async fn local_embedder(settings: &Settings, program: &Path) -> Result<Embedder> {
    let (found, precision) = (embedder_found(settings, program)?, precision(settings));
    in_the_background(move || Embedder::local_with(&found.path, precision)).await
}

/// How exactly it computes.
pub(super) fn precision(settings: &Settings) -> Precision {
    if settings.embedding_in_eight_bits { Precision::Eight } else { Precision::Full }
}

/// The embedding model that the settings name or else the package brings, where it is on this machine.
fn embedder_found(settings: &Settings, program: &Path) -> Result<Found> {
    match choose(settings, &library(settings, program), None) {
        Choice::Local(found) => Ok(found),
        Choice::Missing { wanted } => {
            Err(Error::new(Kind::Unavailable, format!("The embedding model {wanted} is not installed.")))
        }
        Choice::Remote(remote) => {
            let message = format!("{} is asked for it when the appliance starts", remote.base_url);
            Err(Error::new(Kind::Unavailable, message))
        }
    }
}

/// Removes scan segments of generations that are no longer known.
pub(super) async fn forget_strangers(store: &Store, vectors: &Vectors) -> Result<()> {
    let known: Vec<GenerationId> = store.generations().await?.into_iter().map(|(id, _)| id).collect();
    let vectors = vectors.clone();
    in_the_background(move || vectors.keep_only(&known)).await
}

/// The folders in which models are looked for, first to last.
fn model_places(settings: &Settings, program: &Path) -> Vec<PathBuf> {
    let mut places: Vec<PathBuf> = settings.models.clone().into_iter().collect();
    places.extend([settings.data.join(MODELS), MODELS_OF_THE_PACKAGE.into()]);
    places.extend(program.parent().map(|folder| folder.join("models")));
    places
}

/// A configured endpoint in the words of the room that calls it.
pub(super) fn endpoint(remote: Remote) -> Endpoint {
    let api_key = remote.api_key.map(|key| key.reveal().to_owned());
    Endpoint { base_url: remote.base_url, api_key, model: remote.model }
}

/// Runs blocking work off the async threads.
pub(super) async fn in_the_background<T, E>(
    work: impl FnOnce() -> std::result::Result<T, E> + Send + 'static,
) -> Result<T>
where
    T: Send + 'static,
    E: Into<Error> + Send + 'static,
{
    tokio::task::spawn_blocking(work).await.map_err(Error::internal)?.map_err(Into::into)
}
