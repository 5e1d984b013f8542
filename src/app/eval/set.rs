//! A set of questions with what is known about their answers, one JSON object a line.

use serde::Deserialize;

use crate::app::error::{Error, Result};

/// One question.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Item {
    #[serde(default)]
    pub id: String,
    pub question: String,
    /// Where the answer stands.
    #[serde(default)]
    pub cites: Vec<Cite>,
    /// A good answer, in any words.
    #[serde(default)]
    pub answer: Option<String>,
    /// Whether the documents do not answer it.
    #[serde(default)]
    pub refuse: bool,
}

/// A place in a document.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Cite {
    /// The file's name or the source's title.
    pub source: String,
    /// Counted from 1; without one any page of the source will do.
    #[serde(default)]
    pub page: Option<u32>,
}

/// Reads a set. Blank lines are skipped; a line that is wrong is named.
pub fn parse(text: &str) -> Result<Vec<Item>> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let items = lines.map(|(index, line)| {
        serde_json::from_str::<Item>(line)
            .map_err(|error| Error::invalid(format!("Line {} of the set is not a question: {error}.", index + 1)))
    });
    let items: Vec<Item> = items.collect::<Result<_>>()?;
    if items.is_empty() {
        return Err(Error::invalid(
            "The set holds no question. Each line is {\"question\": \"...\", \"cites\": [...]}.",
        ));
    }
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_lines_and_names_the_wrong_one() {
        let full = r#"{"id": "q1", "question": "Who?", "cites": [{"source": "a.pdf", "page": 7}], "answer": "Ada.", "refuse": false}"#;
        let items =
            parse(&format!("{full}\n\n{{\"question\": \"Why?\", \"refuse\": true, \"note\": 1}}\n")).expect("a set");
        assert_eq!(items[0].cites, [Cite { source: "a.pdf".to_owned(), page: Some(7) }]);
        assert_eq!(items[1], Item { question: "Why?".to_owned(), refuse: true, ..Item::default() });
        for (wrong, named) in [
            (format!("{full}\n{{"), "Line 2"),
            ("{\"id\": \"q\"}".to_owned(), "question"),
            (String::new(), "no question"),
        ] {
            let message = parse(&wrong).expect_err("a wrong set").message;
            assert!(message.contains(named), "{message}");
        }
    }
}
