//! `nosia doctor`: how each part of the appliance is, and what would help.

use super::dispatch::Target;
use super::{Common, print};
use crate::app::command::Command;
use crate::config::Settings;

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  nosia doctor\n  nosia doctor --json\n\nIt asks the server that runs on the data folder; without one it opens the folder itself. The exit code is 1 if\nsomething keeps the appliance from answering questions and taking files."
)]
pub struct Args {}

/// Prints how each room is; an error if one is not well.
pub async fn run(_args: Args, common: &Common, settings: Settings) -> anyhow::Result<()> {
    let target = Target::open(settings, common.account.clone()).await?;
    let found = target.run(Command::Doctor).await;
    target.close().await;
    let found = found?;
    if common.json {
        print::json(&found);
    } else {
        for room in found["rooms"].as_array().into_iter().flatten() {
            let word = if room["well"] == true { "well" } else { "ILL" };
            let text = |field: &str| room[field].as_str().unwrap_or_default();
            print::line(format_args!("{word:5} {:10} {}", text("name"), text("detail")));
        }
    }
    match found["ready"] == true {
        true => Ok(()),
        false => anyhow::bail!("something is not well: see the lines marked ILL"),
    }
}
