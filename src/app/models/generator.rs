//! Who writes the answers: chosen by the settings or by `nosia model use`, and changed while questions are answered.

use std::path::PathBuf;
use std::sync::PoisonError;

use super::keeper::GENERATOR;
use crate::app::App;
use crate::app::error::Result;
use crate::app::open::endpoint;
use crate::config::{Remote, Settings};
use crate::inference::library::{Found, Library};
use crate::inference::{Generator, InferenceError, LocalOptions};
use crate::net;
use crate::store::Store;

/// What is to write the answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// A model at an endpoint.
    Remote(Remote),
    /// A model on this machine.
    Local(Found),
    /// A model that was named and is not here.
    Missing { wanted: String },
    /// None was named.
    Nothing,
}

/// What writes the answers now.
#[derive(Clone)]
pub struct Writing {
    /// `None` where answers are quotations.
    pub generator: Option<Generator>,
    pub state: State,
}

/// Why it is what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    Remote,
    /// `computes` says on what, once the model is loaded.
    Local {
        name: String,
        path: PathBuf,
        computes: Option<String>,
    },
    Missing {
        wanted: String,
    },
    Unusable {
        name: String,
        reason: String,
    },
    Nothing,
}

impl State {
    /// A sentence for the administrator.
    pub fn sentence(&self) -> String {
        match self {
            State::Remote => "Answers are written by the model at AI_BASE_URL.".to_owned(),
            State::Local { name, computes: None, .. } => format!("Answers are written on this machine by {name}."),
            State::Local { name, computes: Some(computes), .. } => {
                format!("Answers are written on this machine by {name}, on {computes}.")
            }
            State::Missing { wanted } => format!(
                "Answers are quotations: {wanted} was chosen to write them and is not installed. `nosia model add \
                 {wanted}` fetches it, or `nosia model add FILE` takes it from a file."
            ),
            State::Unusable { name, reason } => {
                format!("Answers are quotations: {name} was chosen to write them and cannot be used. {reason}")
            }
            State::Nothing => {
                "Answers are quotations: no generator is chosen. `nosia model list --catalog` shows those \
                 that are known, `nosia model use NAME` chooses an installed one."
                    .to_owned()
            }
        }
    }
}

/// What is to write the answers: the endpoint of `settings`, or else the model on this machine that they name, or else
/// the one that was `used`, the setting made in the app.
pub fn choose(settings: &Settings, library: &Library, used: Option<String>) -> Choice {
    if let Some(remote) = settings.generator() {
        return Choice::Remote(remote);
    }
    let Some(wanted) = settings.llm_model.clone().or(used) else { return Choice::Nothing };
    match library.find(&wanted) {
        Some(found) => Choice::Local(found),
        None => Choice::Missing { wanted },
    }
}

/// Opens what was chosen. A model that cannot be opened is a state, told in the log, and no error: the appliance
/// answers by quotations meanwhile.
pub async fn open(choice: Choice, client: &net::Client, settings: &Settings) -> Writing {
    match choice {
        Choice::Remote(remote) => {
            let generator = Generator::remote(client.clone(), endpoint(remote));
            Writing { generator: Some(generator), state: State::Remote }
        }
        Choice::Local(found) => {
            let path = found.path.clone();
            let options = LocalOptions {
                context: settings.llm_num_ctx,
                cache_bytes: settings.llm_cache_bytes(),
                device: settings.inference_device,
            };
            let opened = tokio::task::spawn_blocking(move || Generator::local(&path, options)).await;
            match opened.unwrap_or(Err(InferenceError::Closed)) {
                Ok(generator) => {
                    let computes = generator.computes().map(str::to_owned);
                    let state = State::Local { name: found.name, path: found.path, computes };
                    Writing { generator: Some(generator), state }
                }
                Err(error) => {
                    Writing { generator: None, state: State::Unusable { name: found.name, reason: error.to_string() } }
                }
            }
        }
        Choice::Missing { wanted } => Writing { generator: None, state: State::Missing { wanted } },
        Choice::Nothing => Writing { generator: None, state: State::Nothing },
    }
}

/// What writes the answers of an appliance that is being opened.
pub(in crate::app) async fn at_the_start(
    settings: &Settings,
    library: &Library,
    store: &Store,
    client: &net::Client,
) -> Result<Writing> {
    let writing = open(choose(settings, library, store.setting(GENERATOR).await?), client, settings).await;
    if matches!(writing.state, State::Missing { .. } | State::Unusable { .. }) {
        tracing::warn!("{}", writing.state.sentence());
    }
    Ok(writing)
}

impl App {
    /// What writes the answers now. A clone of its generator goes on after another was chosen.
    pub(in crate::app) fn writing(&self) -> Writing {
        self.writing.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The generator, for one answer.
    pub(in crate::app) fn generator(&self) -> Option<Generator> {
        self.writing().generator
    }

    /// Answers from here on are written by `writing`; those in progress end as they began.
    pub(super) fn write_with(&self, writing: Writing) {
        tracing::info!(state = writing.state.sentence(), "who writes the answers was looked at again");
        *self.writing.write().unwrap_or_else(PoisonError::into_inner) = writing;
    }

    /// Looks again what is to write the answers, and opens it unless it is what does.
    pub(super) async fn refresh_generator(&self) -> Result<()> {
        let choice = choose(&self.settings, &self.library, self.store.setting(GENERATOR).await?);
        let same = match (&choice, self.writing().state) {
            (Choice::Remote(_), State::Remote) | (Choice::Nothing, State::Nothing) => true,
            (Choice::Local(found), State::Local { path, .. }) => found.path == path,
            (Choice::Missing { wanted }, State::Missing { wanted: before }) => *wanted == before,
            _ => false,
        };
        if !same {
            self.write_with(open(choice, &self.client, &self.settings).await);
        }
        Ok(())
    }
}
