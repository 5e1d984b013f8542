//! `nosia model remove`: a model taken off the disk.

use super::amount::bytes;
use super::{Common, Model, Settings, ask, print, text};

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  nosia model remove Qwen3-4B-Q4_K_M\n  nosia model remove granite-3.3-2b-instruct --force"
)]
pub struct Args {
    /// Its name, or one that the catalog knows it by
    name: String,
    /// Also if it is in use
    #[arg(long)]
    force: bool,
}

/// Removes it and says what that freed.
pub async fn run(args: Args, common: &Common, settings: Settings) -> anyhow::Result<()> {
    let removed = ask(settings, Model::Remove { name: args.name, force: args.force }).await?;
    if common.json {
        print::json(&removed);
        return Ok(());
    }
    let what = if removed["unfinished"] == true { "the unfinished download of " } else { "" };
    let freed = bytes(&removed["bytes"]);
    print::line(format_args!("Removed {what}{}; {freed} are free again.", text(&removed, "name")));
    if let Some(vectors) = removed["vectors"].as_u64().filter(|vectors| *vectors > 0) {
        print::line(format_args!("Its vectors of {vectors} chunks are removed too."));
    }
    Ok(())
}
