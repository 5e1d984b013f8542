//! `nosia model use`: the model that is used from now on.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use super::{Common, Model, Settings, ask, print, text};
use crate::app::command::Command;
use crate::cli::dispatch::Target;

/// How often it is looked at how far the vectors are.
const LOOK_AGAIN: Duration = Duration::from_millis(300);
/// Of how many parts each is told in a pipe.
const PARTS: u64 = 10;

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  nosia model use granite-3.3-2b-instruct\n  nosia model use granite-embedding-278m-multilingual --no-wait\n  nosia model use --none reranking\n\nA running server changes over at once; an answer in progress is ended by the model that began it. An embedding model first makes its vectors of every document, beside those in use, while questions are answered as before; this command shows how far it is, and may be stopped: the work goes on in the server, and after a restart from where it was. The model that was used before comes back at once, with its vectors. LLM_MODEL, AI_BASE_URL, EMBEDDING_MODEL, EMBEDDING_BASE_URL and RERANKING_MODEL, where they are set, are stronger than this."
)]
pub struct Args {
    /// Its name, or one that the catalog knows it by
    #[arg(required_unless_present = "none")]
    name: Option<String>,
    /// Use no model for this: answers are quotations again, or passages keep the order in which they were found
    #[arg(long, value_name = "PURPOSE", value_parser = ["generation", "reranking"], conflicts_with = "name")]
    none: Option<String>,
    /// Return at once, also where an embedding model has vectors to make first
    #[arg(long)]
    no_wait: bool,
}

/// Chooses it, and follows it until it is in use.
pub async fn run(args: Args, common: &Common, settings: Settings) -> anyhow::Result<()> {
    let command = match (args.none, args.name) {
        (Some(purpose), _) => Model::UseNone { purpose },
        (None, name) => Model::Use { name: name.unwrap_or_default() },
    };
    let mut used = ask(settings.clone(), command).await?;
    if matches!(text(&used, "state"), "being built" | "chosen") && !args.no_wait {
        // Without a server it is made in this process.
        let target = Target::open(settings, None).await?;
        let name = text(&used, "name").to_owned();
        let followed = tokio::select! {
            followed = follow(&target, &name, common.json) => followed.map(|()| true),
            _ = tokio::signal::ctrl_c() => Ok(false),
        };
        let now = target.run(Command::Model(Model::Build)).await;
        target.close().await;
        used["vectors"] = now?["build"]["vectors"].take();
        used["state"] = if followed? { "in use" } else { "being built" }.into();
    }
    match common.json {
        true => print::json(&used),
        false => print::line(sentence(&used)),
    }
    Ok(())
}

fn sentence(used: &Value) -> String {
    let (name, active) = (text(used, "name"), text(used, "active"));
    match text(used, "state") {
        "none" => format!("No model is used for {}.", text(used, "purpose")),
        "in use" => format!("{name} is in use for {}.", text(used, "purpose")),
        "chosen" => format!(
            "{name} is chosen for {}. It makes its vectors once the server runs; until it has them all, questions are \
             compared by {active}.",
            text(used, "purpose")
        ),
        _ => format!(
            "{name} makes its vectors in the background: {} of {} chunks are done. Until it has them all, questions are \
             compared by {active}; `nosia model list` says how far it is.",
            used["vectors"]["done"], used["vectors"]["total"]
        ),
    }
}

/// Waits until `name` is what questions are compared by, and shows how far it is.
async fn follow(target: &Target, name: &str, quiet: bool) -> anyhow::Result<()> {
    let terminal = std::io::stderr().is_terminal();
    let (bar, plain) = (bar(quiet || !terminal), !quiet && !terminal);
    let (mut told, mut told_why) = (0, None);
    loop {
        let now = target.run(Command::Model(Model::Build)).await?;
        let build = &now["build"];
        if text(&now, "wanted") != name {
            bar.finish_and_clear();
            anyhow::bail!("meanwhile {} was chosen", text(&now, "wanted"));
        }
        if build.is_null() {
            bar.finish_and_clear();
            anyhow::ensure!(text(&now, "active") == name, "{name} could not be used; `nosia model list` says why");
            return Ok(());
        }
        let number = |field: &str| build["vectors"][field].as_u64().unwrap_or_default();
        let (done, total) = (number("done"), number("total"));
        bar.set_length(total);
        bar.set_position(done);
        let part = done.saturating_mul(PARTS).checked_div(total).unwrap_or(0);
        if plain && part > told {
            print::note(format_args!("{name}: {done} of {total} chunks"));
            told = part;
        }
        let why = build["put_off"].as_str().map(str::to_owned);
        if let Some(why) = why.as_ref().filter(|_| !quiet && why != told_why) {
            bar.suspend(|| print::note(format_args!("{name}: it is tried again: {why}")));
        }
        told_why = why;
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

fn bar(hidden: bool) -> ProgressBar {
    if hidden {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:30} {pos} of {len} chunks  {per_sec}  {eta}");
    ProgressBar::new(0).with_style(style.expect("the template is well formed"))
}
