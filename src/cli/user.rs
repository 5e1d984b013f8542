//! `nosia user`: people, kept by whoever administers the server.

use std::io::{BufRead as _, IsTerminal as _};

use clap::Subcommand;

use super::dispatch::Target;
use super::{Common, Misuse, print};
use crate::app::command::Command;
use crate::config::Settings;

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  nosia user add sam@example.org --role editor < password.txt\n  nosia user list\n  nosia user passwd sam@example.org < password.txt\n\nPasswords are the first line of standard input."
)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Add a person to the account
    Add {
        /// The e-mail address by which they sign in
        email: String,
        /// Their name
        #[arg(long, default_value = "")]
        name: String,
        /// What they may do: reader, editor or owner
        #[arg(long, default_value = "reader", value_parser = ["reader", "editor", "owner"])]
        role: String,
    },
    /// List everybody who can sign in
    List,
    /// Set a person's password, and end their sessions
    Passwd {
        /// The person's e-mail address
        email: String,
    },
}

/// Runs one verb.
pub async fn run(args: Args, common: &Common, settings: Settings) -> anyhow::Result<()> {
    let command = match args.verb {
        Verb::Add { email, name, role } => Command::AddUser { email, name, password: password_from_stdin()?, role },
        Verb::List => Command::Users,
        Verb::Passwd { email } => Command::SetPassword { email, password: password_from_stdin()? },
    };
    let target = Target::open(settings, common.account.clone()).await?;
    let done = target.run(command.clone()).await;
    target.close().await;
    let done = done?;
    if common.json {
        print::json(&done);
        return Ok(());
    }
    match command {
        Command::Users => {
            for user in done.as_array().map(Vec::as_slice).unwrap_or_default() {
                let note = if user["administrator"] == true { "  administrator" } else { "" };
                print::line(format_args!(
                    "{}  {}{note}",
                    user["email"].as_str().unwrap_or_default(),
                    user["name"].as_str().unwrap_or_default()
                ));
            }
        }
        _ => print::line(format_args!("{}: done", done["email"].as_str().unwrap_or_default())),
    }
    Ok(())
}

/// The first line of standard input, without its end. Never taken from the command line, which others can read.
pub fn password_from_stdin() -> anyhow::Result<String> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        print::prompt("Password (it is shown as you type): ");
    }
    let mut line = String::new();
    stdin.lock().read_line(&mut line)?;
    let password = line.trim_end_matches(['\n', '\r']).to_owned();
    if password.is_empty() {
        return Err(Misuse(
            "no password on standard input; for example: nosia init --email you@example.org < password.txt".to_owned(),
        )
        .into());
    }
    Ok(password)
}
