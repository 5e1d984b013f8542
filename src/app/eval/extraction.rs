//! How well documents are read: what is extracted of each, compared with the Markdown that it should give.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::app::error::{Error, Result};
use crate::ingest::sandbox::{Deaf, Reader};

/// One line of the set.
#[derive(Deserialize)]
struct Pair {
    file: PathBuf,
    /// The Markdown itself, or the path of a file that holds it.
    expected: String,
}

/// How one document was read.
#[derive(Clone, Debug, Serialize)]
pub struct Read {
    pub file: PathBuf,
    pub f1: f64,
    /// `None` where none are expected.
    pub headings_f1: Option<f64>,
    pub tables_f1: Option<f64>,
    pub pages: usize,
    pub ms: f64,
    /// Why it could not be read; it then counts 0.
    pub error: Option<String>,
}

/// The documents of one format.
#[derive(Clone, Debug, Serialize)]
pub struct Format {
    pub files: usize,
    pub failed: usize,
    pub f1_median: f64,
    pub f1_mean: f64,
    pub headings_f1_mean: Option<f64>,
    pub tables_f1_mean: Option<f64>,
    pub pages: usize,
    pub seconds: f64,
}

/// All documents, and by format: the ending of the file name.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub formats: BTreeMap<String, Format>,
    pub files: Vec<Read>,
}

/// Reads the documents that the lines of `set` name, each in a child of `program` as an upload would be, and compares.
/// Paths are relative to `folder`. `progress` hears how many are done, of how many.
pub async fn run(set: &str, folder: &Path, program: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<Report> {
    let pairs = parse(set)?;
    let reader = Reader { program: program.to_owned() };
    let mut files = Vec::with_capacity(pairs.len());
    progress(0, pairs.len() as u64);
    for (pair, done) in pairs.into_iter().zip(1..) {
        let expected = expected(&pair.expected, folder)?;
        files.push(read(&reader, folder, pair.file, &expected).await);
        progress(done, files.capacity() as u64);
    }
    let mut formats: BTreeMap<String, Vec<&Read>> = BTreeMap::new();
    for file in &files {
        let ending = file.file.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        formats.entry(ending).or_default().push(file);
    }
    let formats = formats.into_iter().map(|(ending, files)| (ending, summed_up(&files))).collect();
    Ok(Report { formats, files })
}

fn parse(set: &str) -> Result<Vec<Pair>> {
    let lines = set.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty());
    let pair = |(line, number): (&str, usize)| {
        let said =
            |error| Error::invalid(format!("Line {number} is not `{{\"file\": ..., \"expected\": ...}}`: {error}"));
        serde_json::from_str(line).map_err(said)
    };
    let pairs = lines.map(pair).collect::<Result<Vec<Pair>>>()?;
    match pairs.is_empty() {
        true => Err(Error::invalid("The set names no document.")),
        false => Ok(pairs),
    }
}

/// The Markdown that is meant by `expected`: of a file if it is one line that names one.
fn expected(expected: &str, folder: &Path) -> Result<String> {
    let path = folder.join(expected);
    let is_path =
        !expected.contains('\n') && (expected.ends_with(".md") || expected.ends_with(".txt") || path.is_file());
    if !is_path {
        return Ok(expected.to_owned());
    }
    let bytes =
        std::fs::read(&path).map_err(|error| Error::invalid(format!("{} cannot be read: {error}.", path.display())))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

async fn read(reader: &Reader, folder: &Path, file: PathBuf, expected: &str) -> Read {
    let begun = Instant::now();
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let read = reader.read(&folder.join(&file), &name, &mut Deaf).await;
    let ms = begun.elapsed().as_secs_f64() * 1e3;
    let (markdown, pages, error) = match read {
        Ok((extract, _)) => (extract.markdown, extract.pages.len(), None),
        Err(error) => (String::new(), 0, Some(error.to_string())),
    };
    let of = |parts: fn(&str) -> Vec<String>| {
        let right = parts(expected);
        (!right.is_empty()).then(|| f1(parts(&markdown), right))
    };
    let f1 = if error.is_some() { 0.0 } else { f1(tokens(&markdown), tokens(expected)) };
    Read { f1, headings_f1: of(headings), tables_f1: of(cells), pages, ms, error, file }
}

fn summed_up(files: &[&Read]) -> Format {
    let mut scores: Vec<f64> = files.iter().map(|file| file.f1).collect();
    scores.sort_by(f64::total_cmp);
    let half = scores.len() / 2;
    let median = if scores.len() % 2 == 1 { scores[half] } else { (scores[half - 1] + scores[half]) / 2.0 };
    let mean = |of: fn(&Read) -> Option<f64>| {
        let values: Vec<f64> = files.iter().filter_map(|file| of(file)).collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    };
    Format {
        files: files.len(),
        failed: files.iter().filter(|file| file.error.is_some()).count(),
        f1_median: median,
        f1_mean: mean(|file| Some(file.f1)).unwrap_or_default(),
        headings_f1_mean: mean(|file| file.headings_f1),
        tables_f1_mean: mean(|file| file.tables_f1),
        pages: files.iter().map(|file| file.pages).sum(),
        seconds: files.iter().map(|file| file.ms).sum::<f64>() / 1e3,
    }
}

/// F1 of two multisets: `2 * common / (found + right)`; 1 where both are empty.
fn f1<T: Hash + Eq>(found: Vec<T>, right: Vec<T>) -> f64 {
    let all = found.len() + right.len();
    if all == 0 {
        return 1.0;
    }
    let mut left: HashMap<T, usize> = HashMap::new();
    right.into_iter().for_each(|item| *left.entry(item).or_default() += 1);
    let common = found.into_iter().filter(|item| match left.get_mut(item) {
        Some(count) if *count > 0 => {
            *count -= 1;
            true
        }
        _ => false,
    });
    2.0 * common.count() as f64 / all as f64
}

/// Runs of letters, digits and `_` in lower case: what the regular expression `\w+` finds.
fn tokens(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect()
}

/// The headings' words.
fn headings(markdown: &str) -> Vec<String> {
    outside_fences(markdown)
        .filter(|line| line.trim_start_matches('#').starts_with(' ') && line.starts_with('#'))
        .map(|line| tokens(line).join(" "))
        .filter(|heading| !heading.is_empty())
        .collect()
}

/// The words of each cell of each table.
fn cells(markdown: &str) -> Vec<String> {
    outside_fences(markdown)
        .filter(|line| line.starts_with('|'))
        .flat_map(|line| line.split('|').map(|cell| tokens(cell).join(" ")).collect::<Vec<_>>())
        .filter(|cell| !cell.is_empty())
        .collect()
}

fn outside_fences(markdown: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    markdown.lines().map(str::trim).filter(move |line| {
        let fence = line.starts_with("```");
        inside ^= fence;
        !inside && !fence
    })
}

#[cfg(test)]
mod tests {
    use super::{cells, f1, headings, parse, tokens};

    #[test]
    fn texts_are_compared_as_multisets_of_words() {
        let cases = [
            ("", "", 1.0),
            ("a", "", 0.0),
            ("A b, a_1!", "a_1 | B a", 1.0),
            ("a a b", "a b b", 4.0 / 6.0),
            ("Größe", "größe x", 2.0 / 3.0),
        ];
        for (found, right, score) in cases {
            assert_eq!(f1(tokens(found), tokens(right)), score, "{found:?} {right:?}");
        }
    }

    #[test]
    fn headings_and_cells_are_told_from_other_lines() {
        let text = "# A *b*\n\n```\n# no\n| no |\n```\n#no\n\n| C d | e |\n| --- | :-: |\n| f |  |\n";
        assert_eq!(headings(text), ["a b"]);
        assert_eq!(cells(text), ["c d", "e", "f"]);
    }

    #[test]
    fn a_wrong_line_is_named() {
        let error = parse("{\"file\": \"a\", \"expected\": \"b\"}\n{}\n").err().expect("a line without a file");
        assert!(error.message.starts_with("Line 2 is not"), "{}", error.message);
        assert!(parse(" \n").is_err());
    }
}
