//! `nosia model tokenize`: what a model's vocabulary makes of a text.

use std::io::Read as _;
use std::path::PathBuf;

use super::{Common, print};
use crate::app::models;
use crate::limits;

#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  printf 'Hello world' | nosia model tokenize granite-3.3-2b-instruct-Q4_K_M.gguf\n\nEvery byte counts, a line end too. Neither BOS nor EOS is added, and what spells a special token is text.\nA file that holds nothing but a vocabulary will do."
)]
pub struct Args {
    /// The GGUF file; the text is read from standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Prints the tokens' numbers on one line.
pub fn run(args: &Args, common: &Common) -> anyhow::Result<()> {
    let tokens = models::tokenize(&args.file, &text_from_stdin()?)?;
    if common.json {
        print::line(serde_json::json!(tokens));
    } else {
        print::line(tokens.iter().map(u32::to_string).collect::<Vec<_>>().join(" "));
    }
    Ok(())
}

fn text_from_stdin() -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    std::io::stdin().lock().take(limits::TOKENIZE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limits::TOKENIZE_BYTES_MAX {
        anyhow::bail!("the text is longer than {} MiB, the most that is read", limits::TOKENIZE_BYTES_MAX >> 20);
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        anyhow::anyhow!("the text is not UTF-8 from byte {at} on (counted from 0); convert it first")
    })
}
