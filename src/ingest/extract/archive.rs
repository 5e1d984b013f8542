//! Archives: each file in them is handed up as a document of its own; their own text is the list of these.

use std::io::{Cursor, Read};

use flate2::read::MultiGzDecoder;
use zip::ZipArchive;
use zip::result::ZipError;

use super::{ExtractError, Hear, Heard, PartHead, text};
use crate::domain::extract::Extract;
use crate::limits;

/// Files that systems leave in archives beside what people put there.
const LEFT_BY_SYSTEMS: [&str; 3] = ["__MACOSX", ".DS_Store", "Thumbs.db"];
/// Names that the list shows.
const NAMES_SHOWN: usize = 1_000;

/// What is in an archive, as it is handed up.
struct Contents<'a> {
    hear: Hear<'a>,
    names: Vec<String>,
    extract: Extract,
    /// Bytes that may still be unpacked.
    left: u64,
}

/// Reads a ZIP archive.
pub(super) fn read_zip(bytes: &[u8], hear: Hear<'_>) -> Result<Extract, ExtractError> {
    let mut zip = ZipArchive::new(Cursor::new(bytes)).map_err(damaged)?;
    let mut contents = Contents::new(bytes.len(), hear);
    let total = u32::try_from(zip.len()).unwrap_or(u32::MAX);
    let mut locked = 0;
    for at in 0..zip.len() {
        let file = match zip.by_index(at) {
            Ok(file) => file,
            Err(ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED)) => {
                locked += 1;
                continue;
            }
            Err(error) => {
                contents.extract.notes.push(format!("File {} of the archive does not open ({error}).", at + 1));
                continue;
            }
        };
        if file.is_file() {
            let name = file.name().map_or_else(|_| format!("file {}", at + 1), |name| name.into_owned());
            contents.take(&name, file.size(), file)?;
        }
        (contents.hear)(Heard::Page { done: at as u32 + 1, total });
    }
    match (locked, contents.names.is_empty()) {
        (0, _) => {}
        (_, true) => return Err(ExtractError::Encrypted),
        (locked, false) => {
            contents.extract.notes.push(format!("{locked} files are protected by a password and were left out."));
        }
    }
    contents.finish()
}

/// Reads a TAR archive.
pub(super) fn read_tar(bytes: &[u8], hear: Hear<'_>) -> Result<Extract, ExtractError> {
    let mut contents = Contents::new(bytes.len(), hear);
    contents.take_tar(bytes)?;
    contents.finish()
}

/// Reads what is compressed by gzip: a TAR archive, or a single file, whose name is the archive's without its ending.
pub(super) fn read_gzip(file_name: &str, bytes: &[u8], hear: Hear<'_>) -> Result<Extract, ExtractError> {
    let mut contents = Contents::new(bytes.len(), hear);
    let mut head = Vec::new();
    let damaged = |error| ExtractError::Damaged(format!("it does not unpack ({error})"));
    MultiGzDecoder::new(bytes).take(512).read_to_end(&mut head).map_err(damaged)?;
    if is_tar(&head) {
        contents.take_tar(MultiGzDecoder::new(bytes))?;
    } else {
        let stem = file_name.rsplit_once('.').map_or(file_name, |(stem, _)| stem);
        contents.take(stem, 0, MultiGzDecoder::new(bytes))?;
    }
    contents.finish()
}

/// Whether `head` is the beginning of a TAR archive: its mark stands within the first entry's header.
pub(super) fn is_tar(head: &[u8]) -> bool {
    head.get(257..262) == Some(b"ustar")
}

impl<'a> Contents<'a> {
    fn new(bytes: usize, hear: Hear<'a>) -> Contents<'a> {
        let by_ratio = (bytes as u64).saturating_mul(limits::INFLATION_RATIO_MAX).max(limits::INFLATED_ALWAYS_BYTES);
        let left = by_ratio.min(limits::ARCHIVE_BYTES_MAX);
        Contents { hear, names: Vec::new(), extract: Extract::default(), left }
    }

    fn take_tar(&mut self, input: impl Read) -> Result<(), ExtractError> {
        let damaged = |error| ExtractError::Damaged(format!("the archive breaks off ({error})"));
        let mut archive = tar::Archive::new(input);
        for entry in archive.entries().map_err(damaged)? {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) if self.names.is_empty() => return Err(damaged(error)),
                Err(error) => {
                    self.extract.notes.push(format!("The archive breaks off: {error}."));
                    return Ok(());
                }
            };
            if entry.header().entry_type().is_file() {
                let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
                self.take(&name, entry.size(), entry)?;
            }
        }
        Ok(())
    }

    /// Hands up a file of at least `size` bytes, unless it is one that nobody put there.
    fn take(&mut self, name: &str, size: u64, content: impl Read) -> Result<(), ExtractError> {
        let hidden = |part: &str| part.starts_with('.') && part != "." && part != "..";
        if name.split(['/', '\\']).any(|part| LEFT_BY_SYSTEMS.contains(&part) || hidden(part)) {
            return Ok(());
        }
        if self.names.len() == limits::ARCHIVE_FILES_MAX {
            let most = limits::ARCHIVE_FILES_MAX;
            return Err(ExtractError::TooLarge(format!(
                "it holds more than {most} files; unpack it and add them in parts"
            )));
        }
        let most = self.left.min(limits::INFLATED_BYTES_MAX);
        let mut bytes = Vec::new();
        let read = content.take(most + 1).read_to_end(&mut bytes);
        if bytes.len() as u64 > most {
            return Err(ExtractError::TooLarge(format!(
                "it unpacks to more than is allowed ({} MiB a file, {} MiB in all, {} times its size)",
                limits::INFLATED_BYTES_MAX >> 20,
                limits::ARCHIVE_BYTES_MAX >> 20,
                limits::INFLATION_RATIO_MAX
            )));
        }
        self.left -= bytes.len() as u64;
        let name = match text::clean(name).replace('\n', " ") {
            blank if blank.trim().is_empty() => format!("file {}", self.names.len() + 1),
            name => name,
        };
        let broken = match read {
            Err(error) => Some(format!("{name} does not unpack ({error}).")),
            Ok(_) if (bytes.len() as u64) < size => Some(format!("{name} breaks off.")),
            Ok(_) => None,
        };
        if let Some(broken) = broken {
            self.extract.notes.push(broken);
            return Ok(());
        }
        if !bytes.is_empty() {
            let head = PartHead { name: name.clone(), page: None };
            (self.hear)(Heard::Part { head, bytes: &bytes });
            self.names.push(name);
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Extract, ExtractError> {
        if self.names.is_empty() {
            let why = self.extract.notes.first().map(|note| note.trim_end_matches('.').to_owned());
            return Err(ExtractError::NoText(why.unwrap_or_else(|| "the archive holds no files".to_owned())));
        }
        let list = self.names.iter().take(NAMES_SHOWN).map(|name| format!("- {name}"));
        self.extract.markdown = list.collect::<Vec<_>>().join("\n");
        if self.names.len() > NAMES_SHOWN {
            self.extract.markdown.push_str(&format!("\n- and {} more", self.names.len() - NAMES_SHOWN));
        }
        Ok(self.extract)
    }
}

fn damaged(error: ZipError) -> ExtractError {
    ExtractError::Damaged(format!("the archive does not open ({error})"))
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::{is_tar, read_gzip, read_tar, read_zip};
    use crate::domain::extract::Extract;
    use crate::ingest::extract::package::packed;
    use crate::ingest::extract::{ExtractError, Hear, Heard};

    /// Names and contents.
    type Handed = Vec<(String, Vec<u8>)>;

    fn parts(read: impl FnOnce(Hear<'_>) -> Result<Extract, ExtractError>) -> (Result<Extract, ExtractError>, Handed) {
        let mut parts = Vec::new();
        let read = read(&mut |heard| {
            if let Heard::Part { head, bytes } = heard {
                parts.push((head.name, bytes.to_vec()));
            }
        });
        (read, parts)
    }

    fn tar() -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (name, text) in [("a/b.txt", "one"), ("c.md", "two"), (".hidden", "x")] {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            tar.append_data(&mut header, name, text.as_bytes()).expect("in memory");
        }
        tar.into_inner().expect("in memory")
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        gzip.write_all(bytes).expect("in memory");
        gzip.finish().expect("in memory")
    }

    #[test]
    fn files_are_handed_up_and_listed() {
        let zip = packed(&[("a/b.txt", "one"), ("c.md", "two"), ("__MACOSX/._c.md", "x"), ("empty", "")]);
        let expected = [("a/b.txt".to_owned(), b"one".to_vec()), ("c.md".to_owned(), b"two".to_vec())];
        let tgz = gzip(&tar());
        assert!(is_tar(&tar()) && !is_tar(&zip));
        for (read, handed) in [
            parts(|hear| read_zip(&zip, hear)),
            parts(|hear| read_tar(&tar(), hear)),
            parts(|hear| read_gzip("x.tgz", &tgz, hear)),
        ] {
            assert_eq!(read.expect("an archive").markdown, "- a/b.txt\n- c.md");
            assert_eq!(handed, expected);
        }
        let single = gzip(b"words");
        assert_eq!(
            parts(|hear| read_gzip("notes.txt.gz", &single, hear)).1,
            [("notes.txt".to_owned(), b"words".to_vec())]
        );
    }

    #[test]
    fn what_unpacks_to_too_much_is_refused_before_it_does() {
        let mut zeros = Vec::new();
        std::io::repeat(0).take(300 << 20).read_to_end(&mut zeros).expect("in memory");
        let bomb = gzip(&zeros);
        assert!(bomb.len() < 400_000);
        let (read, handed) = parts(|hear| read_gzip("bomb.gz", &bomb, hear));
        assert!(matches!(read, Err(ExtractError::TooLarge(_))) && handed.is_empty());
    }

    #[test]
    fn what_is_broken_or_empty_is_refused() {
        assert!(matches!(parts(|hear| read_zip(b"PK\x03\x04", hear)).0, Err(ExtractError::Damaged(_))));
        assert!(matches!(parts(|hear| read_zip(&packed(&[]), hear)).0, Err(ExtractError::NoText(_))));
        assert!(matches!(parts(|hear| read_gzip("a.gz", b"\x1f\x8b\x08", hear)).0, Err(ExtractError::Damaged(_))));
        let tar = tar();
        assert!(parts(|hear| read_tar(&tar[..514], hear)).0.is_err());
    }
}
