//! `nosia bench`: how fast this machine is, on made data.

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
    },
}

/// Measures and prints one line a size.
pub async fn run(args: Args, common: &Common, settings: Settings) -> anyhow::Result<()> {
    let What::Search { chunks, questions } = args.what;
    if chunks.is_empty() || chunks.contains(&0) || questions == 0 {
        return Err(Misuse("a size has at least one chunk, and at least one question is asked".to_owned()).into());
    }
    let program = std::env::current_exe()?;
    let mut rows = Vec::new();
    for size in chunks {
        let folder = tempfile::Builder::new().prefix("nosia-bench-").tempdir()?;
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
