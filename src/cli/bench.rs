//! `nosia bench`: how fast this machine is, on made data.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::{Value, json};

use super::{Common, Misuse, print};
use crate::app::bench;
use crate::config::Settings;

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  nosia bench search --chunks 10000,100000\n  nosia bench embed --tokens 16,256\n\nA million chunks need about 4 GB of disk and some minutes.\nHow fast documents are read as a whole is printed by `nosia ingest`."
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
    /// The embedding model by itself, on texts of given lengths: many at once, and one alone
    Embed {
        /// Lengths, in tokens
        #[arg(long, value_delimiter = ',', default_value = "16,64,128,256")]
        tokens: Vec<usize>,
        /// Times that each length has its turn; medians are printed
        #[arg(long, default_value_t = 5)]
        rounds: usize,
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

/// Measures and prints one line a size or length.
pub async fn run(args: Args, common: &Common, settings: Settings) -> anyhow::Result<()> {
    let program = std::env::current_exe()?;
    let rows = match args.what {
        What::Search { chunks, questions, keep } => {
            search(&settings, &program, chunks, questions, keep, common).await?
        }
        What::Embed { tokens, rounds } => embed(&settings, &program, &tokens, rounds, common).await?,
    };
    if common.json {
        print::json(&Value::Array(rows));
    }
    Ok(())
}

async fn search(
    settings: &Settings,
    program: &Path,
    chunks: Vec<usize>,
    questions: usize,
    keep: Option<PathBuf>,
    common: &Common,
) -> anyhow::Result<Vec<Value>> {
    if chunks.is_empty() || chunks.contains(&0) || questions == 0 {
        return Err(Misuse("a size has at least one chunk, and at least one question is asked".to_owned()).into());
    }
    let mut rows = Vec::new();
    for size in chunks {
        let folder = Folder::new(keep.as_deref(), size)?;
        let speed = bench::search(settings, program, folder.path(), size, questions).await?;
        if !common.json {
            print::line(format_args!(
                "{:>9} chunks: search p50 {:.1} ms, p95 {:.1} ms; embedding the question p50 {:.1} ms; recall@10 {:.3}; built in {:.0} s",
                speed.chunks, speed.p50_ms, speed.p95_ms, speed.embed_p50_ms, speed.recall_at_10, speed.build_s
            ));
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
    Ok(rows)
}

async fn embed(
    settings: &Settings,
    program: &Path,
    tokens: &[usize],
    rounds: usize,
    common: &Common,
) -> anyhow::Result<Vec<Value>> {
    if tokens.is_empty() || rounds == 0 {
        return Err(Misuse("at least one length has at least one turn".to_owned()).into());
    }
    let speeds = bench::embed(settings, program, tokens, rounds).await?;
    let row = |speed: bench::EmbedSpeed| {
        if !common.json {
            print::line(format_args!(
                "{:>6.1} tokens: {:.1} texts/s, {:.0} tokens/s; one alone p50 {:.1} ms",
                speed.tokens, speed.texts_per_s, speed.tokens_per_s, speed.alone_p50_ms
            ));
        }
        json!({
            "tokens": speed.tokens,
            "texts_per_s": speed.texts_per_s,
            "tokens_per_s": speed.tokens_per_s,
            "alone_p50_ms": speed.alone_p50_ms,
        })
    };
    Ok(speeds.into_iter().map(row).collect())
}
