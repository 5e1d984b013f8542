//! `nosia init` and `nosia setup-link`: the first administrator, made here or by a new one-time link.

use super::dispatch::Target;
use super::user::password_from_stdin;
use super::{Common, print};
use crate::app::command::Command;
use crate::config::Settings;

#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  nosia init --email jo@example.org --name Jo < password.txt\n\nThe password is the first line of standard input."
)]
pub struct Args {
    /// The administrator's e-mail address, by which they sign in
    #[arg(long)]
    email: String,
    /// The administrator's name
    #[arg(long, default_value = "")]
    name: String,
}

/// Makes the first administrator.
pub async fn run(args: Args, common: &Common, settings: Settings) -> anyhow::Result<()> {
    let password = password_from_stdin()?;
    let target = Target::open(settings, common.account.clone()).await?;
    let made = target.run(Command::Claim { email: args.email, name: args.name, password }).await;
    target.close().await;
    let made = made?;
    match common.json {
        true => print::json(&made),
        false => print::line(format_args!(
            "{} is the administrator now and can sign in.",
            made["email"].as_str().unwrap_or_default()
        )),
    }
    Ok(())
}

/// Prints a new one-time link; earlier ones end.
pub async fn setup_link(common: &Common, settings: Settings) -> anyhow::Result<()> {
    let base = settings.url.clone().unwrap_or_default();
    let target = Target::open(settings, common.account.clone()).await?;
    let made = target.run(Command::SetupLink).await;
    target.close().await;
    let made = made?;
    match common.json {
        true => print::json(&made),
        false => print::line(format_args!(
            "{base}{} (good for {} minutes, once)",
            made["path"].as_str().unwrap_or_default(),
            made["minutes"]
        )),
    }
    Ok(())
}
