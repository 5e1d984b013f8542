//! The change from one embedding model to another, while questions are asked: its vectors are made beside those in use,
//! and when it lacks none, one row makes it the one that is asked.

use std::time::Duration;

use super::embedder::{Looking, Searching, is_local};
use crate::app::error::{Error, Result};
use crate::app::{App, open};
use crate::clock;
use crate::domain::id::JobId;
use crate::domain::job::{Job, Work};
use crate::inference::Embedder;
use crate::inference::library::Found;
use crate::ingest::{self, IngestError, Model};
use crate::store::Switch;

/// How long a change that has nothing left to make is waited for, and how often it is looked at.
const AT_ONCE: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

impl App {
    /// Looks again what is to make the vectors, `opened` if it was just opened, and begins, goes on with or gives up the
    /// building of its generation accordingly.
    pub(super) async fn refresh_embedder(&self, opened: Option<Embedder>) -> Result<()> {
        let _one_at_a_time = self.changing.lock().await;
        let Searching { active, building, .. } = self.searching();
        let open = active.into_iter().chain(building).map(|model| model.embedder).chain(opened).collect();
        let looking = Looking {
            settings: &self.settings,
            library: &self.library,
            store: &self.store,
            client: &self.client,
            open,
        };
        let searching = looking.resolve().await?;
        // First here, so that the builder knows the model when it sees the row.
        self.search_with(searching);
        self.begin_change().await
    }

    /// The model `found`, as it is open already or opened now. One that cannot be used is refused.
    pub(super) async fn open_embedder(&self, found: &Found) -> Result<Embedder> {
        let Searching { active, building, .. } = self.searching();
        let precision = open::precision(&self.settings);
        let mut open = active.into_iter().chain(building).map(|model| model.embedder);
        if let Some(open) = open.find(|open| is_local(open, found) && open.precision() == precision) {
            return Ok(open);
        }
        let path = found.path.clone();
        let opened = tokio::task::spawn_blocking(move || Embedder::local_with(&path, precision)).await;
        let opened = opened.map_err(Error::internal)?;
        opened.map_err(|error| Error::invalid(format!("{} cannot be used. {error}", found.name)))
    }

    /// Removes scan segments of generations that are no longer known.
    pub(super) async fn forget_strangers(&self) -> Result<()> {
        open::forget_strangers(&self.store, &self.vectors).await
    }

    /// Queues what the wanted generation lacks, and nothing else.
    pub(in crate::app) async fn begin_change(&self) -> Result<()> {
        let searching = self.searching();
        match (&searching.active, &searching.building) {
            (_, Some(building)) => {
                tracing::info!(model = building.embedder.identity().name, "its vectors are made beside those in use");
                self.store.begin_build(building.generation, clock::now_ms()).await?;
            }
            (Some(active), None) if !self.store.share(active.generation).await?.is_whole() => {
                self.store.begin_build(active.generation, clock::now_ms()).await?;
            }
            (_, None) => {
                self.store.end_builds().await?;
            }
        }
        self.build.notify_one();
        Ok(())
    }

    /// Waits a moment for a change that has nothing left to make.
    pub(super) async fn finish_change(&self) -> Result<()> {
        let whole = async {
            while self.store.builds().await?.iter().any(|build| build.share.is_whole()) {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
            Ok(())
        };
        tokio::time::timeout(AT_ONCE, whole).await.unwrap_or(Ok(()))
    }

    /// Builds the generation of `job` and has questions asked of it. Dropped between any two steps, it goes on from there
    /// with the next try.
    pub(in crate::app) async fn build(&self, job: &Job) -> std::result::Result<(), IngestError> {
        let Work::Build(generation) = job.work else { return Ok(()) };
        let known = self.searching().model_of(generation).cloned();
        let Some(model) = known else { return self.forget_build(job).await };
        let name = &model.embedder.identity().name;
        let rooms = self.ingest_rooms();
        while ingest::build::make(&rooms, &model, job.id, clock::now_ms).await? {
            match self.switch(&model, job.id).await? {
                Switch::Done => {
                    tracing::info!(model = name, "questions are compared by it");
                    for account in self.store.accounts().await? {
                        self.indexer.wants(account.id);
                    }
                    return Ok(());
                }
                // Documents came in while the last segments were written.
                Switch::Lacking => {}
                Switch::Cancelled => break,
            }
        }
        tracing::info!(model = name, "its vectors are no longer wanted");
        Ok(())
    }

    /// Switches in the store, and then here: whoever asks in between asks as before.
    async fn switch(&self, model: &Model, job: JobId) -> std::result::Result<Switch, IngestError> {
        let _one_at_a_time = self.changing.lock().await;
        let switched = self.store.switch_generation(job, model.generation).await?;
        if switched == Switch::Done {
            let now = self.searching();
            let building = now.building.filter(|building| building.generation != model.generation);
            self.search_with(Searching { active: Some(model.clone()), building, state: now.state });
        }
        Ok(switched)
    }

    /// Ends the job of a generation whose model is not here; it is queued again when the model is.
    async fn forget_build(&self, job: &Job) -> std::result::Result<(), IngestError> {
        let _one_at_a_time = self.changing.lock().await;
        let Work::Build(generation) = job.work else { return Ok(()) };
        if self.searching().model_of(generation).is_none() {
            self.store.end_build(generation).await?;
        }
        Ok(())
    }
}
