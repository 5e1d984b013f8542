//! From passages to cited sentences, or to an honest refusal.
//!
//! A follow-up is first made to stand alone ([`condense`]), so that it can be searched for. Then, in the order of an
//! answer: do the passages support one at all ([`abstain`])? Without a generator the best supporting sentences are
//! quoted word for word ([`quote`], on [`sentence`]); with one, the passages are put before it ([`prompt`]), its marks
//! become citations as they stream by ([`citation`]), and each sentence is checked against what it cites without
//! another generator: by its numbers, dates, names and words ([`verify`], on [`numbers`], [`dates`] and [`words`]), and
//! where those are not enough by its meaning ([`meaning`]). Nothing here knows how the passages were found.

mod abstain;
mod citation;
pub mod condense;
mod dates;
mod error;
mod language;
mod meaning;
mod numbers;
mod prompt;
mod quote;
mod sentence;
mod verify;
mod words;

use std::collections::VecDeque;

use futures_util::stream::{self, BoxStream};
use futures_util::{Stream, StreamExt as _, TryStreamExt as _};

use crate::domain::answer::{Finish, Outcome, Piece};
use crate::domain::chat::Turn;
use crate::domain::passage::Passage;
use crate::domain::question::Question;
use crate::inference::{Embedder, Generated, Generator, InferenceError, Sampling};

pub use abstain::supported;
pub use error::AnswerError;

/// The name under which answers without a generator go.
pub const MODEL_QUOTES: &str = "nosia";

/// The engines that answering asks.
#[derive(Clone)]
pub struct Rooms {
    pub embedder: Embedder,
    pub generator: Option<Generator>,
}

/// How to answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    pub sampling: Sampling,
    /// Replaces the built-in instructions. `{context}` in it is where the passages go; without one they follow it.
    pub system_template: Option<String>,
    /// The most tokens of passages put before a generator.
    pub passages_tokens_max: usize,
    /// Whether documents were searched at all; without that there is nothing to refuse for, quote or cite.
    pub retrieval: bool,
}

type Pieces = BoxStream<'static, Result<Piece, AnswerError>>;

/// Answers `question` from `passages`: they come first, then text and citations, then the outcome, or an error.
///
/// A citation comes before the text that holds its mark. Dropping the stream stops the work.
pub fn stream(
    rooms: Rooms,
    question: Question,
    history: Vec<Turn>,
    passages: Vec<Passage>,
    options: Options,
) -> impl Stream<Item = Result<Piece, AnswerError>> + Send {
    let found = stream::once(std::future::ready(Ok(Piece::Passages(passages.clone()))));
    found.chain(stream::once(begin(rooms, question, history, passages, options)).try_flatten())
}

async fn begin(
    rooms: Rooms,
    question: Question,
    history: Vec<Turn>,
    passages: Vec<Passage>,
    options: Options,
) -> Result<Pieces, AnswerError> {
    let model = rooms.generator.as_ref().map_or(MODEL_QUOTES, Generator::name).to_owned();
    let count = |text: &str| rooms.embedder.count_tokens(text);
    let refused = || whole(abstain::refusal(&question, &passages), Finish::Refused, &model, &question, &count);
    if options.retrieval && !supported(&passages) {
        return Ok(refused());
    }
    let Some(generator) = &rooms.generator else {
        return Ok(match quote::compose(&rooms.embedder, &question, &passages).await? {
            Some(pieces) => whole(pieces, Finish::Stop, &model, &question, &count),
            None => refused(),
        });
    };
    let shown = prompt::within_budget(passages, &rooms.embedder, options.passages_tokens_max);
    let turns = prompt::turns(&question, history, &shown, &options);
    let words = generator.generate(turns, options.sampling).await?;
    let writer = citation::Writer::new(&question, shown);
    Ok(generated(words, writer, model, move |writer| doubts(rooms.embedder, writer)).boxed())
}

/// An answer that no generator wrote and that is there at once. Its tokens are counted as the embedding model counts,
/// for clients that keep account of them.
fn whole(
    mut pieces: Vec<Piece>,
    finish: Finish,
    model: &str,
    question: &Question,
    count: &dyn Fn(&str) -> usize,
) -> Pieces {
    let tokens = |text: &str| u32::try_from(count(text)).unwrap_or(u32::MAX);
    let text = |piece: &Piece| match piece {
        Piece::Text(text) => Some(text.clone()),
        _ => None,
    };
    let said: String = pieces.iter().filter_map(text).collect();
    let outcome = Outcome {
        finish,
        model: model.to_owned(),
        prompt_tokens: tokens(question.text()),
        completion_tokens: tokens(&said),
    };
    pieces.push(Piece::Done(outcome));
    stream::iter(pieces.into_iter().map(Ok)).boxed()
}

/// A generator's words on their way to becoming pieces.
struct Written<C> {
    words: BoxStream<'static, Result<Generated, InferenceError>>,
    /// Who writes them down and what is done with the whole at the end; `None` once that has come.
    writing: Option<(citation::Writer, C)>,
    model: String,
    /// Pieces made and not yet given.
    ready: VecDeque<Piece>,
}

/// A generator's words as pieces, its marks resolved; `check` adds what is found wrong at the end.
fn generated<C, F>(
    words: impl Stream<Item = Result<Generated, InferenceError>> + Send + 'static,
    writer: citation::Writer,
    model: String,
    check: C,
) -> impl Stream<Item = Result<Piece, AnswerError>> + Send
where
    C: FnOnce(citation::Writer) -> F + Send,
    F: Future<Output = Vec<Piece>> + Send,
{
    let written = Written { words: words.boxed(), writing: Some((writer, check)), model, ready: VecDeque::new() };
    stream::unfold(written, |mut written| async move { written.next().await.map(|piece| (piece, written)) })
}

impl<C, F> Written<C>
where
    C: FnOnce(citation::Writer) -> F,
    F: Future<Output = Vec<Piece>>,
{
    /// The next piece, reading on until there is one.
    async fn next(&mut self) -> Option<Result<Piece, AnswerError>> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Some(Ok(piece));
            }
            match self.words.next().await? {
                Err(error) => return Some(Err(error.into())),
                Ok(Generated::Text(text)) => self.ready.extend(self.writing.as_mut()?.0.push(&text)),
                Ok(Generated::Done { finish, prompt_tokens, completion_tokens }) => {
                    let (mut writer, check) = self.writing.take()?;
                    self.ready.extend(writer.finish());
                    self.ready.extend(check(writer).await);
                    let model = self.model.clone();
                    self.ready.push_back(Piece::Done(Outcome { finish, model, prompt_tokens, completion_tokens }));
                }
            }
        }
    }
}

/// What a look at the meaning finds wrong.
async fn doubts(embedder: Embedder, writer: citation::Writer) -> Vec<Piece> {
    let (open, passages) = writer.left_open();
    meaning::doubts(&embedder, &passages, open).await.into_iter().map(Piece::Doubt).collect()
}

#[cfg(test)]
mod tests;
