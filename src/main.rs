//! Hands the command line to [`nosia::cli::run`] and returns its exit code.

use std::process::ExitCode;

/// Keeps freed pages for the next tensor: candle allocates anew for every operation.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    nosia::cli::run()
}
