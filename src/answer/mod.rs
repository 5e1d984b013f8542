//! From passages to cited sentences, or to an honest refusal.
//!
//! A follow-up is first made to stand alone ([`condense`]), so that it can be searched for. Then, in the order of an
//! answer: do the passages support one at all ([`abstain`])? Without a generator the best supporting sentences are
//! quoted word for word ([`quote`], on [`sentence`]); with one, as many passages as it can read in time are put before
//! it ([`prompt`], within a [`budget`], each in its [`fence`]), unless a second model finds them irrelevant ([`guard`]).
//! Its marks become citations as they stream by ([`citation`]), and each sentence is checked against what it cites
//! without another model that writes: by its numbers, dates, names and words ([`verify`], on [`numbers`], [`dates`] and
//! [`words`]), and where those are not enough by its meaning ([`meaning`]). Nothing here knows how the passages were
//! found.

mod abstain;
mod budget;
mod citation;
pub mod condense;
mod dates;
mod error;
mod fence;
mod guard;
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
use crate::inference::{Embedder, Generated, Generator, InferenceError, Reader, Sampling};

pub use abstain::supported;
pub use error::AnswerError;
pub use prompt::INSTRUCTIONS;

/// The name under which answers without a generator go.
pub const MODEL_QUOTES: &str = "nosia";

/// The engines that answering asks.
#[derive(Clone)]
pub struct Rooms {
    /// Compares meanings; without it words alone decide.
    pub embedder: Option<Embedder>,
    pub generator: Option<Generator>,
    /// Asked, before a generator writes, whether the passages are relevant.
    pub guard: Option<Generator>,
}

/// How to answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    pub sampling: Sampling,
    /// Replaces the built-in instructions. `{context}` in it is where the passages go; without one they follow it.
    pub system_template: Option<String>,
    /// Tokens that a generator reads and writes at once.
    pub context_tokens: usize,
    /// Tokens of an answer where `sampling` sets no limit.
    pub answer_tokens: u32,
    /// Seconds within which a generator's first word should come: it is given no more to read than that.
    pub first_word_s: u32,
    /// Who asks: a generator is fair between readers.
    pub reader: Reader,
    /// Whether documents were searched at all; without that there is nothing to refuse for, quote or cite.
    pub retrieval: bool,
}

type Pieces = BoxStream<'static, Result<Piece, AnswerError>>;

/// Answers `question` from `passages`: first those that the answer rests on, then text and citations, then the
/// outcome, or an error.
///
/// A citation comes before the text that holds its mark. Dropping the stream stops the work.
pub fn stream(
    rooms: Rooms,
    question: Question,
    history: Vec<Turn>,
    passages: Vec<Passage>,
    options: Options,
) -> impl Stream<Item = Result<Piece, AnswerError>> + Send {
    let model = rooms.generator.as_ref().map_or(MODEL_QUOTES, Generator::name).to_owned();
    if options.retrieval && !supported(&passages) {
        let refused = refused(rooms.embedder.as_ref(), &question, &passages, &model);
        return shown(passages, refused);
    }
    let Rooms { embedder, generator, guard } = rooms;
    match generator {
        Some(generator) => {
            let writers = Writers { embedder, generator, guard };
            written(writers, question, history, passages, options)
        }
        None => shown(passages.clone(), stream::once(quoted(embedder, question, passages)).try_flatten()),
    }
}

/// The passages, then the rest.
fn shown(passages: Vec<Passage>, rest: impl Stream<Item = Result<Piece, AnswerError>> + Send + 'static) -> Pieces {
    stream::once(std::future::ready(Ok(Piece::Passages(passages)))).chain(rest).boxed()
}

/// An answer that is composed of quotations.
async fn quoted(embedder: Option<Embedder>, question: Question, passages: Vec<Passage>) -> Result<Pieces, AnswerError> {
    let embedder = embedder.as_ref();
    Ok(match quote::compose(embedder, &question, &passages).await? {
        Some(pieces) => whole(pieces, Finish::Stop, MODEL_QUOTES, &question, &|text| count_tokens(embedder, text)),
        None => refused(embedder, &question, &passages, MODEL_QUOTES),
    })
}

/// That the documents do not answer.
fn refused(embedder: Option<&Embedder>, question: &Question, passages: &[Passage], model: &str) -> Pieces {
    let pieces = abstain::refusal(question, passages);
    whole(pieces, Finish::Refused, model, question, &|text| count_tokens(embedder, text))
}

/// The tokens of `text` as the embedding model counts; its words where there is none.
fn count_tokens(embedder: Option<&Embedder>, text: &str) -> usize {
    embedder.map_or_else(|| text.split_whitespace().count(), |embedder| embedder.count_tokens(text))
}

/// Who takes part in a written answer.
struct Writers {
    embedder: Option<Embedder>,
    generator: Generator,
    guard: Option<Generator>,
}

/// An answer that a generator writes from as many passages as it can read in time, if its guard agrees.
fn written(
    writers: Writers,
    question: Question,
    history: Vec<Turn>,
    passages: Vec<Passage>,
    options: Options,
) -> Pieces {
    let Writers { embedder, generator, guard } = writers;
    let bounds = budget::Bounds {
        context_tokens: options.context_tokens,
        answer_tokens: options.sampling.max_tokens.unwrap_or(options.answer_tokens) as usize,
        prompt_tokens_per_s: generator.prompt_tokens_per_s(),
        first_word_s: options.first_word_s,
    };
    let template = options.system_template.as_deref();
    let wanted = prompt::Wanted { question: &question, history, passages, template, retrieval: options.retrieval };
    let prompt = prompt::fit(wanted, &bounds, |text| generator.count_tokens(text));
    let writer = citation::Writer::new(&question, prompt.passages.clone());
    let turns_left_out = u32::try_from(prompt.turns_left_out).unwrap_or(u32::MAX);
    let signed = Signed { model: generator.name().to_owned(), turns_left_out };
    let (guard, judged) = (guard.filter(|_| options.retrieval), prompt.passages.clone());
    let is_text = options.sampling.format.is_none();
    let rest = async move {
        if let Some(guard) = guard
            && guard::rejects(&guard, &question, &judged).await
        {
            return Ok(refused(embedder.as_ref(), &question, &judged, generator.name()));
        }
        let words = generator.generate(prompt.turns, options.sampling, options.reader).await?;
        if !is_text {
            return Ok(words.map(move |generated| Ok(signed.as_it_is(generated?))).boxed());
        }
        let check = move |writer| doubts(embedder, writer);
        Ok(generated(words, writer, signed, check).boxed()) as Result<Pieces, AnswerError>
    };
    shown(prompt.passages, stream::once(rest).try_flatten())
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
        turns_left_out: 0,
    };
    pieces.push(Piece::Done(outcome));
    stream::iter(pieces.into_iter().map(Ok)).boxed()
}

/// What is known of a written answer before its first word.
struct Signed {
    model: String,
    turns_left_out: u32,
}

impl Signed {
    /// What a generator wrote, untouched: in JSON, `[1]` is a list and no mark.
    fn as_it_is(&self, generated: Generated) -> Piece {
        match generated {
            Generated::Waiting { ahead } => Piece::Waiting { place: ahead },
            Generated::Text(text) => Piece::Text(text),
            Generated::Done { finish, prompt_tokens, completion_tokens } => Piece::Done(Outcome {
                finish,
                model: self.model.clone(),
                prompt_tokens,
                completion_tokens,
                turns_left_out: self.turns_left_out,
            }),
        }
    }
}

/// A generator's words on their way to becoming pieces.
struct Written<C> {
    words: BoxStream<'static, Result<Generated, InferenceError>>,
    /// Who writes them down and what is done with the whole at the end; `None` once that has come.
    writing: Option<(citation::Writer, C)>,
    signed: Signed,
    /// Pieces made and not yet given.
    ready: VecDeque<Piece>,
}

/// A generator's words as pieces, its marks resolved; `check` adds what is found wrong at the end.
fn generated<C, F>(
    words: impl Stream<Item = Result<Generated, InferenceError>> + Send + 'static,
    writer: citation::Writer,
    signed: Signed,
    check: C,
) -> impl Stream<Item = Result<Piece, AnswerError>> + Send
where
    C: FnOnce(citation::Writer) -> F + Send,
    F: Future<Output = Vec<Piece>> + Send,
{
    let written = Written { words: words.boxed(), writing: Some((writer, check)), signed, ready: VecDeque::new() };
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
                Ok(Generated::Waiting { ahead }) => return Some(Ok(Piece::Waiting { place: ahead })),
                Ok(Generated::Text(text)) => self.ready.extend(self.writing.as_mut()?.0.push(&text)),
                Ok(Generated::Done { finish, prompt_tokens, completion_tokens }) => {
                    let (mut writer, check) = self.writing.take()?;
                    self.ready.extend(writer.finish());
                    self.ready.extend(check(writer).await);
                    let (model, turns_left_out) = (self.signed.model.clone(), self.signed.turns_left_out);
                    let outcome = Outcome { finish, model, prompt_tokens, completion_tokens, turns_left_out };
                    self.ready.push_back(Piece::Done(outcome));
                }
            }
        }
    }
}

/// What a look at the meaning finds wrong.
async fn doubts(embedder: Option<Embedder>, writer: citation::Writer) -> Vec<Piece> {
    let (open, passages) = writer.left_open();
    meaning::doubts(embedder.as_ref(), &passages, open).await.into_iter().map(Piece::Doubt).collect()
}

#[cfg(test)]
mod tests;
