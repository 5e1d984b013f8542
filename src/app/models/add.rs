//! A model that was brought as a file or folder, taken in.

use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::Keeper;
use super::watch::watched;
use crate::app::command::Event;
use crate::app::error::{Error, Result};
use crate::app::models::generator::Choice;
use crate::app::open::in_the_background;
use crate::clock;
use crate::inference::catalog::Purpose;
use crate::inference::library::{Found, Incoming, LibraryError, Progress};

/// Takes in the model `name`, whose `files` follow in `body`, one after the other.
pub(super) async fn add(
    keeper: &Keeper<'_>,
    name: &str,
    files: Vec<(String, u64)>,
    source: String,
    body: &mut (dyn AsyncRead + Unpin + Send),
    say: &mut (dyn FnMut(Event) + Send),
) -> Result<Value> {
    let progress = Progress::default();
    let bytes = files.iter().fold(0, |sum: u64, (_, bytes)| sum.saturating_add(*bytes));
    let mut incoming = Incoming::begin(keeper.library, name, files, progress.clone())?;
    let taken = async {
        let mut body = body.take(bytes);
        let mut buffer = vec![0; 256 << 10];
        loop {
            match body.read(&mut buffer).await.map_err(Error::internal)? {
                0 => return Ok::<_, Error>(incoming.finish(source, clock::now_ms()).await?),
                count => incoming.write(&buffer[..count]).await?,
            }
        }
    };
    let found = watched(progress, say, taken).await?;
    added(keeper, found).await
}

/// What is told of a model that has just come; the running appliance writes with it if it was waiting for it.
pub(super) async fn added(keeper: &Keeper<'_>, found: Found) -> Result<Value> {
    keeper.refresh().await?;
    let state = keeper.in_use().await?.state(&found);
    let nothing = matches!(keeper.choice().await?, Choice::Nothing);
    let (found, description) = in_the_background(move || {
        let description = found.describe()?;
        Ok::<_, LibraryError>((found, description))
    })
    .await?;
    let next = match description.purpose {
        Purpose::Generation if nothing => Some(format!("`nosia model use {}` has it write the answers.", found.name)),
        Purpose::Embedding if state == "installed" => Some(format!(
            "`nosia model use {}` has questions compared by it, once it has made its vectors of every document.",
            found.name
        )),
        Purpose::Reranking if state == "installed" => {
            Some(format!("`nosia model use {}` has it rank the best passages of every question.", found.name))
        }
        _ => None,
    };
    Ok(json!({
        "name": found.name,
        "path": found.path,
        "bytes": found.bytes,
        "purpose": description.purpose.as_str(),
        "architecture": description.architecture,
        "quantisation": description.quantisation,
        "memory_bytes": description.memory.bytes(keeper.settings.llm_num_ctx as u64),
        "state": state,
        "next": next,
    }))
}
