//! The models on disk: which there are, what each is, and how one comes and goes.
//!
//! A generator is one GGUF file, an embedding model or reranker a folder with `config.json`. They are looked for in
//! several places, first to last; what is taken in goes to the library's own folder. A model that comes from a file
//! ([`Incoming`]) or a hub ([`hub`]) is written under a temporary name, checked as a whole (`describe`, `folder`),
//! forced to disk and then renamed, with a `receipt` of its bytes beside it: no half model is ever found, and no
//! model in use is changed in place.
//!
//! Nothing here loads a model, and nothing here knows which is in use.

mod checksum;
mod describe;
mod disk;
mod error;
mod folder;
pub mod hub;
mod brought;
mod incoming;
mod progress;
mod receipt;

pub use brought::Brought;
pub use describe::{Description, Memory, Share};
pub use error::LibraryError;
pub use incoming::Incoming;
pub use progress::Progress;
pub use receipt::{Kept, Receipt};

use super::catalog;
use super::gguf::Gguf;
use std::fs;
use std::path::{Path, PathBuf};

/// How a generator's file ends.
const GGUF: &str = ".gguf";
/// What is put behind the name of a file that is not whole yet.
const PART: &str = ".part";
/// How the name of a folder begins in which a model is taken in.
const INCOMING: &str = ".incoming-";

/// The places of models on this machine.
#[derive(Clone, Debug)]
pub struct Library {
    places: Vec<PathBuf>,
    own: PathBuf,
}

/// A model that lies in one of the places. What it is has not been looked at yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The file's name without its ending, or the folder's.
    pub name: String,
    pub path: PathBuf,
    pub bytes: u64,
    /// Whether it lies in the library's own folder, and may be removed.
    pub is_own: bool,
}

/// What the bytes of a model are, compared with what they were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// They are those of the receipt or of the catalog.
    Same,
    /// This file of it has changed, or is gone.
    Changed { file: String, expected: String, found: Option<String> },
    /// Neither a receipt nor the catalog knows its checksums; here they are.
    Unknown { files: Vec<Kept> },
}

impl Library {
    /// Looks in `places`, first to last, and takes models in to `own`, which is one of them.
    pub fn new(places: Vec<PathBuf>, own: PathBuf) -> Library {
        Library { places, own }
    }

    /// The places, first to last.
    pub fn places(&self) -> &[PathBuf] {
        &self.places
    }

    /// Removes what a process that was killed began to take in. Downloads are left: they can be resumed.
    pub fn sweep(&self) {
        for entry in fs::read_dir(&self.own).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(INCOMING)
                && let Err(error) = fs::remove_dir_all(entry.path())
            {
                tracing::warn!(%error, path = %entry.path().display(), "a model that was begun could not be removed");
            }
        }
    }

    /// Every model, by name. Of two with one name the one in the first place counts.
    pub fn all(&self) -> Vec<Found> {
        let mut all: Vec<Found> = Vec::new();
        for place in &self.places {
            let found = fs::read_dir(place).into_iter().flatten().flatten().filter_map(|entry| {
                let found = look_at(&entry.path(), *place == self.own)?;
                (!all.iter().any(|known| known.name == found.name)).then_some(found)
            });
            let found: Vec<Found> = found.collect();
            all.extend(found);
        }
        all.sort_by_key(|found| found.name.to_lowercase());
        all
    }

    /// The model that `name` means: its own name, with or without the ending, or any name that the catalog knows the
    /// same model by. Of several quantisations the one that the catalog recommends, or else the first.
    pub fn find(&self, name: &str) -> Option<Found> {
        let mut all = self.all();
        let plain = without_ending(name);
        if let Some(at) = all.iter().position(|found| found.name.eq_ignore_ascii_case(plain)) {
            return Some(all.swap_remove(at));
        }
        let entry = catalog::find(name)?;
        let recommended =
            |found: &Found| entry.files.iter().any(|file| without_ending(&file.name).eq_ignore_ascii_case(&found.name));
        let at = all.iter().position(recommended).or_else(|| all.iter().position(|found| entry.is_called(&found.name)));
        at.map(|at| all.swap_remove(at))
    }

    /// Downloads that were begun and not finished: their names, and the bytes that are here.
    pub fn unfinished(&self) -> Vec<(String, u64)> {
        let entries = fs::read_dir(&self.own).into_iter().flatten().flatten();
        let mut unfinished: Vec<(String, u64)> = entries
            .filter_map(|entry| {
                let name = entry.file_name().into_string().ok()?;
                Some((without_ending(name.strip_suffix(PART)?).to_owned(), size(&entry.path())))
            })
            .collect();
        unfinished.sort();
        unfinished
    }

    /// Removes the model `found`, or what is here of an unfinished download of that name; the bytes that are free now.
    pub fn remove(&self, found: &Found) -> Result<u64, LibraryError> {
        if !found.is_own {
            let message = format!(
                "{} lies in {}, where Nosia does not remove anything: delete it there, or remove the package that \
                 brought it.",
                found.name,
                found.path.parent().unwrap_or(Path::new("/")).display()
            );
            return Err(LibraryError::Refused(message));
        }
        let receipt = Receipt::place(&found.path);
        // The model first: a receipt without one is nothing.
        discard(&found.path)?;
        discard(&receipt)?;
        Ok(found.bytes)
    }

    /// Removes what is here of the unfinished download `name`; the bytes that are free now, `None` if there is none.
    pub fn give_up(&self, name: &str) -> Result<Option<u64>, LibraryError> {
        let plain = without_ending(name);
        let Some((name, bytes)) = self.unfinished().into_iter().find(|(name, _)| name.eq_ignore_ascii_case(plain))
        else {
            return Ok(None);
        };
        for ending in [GGUF, ""] {
            let part = disk::with_ending(&self.own.join(format!("{name}{ending}")), PART);
            discard(&hub::state_of(&part))?;
            discard(&part)?;
        }
        Ok(Some(bytes))
    }

    /// The library's own folder, made if it is not there.
    fn own(&self) -> Result<&Path, LibraryError> {
        disk::make_folder(&self.own)?;
        Ok(&self.own)
    }

    /// Passes if a model called `name` may be taken in.
    fn must_be_free(&self, name: &str) -> Result<(), LibraryError> {
        let plain = without_ending(name);
        let Some(known) = self.all().into_iter().find(|found| found.name.eq_ignore_ascii_case(plain)) else {
            return Ok(());
        };
        let message = format!(
            "{} is installed already, at {}. `nosia model verify {0}` checks it; `nosia model remove {0}` makes room \
             for another of the name.",
            known.name,
            known.path.display()
        );
        Err(LibraryError::Conflict(message))
    }
}

impl Found {
    /// Reads what it is. Blocking; the weights themselves are not read.
    pub fn describe(&self) -> Result<Description, LibraryError> {
        describe_at(&self.path)
    }

    /// Where it came from, if it was taken in here.
    pub fn receipt(&self) -> Option<Receipt> {
        Receipt::read(&self.path)
    }

    /// The files that it consists of, by name.
    pub fn files(&self) -> Vec<(String, PathBuf)> {
        if self.path.is_file() {
            let name = self.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            return vec![(name, self.path.clone())];
        }
        let files = folder::NEEDED.iter().chain(folder::OPTIONAL);
        let files = files.map(|file| ((*file).to_owned(), self.path.join(file)));
        files.filter(|(_, path)| path.is_file()).collect()
    }

    /// Compares its bytes with its receipt, or else with the catalog. Blocking, and as slow as the disk.
    pub fn verify(&self, progress: &Progress) -> Result<Verdict, LibraryError> {
        let expectations = self.expectations(self.receipt().as_ref());
        let place = |name: &str| if self.path.is_file() { self.path.clone() } else { self.path.join(name) };
        let total = expectations.iter().map(|(name, _)| size(&place(name))).sum();
        progress.begin(format!("Reading {}", self.name), total);
        let mut unknown = Vec::new();
        for (name, expected) in expectations {
            let path = place(&name);
            let found = if path.is_file() { Some(checksum::sha256(&path, progress)?) } else { None };
            match (expected, found) {
                (Some(expected), found) if found.as_ref().map(|(sha256, _)| sha256) != Some(&expected) => {
                    return Ok(Verdict::Changed { file: name, expected, found: found.map(|(sha256, _)| sha256) });
                }
                (None, Some((sha256, bytes))) => unknown.push(Kept { name, bytes, sha256 }),
                _ => {}
            }
        }
        Ok(if unknown.is_empty() { Verdict::Same } else { Verdict::Unknown { files: unknown } })
    }

    /// The files that it should have, each with the checksum that is known of it.
    fn expectations(&self, receipt: Option<&Receipt>) -> Vec<(String, Option<String>)> {
        if let Some(receipt) = receipt {
            return receipt.files.iter().map(|kept| (kept.name.clone(), Some(kept.sha256.clone()))).collect();
        }
        let files: Vec<String> = self.files().into_iter().map(|(name, _)| name).collect();
        let published =
            |file: &String| Some((file.clone(), Some(catalog::published_sha256(&self.name, file)?.to_owned())));
        let known: Vec<_> = files.iter().filter_map(published).collect();
        if known.is_empty() { files.into_iter().map(|file| (file, None)).collect() } else { known }
    }
}

/// Reads what the model at `path` is.
fn describe_at(path: &Path) -> Result<Description, LibraryError> {
    if path.is_dir() {
        return folder::describe(path);
    }
    describe::gguf(&Gguf::open(path)?)
}

/// The model at `path`, if there is one: a GGUF file or a folder with settings, not hidden, not in the making.
fn look_at(path: &Path, is_own: bool) -> Option<Found> {
    let name = path.file_name()?.to_str()?;
    if name.starts_with('.') || name.ends_with(PART) {
        return None;
    }
    let is_model = if path.is_dir() {
        path.join(folder::SETTINGS).is_file()
    } else {
        name.len() > GGUF.len() && without_ending(name) != name
    };
    let found = || Found { name: without_ending(name).to_owned(), path: path.to_owned(), bytes: size(path), is_own };
    is_model.then(found)
}

/// `name` without `.gguf`, however that is written.
fn without_ending(name: &str) -> &str {
    let cut = name.len().saturating_sub(GGUF.len());
    match name.get(cut..) {
        Some(ending) if ending.eq_ignore_ascii_case(GGUF) => &name[..cut],
        _ => name,
    }
}

/// The bytes of a file, or of all files in a folder.
fn size(path: &Path) -> u64 {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => {
            fs::read_dir(path).into_iter().flatten().flatten().map(|entry| size(&entry.path())).sum()
        }
        Ok(found) => found.len(),
        Err(_) => 0,
    }
}

/// Removes a file or folder; one that is not there is removed already.
fn discard(path: &Path) -> Result<(), LibraryError> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(LibraryError::io(format!("{} cannot be removed", path.display()))(error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
