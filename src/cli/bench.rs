//! `nosia bench`: how fast this machine is, on made data.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::json;

use super::{Common, Misuse};
use crate::app::bench;
use crate::config::Settings;

#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  nosia bench search --chunks 10000,100000\n\nA million chunks need about 4 GB of disk and some minutes.\nHow fast documents are read and embedded is printed by `nosia ingest`."
)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Whole retrieval at given sizes: p50 and p95, and what the scan finds of the exact nearest
    Search {
        /// Sizes, in chunks
        #[arg(long, value_delimiter = ',', default_value = "10000,100000")]
        chunks: Vec<usize>,
        /// Questions asked at each size
        #[arg(long, default_value_t = 100)]
        questions: usize,
        /// Build each size in a folder here and leave it: a data folder, on which `nosia serve` can be started
        #[arg(long, value_name = "DIR")]
        keep: Option<PathBuf>,
    },
}

/// Where one size is built.
enum Folder {
    Kept(PathBuf),
    Gone(tempfile::TempDir),
}

impl Folder {
    fn new(keep: Option<&Path>, size: usize) -> anyhow::Result<Folder> {
        let Some(keep) = keep else {
            return Ok(Folder::Gone(tempfile::Builder::new().prefix("nosia-bench-").tempdir()?));
        };
        let folder = keep.join(size.to_string());
        std::fs::create_dir_all(keep).with_context(|| format!("{} cannot be made", keep.display()))?;
        std::fs::create_dir(&folder)
            .with_context(|| format!("{} cannot be made; name another --keep", folder.display()))?;
        Ok(Folder::Kept(folder))
    }

    fn path(&self) -> &Path {
        match self {
            Folder::Kept(path) => path,
            Folder::Gone(folder) => folder.path(),
        }
    }
}

/// Measures and prints one line a size.
pub async fn run(args: Args, common: &Common, settings: Settings) -> anyhow::Result<()> {
    let What::Search { chunks, questions, keep } = args.what;
    if chunks.is_empty() || chunks.contains(&0) || questions == 0 {
        return Err(Misuse("a size has at least one chunk, and at least one question is asked".to_owned()).into());
    }
    let program = std::env::current_exe()?;
    let mut rows = Vec::new();
    for size in chunks {
        let folder = Folder::new(keep.as_deref(), size)?;
        let speed = bench::search(&settings, &program, folder.path(), size, questions)
            .await
            .map_err(|error| anyhow::anyhow!(error))?;
        if !common.json {
            println!(
                "{:>9} chunks: search p50 {:.1} ms, p95 {:.1} ms; embedding the question p50 {:.1} ms; recall@10 {:.3}; built in {:.0} s",
                speed.chunks, speed.p50_ms, speed.p95_ms, speed.embed_p50_ms, speed.recall_at_10, speed.build_s
            );
        }
        rows.push(json!({
            "chunks": speed.chunks,
            "questions": speed.questions,
            "search_p50_ms": speed.p50_ms,
            "search_p95_ms": speed.p95_ms,
            "embed_p50_ms": speed.embed_p50_ms,
            "recall@10": speed.recall_at_10,
            "build_s": speed.build_s,
        }));
    }
    if common.json {
        println!("{:#}", serde_json::Value::Array(rows));
    }
    Ok(())
}
