//! How well the right pages are found and questions answered, measured on a set of the owner's own.
//!
//! Each question of the set ([`set`]) is asked as a reader would ask it, one after the other so that the times mean
//! something; what comes back is compared with what the set says ([`metrics`]) and averaged ([`report`]). How well documents are read
//! and cut, on which all else stands, is measured apart ([`extraction`], [`chunking`]).

pub mod chunking;
pub mod extraction;
mod metrics;
mod report;
mod set;

use std::time::Instant;

use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};

use super::App;
use super::ask::{self, Ask, Found, Mode};
use super::error::{Error, Result};
use super::principal::Principal;
use crate::domain::answer::{Finish, Piece};
use crate::domain::question::Question;
use crate::limits;
use metrics::Place;
use set::Item;

pub use report::Report;

/// Passages asked for, so that ten different sources can be among them even where a source has several.
const PASSAGES_ASKED: usize = 30;

/// How to measure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// Whether answering is left out; refusals are then those that the passages found would lead to.
    pub retrieval_only: bool,
    /// `hybrid`, `words` or `meaning`: which searches find the passages. Answers are always given on both.
    pub by: String,
}

/// What came of one question.
#[derive(Clone, Debug, Default, PartialEq)]
struct Outcome {
    /// Where the passages lie, best first.
    passages: Vec<Place>,
    /// Where the candidates lie, best first.
    candidates: Vec<Place>,
    refused: bool,
    /// The answer's text, where one was asked for.
    answer: Option<String>,
    /// Where the answer's citations lie.
    citations: Vec<Place>,
    /// From the question to the end of its answer, or of the search where nothing is answered.
    ms: f64,
}

/// Asks every question of `set` (JSON lines) and reports. `progress` hears how many are done, of how many.
pub async fn run(
    app: &App,
    principal: &Principal,
    set: &str,
    options: &Options,
    progress: &mut (dyn FnMut(u64, u64) + Send),
) -> Result<Report> {
    let mode = match options.by.as_str() {
        "hybrid" => Mode::Hybrid,
        "words" => Mode::Words,
        "meaning" => Mode::Meaning,
        other => return Err(Error::invalid(format!("\"{other}\" is no way to search: use hybrid, words or meaning."))),
    };
    let items = set::parse(set)?;
    let mut report = report::Tally::default();
    progress(0, items.len() as u64);
    for (done, item) in (1..).zip(&items) {
        let question = Question::parse(&item.question)?;
        let found = searched(app, principal, &question, mode).await?;
        let outcome = match options.retrieval_only {
            true => found,
            false => answered(app, principal, question, found).await?,
        };
        report.add(item, &outcome);
        progress(done, items.len() as u64);
    }
    Ok(report.report())
}

/// What a search finds, and whether that would be refused.
async fn searched(app: &App, principal: &Principal, question: &Question, mode: Mode) -> Result<Outcome> {
    let begun = Instant::now();
    let Found { passages, candidates, .. } = ask::find_by(app, principal, question, PASSAGES_ASKED, mode).await?;
    let ms = begun.elapsed().as_secs_f64() * 1e3;
    Ok(Outcome {
        refused: !ask::supported(&passages[..passages.len().min(limits::PASSAGES_MAX)]),
        passages: passages.iter().map(|found| Place::new(&found.file_name, &found.title, found.page)).collect(),
        candidates: candidates.iter().map(|found| Place::new(&found.file_name, &found.title, found.page)).collect(),
        ms,
        ..Outcome::default()
    })
}

/// What is answered, on top of what was found.
async fn answered(app: &App, principal: &Principal, question: Question, found: Outcome) -> Result<Outcome> {
    let begun = Instant::now();
    let mut pieces = ask::ask(app, principal, Ask::simply(question)).await?;
    let (mut text, mut citations, mut refused) = (String::new(), Vec::new(), false);
    while let Some(piece) = pieces.next().await {
        match piece? {
            Piece::Passages(_) | Piece::Doubt(_) | Piece::Waiting { .. } => {}
            Piece::Text(more) => text.push_str(&more),
            Piece::Citation(made) => citations.push(Place::new(&made.file_name, &made.title, made.page)),
            Piece::Done(outcome) => refused = outcome.finish == Finish::Refused,
        }
    }
    let ms = begun.elapsed().as_secs_f64() * 1e3;
    Ok(Outcome { answer: Some(text), citations, refused, ms, ..found })
}
