//! `nosia config`: every setting, its value, and where it comes from.

use super::{Common, print};
use crate::app::App;
use crate::config::{Row, Settings};

#[derive(clap::Args)]
#[command(after_help = "Examples:\n  nosia config\n  CHUNK_MAX_TOKENS=300 nosia config --json")]
pub struct Args {}

/// Prints the table. Secrets are masked.
pub fn run(_args: &Args, common: &Common, settings: &Settings) -> anyhow::Result<()> {
    let mut rows = settings.rows();
    rows.extend(chunk_maximum(settings));
    if common.json {
        let row = |row: &Row| serde_json::json!({ "name": row.name, "value": row.value, "origin": row.origin, "note": row.note });
        print::json(&rows.iter().map(row).collect());
        return Ok(());
    }
    let widest =
        |column: fn(&Row) -> &str| rows.iter().map(|row| column(row).chars().count().min(40)).max().unwrap_or(0);
    let (name, value) = (widest(|row| &row.name), widest(|row| &row.value));
    for row in &rows {
        let note = if row.note.is_empty() { String::new() } else { format!("  ({})", row.note) };
        print::line(format_args!("{:name$}  {:value$}  {}{note}", row.name, row.value, row.origin));
    }
    Ok(())
}

/// The effective chunk maximum; a row that says why it is not known where the model cannot be opened.
fn chunk_maximum(settings: &Settings) -> Option<Row> {
    let program = std::env::current_exe().ok()?;
    match App::embedding_limit(settings, &program) {
        Ok((model, tokens_max)) => Some(settings.chunk_maximum_row(&model, tokens_max)),
        Err(error) => Some(Row {
            name: "effective chunk maximum".to_owned(),
            value: "unknown".to_owned(),
            origin: "computed".to_owned(),
            note: error.message,
        }),
    }
}
