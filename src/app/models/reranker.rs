//! What ranks the best passages anew: a reranker that the settings or `nosia model use` chose, or none.

use std::path::PathBuf;
use std::sync::PoisonError;

use super::keeper::RERANKER;
use crate::app::App;
use crate::app::error::Result;
use crate::config::Settings;
use crate::inference::library::{Found, Library};
use crate::inference::{InferenceError, Reranker};
use crate::retrieve::Rereader;
use crate::store::Store;

/// What is to rank passages anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// A model on this machine.
    Local(Found),
    /// A model that was named and is not here.
    Missing { wanted: String },
    /// None was named.
    Nothing,
}

/// What ranks passages anew now.
#[derive(Clone)]
pub struct Reranking {
    /// `None` where they stay in the order in which they were found.
    pub rereader: Option<Rereader>,
    pub state: State,
}

/// Why it is what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    Local { name: String, path: PathBuf },
    Missing { wanted: String },
    Unusable { name: String, reason: String },
    Nothing,
}

impl State {
    /// A sentence for the administrator.
    pub fn sentence(&self) -> String {
        match self {
            State::Local { name, .. } => format!("The best passages are ranked anew by {name}."),
            State::Missing { wanted } => {
                format!("Passages are not ranked anew: {wanted} was chosen for it and is not installed.")
            }
            State::Unusable { name, reason } => {
                format!("Passages are not ranked anew: {name} was chosen for it and cannot be used. {reason}")
            }
            State::Nothing => "Passages are not ranked anew: no reranker is chosen.".to_owned(),
        }
    }
}

/// What is to rank passages anew: the model that `settings` name, or else the one that was `used`.
pub fn choose(settings: &Settings, library: &Library, used: Option<String>) -> Choice {
    let Some(wanted) = settings.reranking_model.clone().or(used) else { return Choice::Nothing };
    match library.find(&wanted) {
        Some(found) => Choice::Local(found),
        None => Choice::Missing { wanted },
    }
}

/// Opens what was chosen. A model that cannot be opened is a state, told in the log, and no error: passages keep the
/// order in which they were found.
pub async fn open(choice: Choice) -> Reranking {
    match choice {
        Choice::Local(found) => {
            let path = found.path.clone();
            let opened = tokio::task::spawn_blocking(move || Reranker::local(&path)).await;
            match opened.unwrap_or(Err(InferenceError::Closed)) {
                Ok(reranker) => Reranking {
                    rereader: Some(Rereader::new(reranker)),
                    state: State::Local { name: found.name, path: found.path },
                },
                Err(error) => {
                    Reranking { rereader: None, state: State::Unusable { name: found.name, reason: error.to_string() } }
                }
            }
        }
        Choice::Missing { wanted } => Reranking { rereader: None, state: State::Missing { wanted } },
        Choice::Nothing => Reranking { rereader: None, state: State::Nothing },
    }
}

/// What ranks passages of an appliance that is being opened.
pub(in crate::app) async fn at_the_start(settings: &Settings, library: &Library, store: &Store) -> Result<Reranking> {
    let reranking = open(choose(settings, library, store.setting(RERANKER).await?)).await;
    if matches!(reranking.state, State::Missing { .. } | State::Unusable { .. }) {
        tracing::warn!("{}", reranking.state.sentence());
    }
    Ok(reranking)
}

impl App {
    /// What ranks passages anew now. A question holds on to what it found here.
    pub(in crate::app) fn reranking(&self) -> Reranking {
        self.reranking.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Passages from here on are ranked by `reranking`.
    pub(super) fn rank_with(&self, reranking: Reranking) {
        tracing::info!(state = reranking.state.sentence(), "what ranks passages anew was looked at again");
        *self.reranking.write().unwrap_or_else(PoisonError::into_inner) = reranking;
    }

    /// Looks again what is to rank passages anew, and opens it unless it is what does.
    pub(super) async fn refresh_reranker(&self) -> Result<()> {
        let choice = choose(&self.settings, &self.library, self.store.setting(RERANKER).await?);
        let same = match (&choice, self.reranking().state) {
            (Choice::Nothing, State::Nothing) => true,
            (Choice::Local(found), State::Local { path, .. }) => found.path == path,
            (Choice::Missing { wanted }, State::Missing { wanted: before }) => *wanted == before,
            _ => false,
        };
        if !same {
            self.rank_with(open(choice).await);
        }
        Ok(())
    }
}
