//! Recognising the text in pictures, by tesseract: a program of its own, which is installed or not.
//!
//! It is started by way of [`super::sandbox`]'s child, which gives up the network, writing and most files before it becomes
//! that program, under limits on memory and time: pictures come from strangers as documents do.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::sandbox::{RECOGNISE, Reader};
use crate::limits;

/// What a reader is told of a page that needs it and cannot have it.
pub const MISSING: &str = "It is a picture, and the program that reads text in pictures is not installed (on Debian: apt \
                           install tesseract-ocr, and tesseract-ocr-fra and the like for languages). Then try again.";
/// Where programs are looked for.
const FOLDERS: [&str; 3] = ["/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"];
/// Models that recognise no language: of directions and formulas.
const NO_LANGUAGES: [&str; 2] = ["osd", "equ"];
/// The most languages that are looked for at once: each takes its time.
const LANGUAGES_MAX: usize = 3;
/// The longest that one picture may take.
const TIME_MAX: Duration = Duration::from_secs(limits::OCR_SECONDS_MAX + 10);

/// The program and the languages that it knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ocr {
    program: PathBuf,
    languages: Vec<String>,
}

impl Ocr {
    /// The program, if it is installed with at least one language.
    pub async fn find() -> Option<Ocr> {
        let program = FOLDERS.iter().map(|folder| Path::new(folder).join("tesseract")).find(|path| path.is_file())?;
        let listed = tokio::process::Command::new(&program).arg("--list-langs").kill_on_drop(true).output();
        let listed = tokio::time::timeout(Duration::from_secs(10), listed).await.ok()?.ok()?;
        let text = String::from_utf8_lossy(&listed.stdout).into_owned();
        let languages = languages(&text);
        (!languages.is_empty()).then_some(Ocr { program, languages })
    }

    /// The languages that are looked for, by tesseract's names.
    pub fn languages(&self) -> &[String] {
        &self.languages
    }

    /// The text in a picture, a paragraph a block. An error is a sentence for the reader.
    pub async fn text(&self, reader: &Reader, picture: &[u8]) -> Result<String, String> {
        let recognising = self.run(reader, picture);
        match tokio::time::timeout(TIME_MAX, recognising).await {
            Err(_) => Err("Recognising its text took too long and was stopped.".to_owned()),
            Ok(Err(error)) => Err(format!("Its text could not be recognised ({error}).")),
            Ok(Ok(text)) => Ok(text),
        }
    }

    async fn run(&self, reader: &Reader, picture: &[u8]) -> std::io::Result<String> {
        let mut child = reader
            .command()
            .arg(RECOGNISE)
            .arg(&self.program)
            .args(["stdin", "stdout", "-l", &self.languages.join("+")])
            .env("OMP_THREAD_LIMIT", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(std::io::Error::other("a pipe is missing"));
        };
        let feeding = async {
            // A program that has seen enough closes its end.
            let _ = input.write_all(picture).await;
            drop(input);
        };
        let mut text = Vec::new();
        let mut output = output.take(limits::EXTRACT_BYTES_MAX as u64);
        let ((), read) = tokio::join!(feeding, output.read_to_end(&mut text));
        read?;
        let ended = child.wait().await?;
        match ended.success() {
            true => Ok(String::from_utf8_lossy(&text).into_owned()),
            false => Err(std::io::Error::other("the picture is damaged or too large")),
        }
    }
}

/// The languages in tesseract's list, English first, as the models of others know its letters too.
fn languages(list: &str) -> Vec<String> {
    let known = list.lines().skip(1).map(str::trim).filter(|name| !name.is_empty() && !NO_LANGUAGES.contains(name));
    let mut known: Vec<String> = known.map(str::to_owned).collect();
    known.sort_by_key(|name| name != "eng");
    known.truncate(LANGUAGES_MAX);
    known
}

#[cfg(test)]
mod tests {
    use super::languages;

    #[test]
    fn english_comes_first_and_models_of_no_language_do_not_come() {
        let list = "List of available languages in \"/usr/share/\" (4):\nequ\nfra\nosd\neng\ndeu\nspa\n";
        assert_eq!(languages(list), ["eng", "fra", "deu"]);
        assert_eq!(languages("nothing"), Vec::<String>::new());
    }
}
