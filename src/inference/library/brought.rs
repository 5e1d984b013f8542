//! A model that somebody brought on a stick: looked at where it lies, before a byte of it is copied.

use super::describe::Description;
use super::{GGUF, LibraryError, describe_at, folder, size, without_ending};
use std::path::{Path, PathBuf};

/// A file or folder that can be taken in.
#[derive(Clone, Debug)]
pub struct Brought {
    /// The name that the model will have.
    pub name: String,
    /// Its files: the name that each will have, where it lies, and its length.
    pub files: Vec<(String, PathBuf, u64)>,
    pub description: Description,
}

impl Brought {
    /// Looks at the file or folder at `path`, and refuses what cannot be used. Blocking; the weights are not read.
    pub fn look_at(path: &Path) -> Result<Brought, LibraryError> {
        // The real name, also of `.` and of a link.
        let real = path.canonicalize().map_err(LibraryError::io(format!("{} cannot be read", path.display())))?;
        let shown = if path.file_name().is_some() { path } else { &real };
        let name = shown.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let description = describe_at(path)?;
        if path.is_dir() {
            let files = folder::NEEDED.iter().chain(folder::OPTIONAL).map(|file| ((*file).to_owned(), path.join(file)));
            let files = files.filter(|(_, path)| path.is_file()).map(|(name, path)| (name, path.clone(), size(&path)));
            return Ok(Brought { name, files: files.collect(), description });
        }
        let name = without_ending(&name).to_owned();
        let file = format!("{name}{GGUF}");
        Ok(Brought { name, files: vec![(file, path.to_owned(), size(path))], description })
    }
}
