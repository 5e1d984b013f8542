//! Original files, kept by the hash of their content.
//!
//! A file lies at `ab/` and its SHA-256 in hexadecimal, where `ab` are the first two digits. It comes there whole or not
//! at all: it is received beside, forced to disk, and moved into place. What is in a file is not this room's business.

mod incoming;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::domain::source::Sha256;
use crate::limits;

pub use incoming::Incoming;

/// The result of every function of the blobs.
pub type Result<T> = std::result::Result<T, BlobsError>;

/// Why an original could not be kept or had. Its text is for the operator.
#[derive(Debug, thiserror::Error)]
pub enum BlobsError {
    /// More than [`limits::UPLOAD_BYTES_MAX`].
    #[error("the file has more than {} bytes", limits::UPLOAD_BYTES_MAX)]
    TooLarge,
    /// The disk is full, or so nearly that nothing more is accepted ([`limits::DISK_FREE_BYTES_MIN`]).
    #[error("the disk is full")]
    DiskFull,
    /// There is no original with this hash.
    #[error("the original {0} is missing")]
    Missing(Sha256),
    /// Anything else that the system refused.
    #[error("the folder of originals: {0}")]
    Io(#[source] io::Error),
}

impl From<io::Error> for BlobsError {
    fn from(error: io::Error) -> BlobsError {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => BlobsError::DiskFull,
            _ => BlobsError::Io(error),
        }
    }
}

/// The folder of originals. Clones are cheap.
#[derive(Clone)]
pub struct Blobs {
    folder: Arc<Path>,
    /// Begins the name of every file that this opening of the folder receives.
    mark: Arc<str>,
}

/// Where files lie while they are received.
const INCOMING: &str = "incoming";

impl Blobs {
    /// Opens the folder, made if it is not there, and removes what earlier openings did not finish. Blocks.
    pub fn open(folder: &Path) -> Result<Blobs> {
        fs::create_dir_all(folder.join(INCOMING))?;
        let mut chance = [0; 8];
        getrandom::fill(&mut chance).map_err(io::Error::other)?;
        let blobs = Blobs { folder: folder.into(), mark: format!("{}-", hex::encode(chance)).into() };
        blobs.sweep()?;
        Ok(blobs)
    }

    /// Removes files that were begun, before this opening, and never finished; how many. Blocks.
    pub fn sweep(&self) -> Result<usize> {
        let mut removed = 0;
        for entry in fs::read_dir(self.folder.join(INCOMING))? {
            let entry = entry?;
            if !entry.file_name().to_string_lossy().starts_with(&*self.mark) {
                fs::remove_file(entry.path())?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Begins to receive a file; refuses if the disk is nearly full.
    pub async fn receive(&self) -> Result<Incoming> {
        let blobs = self.clone();
        blocking(move || Incoming::begin(blobs)).await
    }

    /// Where the original with this hash lies, if it is there.
    pub fn path(&self, sha256: Sha256) -> PathBuf {
        let digits = sha256.to_string();
        self.folder.join(&digits[..2]).join(&digits)
    }

    /// The whole of an original.
    pub async fn read(&self, sha256: Sha256) -> Result<Vec<u8>> {
        let path = self.path(sha256);
        blocking(move || match fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(BlobsError::Missing(sha256)),
            read => Ok(read?),
        })
        .await
    }

    /// Removes an original; one that is not there has been removed already.
    pub async fn remove(&self, sha256: Sha256) -> Result<()> {
        let path = self.path(sha256);
        blocking(move || match fs::remove_file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => Ok(removed?),
        })
        .await
    }
}

/// Runs file work where it can not hold up other requests.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|stopped| Err(BlobsError::Io(io::Error::other(stopped))))
}

/// Forces a folder's entries to disk.
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests;
