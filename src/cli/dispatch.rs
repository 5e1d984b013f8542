//! Where a command runs: in the server that has the data folder open, or else in this process.

use std::path::PathBuf;

use serde_json::Value;
use tokio::io::AsyncRead;
use tokio::net::UnixStream;

use super::socket;
use crate::app::App;
use crate::app::command::{self, Command, Envelope, Event};
use crate::app::error::Error;
use crate::app::models::Shelf;
use crate::config::Settings;

/// An opened target for commands.
pub struct Target {
    account: Option<String>,
    place: Place,
}

enum Place {
    Server(PathBuf),
    Here(App),
    /// Of this process too, with the models alone.
    Shelf(Box<Shelf>),
}

impl Target {
    /// Finds the server of the data folder, or opens the folder here.
    pub async fn open(settings: Settings, account: Option<String>) -> anyhow::Result<Target> {
        let place = match server(&settings).await {
            Some(path) => Place::Server(path),
            None => Place::Here(App::open(settings, std::env::current_exe()?).await?),
        };
        Ok(Target { account, place })
    }

    /// As [`Target::open`], for commands about models alone: nothing is loaded, so that they work where a model is
    /// missing or damaged.
    pub async fn open_shelf(settings: Settings) -> anyhow::Result<Target> {
        let place = match server(&settings).await {
            Some(path) => Place::Server(path),
            None => Place::Shelf(Box::new(Shelf::open(settings, &std::env::current_exe()?).await?)),
        };
        Ok(Target { account: None, place })
    }

    /// Runs a command that needs no more than itself and has nothing to say on its way.
    pub async fn run(&self, command: Command) -> anyhow::Result<Value> {
        self.run_with(command, &mut tokio::io::empty(), &mut |_| {}).await
    }

    /// Runs a command with the bytes that follow it, and hands its events to `say`.
    pub async fn run_with(
        &self,
        command: Command,
        body: &mut (dyn AsyncRead + Unpin + Send),
        say: &mut (dyn FnMut(Event) + Send),
    ) -> anyhow::Result<Value> {
        let envelope = Envelope { account: self.account.clone(), command };
        match &self.place {
            Place::Server(path) => socket::post(UnixStream::connect(path).await?, &envelope, body, say).await,
            Place::Here(app) => command::run(app, envelope, body, say).await.map_err(told),
            Place::Shelf(shelf) => command::run_on_shelf(shelf, envelope, body, say).await.map_err(told),
        }
    }

    /// Closes the folder again if it was opened here.
    pub async fn close(self) {
        match self.place {
            Place::Here(app) => app.stop().await,
            Place::Shelf(shelf) => shelf.close().await,
            Place::Server(_) => {}
        }
    }
}

/// The socket of the server that has the data folder open, if one answers there.
async fn server(settings: &Settings) -> Option<PathBuf> {
    let path = socket::path(&settings.data);
    UnixStream::connect(&path).await.is_ok().then_some(path)
}

/// The reader's sentence; the cause goes to the log.
fn told(error: Error) -> anyhow::Error {
    if let Some(cause) = &error.source {
        tracing::error!(%cause, "the command failed");
    }
    anyhow::anyhow!(error.message)
}
