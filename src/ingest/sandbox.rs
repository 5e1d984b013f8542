//! Reading documents in a child process that is limited, watched, and stopped when it goes too far.
//!
//! Parsers of strangers' files panic, hang, overflow their stacks and ask for all memory there is; some of that cannot
//! be caught within a process. So the appliance starts itself as `nosia extract-child` for each document: with no
//! environment, hard limits on memory and time, no files, no network and no programs, the document on its standard
//! input, and pages read, then the text, as lines of JSON on its standard output. Whatever becomes of the child, the
//! parent has a sentence for it.

mod child;
mod confine;
mod wire;

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};

use super::extract::{ExtractError, Links, PartHead};
use crate::domain::extract::Extract;
use crate::limits;

pub use child::{RECOGNISE, child_main};
pub use confine::Door;
use wire::{Answer, Outcome, Request, Wanted};

/// Starts children that read documents.
#[derive(Clone, Debug)]
pub struct Reader {
    /// The appliance's own program, which knows the command `extract-child`.
    pub program: PathBuf,
}

/// Who is told of what a child finds, as it finds it.
pub trait Listener: Send {
    /// Pages done, of pages in all.
    fn page(&mut self, done: u32, total: u32);

    /// A part of the document; what is left of `content` is dropped afterwards. An error ends the reading.
    fn part(
        &mut self,
        head: PartHead,
        content: &mut (impl AsyncRead + Unpin + Send),
    ) -> impl Future<Output = std::io::Result<()>> + Send;
}

/// Nobody is told of anything.
pub struct Deaf;

impl Listener for Deaf {
    fn page(&mut self, _done: u32, _total: u32) {}

    async fn part(&mut self, _: PartHead, _: &mut (impl AsyncRead + Unpin + Send)) -> std::io::Result<()> {
        Ok(())
    }
}

/// The most bytes of the child's complaints that are looked at.
const COMPLAINTS_BYTES_MAX: u64 = 16 << 10;
/// How long the child may go without a sign of progress.
const SILENCE_MAX: Duration = Duration::from_secs(limits::EXTRACT_SILENCE_SECONDS_MAX);
/// How long a child that has answered may take to end.
const ENDING_MAX: Duration = Duration::from_secs(5);

impl Reader {
    /// Reads the document at `path`, which came as `file_name`; `listener` is told of what is found on the way.
    ///
    /// [`ExtractError::Io`] is not the document's fault and may be tried again; all other errors are its own. Dropped,
    /// the future takes the child with it.
    pub async fn read(
        &self,
        path: &Path,
        file_name: &str,
        listener: &mut impl Listener,
    ) -> Result<(Extract, String), ExtractError> {
        self.read_within(SILENCE_MAX, path, file_name, listener).await
    }

    /// The links of `page`, a web page or a site map; its errors are those of [`Reader::read`].
    pub async fn links(&self, page: Vec<u8>) -> Result<Links, ExtractError> {
        let request = Request { file_name: String::new(), bytes: page.len() as u64, wanted: Wanted::Links };
        self.ask(SILENCE_MAX, request, &page[..], &mut Deaf).await?.checked_links()
    }

    /// Has `pages` of the PDF at `path` drawn, each a part for `listener` as a PGM picture; of a page on which nothing is to
    /// be seen, the part is empty. One that cannot be drawn is left out. Errors are those of [`Reader::read`].
    pub async fn pictures(
        &self,
        path: &Path,
        pages: Vec<u32>,
        listener: &mut impl Listener,
    ) -> Result<(), ExtractError> {
        self.ask_of(SILENCE_MAX, path, "", Wanted::Pictures(pages), listener).await?.checked_drawing()
    }

    /// What a child that reads documents can still do and should not, tried out by a real one; best is nothing.
    pub async fn open_doors(&self) -> std::io::Result<Vec<Door>> {
        let tried = self.command().arg(child::TELL_DOORS).stdin(Stdio::null()).output();
        let output = tokio::time::timeout(ENDING_MAX, tried).await.map_err(std::io::Error::other)??;
        if !output.status.success() {
            return Err(std::io::Error::other(format!("the reading process ended with {}", output.status)));
        }
        let told = String::from_utf8_lossy(&output.stdout);
        Ok(Door::ALL.into_iter().filter(|door| told.lines().any(|line| line == door.as_str())).collect())
    }

    async fn read_within(
        &self,
        silence_max: Duration,
        path: &Path,
        file_name: &str,
        listener: &mut impl Listener,
    ) -> Result<(Extract, String), ExtractError> {
        self.ask_of(silence_max, path, file_name, Wanted::Text, listener).await?.checked()
    }

    /// What a child makes of the document at `path`.
    async fn ask_of(
        &self,
        silence_max: Duration,
        path: &Path,
        file_name: &str,
        wanted: Wanted,
        listener: &mut impl Listener,
    ) -> Result<Outcome, ExtractError> {
        let document = tokio::fs::File::open(path).await?;
        let bytes = document.metadata().await?.len();
        let request = Request { file_name: file_name.to_owned(), bytes, wanted };
        self.ask(silence_max, request, document, listener).await
    }

    /// What a child makes of `document`.
    async fn ask(
        &self,
        silence_max: Duration,
        request: Request,
        document: impl AsyncRead + Unpin,
        listener: &mut impl Listener,
    ) -> Result<Outcome, ExtractError> {
        let mut child = self.start()?;
        let (input, output, complaints) = pipes(&mut child)?;
        let feeding = feed(input, request, document);
        let listening = async {
            let answer = listen(output, silence_max, listener).await;
            if answer.is_err() {
                // A child that has not answered may hang; killed, it also lets go of its input.
                stop(&child);
            }
            let ended = tokio::time::timeout(ENDING_MAX, child.wait()).await;
            (answer, ended)
        };
        let (fed, (answer, ended), complaints) = tokio::join!(feeding, listening, heard(complaints));
        match answer {
            Ok(outcome) => Ok(outcome),
            Err(Unanswered::Error(error)) => Err(error),
            // A document that could not be fed was not read, whatever the child made of it.
            Err(Unanswered::Silent) => match (fed, ended) {
                (Err(error), _) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
                (_, Ok(Ok(status))) => Err(explained(status, &complaints)),
                (_, Ok(Err(error))) => Err(error.into()),
                (_, Err(_)) => Err(ExtractError::Stopped("Reading this document could not be stopped in time".into())),
            },
        }
    }

    fn start(&self) -> std::io::Result<Child> {
        self.command().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
    }

    /// The command that starts a child, which still wants to be told what for.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .arg("extract-child")
            .env_clear()
            // The allocator would reserve half of the child's address space at once.
            .env("MIMALLOC_ARENA_RESERVE", "65536")
            .current_dir("/")
            .process_group(0)
            .kill_on_drop(true);
        command
    }
}

/// Hears the child until it answers.
async fn listen(
    output: impl AsyncRead + Unpin + Send,
    silence_max: Duration,
    listener: &mut impl Listener,
) -> Result<wire::Outcome, Unanswered> {
    let mut output = BufReader::new(output);
    let (mut line, mut handed_up) = (Vec::new(), 0);
    loop {
        line.clear();
        let mut bounded = (&mut output).take(wire::ANSWER_BYTES_MAX);
        match tokio::time::timeout(silence_max, bounded.read_until(b'\n', &mut line)).await {
            Err(_) => {
                let seconds = silence_max.as_secs();
                let said = format!("Reading this document made no progress for {seconds} seconds and was stopped");
                return Err(Unanswered::Error(ExtractError::Stopped(said)));
            }
            Ok(Err(error)) => return Err(Unanswered::Error(error.into())),
            Ok(Ok(0)) => return Err(Unanswered::Silent),
            Ok(Ok(_)) => {}
        }
        match Answer::parse(&line) {
            Some(Answer::Page { done, total }) => listener.page(done, total),
            Some(Answer::Part { name, page, bytes }) => {
                handed_up += bytes.min(limits::ARCHIVE_BYTES_MAX);
                if handed_up > limits::ARCHIVE_BYTES_MAX {
                    let gib = limits::ARCHIVE_BYTES_MAX >> 30;
                    let said = format!("what lies in it has more than {gib} GiB");
                    return Err(Unanswered::Error(ExtractError::TooLarge(said)));
                }
                let mut content = (&mut output).take(bytes);
                let taken = listener.part(wire::part_head(name, page), &mut content).await;
                let rest = tokio::io::copy(&mut content, &mut tokio::io::sink()).await;
                taken.and(rest.map(drop)).map_err(|error| Unanswered::Error(error.into()))?;
            }
            Some(Answer::Outcome(outcome)) => return Ok(outcome),
            None => return Err(Unanswered::Silent),
        }
    }
}

/// Kills the child and whatever it may have started.
fn stop(child: &Child) {
    let group = child.id().and_then(|id| rustix::process::Pid::from_raw(id.cast_signed()));
    if let Some(group) = group {
        // It may have ended by itself a moment before.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
}

/// Why there is no answer from the child.
enum Unanswered {
    /// Its output ended, or was not what was agreed: how the child ended says why.
    Silent,
    Error(ExtractError),
}

type Pipes = (ChildStdin, tokio::process::ChildStdout, tokio::process::ChildStderr);

fn pipes(child: &mut Child) -> std::io::Result<Pipes> {
    match (child.stdin.take(), child.stdout.take(), child.stderr.take()) {
        (Some(input), Some(output), Some(complaints)) => Ok((input, output, complaints)),
        _ => Err(std::io::Error::other("a pipe to the reading process is missing")),
    }
}

/// Gives the child its request and the document.
async fn feed(mut input: ChildStdin, request: Request, document: impl AsyncRead + Unpin) -> std::io::Result<()> {
    input.write_all(request.line().as_bytes()).await?;
    tokio::io::copy(&mut document.take(request.bytes), &mut input).await?;
    input.shutdown().await
}

/// The beginning of what the child complains of; the rest is read and dropped, so that it is not held up.
async fn heard(mut complaints: tokio::process::ChildStderr) -> String {
    let mut bytes = Vec::new();
    let _ = (&mut complaints).take(COMPLAINTS_BYTES_MAX).read_to_end(&mut bytes).await;
    let _ = tokio::io::copy(&mut complaints, &mut tokio::io::sink()).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What became of a child that ended without an answer, for the reader of the document.
fn explained(status: ExitStatus, complaints: &str) -> ExtractError {
    use std::os::unix::process::ExitStatusExt;
    let gib = limits::EXTRACT_MEMORY_BYTES_MAX >> 30;
    let minutes = limits::EXTRACT_CPU_SECONDS_MAX / 60;
    let said = match status.signal() {
        _ if complaints.contains("memory allocation of") || complaints.contains("out of memory") => {
            format!("Reading this document needed more than {gib} GiB of memory and was stopped")
        }
        _ if complaints.contains("overflowed its stack") => {
            "This document's parts are nested too deeply, and reading it was stopped".to_owned()
        }
        Some(signal) if signal == child::OUT_OF_TIME => {
            format!("Reading this document took more than {minutes} minutes of processor time and was stopped")
        }
        Some(_) => "Reading this document failed: something in it made the reader stop".to_owned(),
        None => {
            let first = complaints.lines().next().unwrap_or_default();
            return ExtractError::Io(std::io::Error::other(format!(
                "the reading process ended with {status}: {first}"
            )));
        }
    };
    ExtractError::Stopped(said)
}

#[cfg(test)]
mod tests;
