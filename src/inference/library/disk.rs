//! What the library does to the disk so that a power cut leaves nothing half done.

use super::LibraryError;
use crate::limits;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// `path` with `ending` put behind its last name.
pub(super) fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Writes a small file whole: beside its place, forced to disk, and moved there.
pub(super) fn replace(path: &Path, text: &[u8]) -> Result<(), LibraryError> {
    let failed = || LibraryError::io(format!("{} cannot be written", path.display()));
    let beside = with_ending(path, ".new");
    let mut file = File::create(&beside).map_err(failed())?;
    file.write_all(text).and_then(|()| file.sync_all()).map_err(failed())?;
    rename(&beside, path)
}

/// Moves `from` to `to` on one file system and forces the move to disk.
pub(super) fn rename(from: &Path, to: &Path) -> Result<(), LibraryError> {
    let failed = || LibraryError::io(format!("{} cannot be moved to {}", from.display(), to.display()));
    fs::rename(from, to).map_err(failed())?;
    let folder = to.parent().unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed())
}

/// Forces a file that was written by others to disk.
pub(super) fn sync(path: &Path) -> Result<(), LibraryError> {
    let synced = File::open(path).and_then(|file| file.sync_all());
    synced.map_err(LibraryError::io(format!("{} cannot be forced to disk", path.display())))
}

/// Makes `folder` and those above it.
pub(super) fn make_folder(folder: &Path) -> Result<(), LibraryError> {
    fs::create_dir_all(folder).map_err(LibraryError::io(format!("the folder {} cannot be made", folder.display())))
}

/// Passes if the disk under `folder` has room for `needed_bytes` of `what`, and some more for everything else.
pub(super) fn must_have_room(folder: &Path, what: &str, needed_bytes: u64) -> Result<(), LibraryError> {
    let failed = || LibraryError::io(format!("the free space of {} cannot be told", folder.display()));
    let disk = rustix::fs::statvfs(folder).map_err(std::io::Error::from).map_err(failed())?;
    let free_bytes = disk.f_bavail.saturating_mul(disk.f_frsize);
    if needed_bytes.saturating_add(limits::DISK_FREE_BYTES_MIN) <= free_bytes {
        return Ok(());
    }
    Err(LibraryError::DiskFull {
        what: what.to_owned(),
        folder: folder.display().to_string(),
        needed_bytes,
        free_bytes,
    })
}
