//! `nosia model use`: the model that is used from now on.

use super::{Common, Model, Settings, ask, print, text};

#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  nosia model use granite-3.3-2b-instruct\n\nA running server changes over at once; an answer in progress is ended by the model that began it. LLM_MODEL and AI_BASE_URL, where they are set, are stronger than this."
)]
pub struct Args {
    /// Its name, or one that the catalog knows it by
    name: String,
}

/// Chooses it.
pub async fn run(args: Args, common: &Common, settings: Settings) -> anyhow::Result<()> {
    let used = ask(settings, Model::Use { name: args.name }).await?;
    match common.json {
        true => print::json(&used),
        false => print::line(format_args!("{} is in use for {}.", text(&used, "name"), text(&used, "purpose"))),
    }
    Ok(())
}
