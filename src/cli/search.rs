//! `nosia search`: the passages for a question, best first.

use super::dispatch::Target;
use super::{Common, print};
use crate::app::command::Command;
use crate::config::Settings;

/// Characters of a passage shown on a terminal.
const SHOWN_CHARS: usize = 240;

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  nosia search \"parental leave\"\n  nosia search \"parental leave\" --limit 20 --json"
)]
pub struct Args {
    /// What to look for, in words or as a question
    question: String,
    /// Passages at most
    #[arg(long, default_value_t = 8)]
    limit: usize,
}

/// Prints the passages.
pub async fn run(args: Args, common: &Common, settings: Settings) -> anyhow::Result<()> {
    let target = Target::open(settings, common.account.clone()).await?;
    let found = target.run(Command::Search { question: args.question, limit: args.limit }).await;
    target.close().await;
    let found = found?;
    if common.json {
        print::json(&found);
        return Ok(());
    }
    let passages = found["passages"].as_array().map(Vec::as_slice).unwrap_or_default();
    if passages.is_empty() {
        print::line("Nothing was found.");
    }
    for (rank, passage) in passages.iter().enumerate() {
        let page = passage["page"].as_u64().map(|page| format!(" p. {page}")).unwrap_or_default();
        let similarity = passage["similarity"].as_f64().unwrap_or_default();
        print::line(format_args!(
            "[{}] {}{page}  (similarity {similarity:.2})",
            rank + 1,
            passage["file_name"].as_str().unwrap_or_default()
        ));
        let text = passage["text"].as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
        let shown: String = text.chars().take(SHOWN_CHARS).collect();
        print::line(format_args!("    {shown}{}\n", if shown.len() < text.len() { "…" } else { "" }));
    }
    Ok(())
}
