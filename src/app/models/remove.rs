//! A model taken off the disk.

use serde_json::{Value, json};

use super::Keeper;
use crate::app::error::{Error, Kind, Result};
use crate::app::open::in_the_background;

/// Removes the model `name`, or what has come of its unfinished download. One that is in use only with `force`.
pub(super) async fn remove(keeper: &Keeper<'_>, name: &str, force: bool) -> Result<Value> {
    let library = keeper.library.clone();
    let Some(found) = keeper.library.find(name) else {
        let unfinished = name.to_owned();
        let given_up = in_the_background(move || library.give_up(&unfinished)).await?;
        let Some(bytes) = given_up else { return Err(keeper.find(name).map(drop).expect_err("it was not found")) };
        return Ok(json!({ "name": name, "bytes": bytes, "unfinished": true }));
    };
    let in_use = keeper.in_use().await?.has(&found);
    if in_use && !force {
        let message = format!(
            "{} is in use. `nosia model use NAME` chooses another first; `--force` removes it nevertheless.",
            found.name
        );
        return Err(Error::new(Kind::Conflict, message));
    }
    let name = found.name.clone();
    let bytes = in_the_background(move || library.remove(&found)).await?;
    keeper.refresh().await?;
    Ok(json!({ "name": name, "bytes": bytes, "was_in_use": in_use }))
}
