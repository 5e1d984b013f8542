//! Folders of the server, kept in step: looked through in one pass, and only what has changed is read.
//!
//! A change is told by size and time. What has changed is copied among the originals, and the source that follows the file
//! is read like any document. Files may be written while this looks: one that changed a moment ago waits for the next time.
//! Symbolic links are not followed, here or on the way to a file, so that nothing outside the folder is ever read. What
//! looks like a disk that is not mounted changes nothing.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags};
use tokio::sync::RwLock;

use super::extract::{ExtractError, HEAD_BYTES, detect};
use super::{IngestError, remove_original};
use crate::blobs::{Blobs, BlobsError, Incoming};
use crate::domain::id::SourceId;
use crate::limits;
use crate::store::{ClaimedFolder, Content, FileRead, Stamp, Store};

/// What keeping folders in step uses.
#[derive(Clone)]
pub struct Folders {
    pub store: Store,
    pub blobs: Blobs,
    /// Held to read from a file's rename to its row, to write while an unreferenced file is removed.
    pub gate: Arc<RwLock<()>>,
}

/// Bytes of a file that are read at once.
const READ_BYTES: usize = 256 << 10;
/// A file that changed so short a time ago may still be written to.
const SETTLED_AFTER_NS: i64 = 2_000_000_000;
/// Vanished files that are taken out in one step.
const GONE_AT_ONCE: usize = 100;
/// How deep folders may lie within one another.
const DEPTH_MAX: usize = 64;

/// A file that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Found {
    path: String,
    stamp: Stamp,
}

/// What looking through a folder found.
#[derive(Debug, Default)]
struct Listing {
    files: Vec<Found>,
    /// Folders that could not be looked into: what is known of them stays.
    closed: Vec<String>,
    links: usize,
    unnameable: usize,
    too_many: bool,
}

/// Looks through a folder. `tell` is called with each source that has changed, after the store knows.
///
/// Tells whether a file is still being written, so that it is better to look again soon; an error in the inner result is why
/// the folder could not be looked through.
pub async fn read_folder(
    folders: &Folders,
    claimed: &ClaimedFolder,
    now: fn() -> i64,
    tell: &(dyn Fn(SourceId) + Send + Sync),
) -> Result<Result<Looked, String>, IngestError> {
    let root = PathBuf::from(&claimed.folder.path);
    let listing = tokio::task::spawn_blocking(move || list(&root)).await;
    let listing = match listing.map_err(|error| IngestError::Later(error.to_string()))? {
        Ok(listing) => listing,
        Err(error) => return Ok(Err(format!("The folder cannot be looked into: {}.", said(&error)))),
    };
    let mut known = folders.store.known_files(claimed.folder.id).await?;
    let searched = known.values().filter(|file| !file.is_gone).count();
    if listing.files.is_empty() && listing.closed.is_empty() && searched > 0 {
        return Ok(Err(format!(
            "The folder is empty, and {searched} files were in it. It may not be mounted, so nothing was changed. If it is \
             meant to be empty, remove it here."
        )));
    }
    let (mut unsettled, note) = (false, listing.note());
    for found in listing.files {
        let before = known.remove(&found.path);
        if before.is_some_and(|file| !file.is_gone && file.stamp == found.stamp) {
            continue;
        }
        // A server of files may have another clock.
        if (now() * 1_000_000 - found.stamp.modified_ns).abs() < SETTLED_AFTER_NS {
            unsettled = true;
            continue;
        }
        folders.take(claimed, found, now, tell).await?;
    }
    let is_closed = |path: &str| listing.too_many || listing.closed.iter().any(|folder| lies_in(path, folder));
    let vanished = known.into_iter().filter(|(path, file)| !file.is_gone && !is_closed(path)).map(|(path, _)| path);
    let vanished: Vec<String> = vanished.collect();
    for paths in vanished.chunks(GONE_AT_ONCE) {
        folders.store.files_gone(claimed, paths.to_vec(), now()).await?.into_iter().for_each(tell);
    }
    Ok(Ok(Looked { note, unsettled }))
}

/// How looking through a folder ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Looked {
    /// What was left out, for the reader.
    pub note: Option<String>,
    /// A file changed only a moment ago.
    pub unsettled: bool,
}

/// What came of copying a file.
enum Copied {
    /// All of it is there, not yet under its name.
    Whole { incoming: Incoming, file_name: String, media_type: String },
    /// There is nothing to keep.
    Told(FileRead),
    /// It changed meanwhile: it is for the next time.
    Changed,
}

impl Folders {
    /// Has the source that follows a file take in what the file holds.
    async fn take(
        &self,
        claimed: &ClaimedFolder,
        found: Found,
        now: fn() -> i64,
        tell: &(dyn Fn(SourceId) + Send + Sync),
    ) -> Result<(), IngestError> {
        let root = PathBuf::from(&claimed.folder.path);
        let copied = self.copy(root, &found).await?;
        // Until its row is there, no deletion of the same bytes may take the original away.
        let gate = self.gate.read().await;
        let came = match copied {
            Copied::Changed => return Ok(()),
            Copied::Told(came) => came,
            Copied::Whole { incoming, file_name, media_type } => {
                let (sha256, bytes) = incoming.finish().await?;
                FileRead::Read(Content { file_name, media_type, bytes, sha256 })
            }
        };
        let followed = self.store.file_read(claimed, found.path, found.stamp, came, now()).await?;
        drop(gate);
        let Some(followed) = followed else { return Ok(()) };
        if let Some(sha256) = followed.unreferenced {
            remove_original::<IngestError>(&self.store, &self.blobs, &self.gate, sha256).await?;
        }
        if followed.changed {
            tell(followed.source);
        }
        Ok(())
    }

    /// Copies a file beside the originals.
    async fn copy(&self, root: PathBuf, found: &Found) -> Result<Copied, IngestError> {
        let failed = |error: &io::Error| Copied::Told(FileRead::Failed(format!("It cannot be read: {}.", said(error))));
        if found.stamp.bytes > limits::UPLOAD_BYTES_MAX {
            let most = limits::UPLOAD_BYTES_MAX >> 20;
            let reason = format!("It is larger than {most} MiB, the most that is read.");
            return Ok(Copied::Told(FileRead::Refused(reason)));
        }
        let path = found.path.clone();
        let opened = in_the_background(move || open(&root, &path)).await?;
        let mut file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Copied::Changed),
            Err(error) => return Ok(failed(&error)),
        };
        let mut incoming = self.blobs.receive().await?;
        let mut head = Vec::new();
        loop {
            let read;
            (file, read) = in_the_background(move || {
                let mut buffer = vec![0; READ_BYTES];
                let read = file.read(&mut buffer).map(|length| buffer[..length].to_vec());
                (file, read)
            })
            .await?;
            let bytes = match read {
                Ok(bytes) if bytes.is_empty() => break,
                Ok(bytes) => bytes,
                Err(error) => return Ok(failed(&error)),
            };
            head.extend_from_slice(&bytes[..bytes.len().min(HEAD_BYTES - head.len())]);
            match incoming.write(&bytes).await {
                Err(BlobsError::TooLarge) => return Ok(Copied::Changed),
                written => written?,
            }
        }
        let is_same = file.metadata().is_ok_and(|metadata| stamp(&metadata) == found.stamp);
        if !is_same {
            return Ok(Copied::Changed);
        }
        let file_name = found.path.rsplit('/').next().unwrap_or_default().to_owned();
        Ok(match detect(&file_name, &head) {
            // Whoever has a thousand such files need not be told a thousand times what can be read.
            Err(ExtractError::Unsupported { found }) => {
                Copied::Told(FileRead::Refused(format!("This is {found}, which cannot be read.")))
            }
            Err(error) => Copied::Told(FileRead::Refused(error.to_string())),
            Ok(format) => Copied::Whole { incoming, file_name, media_type: format.media_type().to_owned() },
        })
    }
}

async fn in_the_background<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, IngestError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| IngestError::Later(error.to_string()))
}

/// Opens a file below `root` without following a link on the way.
fn open(root: &Path, path: &str) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let mut folder = rustix::fs::open(root, flags | OFlags::DIRECTORY, Mode::empty())?;
    let (parents, name) = path.rsplit_once('/').map_or((None, path), |(parents, name)| (Some(parents), name));
    for parent in parents.into_iter().flat_map(|parents| parents.split('/')) {
        folder = rustix::fs::openat(&folder, parent, flags | OFlags::DIRECTORY, Mode::empty())?;
    }
    let file = File::from(rustix::fs::openat(&folder, name, flags, Mode::empty())?);
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::new(io::ErrorKind::NotFound, "it is no file")),
    }
}

/// Everything below `root`, without following links.
fn list(root: &Path) -> io::Result<Listing> {
    let mut listing = Listing::default();
    let mut left = vec![(String::new(), 0)];
    while let Some((below, depth)) = left.pop() {
        let entries = match std::fs::read_dir(root.join(&below)) {
            Ok(entries) => entries,
            Err(error) if below.is_empty() => return Err(error),
            Err(_) => {
                listing.closed.push(below);
                continue;
            }
        };
        for entry in entries {
            // What vanishes while this looks is not there; a disk that fails is another matter.
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) if below.is_empty() => return Err(error),
                Err(_) => {
                    listing.closed.push(below.clone());
                    break;
                }
            };
            let name = entry.file_name();
            let Some(name) = name.to_str() else {
                listing.unnameable += 1;
                continue;
            };
            if is_passed_over(name) {
                continue;
            }
            let path = if below.is_empty() { name.to_owned() } else { format!("{below}/{name}") };
            let Ok(metadata) = entry.metadata() else { continue };
            match metadata.file_type() {
                kind if kind.is_symlink() => listing.links += 1,
                kind if kind.is_dir() && depth < DEPTH_MAX => left.push((path, depth + 1)),
                kind if kind.is_dir() => listing.closed.push(path),
                kind if kind.is_file() => {
                    if listing.files.len() >= limits::FOLDER_FILES_MAX {
                        listing.too_many = true;
                        return Ok(listing);
                    }
                    listing.files.push(Found { path, stamp: stamp(&metadata) });
                }
                _ => {}
            }
        }
    }
    listing.files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(listing)
}

impl Listing {
    /// What was left out.
    fn note(&self) -> Option<String> {
        let mut notes = Vec::new();
        if self.too_many {
            notes.push(format!("It has more than {} files; the others were left out.", limits::FOLDER_FILES_MAX));
        }
        match &self.closed[..] {
            [] => {}
            [one] => notes.push(format!("The folder {one} cannot be looked into.")),
            [one, others @ ..] => {
                notes.push(format!("The folder {one} and {} others cannot be looked into.", others.len()));
            }
        }
        match self.links {
            0 => {}
            1 => notes.push("1 symbolic link was left out.".to_owned()),
            many => notes.push(format!("{many} symbolic links were left out.")),
        }
        if self.unnameable > 0 {
            notes.push(format!("{} files whose names are not UTF-8 were left out.", self.unnameable));
        }
        (!notes.is_empty()).then(|| notes.join(" "))
    }
}

/// Whether a name is one of those that programs keep for themselves: hidden, half written, or of the file manager.
fn is_passed_over(name: &str) -> bool {
    let lower = name.to_lowercase();
    let is_half =
        [".tmp", ".temp", ".part", ".partial", ".crdownload", ".swp", "~"].iter().any(|end| lower.ends_with(end));
    name.starts_with('.') || name.starts_with("~$") || is_half || matches!(&*lower, "thumbs.db" | "desktop.ini")
}

/// Whether the file at `path` lies in `folder`.
fn lies_in(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

fn stamp(metadata: &Metadata) -> Stamp {
    let ns = |seconds: i64, ns: i64| seconds.saturating_mul(1_000_000_000).saturating_add(ns);
    let content = ns(metadata.mtime(), metadata.mtime_nsec());
    Stamp { bytes: metadata.len(), modified_ns: content.max(ns(metadata.ctime(), metadata.ctime_nsec())) }
}

/// What a person is told of an error of the file system.
fn said(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "it is not there".to_owned(),
        io::ErrorKind::PermissionDenied => "the appliance may not read it".to_owned(),
        io::ErrorKind::NotADirectory => "it is not a folder".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::{is_passed_over, lies_in, list, open};

    #[test]
    fn what_lies_in_a_folder_is_found_and_what_links_lead_to_is_not() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(at("root/a/b")).expect("a folder");
        for name in ["outside.txt", "root/one.txt", "root/a/b/two.txt", "root/.hidden", "root/a/~$two.docx"] {
            std::fs::write(at(name), "text").expect("a file");
        }
        symlink(at("outside.txt"), at("root/link.txt")).expect("a link");
        symlink(folder.path(), at("root/a/up")).expect("a link");
        let listing = list(&at("root")).expect("it can be looked into");
        let paths: Vec<&str> = listing.files.iter().map(|found| found.path.as_str()).collect();
        assert_eq!(paths, ["a/b/two.txt", "one.txt"]);
        assert_eq!(listing.note().as_deref(), Some("2 symbolic links were left out."));
        let root = at("root");
        assert!(open(&root, "a/b/two.txt").is_ok());
        for outside in ["link.txt", "a/up/outside.txt", "../outside.txt/..", "a", "missing.txt"] {
            assert!(open(&root, outside).is_err(), "{outside}");
        }
        assert!(list(&at("missing")).is_err());
    }

    #[test]
    fn what_programs_keep_for_themselves_is_passed_over() {
        for name in [".git", "~$report.docx", "big.PART", "Thumbs.db", "notes.txt~"] {
            assert!(is_passed_over(name), "{name}");
        }
        assert!(!is_passed_over("report.docx") && !is_passed_over("part.pdf"));
    }

    #[test]
    fn a_file_lies_in_the_folders_on_its_path_alone() {
        assert!(lies_in("a/b/c.txt", "a") && lies_in("a/b/c.txt", "a/b"));
        assert!(!lies_in("ab/c.txt", "a") && !lies_in("a", "a"));
    }
}
