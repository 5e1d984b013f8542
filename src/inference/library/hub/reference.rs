//! What names a model on a hub: `hf:OWNER/REPO` or `hf:OWNER/REPO/FILE`.

use crate::inference::library::LibraryError;
use std::fmt;

/// How such a name begins.
const SCHEME: &str = "hf:";

/// A repository, and maybe a file in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// `OWNER/REPO`.
    pub repository: String,
    /// Its path in the repository.
    pub file: Option<String>,
}

impl Reference {
    /// Whether `text` is meant to be one.
    pub fn is_meant(text: &str) -> bool {
        text.starts_with(SCHEME)
    }

    /// Reads `hf:OWNER/REPO[/FILE]`.
    pub fn parse(text: &str) -> Result<Reference, LibraryError> {
        let wrong = || {
            LibraryError::Refused(format!(
                "`{}` names no model on a hub; it is hf:OWNER/REPO or hf:OWNER/REPO/FILE.gguf.",
                text.escape_debug()
            ))
        };
        let parts: Vec<&str> = text.strip_prefix(SCHEME).ok_or_else(wrong)?.split('/').collect();
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let is_name = |part: &&str| !part.is_empty() && !part.starts_with('.') && part.chars().all(plain);
        if parts.len() < 2 || !parts.iter().all(is_name) {
            return Err(wrong());
        }
        let repository = parts[..2].join("/");
        let file = (parts.len() > 2).then(|| parts[2..].join("/"));
        Ok(Reference { repository, file })
    }

    /// The same repository with this file.
    pub fn with_file(&self, file: &str) -> Reference {
        Reference { repository: self.repository.clone(), file: Some(file.to_owned()) }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}", self.repository)?;
        self.file.as_ref().map_or(Ok(()), |file| write!(f, "/{file}"))
    }
}

#[cfg(test)]
mod tests {
    use super::Reference;

    #[test]
    fn references_are_read_or_refused() {
        let of = |repository: &str, file: Option<&str>| {
            Some(Reference { repository: repository.to_owned(), file: file.map(str::to_owned) })
        };
        for (text, expected) in [
            ("hf:Qwen/Qwen3-4B-GGUF", of("Qwen/Qwen3-4B-GGUF", None)),
            ("hf:Qwen/Qwen3-4B-GGUF/Qwen3-4B-Q4_K_M.gguf", of("Qwen/Qwen3-4B-GGUF", Some("Qwen3-4B-Q4_K_M.gguf"))),
            ("hf:o/r/Q4/a.gguf", of("o/r", Some("Q4/a.gguf"))),
            ("hf:Qwen", None),
            ("hf:", None),
            ("hf:o/../etc", None),
            ("hf:o/r/../../x.gguf", None),
            ("hf:o/r//x", None),
            ("hf:o/r?x=1", None),
            ("hf:o/r x", None),
            ("o/r", None),
        ] {
            let found = Reference::parse(text).ok();
            assert_eq!(found, expected, "{text}");
            if let Some(found) = found {
                assert_eq!(found.to_string(), text);
            }
        }
    }
}
