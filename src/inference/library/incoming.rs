//! A model on its way in: its files come as one stream of bytes, are hashed and written beside, checked as a whole,
//! and moved into place.
//!
//! They are copied and never linked: a link would share its bytes with a file that somebody may write to, and a mapped
//! file that changes takes the process with it.

use super::receipt::{Kept, Receipt};
use super::{
    Found, GGUF, INCOMING, Library, LibraryError, Progress, describe_at, disk, folder, look_at, without_ending,
};
use sha2::{Digest, Sha256};
use std::collections::VecDeque;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Bytes gathered before they are hashed and written.
const GATHERED_BYTES: usize = 1 << 20;
/// The longest name of a model, in bytes: the file system's limit less what is put behind it.
const NAME_BYTES_MAX: usize = 200;

/// A model being received. Dropped before it is finished, it is removed.
pub struct Incoming {
    own: PathBuf,
    name: String,
    temporary: TempDir,
    /// The files still to come, the present one first.
    expected: VecDeque<(String, u64)>,
    /// `None` between two files, and after a failure.
    writing: Option<Writing>,
    kept: Vec<Kept>,
    gathered: Vec<u8>,
    progress: Progress,
}

/// The file that is being written.
struct Writing {
    file: File,
    hasher: Sha256,
    written: u64,
}

impl Incoming {
    /// Begins to take in the model `name`, whose `files` (name and length) will come in this order: one GGUF file, or
    /// the files of a folder.
    pub fn begin(
        library: &Library,
        name: &str,
        files: Vec<(String, u64)>,
        progress: Progress,
    ) -> Result<Incoming, LibraryError> {
        check_name(name)?;
        let is_file = matches!(files.as_slice(), [(file, _)] if *file == format!("{name}{GGUF}"));
        let allowed = |file: &String| folder::may_have(file);
        if !is_file && !files.iter().all(|(file, _)| allowed(file)) {
            return Err(LibraryError::Refused(format!(
                "A model is one .gguf file, or a folder of {}.",
                folder::NEEDED.join(", ")
            )));
        }
        library.must_be_free(name)?;
        let own = library.own()?.to_owned();
        let bytes = files.iter().fold(0, |sum: u64, (_, bytes)| sum.saturating_add(*bytes));
        disk::must_have_room(&own, name, bytes)?;
        let temporary = tempfile::Builder::new()
            .prefix(INCOMING)
            .tempdir_in(&own)
            .map_err(LibraryError::io(format!("nothing can be written to {}", own.display())))?;
        progress.begin(format!("Copying {name}"), bytes);
        let name = name.to_owned();
        let (kept, gathered) = (Vec::new(), Vec::new());
        Ok(Incoming { own, name, temporary, expected: files.into(), writing: None, kept, gathered, progress })
    }

    /// Takes the next bytes of the files, one after the other.
    pub async fn write(&mut self, mut bytes: &[u8]) -> Result<(), LibraryError> {
        while !bytes.is_empty() {
            let Some((_, length)) = self.expected.front() else {
                return Err(LibraryError::Refused(format!("More bytes came than {} has.", self.name)));
            };
            let before = self.writing.as_ref().map_or(0, |writing| writing.written) + self.gathered.len() as u64;
            let room = usize::try_from(length - before).unwrap_or(usize::MAX).min(bytes.len());
            self.gathered.extend_from_slice(&bytes[..room]);
            bytes = &bytes[room..];
            if self.gathered.len() >= GATHERED_BYTES || before + room as u64 == *length {
                self.pass_on().await?;
            }
        }
        Ok(())
    }

    /// Ends the model, whose `source` is told by its receipt: checks it as a whole, forces it to disk, and moves it
    /// into place.
    pub async fn finish(mut self, source: String, now_ms: i64) -> Result<Found, LibraryError> {
        // A file of no bytes has come when it is its turn.
        while self.expected.front().is_some_and(|(_, bytes)| *bytes == 0) {
            self.pass_on().await?;
        }
        if let Some((file, _)) = self.expected.front() {
            return Err(LibraryError::Refused(format!("{file} ended early; nothing was kept of {}.", self.name)));
        }
        self.progress.begin(format!("Checking {}", self.name), 0);
        blocking(move || self.settle(source, now_ms)).await
    }

    /// Hashes and writes what was gathered; opens a file at its first bytes, and ends it after its last.
    async fn pass_on(&mut self) -> Result<(), LibraryError> {
        let Some((name, length)) = self.expected.front().cloned() else { return Ok(()) };
        let path = self.temporary.path().join(&self.name).join(&name);
        let (writing, gathered) = (self.writing.take(), std::mem::take(&mut self.gathered));
        let (writing, mut gathered) = blocking(move || {
            let failed = || LibraryError::io(format!("{} cannot be written", path.display()));
            let mut writing = match writing {
                Some(writing) => writing,
                None => {
                    disk::make_folder(path.parent().expect("a file lies in a folder"))?;
                    Writing { file: File::create(&path).map_err(failed())?, hasher: Sha256::new(), written: 0 }
                }
            };
            writing.hasher.update(&gathered);
            writing.file.write_all(&gathered).map_err(failed())?;
            writing.written += gathered.len() as u64;
            if writing.written == length {
                writing.file.sync_all().map_err(failed())?;
            }
            Ok((writing, gathered))
        })
        .await?;
        self.progress.add(gathered.len() as u64);
        gathered.clear();
        self.gathered = gathered;
        if writing.written == length {
            let sha256 = hex::encode(writing.hasher.finalize());
            self.kept.push(Kept { name, bytes: length, sha256 });
            self.expected.pop_front();
        } else {
            self.writing = Some(writing);
        }
        Ok(())
    }

    fn settle(self, source: String, now_ms: i64) -> Result<Found, LibraryError> {
        let receipt = Receipt { source, commit: None, added_at_ms: now_ms, files: self.kept };
        let folder = self.temporary.path().join(&self.name);
        let file = folder.join(format!("{}{GGUF}", self.name));
        let whole = if file.is_file() { &file } else { &folder };
        move_in(whole, &self.own, &self.name, &receipt)
    }
}

/// Checks the model at `whole`, a GGUF file or a folder on the same file system, and moves it to `own` as `name`, with
/// its receipt.
pub(super) fn move_in(whole: &Path, own: &Path, name: &str, receipt: &Receipt) -> Result<Found, LibraryError> {
    describe_at(whole)?;
    let target = if whole.is_file() {
        let target = own.join(format!("{}{GGUF}", without_ending(name)));
        // First, because a receipt without a model is nothing, and a model without its receipt has lost something.
        receipt.write(&Receipt::place(&target))?;
        target
    } else {
        receipt.write(&Receipt::place(whole))?;
        own.join(name)
    };
    disk::rename(whole, &target)?;
    Ok(look_at(&target, true).expect("what was checked is a model"))
}

/// Refuses names that would not stay in the folder, or not be found there.
pub(super) fn check_name(name: &str) -> Result<(), LibraryError> {
    let wrong = name.is_empty()
        || name.len() > NAME_BYTES_MAX
        || name.starts_with('.')
        || name.contains(['/', '\\'])
        || name.chars().any(char::is_control);
    if !wrong {
        return Ok(());
    }
    Err(LibraryError::Refused(format!(
        "A model cannot be called `{}`: a name has 1 to {NAME_BYTES_MAX} bytes, no slash, and no dot at its beginning.",
        name.escape_debug()
    )))
}

/// Runs work on files where it cannot hold up other requests.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LibraryError> + Send + 'static,
) -> Result<T, LibraryError> {
    let ended = tokio::task::spawn_blocking(work).await;
    ended.unwrap_or_else(|stopped| Err(LibraryError::io("the work was ended")(std::io::Error::other(stopped))))
}
