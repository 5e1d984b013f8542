//! `nosia ingest`: files, folders and patterns go in; it waits until all of them are searchable.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::dispatch::Target;
use super::{Common, Misuse, print};
use crate::app::command::Command;
use crate::config::Settings;

/// How often the states of the sources are read.
const LOOK_AGAIN: Duration = Duration::from_millis(300);

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  nosia ingest handbook.pdf\n  nosia ingest policies/ 'reports/*.docx'\n  nosia ingest archive/ --no-wait"
)]
pub struct Args {
    /// Files, folders (read with all that is in them), or patterns in quotes
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Return when the files are on disk, before they are searchable
    #[arg(long)]
    no_wait: bool,
}

/// A file that is being waited for.
struct Waiting {
    id: i64,
    path: PathBuf,
}

/// Adds everything, then follows it until it is settled.
pub async fn run(args: Args, common: &Common, settings: Settings) -> anyhow::Result<()> {
    let files = files_of(&args.paths)?;
    let target = Target::open(settings, common.account.clone()).await?;
    let begun = Instant::now();
    let (mut waiting, mut refused, mut existed) = (Vec::new(), Vec::new(), 0u32);
    for path in files {
        match add(&target, &path).await {
            Ok((id, known)) => {
                existed += u32::from(known);
                if known && !common.json {
                    print::line(format_args!("{}: is here already", path.display()));
                }
                waiting.push(Waiting { id, path });
            }
            Err(error) => {
                print::note(format_args!("{}: {error:#}", path.display()));
                refused.push(json!({ "path": path, "reason": format!("{error:#}") }));
            }
        }
    }
    let report = match args.no_wait {
        true => {
            json!({ "sources": waiting.iter().map(|one| json!({ "id": one.id, "path": one.path })).collect::<Vec<_>>() })
        }
        false => follow(&target, &waiting, common.json).await?,
    };
    target.close().await;
    let failed =
        report["sources"].as_array().map_or(0, |rows| rows.iter().filter(|row| row["state"] == "failed").count());
    let seconds = begun.elapsed().as_secs_f64();
    if common.json {
        let mut report = report;
        report["refused"] = Value::Array(refused.clone());
        report["existed"] = existed.into();
        report["seconds"] = seconds.into();
        print::json(&report);
    } else if !args.no_wait {
        summary(&report, seconds);
    }
    if failed + refused.len() > 0 {
        anyhow::bail!("{} of {} files could not be read", failed + refused.len(), waiting.len() + refused.len());
    }
    Ok(())
}

/// Hands one file over; its number, and whether it was known already.
async fn add(target: &Target, path: &Path) -> anyhow::Result<(i64, bool)> {
    let mut file = tokio::fs::File::open(path).await?;
    let bytes = file.metadata().await?.len();
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let added = target.run_with(Command::AddFile { name, bytes }, &mut file, &mut |_| {}).await?;
    let id = added["source"]["id"].as_i64().ok_or_else(|| anyhow::anyhow!("the answer names no source"))?;
    Ok((id, added["existed"] == true))
}

/// Waits until every source is ready or failed, and shows how far it is.
async fn follow(target: &Target, waiting: &[Waiting], quiet: bool) -> anyhow::Result<Value> {
    let bar = bar(waiting.len() as u64, quiet);
    let plain = !quiet && !std::io::stderr().is_terminal();
    let mut told = std::collections::HashSet::new();
    let begun = Instant::now();
    loop {
        let ids = waiting.iter().map(|one| one.id).collect();
        let states = target.run(Command::States { sources: ids }).await?;
        let rows = states["sources"].as_array().map(Vec::as_slice).unwrap_or_default();
        let settled = rows.iter().filter(|row| row["settled"] == true);
        for row in settled.clone().filter(|row| told.insert(row["id"].as_i64())) {
            if plain || row["state"] == "failed" {
                bar.suspend(|| print::note(format_args!("{}", line_of(row))));
            }
        }
        bar.set_position(settled.count() as u64);
        bar.set_message(progress_of(rows, begun.elapsed().as_secs_f64()));
        if rows.iter().all(|row| row["settled"] == true) {
            bar.finish_and_clear();
            return Ok(states);
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

fn bar(files: u64, quiet: bool) -> ProgressBar {
    if quiet || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} files  {msg}");
    ProgressBar::new(files).with_style(style.expect("the template is well formed"))
}

/// What is under way: `handbook.pdf: reading page 12 of 80 · 14.2 pages/s · 31 chunks/s`.
fn progress_of(rows: &[Value], seconds: f64) -> String {
    let busy = rows.iter().find(|row| matches!(row["state"].as_str(), Some("reading" | "embedding")));
    let now = busy.map(|row| {
        let unit = if row["state"] == "reading" { "page" } else { "chunk" };
        let verb = row["state"].as_str().unwrap_or_default();
        format!(
            "{}: {verb} {unit} {} of {} · ",
            row["file_name"].as_str().unwrap_or_default(),
            row["done"],
            row["total"]
        )
    });
    let sum = |key: &str| rows.iter().filter_map(|row| row[key].as_f64()).sum::<f64>();
    let rate = |count: f64| count / seconds.max(0.001);
    format!("{}{:.1} pages/s · {:.1} chunks/s", now.unwrap_or_default(), rate(sum("pages")), rate(sum("chunks")))
}

fn line_of(row: &Value) -> String {
    let name = row["file_name"].as_str().unwrap_or_default();
    match row["reason"].as_str() {
        Some(reason) => format!("{name}: failed: {reason}"),
        None => {
            let count = |key: &str| row[key].as_u64().unwrap_or_default();
            let state = row["state"].as_str().unwrap_or_default();
            format!("{name}: {state} ({})", amount(count("pages"), count("chunks")))
        }
    }
}

/// Most formats have no pages to count.
fn amount(pages: u64, chunks: u64) -> String {
    if pages == 0 { format!("{chunks} chunks") } else { format!("{pages} pages, {chunks} chunks") }
}

/// The last lines: how much, how fast, and where the time went.
fn summary(report: &Value, seconds: f64) {
    let rows = report["sources"].as_array().map(Vec::as_slice).unwrap_or_default();
    let sum = |key: &str| rows.iter().filter_map(|row| row[key].as_u64()).sum::<u64>();
    let ready = rows.iter().filter(|row| row["state"] == "ready").count();
    let (pages, chunks) = (sum("pages"), sum("chunks"));
    let rate = |count: u64, what: &str| format!("{:.1} {what}/s", count as f64 / seconds.max(0.001));
    let rates = [rate(pages, "pages"), rate(chunks, "chunks")];
    print::line(format_args!(
        "{ready} of {} files ready: {} in {seconds:.1} s ({})",
        rows.len(),
        amount(pages, chunks),
        rates[usize::from(pages == 0)..].join(", ")
    ));
    if let Some(stages) = report["stages"].as_object().filter(|stages| !stages.is_empty()) {
        let total: f64 = stages.values().filter_map(Value::as_f64).sum();
        let shares = stages.iter().map(|(stage, ms)| {
            format!(
                "{} {:.0} %",
                stage.trim_end_matches("_ms"),
                100.0 * ms.as_f64().unwrap_or_default() / total.max(0.001)
            )
        });
        print::line(format_args!("time: {}", shares.collect::<Vec<_>>().join(", ")));
    }
}

/// The files that the arguments mean, in order, hidden ones left out of folders.
fn files_of(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            walk(path, &mut files)?;
        } else if path.exists() {
            files.push(path.clone());
        } else {
            let pattern = path.to_string_lossy();
            let matches: Vec<_> = glob::glob(&pattern).map_err(|error| Misuse(error.to_string()))?.flatten().collect();
            if matches.is_empty() {
                return Err(Misuse(format!("there is no file or folder \"{pattern}\", and nothing matches it")).into());
            }
            for found in matches {
                if found.is_dir() { walk(&found, &mut files)? } else { files.push(found) }
            }
        }
    }
    if files.is_empty() {
        return Err(Misuse("there is no file in what was named".to_owned()).into());
    }
    Ok(files)
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let mut entries: Vec<_> = std::fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        // The entry's own type, so that a link to a folder above is not followed round and round.
        match entry.file_type()? {
            kind if kind.is_dir() => walk(&entry.path(), files)?,
            kind if kind.is_file() => files.push(entry.path()),
            _ => {}
        }
    }
    Ok(())
}
