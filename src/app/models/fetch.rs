//! A model fetched from a hub.

use serde_json::Value;

use super::Keeper;
use super::add::added;
use super::command::Token;
use super::watch::watched;
use crate::app::command::Event;
use crate::app::error::{Error, Kind, Result};
use crate::clock;
use crate::config::Secret;
use crate::inference::catalog;
use crate::inference::library::Progress;
use crate::inference::library::hub::{Hub, Reference};

/// Fetches what `name` means: `hf:OWNER/REPO[/FILE]`, or a model of the catalog. `endpoint` and `token` are what whoever
/// asks has set, which counts more than the settings of the running appliance.
pub(super) async fn fetch(
    keeper: &Keeper<'_>,
    name: &str,
    endpoint: Option<String>,
    token: Option<Token>,
    say: &mut (dyn FnMut(Event) + Send),
) -> Result<Value> {
    let reference = if Reference::is_meant(name) { Reference::parse(name)? } else { of_catalog(name)? };
    let endpoint = endpoint.as_deref().unwrap_or(&keeper.settings.hf_endpoint);
    let token =
        token.map(|token| token.0).or_else(|| keeper.settings.hf_token.as_ref().map(Secret::reveal).map(str::to_owned));
    let hub = Hub::new(endpoint, token);
    let progress = Progress::default();
    let fetched = hub.fetch(keeper.library, &reference, &progress, clock::now_ms());
    let found = watched(progress.clone(), say, fetched).await?;
    added(keeper, found).await
}

/// Where the hub has the model of the catalog that goes by `name`.
fn of_catalog(name: &str) -> Result<Reference> {
    let repository = catalog::find(name).and_then(|entry| entry.repository.clone());
    repository.map(|repository| Reference { repository, file: None }).ok_or_else(|| {
        let message = format!(
            "The catalog knows no model `{name}` that can be fetched; `nosia model list --catalog` shows those that it \
             knows. Any other is named as hf:OWNER/REPO/FILE.gguf."
        );
        Error::new(Kind::NotFound, message)
    })
}
