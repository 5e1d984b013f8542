//! `nosia model list`: what is installed, and what could be.

use serde_json::Value;

use super::amount::{bytes, table};
use super::{Common, Model, Settings, ask, print, text};

#[derive(clap::Args)]
#[command(after_help = "Examples:\n  nosia model list\n  nosia model list --catalog\n  nosia model list --json")]
pub struct Args {
    /// Also list the models that are known and not installed, with what each needs
    #[arg(long)]
    catalog: bool,
}

/// Prints a table of what is installed, and one of what could be.
pub async fn run(args: Args, common: &Common, settings: Settings) -> anyhow::Result<()> {
    let listed = ask(settings, Model::List).await?;
    if common.json {
        print::json(&listed);
        return Ok(());
    }
    let rows = |field: &str| listed[field].as_array().cloned().unwrap_or_default();
    installed(&rows("models"));
    for unfinished in rows("unfinished") {
        let name = text(&unfinished, "name");
        print::line(format_args!(
            "{name}: {} of a download are here; the same `nosia model add` goes on with it, `nosia model remove {name}` \
             gives it up",
            bytes(&unfinished["bytes"])
        ));
    }
    print::line("");
    ["answers", "search", "ranking"].iter().for_each(|said| print::line(text(&listed, said)));
    if args.catalog {
        print::line("");
        catalog(&rows("catalog"));
    }
    Ok(())
}

fn installed(models: &[Value]) {
    if models.is_empty() {
        print::line("No model is installed.");
        return;
    }
    let head = ["NAME", "STATE", "FOR", "SIZE", "QUANTISATION", "CONTEXT", "MEMORY"].map(str::to_owned).to_vec();
    let row = |model: &Value| {
        vec![
            text(model, "name").to_owned(),
            text(model, "state").to_owned(),
            text(model, "purpose").to_owned(),
            bytes(&model["bytes"]),
            text(model, "quantisation").to_owned(),
            tokens(model),
            bytes(&model["memory_bytes"]),
        ]
    };
    let rows: Vec<_> = [head].into_iter().chain(models.iter().map(row)).collect();
    table(&rows).iter().for_each(print::line);
    for model in models.iter().filter(|model| model["reason"].is_string()) {
        print::line(format_args!("{}: {}", text(model, "name"), text(model, "reason")));
    }
}

fn catalog(models: &[Value]) {
    print::line("Known and not installed; `nosia model add NAME` fetches one:");
    let head = ["NAME", "FOR", "DOWNLOAD", "MEMORY", "LICENCE", "ALSO CALLED"].map(str::to_owned).to_vec();
    let row = |model: &Value| {
        let aliases = model["aliases"].as_array().into_iter().flatten().filter_map(Value::as_str);
        vec![
            text(model, "name").to_owned(),
            text(model, "purpose").to_owned(),
            bytes(&model["bytes"]),
            bytes(&model["memory_bytes"]),
            text(model, "licence").to_owned(),
            aliases.collect::<Vec<_>>().join(", "),
        ]
    };
    let rows: Vec<_> = [head].into_iter().chain(models.iter().map(row)).collect();
    table(&rows).iter().for_each(print::line);
    print::line(
        "\nWithout a network: fetch the .gguf file on another machine, bring it here, and `nosia model add FILE`.",
    );
}

fn tokens(model: &Value) -> String {
    model["tokens_max"].as_u64().map_or_else(String::new, |tokens| tokens.to_string())
}
