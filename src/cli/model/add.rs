//! `nosia model add`: from a file or folder, or from a hub.

use std::path::Path;
use std::pin::Pin;

use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::amount::bytes;
use super::{Common, Misuse, Model, Settings, print, text, watch};
use crate::app::models;
use crate::app::models::command::Token;
use crate::config::{Origin, Secret};

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  nosia model add granite-3.3-2b-instruct\n  nosia model add hf:Qwen/Qwen3-4B-GGUF/Qwen3-4B-Q4_K_M.gguf\n  nosia model add /media/usb/Qwen3-4B-Q4_K_M.gguf\n  nosia model add ./granite-embedding-278m-multilingual/\n\nWithout a network, fetch the .gguf file on another machine and name it here. HF_ENDPOINT names another hub than https://huggingface.co, HF_TOKEN a token for models whose licence must be accepted. A download that was cut or stopped is resumed by the same command."
)]
pub struct Args {
    /// A .gguf file, a model's folder, hf:OWNER/REPO[/FILE], or a name of the catalog
    #[arg(value_name = "FILE|FOLDER|hf:OWNER/REPO[/FILE]|NAME")]
    what: String,
}

/// Adds the model and says what it is.
pub async fn run(args: Args, common: &Common, settings: Settings) -> anyhow::Result<()> {
    let path = Path::new(&args.what);
    let added = if path.exists() {
        bring(path, common, settings).await?
    } else if models::can_be_fetched(&args.what) {
        fetch(args.what, common, settings).await?
    } else {
        return Err(Misuse(format!(
            "there is no file or folder \"{}\", and the catalog knows no model of that name; `nosia model list --catalog` \
             shows those that it knows",
            args.what
        ))
        .into());
    };
    if common.json {
        print::json(&added);
        return Ok(());
    }
    print::line(format_args!(
        "{} is {}: {}, {}, {} on disk, {} of memory at work.",
        text(&added, "name"),
        text(&added, "state"),
        text(&added, "architecture"),
        text(&added, "quantisation"),
        bytes(&added["bytes"]),
        bytes(&added["memory_bytes"])
    ));
    if let Some(next) = added["next"].as_str() {
        print::line(next);
    }
    Ok(())
}

/// Hands over the files of a model that lies here. They are read by this process: the server may not see the folder.
async fn bring(path: &Path, common: &Common, settings: Settings) -> anyhow::Result<serde_json::Value> {
    let looked_at = path.to_owned();
    let brought = tokio::task::spawn_blocking(move || models::brought(&looked_at)).await??;
    let mut body: Pin<Box<dyn AsyncRead + Send>> = Box::pin(tokio::io::empty());
    for (_, place, length) in &brought.files {
        body = Box::pin(body.chain(File::open(place).await?.take(*length)));
    }
    let files = brought.files.into_iter().map(|(file, _, length)| (file, length)).collect();
    let command = Model::Add { name: brought.name, files, source: path.display().to_string() };
    watch(settings, command, &mut body, common, "stopped; nothing of the model was kept").await
}

/// Has the model fetched. What this process was told about the hub counts; a server may have been told less.
async fn fetch(name: String, common: &Common, settings: Settings) -> anyhow::Result<serde_json::Value> {
    let is_set = |setting: &str| settings.origin(setting) != Origin::Default;
    let endpoint = is_set("HF_ENDPOINT").then(|| settings.hf_endpoint.clone());
    let token = settings.hf_token.as_ref().map(Secret::reveal).map(|token| Token(token.to_owned()));
    let stopped = "stopped; what has come is kept, and the same command goes on from there";
    watch(settings, Model::Fetch { name, endpoint, token }, &mut tokio::io::empty(), common, stopped).await
}
