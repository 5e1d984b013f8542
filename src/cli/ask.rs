//! `nosia ask`: a question, its answer, and the citations.

use super::dispatch::Target;
use super::{Common, print};
use crate::app::command::{Command, Event};
use crate::config::Settings;

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  nosia ask \"How many days of leave do I have?\"\n  nosia ask \"Who signs travel requests?\" --json\n\nThe exit code is 1 when the documents do not support an answer."
)]
pub struct Args {
    /// The question
    question: String,
}

/// Prints the answer as it comes, then what it stands on.
pub async fn run(args: Args, common: &Common, settings: Settings) -> anyhow::Result<()> {
    let target = Target::open(settings, common.account.clone()).await?;
    let quiet = common.json;
    let mut say = |event| {
        if let (Event::Text(text), false) = (event, quiet) {
            print::piece(&text);
        }
    };
    let answered = target.run_with(Command::Ask { question: args.question }, &mut tokio::io::empty(), &mut say).await;
    target.close().await;
    let answer = answered?;
    if common.json {
        print::json(&answer);
    } else {
        print::line("");
        let citations = answer["citations"].as_array().map(Vec::as_slice).unwrap_or_default();
        if !citations.is_empty() {
            print::line("");
        }
        for citation in citations {
            print::line(format_args!("[{}] {}", citation["number"], citation["label"].as_str().unwrap_or_default()));
        }
        let unsupported = answer["unsupported"].as_array().map(Vec::as_slice).unwrap_or_default();
        if !unsupported.is_empty() {
            print::line("\nNot confirmed by the passages:");
        }
        for sentence in unsupported {
            print::line(format_args!("- {}", sentence["text"].as_str().unwrap_or_default()));
        }
    }
    match answer["refused"] == true {
        true => std::process::exit(1),
        false => Ok(()),
    }
}
