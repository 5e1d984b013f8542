//! The Unix socket in the data folder: a command goes in as one line of JSON and what follows it, events come out as
//! lines of JSON. Both ends are here.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;

use crate::app::App;
use crate::app::command::{self, Envelope, Event};

/// The longest command line, in bytes: an evaluation set travels in one.
const LINE_BYTES_MAX: u64 = 64 << 20;

/// One line from the server.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Event(Event),
    Done(Value),
    Failed(String),
}

/// The socket's place in a data folder.
pub fn path(data: &Path) -> PathBuf {
    data.join("nosia.sock")
}

/// Takes commands until dropped. A socket left by a killed server is replaced: the folder's lock says that none runs.
pub fn listen(app: App) -> anyhow::Result<tokio::task::JoinHandle<()>> {
    let path = path(app.data());
    if path.exists() {
        std::fs::remove_file(&path)?;
    }
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    let owner = std::fs::metadata(app.data())?.uid();
    Ok(tokio::spawn(async move {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    tokio::spawn(serve(app.clone(), stream, owner));
                }
                Err(error) => {
                    tracing::warn!(%error, "a command could not be accepted");
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                }
            }
        }
    }))
}

/// Serves one command to root or to the owner of the data folder.
async fn serve(app: App, stream: UnixStream, owner: u32) {
    let allowed = stream.peer_cred().is_ok_and(|peer| peer.uid() == 0 || peer.uid() == owner);
    let (reader, mut writer) = stream.into_split();
    let (sender, mut events) = mpsc::unbounded_channel();
    let run = async move {
        let last = match allowed {
            true => execute(&app, BufReader::new(reader), &sender).await,
            false => Line::Failed("Only root and the owner of the data folder may use this socket.".to_owned()),
        };
        let _ = sender.send(last);
        Ok::<(), std::io::Error>(())
    };
    let write = async move {
        while let Some(line) = events.recv().await {
            let Ok(mut text) = serde_json::to_string(&line) else { break };
            text.push('\n');
            writer.write_all(text.as_bytes()).await?;
        }
        Ok::<(), std::io::Error>(())
    };
    // Whoever asked and left takes the command with it: an answer or a download is not finished for nobody.
    let _ = tokio::try_join!(run, write);
}

async fn execute(
    app: &App,
    mut reader: impl tokio::io::AsyncBufRead + Unpin + Send,
    say: &mpsc::UnboundedSender<Line>,
) -> Line {
    let mut line = String::new();
    if let Err(error) = (&mut reader).take(LINE_BYTES_MAX).read_line(&mut line).await {
        return Line::Failed(format!("The command could not be read: {error}."));
    }
    let envelope: Envelope = match serde_json::from_str(&line) {
        Ok(envelope) => envelope,
        Err(error) => {
            return Line::Failed(format!(
                "The running server does not know this command ({error}). Is it of the same version?"
            ));
        }
    };
    let mut tell = |event| {
        let _ = say.send(Line::Event(event));
    };
    match command::run(app, envelope, &mut reader, &mut tell).await {
        Ok(value) => Line::Done(value),
        Err(error) => {
            if let Some(cause) = &error.source {
                tracing::error!(%cause, message = %error, "a command failed");
            }
            Line::Failed(error.message)
        }
    }
}

/// Posts a command to the server behind `stream` and hands its events to `say`.
pub async fn post(
    stream: UnixStream,
    envelope: &Envelope,
    body: &mut (dyn AsyncRead + Unpin + Send),
    say: &mut (dyn FnMut(Event) + Send),
) -> anyhow::Result<Value> {
    let (reader, mut writer) = stream.into_split();
    let mut text = serde_json::to_string(envelope)?;
    text.push('\n');
    let send = async move {
        // A server that has already refused stops reading; its reason is in the line that it sent.
        let sent = async {
            writer.write_all(text.as_bytes()).await?;
            tokio::io::copy(body, &mut writer).await?;
            writer.shutdown().await
        };
        let _ = sent.await;
        writer
    };
    let receive = async {
        let mut lines = BufReader::new(reader).lines();
        while let Some(line) = lines.next_line().await? {
            match serde_json::from_str(&line)? {
                Line::Event(event) => say(event),
                Line::Done(value) => return Ok(value),
                Line::Failed(message) => anyhow::bail!(message),
            }
        }
        anyhow::bail!("the server ended before the command did")
    };
    let (_writer, received) = tokio::join!(send, receive);
    received
}
