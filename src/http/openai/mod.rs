//! The face that OpenAI's clients know: `/v1`. Citations come in a field of their own, which those clients pass on.

pub mod chat;
pub mod embeddings;
pub mod models;
mod sampling;

use serde_json::{Value, json};

use crate::app::App;
use crate::app::error::Kind;
use crate::app::models as known;
use crate::app::principal::Principal;
use crate::http::error::Failure;

/// Checks that `name` is a model of `kind` (`chat` or `embedding`) that this appliance has.
fn must_know(app: &App, principal: &Principal, name: &str, kind: &str) -> Result<(), Failure> {
    let rows = known::list(app, principal);
    if rows.iter().any(|row| row.kind == kind && row.id == name) {
        return Ok(());
    }
    let names: Vec<_> = rows.iter().filter(|row| row.kind == kind).map(|row| format!("`{}`", row.id)).collect();
    let message = format!("There is no {kind} model `{name}` here. There is {}.", names.join(", "));
    Err(Failure::new(Kind::NotFound, message).at("model"))
}

/// Token counts as every answer of this face carries them.
fn usage(prompt: u32, completion: u32) -> Value {
    json!({ "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": u64::from(prompt) + u64::from(completion) })
}
