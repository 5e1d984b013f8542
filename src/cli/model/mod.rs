//! `nosia model`: the models on this machine, one subcommand a file.

mod add;
mod amount;
mod list;
mod progress;
mod remove;
mod select;
mod show;
pub mod tokenize;
mod verify;

use serde_json::Value;
use tokio::io::AsyncRead;

use super::dispatch::Target;
use super::{Common, Misuse, print};
use crate::app::command::{Command, Event};
use crate::app::models::command::Command as Model;
use crate::config::Settings;

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  nosia model list --catalog\n  nosia model add granite-3.3-2b-instruct\n  nosia model add /media/usb/granite-3.3-2b-instruct-Q4_K_M.gguf\n  nosia model use granite-3.3-2b-instruct\n\nA generator is one .gguf file; an embedding model or reranker is one, too, or a folder with config.json, tokenizer.json and model.safetensors. They are looked for in NOSIA_MODELS, the data folder's `models`, /usr/share/nosia/models and beside the binary."
)]
pub struct Args {
    #[command(subcommand)]
    pub verb: Verb,
}

#[derive(clap::Subcommand)]
pub enum Verb {
    /// List the models on this machine and, with --catalog, those that can be fetched
    List(list::Args),
    /// Show what a model is, what it needs, and where it came from
    Show(show::Args),
    /// Take a model in from a file or folder, or fetch one
    Add(add::Args),
    /// Remove a model, or what has come of an unfinished download
    Remove(remove::Args),
    /// Compare the bytes of models with what they were
    Verify(verify::Args),
    /// Choose the model that is used, without a restart
    Use(select::Args),
    /// Print the tokens that a model file makes of the text on standard input
    Tokenize(tokenize::Args),
}

/// Runs one verb.
pub async fn run(args: Args, common: &Common, settings: Settings) -> anyhow::Result<()> {
    match args.verb {
        Verb::List(args) => list::run(args, common, settings).await,
        Verb::Show(args) => show::run(args, common, settings).await,
        Verb::Add(args) => add::run(args, common, settings).await,
        Verb::Remove(args) => remove::run(args, common, settings).await,
        Verb::Verify(args) => verify::run(args, common, settings).await,
        Verb::Use(args) => select::run(args, common, settings).await,
        Verb::Tokenize(_) => unreachable!("answered before the settings were read"),
    }
}

/// Runs a command that is over at once.
async fn ask(settings: Settings, command: Model) -> anyhow::Result<Value> {
    let target = Target::open_shelf(settings).await?;
    let done = target.run(Command::Model(command)).await;
    target.close().await;
    done
}

/// Runs a command that takes its time: its progress is shown, and Ctrl-C ends it with `stopped`.
async fn watch(
    settings: Settings,
    command: Model,
    body: &mut (dyn AsyncRead + Unpin + Send),
    common: &Common,
    stopped: &str,
) -> anyhow::Result<Value> {
    let target = Target::open_shelf(settings).await?;
    let mut progress = progress::Shown::new(common.json);
    let done = {
        let mut say = |event: Event| progress.take(event);
        tokio::select! {
            done = target.run_with(Command::Model(command), body, &mut say) => done,
            _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("{stopped}")),
        }
    };
    progress.end();
    target.close().await;
    done
}

/// The text of a field; empty where there is none.
fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().unwrap_or_default()
}
