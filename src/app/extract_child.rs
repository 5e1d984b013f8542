//! The hidden command that reads one document in a process of its own, entered before anything else is opened.

use std::process::ExitCode;

/// Reads the document handed over by the parent and writes what was found; see [`crate::ingest::sandbox`].
pub fn main() -> ExitCode {
    crate::ingest::sandbox::child_main()
}
