//! What is said: an answer as it comes, and its citations.

use super::extract::Span;
use super::id::SourceId;
use super::passage::{self, Passage};

/// A quotation that supports an answer. It names version and span, not a chunk, so that it opens after a re-read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Citation {
    /// The mark in the text: `[1]`.
    pub number: u32,
    pub source: SourceId,
    pub version: u32,
    pub title: String,
    pub file_name: String,
    pub page: Option<u32>,
    /// Where the quoted text lies in that version's extract.
    pub span: Span,
    /// The text cited, word for word.
    pub quote: String,
}

impl Citation {
    /// The citation of a whole passage under `number`.
    pub fn of(number: u32, passage: &Passage) -> Citation {
        Citation {
            number,
            source: passage.source,
            version: passage.version,
            title: passage.title.clone(),
            file_name: passage.file_name.clone(),
            page: passage.page,
            span: passage.span,
            quote: passage.text.clone(),
        }
    }

    /// `handbook.pdf p. 7`, as the command line and the pages print it.
    pub fn label(&self) -> String {
        passage::label(&self.file_name, self.page)
    }
}

/// A sentence of an answer that the passages it rests on do not bear out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// Where the sentence lies in the answer's whole text, its marks included.
    pub span: Span,
    pub reason: Reason,
}

/// What it says that its passages do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    Number,
    Date,
    Name,
    /// Most of its words.
    Words,
    /// Its words stand there, but no sentence means what it means.
    Meaning,
}

impl Reason {
    const ALL: [Reason; 5] = [Reason::Number, Reason::Date, Reason::Name, Reason::Words, Reason::Meaning];

    /// The word used in the API and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Number => "number",
            Reason::Date => "date",
            Reason::Name => "name",
            Reason::Words => "words",
            Reason::Meaning => "meaning",
        }
    }

    /// The reason that `word` names.
    pub fn parse(word: &str) -> Option<Reason> {
        Reason::ALL.into_iter().find(|reason| reason.as_str() == word)
    }
}

/// One event of an answer in progress, in the order: `Passages`, then `Text`, `Citation` and `Doubt` mixed, then
/// `Done`.
#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    /// What was found, before the first word is written.
    Passages(Vec<Passage>),
    /// Others are served first: so many, oneself among them.
    Waiting { place: usize },
    /// More of the answer's text, in Markdown, with marks like `[1]`.
    Text(String),
    /// The citation behind a mark that has been or will next be written.
    Citation(Citation),
    /// A sentence that has been written and is not borne out.
    Doubt(Doubt),
    /// The end.
    Done(Outcome),
}

/// How an answer ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub finish: Finish,
    /// Who wrote it: a generator's name, or `nosia` where none is installed.
    pub model: String,
    pub prompt_tokens: u32,
    pub completion_tokens: u32,
    /// Earlier turns of the conversation that the generator was not told, because they did not fit.
    pub turns_left_out: u32,
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// It is complete.
    Stop,
    /// It met the limit on its length.
    Length,
    /// The documents do not support an answer, and it says so.
    Refused,
}

impl Finish {
    /// The word used in the API and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Finish::Stop => "stop",
            Finish::Length => "length",
            Finish::Refused => "refused",
        }
    }

    /// The finish that `word` names.
    pub fn parse(word: &str) -> Option<Finish> {
        [Finish::Stop, Finish::Length, Finish::Refused].into_iter().find(|finish| finish.as_str() == word)
    }
}
