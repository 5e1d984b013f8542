//! Recognising the text in pictures, by tesseract: a program of its own, which is installed or not.
//!
//! It is started by way of [`super::sandbox`]'s child, which gives up the network, writing and most files before it becomes
//! that program, under limits on memory and time: pictures come from strangers as documents do.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::sandbox::{RECOGNISE, Reader};
use crate::limits;

/// What would help where the program is not installed.
pub const MISSING: &str = "The program that reads text in pictures is not installed (on Debian: apt install tesseract-ocr, \
                           and tesseract-ocr-fra and the like for languages). Then try again.";
/// Where programs are looked for.
const FOLDERS: [&str; 3] = ["/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"];
/// The model that tells which way up a picture is; with another, that of formulas, it knows no language.
const UPRIGHT: &str = "osd";
const FORMULAS: &str = "equ";
/// The most languages that are looked for at once, where nobody named them: each takes its time.
const LANGUAGES_MAX: usize = 3;
/// The longest that one picture may take.
const TIME_MAX: Duration = Duration::from_secs(limits::OCR_SECONDS_MAX + 10);
/// The most bytes of what is said of a picture: a line for each word, with its place.
const SAID_BYTES_MAX: u64 = 16 << 20;
/// What a page of a PDF begins with that was drawn here: a grey picture, its head on one line.
const PGM: &[u8] = b"P5";
/// Words of which the program is less sure, in percent, are specks and lines of the picture.
const WORD_PERCENT_MIN: f32 = 30.0;
/// A picture of whose words it is less sure on the whole has none, or none that can be read.
const PICTURE_PERCENT_MIN: f32 = 50.0;

/// How text in pictures is recognised here.
#[derive(Clone, Debug)]
pub struct Ocr {
    /// The languages that the administrator named, by tesseract's names; none is a choice by documents.
    named: Vec<String>,
    at_once: Arc<Semaphore>,
}

/// The program, what it knows, and what is asked of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tesseract {
    program: PathBuf,
    languages: Vec<String>,
    /// Named, and not installed.
    pub lacking: Vec<String>,
    turns: bool,
}

impl Ocr {
    /// With languages as `OCR_LANGUAGES` names them: `eng+fra`, or with commas or spaces.
    pub fn new(languages: Option<&str>) -> Ocr {
        let named = languages.unwrap_or_default().split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        let named = named.filter(|name| !name.is_empty()).map(str::to_owned).collect();
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Ocr { named, at_once: Arc::new(Semaphore::new(processors)) }
    }

    /// The program, if it is installed with at least one language. Where none was named it looks for English, the
    /// languages `met` in documents before (ISO 639-3), and what else is installed, in this order.
    pub async fn find(&self, met: &[String]) -> Option<Tesseract> {
        let program = FOLDERS.iter().map(|folder| Path::new(folder).join("tesseract")).find(|path| path.is_file())?;
        let listed = tokio::process::Command::new(&program).arg("--list-langs").kill_on_drop(true).output();
        let listed = tokio::time::timeout(Duration::from_secs(10), listed).await.ok()?.ok()?;
        let installed = installed(&String::from_utf8_lossy(&listed.stdout));
        let (languages, lacking) = chosen(&installed, &self.named, met);
        let turns = installed.iter().any(|name| name == UPRIGHT);
        (!languages.is_empty()).then_some(Tesseract { program, languages, lacking, turns })
    }

    /// Room for one more picture; waits until there is some.
    pub(super) async fn room(&self) -> Option<OwnedSemaphorePermit> {
        self.at_once.clone().acquire_owned().await.ok()
    }
}

impl Tesseract {
    /// The languages that are looked for, by tesseract's names.
    pub fn languages(&self) -> &[String] {
        &self.languages
    }

    /// The text in a picture, a paragraph a block. An error is a sentence for the reader.
    pub async fn text(&self, reader: &Reader, picture: &[u8]) -> Result<String, String> {
        if let Some(text) = self.said(reader, picture).await? {
            return Ok(text);
        }
        // Of few words the program cannot tell that they stand on their heads.
        if let Some(turned) = turned(picture)
            && let Some(text) = self.said(reader, &turned).await?
        {
            return Ok(text);
        }
        let languages = self.languages.join(", ");
        Err(format!("Its text is too unclear, or in none of the languages that are looked for ({languages})."))
    }

    /// The text, if the program is sure enough of it.
    async fn said(&self, reader: &Reader, picture: &[u8]) -> Result<Option<String>, String> {
        match tokio::time::timeout(TIME_MAX, self.run(reader, picture)).await {
            Err(_) => Err("Recognising its text took too long and was stopped.".to_owned()),
            Ok(Err(error)) => Err(format!("Its text could not be recognised ({error}).")),
            Ok(Ok(said)) => Ok(paragraphs(&said)),
        }
    }

    async fn run(&self, reader: &Reader, picture: &[u8]) -> std::io::Result<String> {
        let segmentation = if self.turns { "1" } else { "3" };
        let mut command = reader.command();
        command.arg(RECOGNISE).arg(&self.program).args(["stdin", "stdout", "-l", &self.languages.join("+")]);
        if picture.starts_with(PGM) {
            command.args(["--dpi", "300"]);
        }
        let mut child = command
            .args(["--psm", segmentation, "tsv"])
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
        let mut output = output.take(SAID_BYTES_MAX);
        let ((), read) = tokio::join!(feeding, output.read_to_end(&mut text));
        read?;
        let ended = child.wait().await?;
        match ended.success() {
            true => Ok(String::from_utf8_lossy(&text).into_owned()),
            false => Err(std::io::Error::other("the picture is damaged or too large")),
        }
    }
}

/// A PGM picture upside down; `None` for any other.
fn turned(picture: &[u8]) -> Option<Vec<u8>> {
    let head = picture.starts_with(PGM).then(|| picture.iter().position(|&b| b == b'\n')).flatten()?;
    let mut turned = picture.to_vec();
    turned[head + 1..].reverse();
    Some(turned)
}

/// The models in tesseract's list.
fn installed(list: &str) -> Vec<String> {
    list.lines().skip(1).map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// The languages to look for, and those that were named and are not installed.
fn chosen(installed: &[String], named: &[String], met: &[String]) -> (Vec<String>, Vec<String>) {
    let (mut languages, lacking): (Vec<String>, Vec<String>) =
        named.iter().cloned().partition(|name| installed.contains(name));
    if languages.is_empty() {
        let met = met.iter().map(|code| own_name(code).to_owned());
        let wanted = std::iter::once("eng".to_owned()).chain(met).chain(installed.iter().cloned());
        for name in wanted.filter(|name| installed.contains(name) && name != UPRIGHT && name != FORMULAS) {
            if !languages.contains(&name) && languages.len() < LANGUAGES_MAX {
                languages.push(name);
            }
        }
    }
    (languages, lacking)
}

/// Tesseract's name of a language: its ISO 639-3 code but for these.
fn own_name(code: &str) -> &str {
    match code {
        "cmn" => "chi_sim",
        "nob" => "nor",
        "pes" => "fas",
        code => code,
    }
}

/// The words that tesseract saw (`tsv`: a row a word, with its block, paragraph, line, place and how sure it is) as
/// paragraphs; `None` if it is not sure enough to have seen any.
fn paragraphs(said: &str) -> Option<String> {
    let (mut out, mut paragraph, mut line): (String, Vec<&str>, Vec<&str>) = Default::default();
    let (mut sure, mut weight) = (0.0, 0.0);
    for row in said.lines() {
        let cells: Vec<&str> = row.splitn(12, '\t').collect();
        let [level, page, block, part, row, _, _, _, _, _, percent, text] = cells[..] else { continue };
        let text = text.trim();
        let (Ok(percent), false) = (percent.parse::<f32>(), level != "5" || text.is_empty()) else { continue };
        let letters = text.chars().filter(|c| c.is_alphanumeric()).count() as f32;
        (sure, weight) = (sure + percent * letters, weight + letters);
        if percent < WORD_PERCENT_MIN {
            continue;
        }
        let (in_paragraph, in_line) = ([page, block, part], [page, block, part, row]);
        match () {
            () if paragraph != in_paragraph && !out.is_empty() => out.push_str("\n\n"),
            () if line != in_line => join_line(&mut out, text),
            () => space(&mut out, text),
        }
        (paragraph, line) = (in_paragraph.to_vec(), in_line.to_vec());
        out.extend(text.chars().filter(|c| !c.is_control()));
    }
    (weight == 0.0 || sure / weight >= PICTURE_PERCENT_MIN).then_some(out)
}

/// Prepares `out` for the next line of its paragraph: a word that was parted at the end of one is whole again.
fn join_line(out: &mut String, next: &str) {
    match out.ends_with('-') && next.starts_with(char::is_lowercase) {
        true => drop(out.pop()),
        false => space(out, next),
    }
}

/// Prepares `out` for the next word of its line.
fn space(out: &mut String, next: &str) {
    let unspaced = out.ends_with(is_unspaced) && next.starts_with(is_unspaced);
    if !out.is_empty() && !unspaced {
        out.push(' ');
    }
}

/// Whether a letter is of a script that has no spaces between words: Chinese and Japanese.
fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{3000}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{ff00}'..='\u{ffef}')
}

#[cfg(test)]
mod tests {
    use super::{Ocr, chosen, installed, paragraphs, turned};

    fn words(text: &str) -> Vec<String> {
        text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
    }

    #[test]
    fn languages_are_those_named_or_english_those_met_and_others() {
        let list = "List of available languages in \"/usr/share/\" (6):\nchi_sim\ndeu\neng\nequ\nfra\nosd\nspa\n";
        let installed = installed(list);
        let choice = |named: &str, met: &str| chosen(&installed, &words(named), &words(met));
        assert_eq!(choice("", "").0, ["eng", "chi_sim", "deu"]);
        assert_eq!(choice("", "fra cmn ita").0, ["eng", "fra", "chi_sim"]);
        assert_eq!(choice("spa ita", "fra"), (words("spa"), words("ita")));
        assert_eq!(choice("ita", "fra").0, ["eng", "fra", "chi_sim"]);
        assert_eq!(chosen(&[], &[], &[]).0, Vec::<String>::new());
        assert_eq!(Ocr::new(Some("eng+fra, chi_sim")).named, ["eng", "fra", "chi_sim"]);
    }

    #[test]
    fn a_drawn_page_is_turned_and_another_picture_left() {
        assert_eq!(turned(b"P5 2 1 255\n\x01\x02").as_deref(), Some(&b"P5 2 1 255\n\x02\x01"[..]));
        assert_eq!(turned(b"\x89PNG\n12"), None);
    }

    /// Rows as tesseract prints them: block, paragraph, line, percent and text.
    fn said(words: &[(u32, u32, u32, u32, &str)]) -> String {
        let header = "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext\n";
        let row = |(block, paragraph, line, percent, text): &(u32, u32, u32, u32, &str)| {
            format!("5\t1\t{block}\t{paragraph}\t{line}\t1\t0\t0\t9\t9\t{percent}\t{text}\n")
        };
        format!("{header}1\t1\t0\t0\t0\t0\t0\t0\t9\t9\t-1\t\n{}", words.iter().map(row).collect::<String>())
    }

    #[test]
    fn words_of_a_picture_become_paragraphs() {
        let text = said(&[
            (1, 1, 1, 96, "A"),
            (1, 1, 1, 90, "head-"),
            (1, 1, 2, 91, "line"),
            (1, 1, 2, 12, "|~"),
            (1, 1, 3, 95, "of"),
            (1, 2, 1, 95, "Next"),
            (2, 1, 1, 95, "図書"),
            (2, 1, 1, 95, "館"),
        ]);
        assert_eq!(paragraphs(&text).as_deref(), Some("A headline of\n\nNext\n\n図書館"));
        assert_eq!(paragraphs(&said(&[])).as_deref(), Some(""));
        assert_eq!(paragraphs(&said(&[(1, 1, 1, 31, "wvv"), (1, 1, 2, 40, "ilI")])), None, "a guess is no text");
    }
}
