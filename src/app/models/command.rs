//! What can be asked at the command line about models: one value each.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::io::AsyncRead;

use super::{Keeper, add, build, fetch, list, remove, select, show, verify};
use crate::app::command::Event;
use crate::app::error::Result;

/// A token for a hub, which is sent and never shown.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Token(pub String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// A command about models.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// What is there, and what the catalog knows besides.
    List,
    /// All that is known of one.
    Show { name: String },
    /// Takes in the model whose files (name and length) follow, one after the other.
    Add { name: String, files: Vec<(String, u64)>, source: String },
    /// Fetches one from a hub.
    Fetch { name: String, endpoint: Option<String>, token: Option<Token> },
    /// Removes one.
    Remove { name: String, force: bool },
    /// Compares the bytes of one or all with what they were.
    Verify { name: Option<String> },
    /// Has one used.
    Use { name: String },
    /// Has none used for a purpose that can do without.
    UseNone { purpose: String },
    /// How far the embedding model is that is about to take over.
    Build,
}

/// Runs a command. `body` is what follows it; `say` takes its events.
pub async fn run(
    keeper: &Keeper<'_>,
    command: Command,
    body: &mut (dyn AsyncRead + Unpin + Send),
    say: &mut (dyn FnMut(Event) + Send),
) -> Result<Value> {
    match command {
        Command::List => list::list(keeper).await,
        Command::Show { name } => show::show(keeper, &name).await,
        Command::Add { name, files, source } => add::add(keeper, &name, files, source, body, say).await,
        Command::Fetch { name, endpoint, token } => fetch::fetch(keeper, &name, endpoint, token, say).await,
        Command::Remove { name, force } => remove::remove(keeper, &name, force).await,
        Command::Verify { name } => verify::verify(keeper, name.as_deref(), say).await,
        Command::Use { name } => select::select(keeper, &name).await,
        Command::UseNone { purpose } => select::none(keeper, &purpose).await,
        Command::Build => build::build(keeper).await,
    }
}
