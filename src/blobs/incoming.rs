//! A file on its way in: written beside, hashed as it comes, and moved into place when whole.

use std::fs;
use std::io::Write;

use sha2::{Digest, Sha256 as Hasher};
use tempfile::NamedTempFile;

use super::{Blobs, BlobsError, INCOMING, Result, blocking, sync_folder};
use crate::domain::source::Sha256;
use crate::limits;

/// Bytes gathered before they are hashed and written, so that a file of many small pieces is not as many hand-overs.
const GATHERED_BYTES: usize = 256 << 10;

/// A file being received. Dropped before it is finished, it is removed.
pub struct Incoming {
    blobs: Blobs,
    /// `None` after a failure, or while a write that its caller gave up is still under way.
    partial: Option<Partial>,
    gathered: Vec<u8>,
    pub(super) bytes: u64,
}

/// What has been written so far.
struct Partial {
    file: NamedTempFile,
    hasher: Hasher,
}

impl Incoming {
    pub(super) fn begin(blobs: Blobs) -> Result<Incoming> {
        let folder = blobs.folder.join(INCOMING);
        if free_bytes(&folder)? < limits::DISK_FREE_BYTES_MIN {
            return Err(BlobsError::DiskFull);
        }
        let file = tempfile::Builder::new().prefix(&*blobs.mark).tempfile_in(folder)?;
        Ok(Incoming { blobs, partial: Some(Partial { file, hasher: Hasher::new() }), gathered: Vec::new(), bytes: 0 })
    }

    /// Takes the next bytes. [`BlobsError::TooLarge`] as soon as there are more than [`limits::UPLOAD_BYTES_MAX`].
    pub async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.bytes += bytes.len() as u64;
        if self.bytes > limits::UPLOAD_BYTES_MAX {
            self.partial = None;
            return Err(BlobsError::TooLarge);
        }
        self.gathered.extend_from_slice(bytes);
        match self.gathered.len() < GATHERED_BYTES {
            true => Ok(()),
            false => self.pass_on().await,
        }
    }

    /// Ends the file; its hash and size. When this returns it is on disk under its name, and so are the folders'
    /// entries. The same content twice is one file.
    pub async fn finish(mut self) -> Result<(Sha256, u64)> {
        self.pass_on().await?;
        let Incoming { blobs, partial, bytes, .. } = self;
        let partial = partial.ok_or_else(given_up)?;
        let sha256 = blocking(move || settle(&blobs, partial)).await?;
        Ok((sha256, bytes))
    }

    /// Hashes and writes what was gathered.
    async fn pass_on(&mut self) -> Result<()> {
        let mut partial = self.partial.take().ok_or_else(given_up)?;
        let gathered = std::mem::take(&mut self.gathered);
        let (partial, mut gathered) = blocking(move || {
            partial.hasher.update(&gathered);
            partial.file.write_all(&gathered)?;
            Ok((partial, gathered))
        })
        .await?;
        gathered.clear();
        self.gathered = gathered;
        self.partial = Some(partial);
        Ok(())
    }
}

/// Forces the file to disk, moves it to its name, and forces the folders to disk.
fn settle(blobs: &Blobs, partial: Partial) -> Result<Sha256> {
    let Partial { file, hasher } = partial;
    let sha256 = Sha256(hasher.finalize().into());
    file.as_file().sync_all()?;
    let path = blobs.path(sha256);
    let folder = path.parent().expect("a blob lies in a folder");
    fs::create_dir_all(folder)?;
    // A file of the same content may be there: it is replaced, which also mends it should the disk have harmed it.
    file.persist(&path).map_err(|error| error.error)?;
    // Forced even if they were there already: whoever made them may have lost power before forcing them.
    sync_folder(folder)?;
    sync_folder(&blobs.folder)?;
    Ok(sha256)
}

/// Bytes that an ordinary user may still write to the disk under `folder`.
fn free_bytes(folder: &std::path::Path) -> Result<u64> {
    let disk = rustix::fs::statvfs(folder).map_err(std::io::Error::from)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

fn given_up() -> BlobsError {
    BlobsError::Io(std::io::Error::other("the file was given up after a failure"))
}
