//! `nosia model verify`: whether the bytes are still what they were.

use serde_json::Value;

use super::{Common, Model, Settings, print, text, watch};

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  nosia model verify\n  nosia model verify granite-3.3-2b-instruct --json\n\nThe exit code is 1 when a model has changed."
)]
pub struct Args {
    /// Its name; all of them without one
    name: Option<String>,
}

/// Prints one line a model.
pub async fn run(args: Args, common: &Common, settings: Settings) -> anyhow::Result<()> {
    let command = Model::Verify { name: args.name };
    let verified = watch(settings, command, &mut tokio::io::empty(), common, "stopped").await?;
    if common.json {
        print::json(&verified);
    } else {
        for model in verified["models"].as_array().into_iter().flatten() {
            say(model);
        }
    }
    match verified["sound"] == true {
        true => Ok(()),
        false => anyhow::bail!("a model has changed: remove it and add it again"),
    }
}

fn say(model: &Value) {
    let name = text(model, "name");
    match text(model, "verdict") {
        "same" => print::line(format_args!("{name}: as it was")),
        "changed" => {
            let file = text(model, "file");
            match model["found"].as_str() {
                Some(found) => print::line(format_args!(
                    "{name}: CHANGED: {file} has the SHA-256 {found}, and had {}",
                    text(model, "expected")
                )),
                None => print::line(format_args!("{name}: CHANGED: {file} is gone")),
            }
        }
        _ => {
            print::line(format_args!(
                "{name}: was put here by hand, so there is nothing to compare with; its SHA-256 is"
            ));
            for file in model["files"].as_array().into_iter().flatten() {
                print::line(format_args!("  {}  {}", text(file, "sha256"), text(file, "name")));
            }
        }
    }
}
