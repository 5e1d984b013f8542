//! What questions are compared by: the embedding model that the settings or `nosia model use` chose, and the one whose
//! vectors there are as long as that is another.

use std::sync::PoisonError;

use super::keeper::EMBEDDER;
use crate::app::App;
use crate::app::error::{Error, Kind, Result};
use crate::app::open::{endpoint, precision};
use crate::clock;
use crate::config::{Remote, Settings};
use crate::domain::id::GenerationId;
use crate::domain::model::ModelIdentity;
use crate::inference::library::{Found, Library};
use crate::inference::{Embedder, InferenceError, Precision};
use crate::ingest::Model;
use crate::net;
use crate::store::{Build, Store};

/// The embedding model that the package brings, used where no other was chosen.
pub(in crate::app) const BUILT_IN: &str = "all-MiniLM-L6-v2";

/// What is to make the vectors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// A model at an endpoint.
    Remote(Remote),
    /// A model on this machine.
    Local(Found),
    /// A model that was named and is not here.
    Missing { wanted: String },
}

/// What questions are compared by now, and what is on its way.
#[derive(Clone)]
pub struct Searching {
    /// The model of the generation that is asked; `None` where that model is not here, and words alone are searched.
    pub active: Option<Model>,
    /// The model whose generation is built beside it.
    pub building: Option<Model>,
    pub state: State,
}

/// How it stands with what was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It is what makes the vectors.
    Chosen,
    Missing {
        wanted: String,
    },
    Unusable {
        name: String,
        reason: String,
    },
}

impl Searching {
    /// The model that documents are cut for and embedded by as they come: the active one as long as there is one.
    pub fn reading(&self) -> Option<&Model> {
        self.active.as_ref().or(self.building.as_ref())
    }

    /// The model of a generation, if it is one of these.
    pub fn model_of(&self, generation: GenerationId) -> Option<&Model> {
        [&self.active, &self.building].into_iter().flatten().find(|model| model.generation == generation)
    }

    /// Sentences for the administrator. `active` is the name of the generation that is asked, `builds` what is built.
    pub fn sentence(&self, active: &str, builds: &[Build]) -> String {
        let mut said = match &self.active {
            Some(model) => format!("Questions are compared by {}.", model.embedder.identity().name),
            None => format!(
                "Questions are compared by words alone: {active}, which the documents were read with, is not here as it \
                 was. Put it back and restart, or `nosia model use NAME` chooses another."
            ),
        };
        match &self.state {
            State::Chosen => {}
            State::Missing { wanted } => said.push_str(&format!(" {wanted} was chosen and is not installed.")),
            State::Unusable { name, reason } => {
                said.push_str(&format!(" {name} was chosen and cannot be used. {reason}"));
            }
        }
        for build in builds {
            said.push(' ');
            said.push_str(&progress(build, self.active.as_ref().map(|model| model.generation)));
        }
        said
    }
}

/// `Vectors of X are being made: 120 of 300 chunks; then it takes over.`
pub(super) fn progress(build: &Build, active: Option<GenerationId>) -> String {
    let (name, share) = (&build.model.name, build.share);
    let then = if active == Some(build.generation) { "" } else { "; then it takes over" };
    let mut said = format!("Vectors of {name} are being made: {} of {} chunks{then}.", share.done, share.total);
    if let Some(reason) = &build.put_off {
        said.push_str(&format!(" The last try was put off: {reason}."));
    }
    said
}

/// What is to make the vectors: the endpoint of `settings`, or else the model on this machine that they name, or else
/// the one that was `used`, the setting made in the app, or else the one that the package brings.
pub fn choose(settings: &Settings, library: &Library, used: Option<String>) -> Choice {
    if let Some(remote) = settings.remote_embedder() {
        return Choice::Remote(remote);
    }
    let named = settings.embedding_model_named().map(str::to_owned);
    let wanted = named.or(used).unwrap_or_else(|| BUILT_IN.to_owned());
    match library.find(&wanted) {
        Some(found) => Choice::Local(found),
        None => Choice::Missing { wanted },
    }
}

/// Where models are looked for, and those that are open already.
pub(in crate::app) struct Looking<'a> {
    pub settings: &'a Settings,
    pub library: &'a Library,
    pub store: &'a Store,
    pub client: &'a net::Client,
    pub open: Vec<Embedder>,
}

impl Looking<'_> {
    /// Finds what is to make the vectors and what there are vectors of. Changes nothing but where nothing is asked yet:
    /// there what was chosen is taken at once.
    ///
    /// A model that is not here or cannot be opened is a state, told in the log, and no error, as long as there is
    /// something to fall back on: what was active, or else what the package brings, whose vectors are made first.
    pub async fn resolve(&self) -> Result<Searching> {
        let chosen = self.open_chosen().await?;
        let active = self.store.active_generation().await?;
        let current = match &active {
            Some((_, identity)) => self.reopen(identity, chosen.as_ref().ok()).await?,
            None => None,
        };
        let (target, state) = match chosen {
            Ok(embedder) => (Some(embedder), State::Chosen),
            Err((state, _)) if current.is_some() => (current.clone(), state),
            Err((state, error)) => match self.built_in().await {
                Some(embedder) => (Some(embedder), state),
                // With documents but no model there is something to say; without either there is nothing to start.
                None if active.is_some() => (None, state),
                None => return Err(error),
            },
        };
        if matches!(state, State::Missing { .. } | State::Unusable { .. }) {
            tracing::warn!(?state, "the embedding model that was chosen is not used");
        }
        let target = match target {
            Some(embedder) => Some(self.model(embedder).await?),
            None => None,
        };
        let Some(target) = target else { return Ok(Searching { active: None, building: None, state }) };
        let active = match active {
            Some((id, _)) if !self.is_empty(id).await? => Some(id),
            _ => {
                self.store.activate_generation(target.generation).await?;
                Some(target.generation)
            }
        };
        if active == Some(target.generation) {
            return Ok(Searching { active: Some(target), building: None, state });
        }
        let active = match current {
            Some(embedder) => Some(self.model(embedder).await?),
            None => None,
        };
        Ok(Searching { active, building: Some(target), state })
    }

    /// Whether there are no chunks at all, so that a change costs nothing.
    async fn is_empty(&self, generation: GenerationId) -> Result<bool> {
        Ok(self.store.share(generation).await?.total == 0)
    }

    /// What was chosen, opened; or how it stands with it, and the error where that is the end.
    async fn open_chosen(&self) -> Result<std::result::Result<Embedder, (State, Error)>> {
        Ok(match choose(self.settings, self.library, self.store.setting(EMBEDDER).await?) {
            Choice::Remote(remote) => {
                let name = remote.model.clone();
                self.open_remote(remote).await?.map_err(|error| unusable(name, error))
            }
            Choice::Local(found) => {
                let name = found.name.clone();
                let precision = precision(self.settings);
                self.open_local(found, precision).await.map_err(|error| unusable(name, error))
            }
            Choice::Missing { wanted } => {
                let places: Vec<_> = self.library.places().iter().map(|place| place.display().to_string()).collect();
                let message = format!(
                    "The embedding model {wanted} is not installed; looked in {}. The package brings {BUILT_IN}; from \
                     source, `make model` fetches it. A remote one is used when EMBEDDING_BASE_URL is set.",
                    places.join(", ")
                );
                Err((State::Missing { wanted }, Error::new(Kind::Unavailable, message)))
            }
        })
    }

    async fn open_local(&self, found: Found, precision: Precision) -> std::result::Result<Embedder, InferenceError> {
        let is_same = |open: &&Embedder| is_local(open, &found) && open.precision() == precision;
        if let Some(open) = self.open.iter().find(is_same) {
            return Ok(open.clone());
        }
        let opened = tokio::task::spawn_blocking(move || Embedder::local_with(&found.path, precision)).await;
        opened.unwrap_or(Err(InferenceError::Closed))
    }

    /// The endpoint's model. One that made vectors before is not asked how long they are, so that it may be down.
    async fn open_remote(&self, remote: Remote) -> Result<std::result::Result<Embedder, InferenceError>> {
        let known = match self.settings.embedding_dimensions {
            Some(dimensions) => Some(dimensions),
            None => self.known_dimensions(&remote).await?,
        };
        Ok(Embedder::remote(self.client.clone(), endpoint(remote), known).await)
    }

    /// The length of the vectors that the endpoint's model made last.
    async fn known_dimensions(&self, remote: &Remote) -> Result<Option<usize>> {
        let generations = self.store.generations().await?;
        for (_, model) in generations.iter().rev().filter(|(_, model)| is_remote(model) && model.name == remote.model) {
            let named = endpoint(remote.clone());
            let opened = Embedder::remote(self.client.clone(), named, Some(model.dimensions)).await;
            if opened.is_ok_and(|opened| opened.identity() == model) {
                return Ok(Some(model.dimensions));
            }
        }
        Ok(None)
    }

    /// The model that made the vectors of `identity`, if it can still be had: `chosen`, or one that is open already, or
    /// one on this machine with the same weights, or the endpoint that they came from.
    async fn reopen(&self, identity: &ModelIdentity, chosen: Option<&Embedder>) -> Result<Option<Embedder>> {
        let open = chosen.into_iter().chain(&self.open);
        if let Some(open) = open.into_iter().find(|open| open.identity() == identity) {
            return Ok(Some(open.clone()));
        }
        if is_remote(identity) {
            return Ok(Some(self.open_former(identity).await?));
        }
        let Some(found) = self.library.find(&identity.name) else { return Ok(None) };
        for precision in [Precision::Full, Precision::Eight] {
            let opened = self.open_local(found.clone(), precision).await;
            if let Some(same) = opened.ok().filter(|opened| opened.identity() == identity) {
                return Ok(Some(same));
            }
        }
        tracing::warn!(model = identity.name, "the model that the documents were read with is not here as it was");
        Ok(None)
    }

    /// An endpoint that was set before. A key goes only where the settings send it.
    async fn open_former(&self, identity: &ModelIdentity) -> Result<Embedder> {
        let base_url = identity.weights.clone();
        let api_key = self.settings.remote_embedder().filter(|remote| remote.base_url == base_url);
        let api_key = api_key.and_then(|remote| remote.api_key);
        let former = endpoint(Remote { base_url, api_key, model: identity.name.clone() });
        Ok(Embedder::remote(self.client.clone(), former, Some(identity.dimensions)).await?)
    }

    async fn built_in(&self) -> Option<Embedder> {
        self.open_local(self.library.find(BUILT_IN)?, precision(self.settings)).await.ok()
    }

    /// The model with its generation, made if it is new, and the rules that documents are cut by for it.
    async fn model(&self, embedder: Embedder) -> Result<Model> {
        let generation = self.store.generation(embedder.identity().clone(), clock::now_ms()).await?;
        let rules = self.settings.chunk_rules(embedder.tokens_max());
        Ok(Model { embedder, generation, rules })
    }
}

fn unusable(name: String, error: InferenceError) -> (State, Error) {
    (State::Unusable { name, reason: error.to_string() }, error.into())
}

/// Whether `open` is the model `found`.
pub(super) fn is_local(open: &Embedder, found: &Found) -> bool {
    open.identity().name == found.name && !is_remote(open.identity())
}

fn is_remote(identity: &ModelIdentity) -> bool {
    identity.pooling == "remote"
}

impl App {
    /// What questions are compared by now. A question holds on to what it found here, whatever changes meanwhile.
    pub(in crate::app) fn searching(&self) -> Searching {
        self.searching.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The embedding model that questions are asked with; an error that says what is missing where there is none.
    pub(in crate::app) fn embedder(&self) -> Result<Embedder> {
        let active = self.searching().active.map(|model| model.embedder);
        active.ok_or_else(|| {
            Error::new(
                Kind::Unavailable,
                "The embedding model is not here. `nosia model list` on the server says more.",
            )
        })
    }

    pub(super) fn search_with(&self, searching: Searching) {
        *self.searching.write().unwrap_or_else(PoisonError::into_inner) = searching;
    }
}
