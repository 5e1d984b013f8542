//! The SHA-256 of a file, of gigabytes maybe.

use super::{LibraryError, Progress};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Bytes read at once.
const PIECE_BYTES: usize = 1 << 20;

/// The SHA-256 of the file at `path` in hexadecimal, and its length. Blocking; every byte is counted in `progress`.
pub(super) fn sha256(path: &Path, progress: &Progress) -> Result<(String, u64), LibraryError> {
    let failed = || LibraryError::io(format!("{} cannot be read", path.display()));
    let mut file = File::open(path).map_err(failed())?;
    let (mut hasher, mut piece, mut bytes) = (Sha256::new(), vec![0; PIECE_BYTES], 0);
    loop {
        let count = file.read(&mut piece).map_err(failed())?;
        if count == 0 {
            return Ok((hex::encode(hasher.finalize()), bytes));
        }
        if progress.is_stopped() {
            return Err(LibraryError::Stopped);
        }
        hasher.update(&piece[..count]);
        bytes += count as u64;
        progress.add(count as u64);
    }
}
