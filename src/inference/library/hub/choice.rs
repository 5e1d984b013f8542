//! Which files of a repository make the model that was asked for.

use super::{Hub, Listed, Reference};
use crate::inference::catalog;
use crate::inference::library::{GGUF, LibraryError, folder, without_ending};

/// How a projector of pictures is called, which is no model by itself.
const PROJECTOR: &str = "mmproj";
/// The most files that are listed to choose from.
const SHOWN_MAX: usize = 40;

/// What is to be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// One GGUF file.
    File(String),
    /// The files of a folder, its settings first, which tell whether the rest is worth fetching, and its weights last.
    Folder(Vec<String>),
}

impl Hub {
    /// The files that `reference` means: the one it names, the one that the catalog recommends, the only one, or those
    /// of an embedding model's folder.
    pub(super) async fn choose(&self, reference: &Reference) -> Result<Choice, LibraryError> {
        if let Some(file) = &reference.file {
            return match (is_gguf(file), is_part_of_many(file)) {
                (true, false) => Ok(Choice::File(file.clone())),
                (true, true) => Err(parts(reference)),
                (false, _) => Err(LibraryError::Refused(format!(
                    "{reference} is no .gguf file. Leave the file away to see what the repository has."
                ))),
            };
        }
        if let Some(entry) = catalog::of_repository(&reference.repository) {
            // A mirror that cannot list is enough for what is known by name.
            if let [file] = entry.files.as_slice() {
                return Ok(Choice::File(file.name.clone()));
            }
        }
        among(reference, &self.list(reference).await?)
    }
}

/// The choice from what a repository holds.
fn among(reference: &Reference, listed: &[Listed]) -> Result<Choice, LibraryError> {
    let all: Vec<&Listed> = listed.iter().filter(|file| is_gguf(&file.name) && !is_projector(&file.name)).collect();
    let whole: Vec<&Listed> = all.iter().copied().filter(|file| !is_part_of_many(&file.name)).collect();
    let has = |name: &str| listed.iter().any(|file| file.name == name);
    match whole.as_slice() {
        [only] => Ok(Choice::File(only.name.clone())),
        [] if !all.is_empty() => Err(parts(reference)),
        [] if folder::NEEDED.iter().all(|name| has(name)) => {
            let files = [folder::SETTINGS, folder::TOKENIZER].into_iter().chain(folder::OPTIONAL.iter().copied());
            let files = files.chain([folder::WEIGHTS]);
            Ok(Choice::Folder(files.filter(|name| has(name)).map(str::to_owned).collect()))
        }
        [] => Err(LibraryError::Missing(format!(
            "{reference} has no .gguf file. Generators are needed in that format; many repositories offer it under a \
             name that ends with -GGUF. An embedding model or reranker has {}.",
            folder::NEEDED.join(", ")
        ))),
        many => Err(LibraryError::Refused(format!(
            "{reference} has {} files to choose from; name one, such as {}:\n{}",
            many.len(),
            reference.with_file(&many[0].name),
            many.iter().take(SHOWN_MAX).map(|file| line(file)).collect::<Vec<_>>().join("\n")
        ))),
    }
}

fn line(file: &Listed) -> String {
    match file.bytes {
        Some(bytes) => format!("  {}  ({:.1} GB)", file.name, bytes as f64 / 1e9),
        None => format!("  {}", file.name),
    }
}

fn is_gguf(name: &str) -> bool {
    name.to_lowercase().ends_with(GGUF)
}

fn is_projector(name: &str) -> bool {
    name.rsplit('/').next().is_some_and(|last| last.to_lowercase().starts_with(PROJECTOR))
}

/// Whether the file is one of several: `name-00001-of-00003.gguf`.
fn is_part_of_many(name: &str) -> bool {
    let number = |text: &str| text.len() == 5 && text.chars().all(|c| c.is_ascii_digit());
    let mut last = without_ending(name).rsplitn(4, '-');
    let (total, of, part) = (last.next(), last.next(), last.next());
    total.is_some_and(number) && of == Some("of") && part.is_some_and(number)
}

fn parts(reference: &Reference) -> LibraryError {
    LibraryError::Refused(format!(
        "{reference} is split into parts, and models in parts are not supported. Choose a smaller quantisation that is \
         one file, or join the parts with llama.cpp's gguf-split and add the file that comes of it."
    ))
}

#[cfg(test)]
mod tests {
    use super::{Choice, among};
    use crate::inference::library::hub::{Listed, Reference};

    fn check(files: &[&str], expected: Result<Choice, &str>) {
        let reference = Reference { repository: "o/r".to_owned(), file: None };
        let listed: Vec<Listed> =
            files.iter().map(|name| Listed { name: (*name).to_owned(), bytes: Some(1_500_000_000) }).collect();
        match (among(&reference, &listed), expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{files:?}"),
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{files:?}: {error}"),
            (found, expected) => panic!("{files:?} gave {found:?}, not {expected:?}"),
        }
    }

    #[test]
    fn the_files_of_a_repository_are_chosen() {
        let folder = |names: &[&str]| Ok(Choice::Folder(names.iter().map(|name| (*name).to_owned()).collect()));
        check(&["README.md", "a.gguf"], Ok(Choice::File("a.gguf".to_owned())));
        check(&["a.gguf", "mmproj-a.gguf"], Ok(Choice::File("a.gguf".to_owned())));
        check(&["a.gguf", "b-00001-of-00002.gguf", "b-00002-of-00002.gguf"], Ok(Choice::File("a.gguf".to_owned())));
        check(&["a-Q4_0.gguf", "a-Q8_0.gguf"], Err("hf:o/r/a-Q4_0.gguf:\n  a-Q4_0.gguf  (1.5 GB)\n  a-Q8_0.gguf"));
        check(&["b-00001-of-00002.gguf", "b-00002-of-00002.gguf"], Err("not supported"));
        check(
            &["tokenizer.json", "model.safetensors", "config.json", "x"],
            folder(&["config.json", "tokenizer.json", "model.safetensors"]),
        );
        check(&["README.md", "pytorch_model.bin"], Err("has no .gguf file"));
        check(&[], Err("has no .gguf file"));
    }
}
