//! `nosia eval`: how well the right pages are found and questions answered, on a set of the owner's own.

use std::io::IsTerminal as _;
use std::path::PathBuf;

use indicatif::{ProgressBar, ProgressStyle};

use super::dispatch::Target;
use super::{Common, Misuse, print};
use crate::app::command::{Command, Event};
use crate::app::eval;
use crate::config::Settings;

#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  nosia eval questions.jsonl --json\n\nOne question a line:\n  {\"id\": \"q1\", \"question\": \"...\", \"cites\": [{\"source\": \"a.pdf\", \"page\": 7}], \"answer\": \"...\", \"refuse\": false}\n`page`, `answer` and `refuse` may be left out; `source` is a file name or a title."
)]
pub struct Args {
    /// The questions, as JSON lines
    #[arg(value_name = "SET.jsonl")]
    set: PathBuf,
    /// Measure only what is found, not what is answered
    #[arg(long)]
    retrieval_only: bool,
    /// Search by words, by meaning, by both, or by all three ways side by side
    #[arg(long, default_value = "hybrid", value_parser = ["hybrid", "words", "meaning", "all"])]
    by: String,
}

/// Runs the set and prints the report.
pub async fn run(args: Args, common: &Common, settings: Settings) -> anyhow::Result<()> {
    let set = std::fs::read_to_string(&args.set)
        .map_err(|error| Misuse(format!("{} cannot be read: {error}", args.set.display())))?;
    let target = Target::open(settings, common.account.clone()).await?;
    let bar = match std::io::stderr().is_terminal() && !common.json {
        true => ProgressBar::new(0)
            .with_style(ProgressStyle::with_template("{bar:30} {pos}/{len} questions").expect("well formed")),
        false => ProgressBar::hidden(),
    };
    let mut say = |event| {
        if let Event::Progress { done, total } = event {
            bar.set_length(total);
            bar.set_position(done);
        }
    };
    let modes: &[&str] = if args.by == "all" { &["hybrid", "words", "meaning"] } else { &[args.by.as_str()] };
    let mut reports = Vec::new();
    for mode in modes {
        let options = eval::Options { retrieval_only: args.retrieval_only, by: (*mode).to_owned() };
        let command = Command::Eval { set: set.clone(), options };
        reports.push(((*mode).to_owned(), target.run_with(command, &mut tokio::io::empty(), &mut say).await?));
    }
    bar.finish_and_clear();
    target.close().await;
    if common.json {
        match reports.as_slice() {
            [(_, report)] => print::json(report),
            many => print::json(&serde_json::Value::Object(many.iter().cloned().collect())),
        }
        return Ok(());
    }
    print_side_by_side(&reports);
    Ok(())
}

/// One metric a line, one column a mode.
fn print_side_by_side(reports: &[(String, serde_json::Value)]) {
    if reports.len() > 1 {
        let heads: Vec<_> = reports.iter().map(|(mode, _)| format!("{mode:>10}")).collect();
        print::line(format_args!("{:20}{}", "", heads.join("")));
    }
    let Some(first) = reports.first().and_then(|(_, report)| report.as_object()) else { return };
    for metric in first.keys() {
        let values: Vec<_> = reports.iter().map(|(_, report)| format!("{:>10}", shown(&report[metric]))).collect();
        print::line(format_args!("{metric:20}{}", values.join("")));
    }
}

fn shown(value: &serde_json::Value) -> String {
    match (value.as_u64(), value.as_f64()) {
        (Some(whole), _) => whole.to_string(),
        (None, Some(number)) => format!("{number:.3}"),
        _ => "-".to_owned(),
    }
}
