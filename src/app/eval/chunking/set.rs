//! The set: a folder with `questions.csv` and the corpora that it names, as Markdown.

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::app::error::{Error, Result};

/// Texts, and questions about them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Set {
    /// Name and Markdown of each corpus.
    pub corpora: Vec<(String, String)>,
    pub questions: Vec<Question>,
}

/// A question and where its answer stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Question {
    pub question: String,
    /// The name of the corpus.
    pub corpus: String,
    /// Start and end of each span that answers it, in characters.
    pub spans: Vec<(usize, usize)>,
}

/// A row of `questions.csv`.
#[derive(Deserialize)]
struct Row {
    question: String,
    /// A JSON list of references.
    references: String,
    corpus_id: String,
}

#[derive(Deserialize)]
struct Reference {
    start_index: usize,
    end_index: usize,
}

impl Set {
    /// Reads `folder/questions.csv` (`question,references,corpus_id`, where references are
    /// `[{"start_index": 0, "end_index": 9}, ...]` in characters) and `folder/CORPUS_ID.md` for each corpus.
    pub fn read(folder: &Path) -> Result<Set> {
        let wrong =
            |what: &Path, error: &dyn std::fmt::Display| Error::invalid(format!("{}: {error}.", what.display()));
        let path = folder.join("questions.csv");
        let mut rows = csv::Reader::from_path(&path).map_err(|error| wrong(&path, &error))?;
        let mut questions = Vec::new();
        for row in rows.deserialize() {
            let row: Row = row.map_err(|error| wrong(&path, &error))?;
            let references: Vec<Reference> =
                serde_json::from_str(&row.references).map_err(|error| wrong(&path, &error))?;
            let spans = references.iter().map(|reference| (reference.start_index, reference.end_index)).collect();
            questions.push(Question { question: row.question, corpus: row.corpus_id, spans });
        }
        let names: BTreeSet<&str> = questions.iter().map(|question| question.corpus.as_str()).collect();
        let mut corpora = Vec::new();
        for name in names {
            let path = folder.join(format!("{name}.md"));
            let text = std::fs::read_to_string(&path).map_err(|error| wrong(&path, &error))?;
            corpora.push((name.to_owned(), text));
        }
        Ok(Set { corpora, questions })
    }
}

#[cfg(test)]
mod tests {
    use super::Set;

    #[test]
    fn a_set_is_read_and_what_is_missing_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let questions = "question,references,corpus_id\n\"a, b?\",\"[{\"\"content\"\": \"\"x\"\", \"\"start_index\"\": 2, \"\"end_index\"\": 3}]\",c\n";
        std::fs::write(folder.path().join("questions.csv"), questions).expect("a file");
        let error = Set::read(folder.path()).expect_err("there is no corpus");
        assert!(error.message.contains("c.md"), "{}", error.message);
        std::fs::write(folder.path().join("c.md"), "ä x").expect("a file");
        let set = Set::read(folder.path()).expect("a set");
        assert_eq!(set.corpora, [("c".to_owned(), "ä x".to_owned())]);
        assert_eq!((set.questions[0].question.as_str(), &set.questions[0].spans[..]), ("a, b?", &[(2, 3)][..]));
    }
}
