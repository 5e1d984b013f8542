//! `nosia token`: API tokens for people, made at the server.

use clap::Subcommand;

use super::dispatch::Target;
use super::{Common, print};
use crate::app::command::Command;
use crate::config::Settings;

#[derive(clap::Args)]
#[command(after_help = "Example:\n  nosia token create jo@example.org --name \"nightly import\" --days 90")]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Make a token; it is printed once and cannot be had again
    Create {
        /// The person whose rights it carries
        email: String,
        /// What uses it
        #[arg(long)]
        name: String,
        /// Days until it expires [default: never]
        #[arg(long)]
        days: Option<u32>,
    },
}

/// Runs one verb.
pub async fn run(args: Args, common: &Common, settings: Settings) -> anyhow::Result<()> {
    let Verb::Create { email, name, days } = args.verb;
    let target = Target::open(settings, common.account.clone()).await?;
    let made = target.run(Command::CreateToken { email, name, expires_days: days }).await;
    target.close().await;
    let made = made?;
    match common.json {
        true => print::json(&made),
        false => print::line(format_args!("{}", made["token"].as_str().unwrap_or_default())),
    }
    Ok(())
}
