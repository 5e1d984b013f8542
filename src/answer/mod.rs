//! From passages to cited sentences, or to an honest refusal.
//!
//! A follow-up is first made to stand alone ([`condense`]), so that it can be searched for. Then, in the order of an
//! answer: do the passages support one at all ([`abstain`])? Without a generator the best supporting sentences are
//! quoted word for word ([`quote`], on [`sentence`]); with one, the passages are put before it ([`prompt`]), its marks
//! become citations as they stream by ([`citation`]), and each sentence is checked against what it cites without
//! another model ([`verify`]). Nothing here knows how the passages were found.

mod abstain;
mod citation;
pub mod condense;
mod error;
mod language;
mod prompt;
mod quote;
mod sentence;
mod verify;
mod words;

use futures_util::stream::{self, BoxStream};
use futures_util::{Stream, StreamExt as _, TryStreamExt as _};

use crate::domain::answer::{Finish, Outcome, Piece};
use crate::domain::chat::Turn;
use crate::domain::passage::Passage;
use crate::domain::question::Question;
use crate::inference::{Embedder, Generated, Generator, Sampling};

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
    Ok(generated(words, citation::Writer::new(&question, shown), model).boxed())
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

/// A generator's words as pieces, its marks resolved.
fn generated(
    words: impl Stream<Item = Result<Generated, crate::inference::InferenceError>> + Send + 'static,
    mut writer: citation::Writer,
    model: String,
) -> impl Stream<Item = Result<Piece, AnswerError>> + Send {
    words.map_err(AnswerError::from).flat_map(move |generated| {
        let pieces: Vec<Result<Piece, AnswerError>> = match generated {
            Err(error) => vec![Err(error)],
            Ok(Generated::Text(text)) => writer.push(&text).into_iter().map(Ok).collect(),
            Ok(Generated::Done { finish, prompt_tokens, completion_tokens }) => {
                let outcome = Outcome { finish, model: model.clone(), prompt_tokens, completion_tokens };
                writer.finish().into_iter().chain([Piece::Done(outcome)]).map(Ok).collect()
            }
        };
        stream::iter(pieces)
    })
}

#[cfg(test)]
mod tests;
