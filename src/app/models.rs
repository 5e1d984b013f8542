//! The models that answer here.

use super::App;
use super::principal::Principal;
use crate::answer::MODEL_QUOTES;

/// One row of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelRow {
    pub id: String,
    /// `chat` or `embedding`.
    pub kind: &'static str,
    pub owned_by: &'static str,
}

/// Every model that a request may name.
pub fn list(app: &App, _principal: &Principal) -> Vec<ModelRow> {
    let mut rows = vec![ModelRow { id: MODEL_QUOTES.to_owned(), kind: "chat", owned_by: "nosia" }];
    if let Some(generator) = &app.generator {
        rows.push(ModelRow { id: generator.name().to_owned(), kind: "chat", owned_by: "remote" });
    }
    rows.push(ModelRow { id: app.embedder.identity().name.clone(), kind: "embedding", owned_by: "nosia" });
    rows
}

/// Whether answers are written by a generator, or composed of quotations.
pub fn has_generator(app: &App) -> bool {
    app.generator.is_some()
}
