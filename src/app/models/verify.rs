//! Whether the bytes of models are still what they were.

use serde_json::{Value, json};

use super::Keeper;
use super::watch::watched;
use crate::app::command::Event;
use crate::app::error::Result;
use crate::app::open::in_the_background;
use crate::inference::library::{Found, Kept, Progress, Verdict};

/// Reads the model `name`, or all of them, and compares. `sound` is false as soon as one has changed.
pub(super) async fn verify(
    keeper: &Keeper<'_>,
    name: Option<&str>,
    say: &mut (dyn FnMut(Event) + Send),
) -> Result<Value> {
    let all = match name {
        Some(name) => vec![keeper.find(name)?],
        None => keeper.library.all(),
    };
    let mut rows = Vec::with_capacity(all.len());
    for found in all {
        let progress = Progress::default();
        let read = in_the_background({
            let (found, progress) = (found.clone(), progress.clone());
            move || found.verify(&progress)
        });
        let verdict = watched(progress, say, read).await?;
        rows.push(row(&found, verdict));
    }
    let sound = rows.iter().all(|row| row["verdict"] != "changed");
    Ok(json!({ "sound": sound, "models": rows }))
}

fn row(found: &Found, verdict: Verdict) -> Value {
    match verdict {
        Verdict::Same => json!({ "name": found.name, "verdict": "same" }),
        Verdict::Changed { file, expected, found: now } => json!({
            "name": found.name,
            "verdict": "changed",
            "path": found.path,
            "file": file,
            "expected": expected,
            "found": now,
        }),
        Verdict::Unknown { files } => {
            let file = |kept: &Kept| json!({ "name": kept.name, "bytes": kept.bytes, "sha256": kept.sha256 });
            json!({ "name": found.name, "verdict": "unknown", "files": files.iter().map(file).collect::<Vec<_>>() })
        }
    }
}
