//! The read walk: a question becomes passages, and passages an answer in pieces.

use std::pin::Pin;

use futures_util::{Stream, StreamExt as _};

use super::error::{Error, Kind, Result};
use super::principal::Principal;
use super::{App, instructions};
use crate::answer;
use crate::domain::answer::Piece;
use crate::domain::chat::Turn;
use crate::domain::passage::Passage;
use crate::domain::question::Question;
use crate::limits;
use crate::retrieve;

use crate::inference::{Generator, Reader};

pub use crate::inference::{Format, Sampling, Schema};
pub use crate::retrieve::{Found, Mode, Timings};

/// What is asked, and how.
#[derive(Clone, Debug)]
pub struct Ask {
    pub question: Question,
    /// Earlier turns of the conversation, oldest first.
    pub history: Vec<Turn>,
    /// Whether the documents are searched; without it a generator answers alone.
    pub retrieval: bool,
    /// Overrides of the settings; `None` takes them as they are.
    pub sampling: Option<Sampling>,
    /// Passages at most; `None` takes the usual number.
    pub passages_max: Option<usize>,
}

impl Ask {
    /// A first question, asked of the documents with the settings as they are.
    pub fn simply(question: Question) -> Ask {
        Ask { question, history: Vec::new(), retrieval: true, sampling: None, passages_max: None }
    }
}

/// What somebody hears who asks for JSON where answers are quotations.
const NO_JSON: &str = "Answers in JSON need a language model, and there is none here: answers are quotations from the \
    documents. Leave out `response_format`, or ask the administrator to add a model (`nosia model add`, or \
    `AI_BASE_URL`).";

/// An answer as it comes.
pub type Pieces = Pin<Box<dyn Stream<Item = Result<Piece>> + Send>>;

/// Answers a question. The passages come first; dropping the stream stops the work.
pub async fn ask(app: &App, principal: &Principal, ask: Ask) -> Result<Pieces> {
    let place = app.questions.clone().try_acquire_owned().map_err(|_| {
        Error::new(
            Kind::Busy,
            format!("{} questions are being answered. Try again in a few seconds.", limits::QUESTIONS_AT_ONCE_MAX),
        )
    })?;
    let (sampling, generator) = (ask.sampling.unwrap_or_else(|| app.sampling()), app.generator());
    if sampling.format.is_some() && generator.is_none() {
        return Err(Error::invalid(NO_JSON));
    }
    let passages = match ask.retrieval {
        true => {
            let question = answer::condense::standalone(generator.as_ref(), &ask.question, &ask.history).await;
            find(app, principal, &question, ask.passages_max.unwrap_or(limits::PASSAGES_MAX)).await?.passages
        }
        false => Vec::new(),
    };
    let context = generator.as_ref().and_then(Generator::context).unwrap_or(app.settings.llm_num_ctx);
    // Sentences are compared with one another, so that any embedding model will do.
    let embedder = app.searching().reading().map(|model| model.embedder.clone());
    let rooms = answer::Rooms { embedder, generator, guard: app.guard.clone() };
    let options = answer::Options {
        sampling,
        system_template: instructions::template(app, principal).await?,
        context_tokens: context.min(app.settings.llm_num_ctx),
        answer_tokens: app.settings.llm_max_tokens,
        first_word_s: app.settings.llm_first_word_seconds,
        reader: reader(principal),
        retrieval: ask.retrieval,
    };
    metrics::counter!("nosia_questions_total").increment(1);
    let pieces = answer::stream(rooms, ask.question, ask.history, passages, options);
    Ok(Box::pin(pieces.map(move |piece| {
        let _until_the_stream_ends = &place;
        piece.map_err(Error::from)
    })))
}

/// The reader that `principal` is to a generator; the console is one.
fn reader(principal: &Principal) -> Reader {
    Reader(principal.user.as_ref().map_or(0, |user| user.id.0.unsigned_abs()))
}

/// The passages for a question, best first, at most `limit`.
pub async fn search(app: &App, principal: &Principal, question: &Question, limit: usize) -> Result<Found> {
    if limit == 0 || limit > limits::CANDIDATES_MAX {
        return Err(Error::invalid(format!("The limit is 1 to {} passages.", limits::CANDIDATES_MAX)));
    }
    find(app, principal, question, limit).await
}

/// Whether these passages support an answer at all.
pub fn supported(passages: &[Passage]) -> bool {
    answer::supported(passages)
}

async fn find(app: &App, principal: &Principal, question: &Question, passages_max: usize) -> Result<Found> {
    find_by(app, principal, question, passages_max, Mode::Hybrid).await
}

/// As [`search`], by words or by meaning alone where `mode` says so: for comparison.
pub async fn find_by(
    app: &App,
    principal: &Principal,
    question: &Question,
    passages_max: usize,
    mode: Mode,
) -> Result<Found> {
    let scope = app.scope(principal).await?;
    let options = retrieve::Options {
        fetch_k: app.settings.retrieval_fetch_k.max(passages_max),
        passages_max,
        tokens_max: limits::PASSAGES_TOKENS_MAX.max(passages_max * limits::CHUNK_TOKENS_MAX_DEFAULT),
        mode,
    };
    let found = retrieve::passages(&app.retrieve_rooms(), &scope, question, &options).await?;
    metrics::histogram!("nosia_retrieval_ms").record(found.timings.search_ms + found.timings.load_ms);
    if app.reranking().rereader.is_some() {
        metrics::histogram!("nosia_rerank_ms").record(found.timings.rerank_ms);
    }
    Ok(found)
}
