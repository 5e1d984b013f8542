//! What is asked.

use crate::limits;

/// A question that is neither empty nor longer than [`limits::QUESTION_CHARS_MAX`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question(String);

/// Why a text is not a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuestionError {
    Empty,
    TooLong { chars: usize },
}

impl std::fmt::Display for QuestionError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            QuestionError::Empty => write!(f, "The question is empty. Write what you want to know."),
            QuestionError::TooLong { chars } => write!(
                f,
                "The question has {chars} characters; the most is {}. Shorten it, or add the long text as a source and ask about it.",
                limits::QUESTION_CHARS_MAX
            ),
        }
    }
}

impl Question {
    /// Trims `text`, drops control characters, and checks its length.
    pub fn parse(text: &str) -> Result<Question, QuestionError> {
        let kept: String = text.chars().filter(|c| !c.is_control() || c.is_whitespace()).collect();
        let trimmed = kept.trim();
        let chars = trimmed.chars().count();
        if chars == 0 {
            return Err(QuestionError::Empty);
        }
        if chars > limits::QUESTION_CHARS_MAX {
            return Err(QuestionError::TooLong { chars });
        }
        Ok(Question(trimmed.to_owned()))
    }

    /// The question's text.
    pub fn text(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::{Question, QuestionError};

    #[test]
    fn a_question_has_between_one_character_and_the_limit() {
        assert_eq!(Question::parse(" \n\0 "), Err(QuestionError::Empty));
        assert_eq!(Question::parse(&"é".repeat(100_000)), Err(QuestionError::TooLong { chars: 100_000 }));
        assert_eq!(Question::parse(" Who\u{7}?\n").map(|q| q.text().to_owned()), Ok("Who?".to_owned()));
    }
}
