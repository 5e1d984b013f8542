//! What people write in the appliance: texts under a title, and questions with their answers.

use super::source::SourceKind;

/// Something written here. It is kept as Markdown, like any document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    Text { title: String, text: String },
    Qna { question: String, answer: String },
}

impl Written {
    /// The kind of source that it is.
    pub fn kind(&self) -> SourceKind {
        match self {
            Written::Text { .. } => SourceKind::Text,
            Written::Qna { .. } => SourceKind::Qna,
        }
    }

    /// What readers call it, on one line.
    pub fn title(&self) -> String {
        let (Written::Text { title, .. } | Written::Qna { question: title, .. }) = self;
        title.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// What is written under the title.
    pub fn body(&self) -> &str {
        let (Written::Text { text: body, .. } | Written::Qna { answer: body, .. }) = self;
        body
    }

    /// The document as it is kept: a text as it was written, a question as the heading of its answer.
    pub fn markdown(&self) -> String {
        match self {
            Written::Text { text, .. } => text.clone(),
            Written::Qna { answer, .. } => format!("# {}\n\n{answer}", self.title()),
        }
    }

    /// What was written, of the document that [`Written::markdown`] made of it; `None` for another kind of source.
    pub fn read(kind: SourceKind, title: &str, markdown: &str) -> Option<Written> {
        let title = title.to_owned();
        match kind {
            SourceKind::Text => Some(Written::Text { title, text: markdown.to_owned() }),
            SourceKind::Qna => {
                let answer = markdown.split_once("\n\n").map_or("", |(_, answer)| answer);
                Some(Written::Qna { question: title, answer: answer.to_owned() })
            }
            SourceKind::Document | SourceKind::Website => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Written;
    use crate::domain::source::SourceKind;

    #[test]
    fn what_was_written_is_had_back() {
        let text = Written::Text { title: "Keys".to_owned(), text: "# A\n\nB\n\nC\n".to_owned() };
        let answer = "Behind the barometer.\n\n- twice\n".to_owned();
        let pair = Written::Qna { question: "Where is the key?".to_owned(), answer };
        for written in [text, pair] {
            assert_eq!(Written::read(written.kind(), &written.title(), &written.markdown()), Some(written));
        }
        assert_eq!(Written::read(SourceKind::Document, "a.md", "A"), None);
    }

    #[test]
    fn a_question_is_a_heading_whatever_its_lines() {
        let pair = Written::Qna { question: " Where\nis it? ".to_owned(), answer: "Here.".to_owned() };
        assert_eq!((pair.title().as_str(), pair.markdown().as_str()), ("Where is it?", "# Where is it?\n\nHere."));
    }
}
