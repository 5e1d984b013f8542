//! The command line: commands and exit codes. 0 is done, 1 said no, 2 was misused.

// What is printed goes through `print`, which knows what to do when the reader has gone.
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod ask;
mod bench;
mod config;
mod dispatch;
mod doctor;
mod eval;
mod ingest;
mod init;
mod model;
mod owner;
mod print;
mod search;
mod serve;
mod socket;
mod systemd;
mod token;
mod user;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::app::extract_child;
use crate::config::{LogFormat, Origin, Settings};
use crate::telemetry;

/// The command that reads one document in a process of its own.
const EXTRACT_CHILD: &str = "extract-child";

#[derive(Parser)]
#[command(
    name = "nosia",
    version,
    about = "Answers questions from your own documents, with citations that can be checked",
    after_help = "Examples:\n  nosia serve --data ./data\n  nosia ingest handbook.pdf policies/ --data ./data\n  nosia ask \"How many days of leave do I have?\" --data ./data\n\nWhile a server runs on a data folder, commands are handed to it; otherwise they open the folder themselves."
)]
struct Line {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(clap::Args)]
struct Common {
    /// The data folder [default: /var/lib/nosia]
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The account that the command is about [default: the only one]
    #[arg(long, global = true, value_name = "NAME")]
    account: Option<String>,
    /// Print one JSON value instead of text
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Run the appliance: web pages, API and background work
    Serve(serve::Args),
    /// Add files and folders, and wait until they are searchable
    Ingest(ingest::Args),
    /// Ask a question and print the answer with its citations
    Ask(ask::Args),
    /// Find passages without composing an answer
    Search(search::Args),
    /// Measure retrieval and answers against a set of questions
    Eval(eval::Args),
    /// Measure speed on made data
    Bench(bench::Args),
    /// List, add, fetch, check, choose and remove models
    Model(model::Args),
    /// Show every setting, its value, and where it comes from
    Config(config::Args),
    /// Check this machine and every part of the appliance
    Doctor(doctor::Args),
    /// Make the first administrator without the web page
    Init(init::Args),
    /// Add and list people, and set passwords
    User(user::Args),
    /// Make API tokens
    Token(token::Args),
    /// Print a new one-time link for the first administrator
    SetupLink,
}

/// Runs the command that the process was started with.
pub fn run() -> ExitCode {
    // Before anything is opened or read: this process will be handed a document that nobody has checked.
    if std::env::args_os().nth(1).is_some_and(|first| first == EXTRACT_CHILD) {
        return extract_child::main();
    }
    let line = Line::parse();
    match start(line) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print::note(format_args!("nosia: {error:#}"));
            ExitCode::from(error.downcast_ref::<Misuse>().map_or(1, |_| 2))
        }
    }
}

/// An error of the person who typed the command or wrote the settings: exit code 2.
#[derive(Debug)]
struct Misuse(String);

impl std::fmt::Display for Misuse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Misuse {}

fn start(line: Line) -> anyhow::Result<()> {
    let Line { common, command } = line;
    // It is about a file alone: neither settings nor a data folder have a say in it.
    if let Command::Model(model::Args { verb: model::Verb::Tokenize(args) }) = &command {
        return model::tokenize::run(args, &common);
    }
    let settings = settings(&common, &command)?;
    if let Command::Config(args) = &command {
        return config::run(args, &common, &settings);
    }
    owner::become_owner_of(&settings.data)?;
    start_telemetry(&settings, matches!(command, Command::Serve(_)));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match command {
            Command::Serve(args) => serve::run(args, settings).await,
            Command::Ingest(args) => ingest::run(args, &common, settings).await,
            Command::Ask(args) => ask::run(args, &common, settings).await,
            Command::Search(args) => search::run(args, &common, settings).await,
            Command::Eval(args) => eval::run(args, &common, settings).await,
            Command::Bench(args) => bench::run(args, &common, settings).await,
            Command::Model(args) => model::run(args, &common, settings).await,
            Command::Doctor(args) => doctor::run(args, &common, settings).await,
            Command::Init(args) => init::run(args, &common, settings).await,
            Command::User(args) => user::run(args, &common, settings).await,
            Command::Token(args) => token::run(args, &common, settings).await,
            Command::SetupLink => init::setup_link(&common, settings).await,
            Command::Config(_) => unreachable!("answered before the runtime was made"),
        }
    })
}

/// What the flags, the environment and the settings file say together.
fn settings(common: &Common, command: &Command) -> anyhow::Result<Settings> {
    let data = common.data.iter().map(|data| ("data".to_owned(), data.display().to_string()));
    let mut flags: Vec<(String, String)> = data.collect();
    if let Command::Serve(args) = command {
        flags.extend(args.flags());
    }
    let settings = crate::config::environment(flags).and_then(Settings::load);
    settings.map_err(|faults| Misuse(crate::config::report(&faults)).into())
}

/// Logs as the settings say; a command that is no server stays quiet below warnings unless more was asked for.
fn start_telemetry(settings: &Settings, serving: bool) {
    let format = match settings.log_format {
        LogFormat::Text => telemetry::Format::Text,
        LogFormat::Json => telemetry::Format::Json,
    };
    let asked_for = settings.origin("RAILS_LOG_LEVEL") != Origin::Default;
    let level = if serving || asked_for { settings.log_level.as_str() } else { "warn" };
    telemetry::start(level, format, settings.journal_stream.as_deref());
}
