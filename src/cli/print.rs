//! What commands say, to a reader who may leave before the end (`nosia ask ... | head -3`).

use std::fmt::Display;
use std::io::{self, ErrorKind, Write as _};

use serde_json::Value;

/// Prints a line to standard output.
///
/// When the reader has gone nobody is left to say anything to: the process ends there, quietly and with success.
pub fn line(text: impl Display) {
    written(writeln!(io::stdout().lock(), "{text}"));
}

/// Prints one JSON value to standard output, for people to read too.
pub fn json(value: &Value) {
    line(format_args!("{value:#}"));
}

/// Prints a piece of a text that goes on, so that it is seen at once.
pub fn piece(text: &str) {
    let mut out = io::stdout().lock();
    written(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}

/// Prints a line to standard error: progress, warnings, reasons. Whether anybody reads it changes nothing.
pub fn note(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Asks for something on standard error, without a line's end.
pub fn prompt(text: &str) {
    let _ = write!(io::stderr().lock(), "{text}");
}

fn written(outcome: io::Result<()>) {
    match outcome {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => {
            note(format_args!("nosia: standard output cannot be written: {error}"));
            std::process::exit(1);
        }
    }
}
