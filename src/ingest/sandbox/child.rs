//! The child's side: bind oneself, read one document from standard input, answer on standard output, end.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use rustix::process::{Signal, getppid};

use super::confine::{become_confined, confine, open_doors};
use super::wire::{Answer, Outcome, Request, Wanted};
use crate::ingest::extract::{ExtractError, Heard, draw, extract, links};
use crate::limits;

/// The signal that ends a child which is out of processor time.
pub(super) const OUT_OF_TIME: i32 = Signal::XCPU.as_raw();
/// The argument with which the child reads nothing and tells what it can still do.
pub(super) const TELL_DOORS: &str = "doors";
/// The argument with which the child becomes another program, confined: the rest of its arguments.
pub const RECOGNISE: &str = "recognise";
/// Stack of the thread that reads: parsers follow nested parts by calling themselves.
const STACK_BYTES: usize = 128 << 20;
/// Progress is told no more often than this.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);
/// The longest first line.
const REQUEST_BYTES_MAX: u64 = 64 << 10;

/// What the hidden command `extract-child` runs, before any setting is read or file is opened.
///
/// The exit code is 0 whenever an answer was given, a refusal included.
pub fn child_main() -> ExitCode {
    let verb = std::env::args_os().nth(2);
    if verb.as_deref().is_some_and(|verb| verb == RECOGNISE) {
        let error = become_confined(std::env::args_os().skip(3));
        eprintln!("the program cannot be started: {error}");
        return ExitCode::FAILURE;
    }
    if let Err(error) = confine() {
        eprintln!("cannot limit the reading process: {error}");
        return ExitCode::FAILURE;
    }
    if verb.is_some_and(|verb| verb == TELL_DOORS) {
        let told = open_doors().try_for_each(|door| writeln!(std::io::stdout(), "{}", door.as_str()));
        return if told.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    leave_with_parent();
    let reading = std::thread::Builder::new()
        .name("extract".to_owned())
        .stack_size(STACK_BYTES)
        .spawn(|| answer(std::io::stdin().lock(), std::io::stdout().lock()));
    match reading.map(std::thread::JoinHandle::join) {
        Ok(Ok(Ok(()))) => ExitCode::SUCCESS,
        Ok(Ok(Err(error))) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
        _ => {
            eprintln!("the reading thread failed");
            ExitCode::FAILURE
        }
    }
}

/// Ends this process soon after its parent has ended: nobody would hear the answer.
fn leave_with_parent() {
    let parent = getppid();
    let watch = move || {
        loop {
            std::thread::sleep(Duration::from_secs(1));
            if getppid() != parent {
                std::process::exit(1);
            }
        }
    };
    // Without the watch, the limit on processor time still ends an orphan.
    let _ = std::thread::Builder::new().stack_size(64 << 10).spawn(watch);
}

/// Reads a request and a document from `input` and answers on `output`.
pub(super) fn answer(input: impl Read, mut output: impl Write) -> std::io::Result<()> {
    let mut input = BufReader::new(input);
    let mut line = String::new();
    (&mut input).take(REQUEST_BYTES_MAX).read_line(&mut line)?;
    let request: Request = serde_json::from_str(&line).map_err(std::io::Error::other)?;
    let document = document(&mut input, &request);
    let outcome = match (document, &request.wanted) {
        (Err(error), _) => Outcome::of(Err(error)),
        (Ok(bytes), Wanted::Text) => Outcome::of(extract(&request.file_name, &bytes, &mut telling(&mut output))),
        (Ok(bytes), Wanted::Links) => links(&bytes).into(),
        (Ok(bytes), Wanted::Pictures(pages)) => match draw(bytes, pages, &mut telling(&mut output)) {
            Ok(()) => Outcome::Drawn,
            Err(error) => Outcome::of(Err(error)),
        },
    };
    output.write_all(&Answer::Outcome(outcome).line())?;
    output.flush()
}

/// Tells `output` of what is found on the way.
fn telling(output: &mut impl Write) -> impl FnMut(Heard<'_>) {
    let mut told = Instant::now();
    move |heard| {
        // A parent that no longer listens ends this process by other means.
        let _ = match heard {
            Heard::Page { done, total } if done == total || told.elapsed() >= PROGRESS_EVERY => {
                told = Instant::now();
                output.write_all(&Answer::Page { done, total }.line()).and_then(|()| output.flush())
            }
            Heard::Page { .. } => Ok(()),
            Heard::Part { head, bytes } => {
                let line = Answer::Part { name: head.name, page: head.page, bytes: bytes.len() as u64 }.line();
                output.write_all(&line).and_then(|()| output.write_all(bytes)).and_then(|()| output.flush())
            }
        };
    }
}

fn document(input: &mut impl Read, request: &Request) -> Result<Vec<u8>, ExtractError> {
    if request.bytes > limits::UPLOAD_BYTES_MAX {
        return Err(ExtractError::TooLarge(format!("it has {} bytes", request.bytes)));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(request.bytes).unwrap_or(0));
    input.take(request.bytes).read_to_end(&mut bytes)?;
    Ok(bytes)
}
