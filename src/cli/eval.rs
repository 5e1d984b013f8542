//! `nosia eval`: how well the right pages are found and questions answered, on a set of the owner's own; and how well
//! documents are read and cut, on which that stands.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};

use super::dispatch::Target;
use super::{Common, Misuse, print};
use crate::app::command::{Command, Event};
use crate::app::eval;
use crate::config::Settings;

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  nosia eval questions.jsonl --json\n  nosia eval --extraction pairs.jsonl\n  nosia eval --chunking FOLDER\n\nOne question a line:\n  {\"id\": \"q1\", \"question\": \"...\", \"cites\": [{\"source\": \"a.pdf\", \"page\": 7}], \"answer\": \"...\", \"refuse\": false}\n`page`, `answer` and `refuse` may be left out; `source` is a file name or a title.\n\nOne document a line (--extraction): {\"file\": \"a.docx\", \"expected\": \"a.docx.md\"}, from the set's folder; `expected` may\nbe the Markdown itself. Words are compared as multisets (F1); a document that cannot be read counts 0.\nIn FOLDER (--chunking): questions.csv with `question,references,corpus_id` and a CORPUS_ID.md for each; references are\n[{\"start_index\": 0, \"end_index\": 9}, ...] in characters."
)]
pub struct Args {
    /// The questions, as JSON lines
    #[arg(value_name = "SET.jsonl", required_unless_present_any = ["extraction", "chunking"])]
    set: Option<PathBuf>,
    /// Measure how documents are read instead: against the Markdown that each should give
    #[arg(long, value_name = "PAIRS.jsonl", conflicts_with_all = ["set", "chunking", "retrieval_only"])]
    extraction: Option<PathBuf>,
    /// Measure how documents are cut instead: on a folder with questions.csv and the texts that it names
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["set", "retrieval_only"])]
    chunking: Option<PathBuf>,
    /// Measure only what is found, not what is answered
    #[arg(long)]
    retrieval_only: bool,
    /// Search by words, by meaning, by both, or by all three ways side by side
    #[arg(long, default_value = "hybrid", value_parser = ["hybrid", "words", "meaning", "all"])]
    by: String,
}

/// Runs the set and prints the report.
pub async fn run(args: Args, common: &Common, settings: Settings) -> anyhow::Result<()> {
    if let Some(pairs) = &args.extraction {
        return extraction(pairs, common).await;
    }
    if let Some(folder) = &args.chunking {
        return chunking(folder, common, settings).await;
    }
    let set = read(args.set.as_deref().unwrap_or(Path::new("")))?;
    let target = Target::open(settings, common.account.clone()).await?;
    let bar = bar("questions", common);
    let mut say = |event| {
        if let Event::Progress { done, total } = event {
            advance(&bar, done, total);
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

fn read(path: &Path) -> anyhow::Result<String> {
    Ok(std::fs::read_to_string(path).map_err(|error| Misuse(format!("{} cannot be read: {error}", path.display())))?)
}

fn bar(what: &str, common: &Common) -> ProgressBar {
    match std::io::stderr().is_terminal() && !common.json {
        true => ProgressBar::new(0).with_style(
            ProgressStyle::with_template(&format!("{{bar:30}} {{pos}}/{{len}} {what}")).expect("well formed"),
        ),
        false => ProgressBar::hidden(),
    }
}

fn advance(bar: &ProgressBar, done: u64, total: u64) {
    bar.set_length(total);
    bar.set_position(done);
}

/// Reads each document of the set and prints how near it came: one format a line.
async fn extraction(pairs: &Path, common: &Common) -> anyhow::Result<()> {
    let set = read(pairs)?;
    let folder = pairs.parent().unwrap_or(Path::new(""));
    let bar = bar("documents", common);
    let mut progress = |done, total| advance(&bar, done, total);
    let report = eval::extraction::run(&set, folder, &std::env::current_exe()?, &mut progress).await;
    bar.finish_and_clear();
    let report = report.map_err(|error| Misuse(error.message))?;
    if common.json {
        print::json(&serde_json::to_value(&report)?);
        return Ok(());
    }
    for file in &report.files {
        let said = file.error.as_ref().map_or(String::new(), |error| format!("  {error}"));
        print::line(format_args!("{:.3}  {}{said}", file.f1, file.file.display()));
    }
    print::line(format_args!(
        "\n{:10}{:>7}{:>8}{:>11}{:>9}{:>13}{:>11}{:>8}{:>9}",
        "format", "files", "failed", "F1 median", "F1 mean", "headings F1", "tables F1", "pages", "seconds"
    ));
    let score = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.3}"));
    for (ending, format) in &report.formats {
        print::line(format_args!(
            "{ending:10}{:>7}{:>8}{:>11.3}{:>9.3}{:>13}{:>11}{:>8}{:>9.2}",
            format.files,
            format.failed,
            format.f1_median,
            format.f1_mean,
            score(format.headings_f1_mean),
            score(format.tables_f1_mean),
            format.pages,
            format.seconds
        ));
    }
    Ok(())
}

/// Cuts the texts of the set in several ways and prints them side by side.
async fn chunking(folder: &Path, common: &Common, settings: Settings) -> anyhow::Result<()> {
    let set = eval::chunking::Set::read(folder).map_err(|error| Misuse(error.message))?;
    let target = Target::open(settings, common.account.clone()).await?;
    let bar = bar("ways to cut", common);
    let mut say = |event| {
        if let Event::Progress { done, total } = event {
            advance(&bar, done, total);
        }
    };
    let rows = target.run_with(Command::EvalChunking { set }, &mut tokio::io::empty(), &mut say).await;
    bar.finish_and_clear();
    target.close().await;
    let rows = rows?;
    if common.json {
        print::json(&rows);
        return Ok(());
    }
    print::line(format_args!(
        "{:44}{:>8}{:>12}{:>8}{:>11}{:>9}",
        "cut", "chunks", "characters", "recall", "precision", "overlap"
    ));
    for row in rows.as_array().into_iter().flatten() {
        let number = |name: &str| row[name].as_f64().unwrap_or_default();
        print::line(format_args!(
            "{:44}{:>8}{:>12.0}{:>8.3}{:>11.3}{:>9.3}",
            row["cut"].as_str().unwrap_or_default(),
            row["chunks"],
            number("characters_mean"),
            number("recall"),
            number("precision"),
            number("overlap")
        ));
    }
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
