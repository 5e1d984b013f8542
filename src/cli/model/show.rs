//! `nosia model show`: all that is known of one model.

use serde_json::Value;

use super::amount::{bytes, count, table};
use super::{Common, Model, Settings, ask, print, text};

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  nosia model show granite-3.3-2b-instruct\n  nosia model show all-MiniLM-L6-v2 --json"
)]
pub struct Args {
    /// Its name, or one that the catalog knows it by
    name: String,
}

/// Prints one fact a line.
pub async fn run(args: Args, common: &Common, settings: Settings) -> anyhow::Result<()> {
    let model = ask(settings, Model::Show { name: args.name }).await?;
    if common.json {
        print::json(&model);
        return Ok(());
    }
    let fact = |name: &str, value: String| (!value.is_empty()).then(|| vec![name.to_owned(), value]);
    let number = |field: &str| model[field].as_u64().map_or_else(String::new, |number| number.to_string());
    let memory = &model["memory"];
    let yes_no = if model["chat_template"] == true { "yes" } else { "no" };
    let facts = [
        fact("name", text(&model, "name").to_owned()),
        fact("title", text(&model, "title").to_owned()),
        fact("about", text(&model, "about").to_owned()),
        fact("state", state(&model)),
        fact("for", text(&model, "purpose").to_owned()),
        fact("architecture", text(&model, "architecture").to_owned()),
        fact("parameters", count(&model["parameters"])),
        fact("quantisation", text(&model, "quantisation").to_owned()),
        fact("tensors", shares(&model)),
        fact("layers", number("layers")),
        fact("dimensions", number("dimensions")),
        fact("context", number("tokens_max")),
        fact("vocabulary", number("vocabulary")),
        fact("chat template", yes_no.to_owned()),
        fact("memory", format!("{} with {} tokens of context", bytes(&memory["bytes"]), memory["context_tokens"])),
        fact("licence", text(&model, "licence").to_owned()),
        fact("source", text(&model, "source").to_owned()),
        fact("commit", text(&model, "commit").to_owned()),
        fact("added", text(&model, "added_at").to_owned()),
        fact("path", text(&model, "path").to_owned()),
    ];
    let mut rows: Vec<Vec<String>> = facts.into_iter().flatten().collect();
    for file in model["files"].as_array().into_iter().flatten() {
        let sha256 = format!("{}  {} ({})", text(file, "sha256"), text(file, "name"), bytes(&file["bytes"]));
        rows.push(vec!["sha256".to_owned(), sha256]);
    }
    table(&rows).iter().for_each(print::line);
    Ok(())
}

/// `in use`, or `being built, 120 of 300 chunks`.
fn state(model: &Value) -> String {
    match &model["vectors"] {
        Value::Null => text(model, "state").to_owned(),
        vectors => format!("{}, {} of {} chunks", text(model, "state"), vectors["done"], vectors["total"]),
    }
}

/// `Q4_K 1.1 GB in 241, Q6_K 0.3 GB in 40`.
fn shares(model: &Value) -> String {
    let shares = model["tensors"].as_array().into_iter().flatten();
    let share = |share: &Value| format!("{} {} in {}", text(share, "type"), bytes(&share["bytes"]), share["tensors"]);
    shares.map(share).collect::<Vec<_>>().join(", ")
}
