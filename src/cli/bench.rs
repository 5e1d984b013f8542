//! `nosia bench`: how fast this machine is, on made data.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::{Value, json};

use super::{Common, Misuse, print};
use crate::app::bench;
use crate::config::Settings;

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  nosia bench search --chunks 10000,100000\n  nosia bench embed --tokens 16,256\n  nosia bench generate granite-3.3-2b-instruct-Q4_K_M.gguf --threads 2\n\nA million chunks need about 4 GB of disk and some minutes.\nHow fast documents are read as a whole is printed by `nosia ingest`."
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
        /// Give the made texts in the JSON, for another program to read the same
        #[arg(long)]
        show_texts: bool,
    },
    /// A model file that writes answers: prompts read and tokens written a second, alone and for many at once, and the
    /// second turn of a conversation
    Generate {
        /// The model file (GGUF)
        model: PathBuf,
        /// Threads that compute [default: all processors]
        #[arg(long)]
        threads: Option<usize>,
        /// Times that each length has its turn; medians are printed
        #[arg(long, default_value_t = 3)]
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
        What::Embed { tokens, rounds, show_texts } => {
            embed(&settings, &program, &tokens, rounds, show_texts, common).await?
        }
        What::Generate { model, threads, rounds } => return generate(model, &settings, threads, rounds, common).await,
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
    show_texts: bool,
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
        let mut row = json!({
            "tokens": speed.tokens,
            "texts_per_s": speed.texts_per_s,
            "tokens_per_s": speed.tokens_per_s,
            "texts_per_cpu_s": speed.texts_per_cpu_s,
            "alone_p50_ms": speed.alone_p50_ms,
        });
        if show_texts {
            row["texts"] = json!(speed.texts);
        }
        row
    };
    Ok(speeds.into_iter().map(row).collect())
}

async fn generate(
    model: PathBuf,
    settings: &Settings,
    threads: Option<usize>,
    rounds: usize,
    common: &Common,
) -> anyhow::Result<()> {
    let threads = threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    if threads == 0 || rounds == 0 {
        return Err(Misuse("at least one thread has at least one round".to_owned()).into());
    }
    let device = settings.inference_device;
    let speed = tokio::task::spawn_blocking(move || bench::generate(&model, device, threads, rounds)).await??;
    let named = named(&speed);
    if common.json {
        print::json(&generate_json(&speed, &named));
        return Ok(());
    }
    for (name, pace) in &named {
        let name = name.replace('_', " ");
        print::line(format_args!(
            "{name:>20}: {:.1} tokens/s, {:.2} s of the processor",
            pace.tokens_per_s, pace.cpu_s
        ));
    }
    print::line(format_args!(
        "{:>20}: {:.0} ms to the first token, {:.0} ms if all {} tokens before are read anew: {:.1} times sooner",
        "second turn",
        speed.second_turn_ms,
        speed.without_reuse_ms,
        bench::CONTEXT,
        speed.without_reuse_ms / speed.second_turn_ms
    ));
    for (readers, tokens_per_s) in bench::READERS.iter().zip(speed.readers) {
        let gain = tokens_per_s / speed.readers[0];
        print::line(format_args!("{readers:>12} readers: {tokens_per_s:.1} tokens/s together, {gain:.2} times one's"));
    }
    let mebibytes = speed.peak_bytes >> 20;
    print::line(format_args!("computed by {}", speed.computes));
    print::line(format_args!("ready in {:.0} ms, at most {mebibytes} MiB, {} threads", speed.ready_ms, speed.threads));
    Ok(())
}

/// Each kind of work by the name that it has in the JSON.
fn named(speed: &bench::GenerateSpeed) -> Vec<(String, &bench::Pace)> {
    let prompts = bench::PROMPTS.iter().zip(&speed.prompts).map(|(tokens, pace)| (format!("prompt_{tokens}"), pace));
    let written = format!("generate_{}", bench::WRITTEN);
    let deep = format!("{written}_at_{}", bench::PROMPTS[1]);
    prompts.chain([(written, &speed.written), (deep, &speed.written_deep)]).collect()
}

fn generate_json(speed: &bench::GenerateSpeed, named: &[(String, &bench::Pace)]) -> Value {
    let mut object = json!({
        "computes": speed.computes,
        "threads": speed.threads,
        "ready_ms": speed.ready_ms,
        "peak_rss_bytes": speed.peak_bytes,
        "second_turn_ms": speed.second_turn_ms,
        "without_reuse_ms": speed.without_reuse_ms,
    });
    for (name, pace) in named {
        object[format!("{name}_tokens_per_s")] = json!(pace.tokens_per_s);
        object[format!("{name}_cpu_s")] = json!(pace.cpu_s);
    }
    for (readers, tokens_per_s) in bench::READERS.iter().zip(speed.readers) {
        object[format!("readers_{readers}_tokens_per_s")] = json!(tokens_per_s);
    }
    object
}
