//! One value per command on data. The command line runs it in its own process, or posts it to the server that has the
//! folder open; either way it ends here.

use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::ask::{self, Ask};
use super::error::{Error, Kind, Result};
use super::principal::Principal;
use super::{App, eval, health, models, sign_in, sources, tokens, users};
use crate::clock;
use crate::domain::account::Role;
use crate::domain::answer::{Citation, Doubt, Finish, Piece};
use crate::domain::id::SourceId;
use crate::domain::passage::Passage;
use crate::domain::question::Question;
use crate::domain::source::{Source, SourceState};
use crate::limits;

/// A command and the account that it is about.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Envelope {
    /// An account's name; `None` means the only one, which is made if there is none.
    pub account: Option<String>,
    pub command: Command,
}

/// What can be asked of a data folder at the command line.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Adds the file whose `bytes` bytes follow.
    AddFile { name: String, bytes: u64 },
    /// Where these sources stand.
    States { sources: Vec<i64> },
    /// Finds passages.
    Search { question: String, limit: usize },
    /// Answers; text comes in events.
    Ask { question: String },
    /// Measures answers against a set of questions, given as JSON lines.
    Eval { set: String, options: eval::Options },
    /// Measures how documents are cut.
    EvalChunking { set: eval::chunking::Set },
    /// Adds a person.
    AddUser { email: String, name: String, password: String, role: String },
    /// Makes the first administrator.
    Claim { email: String, name: String, password: String },
    /// Lists the people.
    Users,
    /// Sets a person's password.
    SetPassword { email: String, password: String },
    /// Makes an API token for a person.
    CreateToken { email: String, name: String, expires_days: Option<u32> },
    /// Makes a new one-time link for the first administrator.
    SetupLink,
    /// How each room is.
    Doctor,
    /// Something about models.
    Model(models::command::Command),
}

/// What a command says while it runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// More of an answer's text.
    Text(String),
    /// What is begun now.
    Step(String),
    /// Steps done of steps; bytes, where models come or are read.
    Progress { done: u64, total: u64 },
}

/// Runs a command for whoever administers this server. `body` is what follows the command; `say` takes its events.
pub async fn run(
    app: &App,
    envelope: Envelope,
    body: &mut (dyn AsyncRead + Unpin + Send),
    say: &mut (dyn FnMut(Event) + Send),
) -> Result<Value> {
    let command = match envelope.command {
        // Models belong to the machine and not to an account, which need not exist yet.
        Command::Model(command) => return models::command::run(&app.keeper(), command, body, say).await,
        other => other,
    };
    let principal = Principal::at_the_console(account(app, envelope.account).await?);
    match command {
        Command::Model(_) => unreachable!("models are no account's, and were answered above"),
        Command::AddFile { name, bytes } => add_file(app, &principal, &name, bytes, body).await,
        Command::States { sources } => states(app, &principal, sources).await,
        Command::Search { question, limit } => search(app, &principal, &question, limit).await,
        Command::Ask { question } => answer(app, &principal, &question, say).await,
        Command::Eval { set, options } => {
            let mut progress = |done, total| say(Event::Progress { done, total });
            Ok(eval::run(app, &principal, &set, &options, &mut progress).await?.to_json())
        }
        Command::EvalChunking { set } => {
            let mut progress = |done, total| say(Event::Progress { done, total });
            Ok(json!(eval::chunking::run(app, &set, &mut progress).await?))
        }
        Command::AddUser { email, name, password, role } => {
            let role = Role::parse(&role).ok_or_else(|| Error::invalid("A role is reader, editor or owner."))?;
            users::add(app, &principal, &email, &name, &password, role).await?;
            Ok(json!({ "email": email, "role": role.as_str() }))
        }
        Command::Claim { email, name, password } => {
            sign_in::claim_at_the_console(app, &email, &name, &password).await?;
            Ok(json!({ "email": email, "administrator": true }))
        }
        Command::Users => {
            let users = users::list(app, &principal).await?;
            let row = |user: &crate::domain::account::User| json!({ "id": user.id.0, "email": user.email, "name": user.name, "administrator": user.administrator });
            Ok(users.iter().map(row).collect())
        }
        Command::SetPassword { email, password } => {
            users::set_password(app, &principal, &email, &password).await?;
            Ok(json!({ "email": email }))
        }
        Command::CreateToken { email, name, expires_days } => {
            let user = users::by_email(app, &email).await?;
            let principal = Principal { user: Some(user), ..principal };
            let (secret, token) = tokens::create(app, &principal, &name, expires_days).await?;
            Ok(json!({ "token": secret.reveal(), "name": token.name, "id": token.id.0 }))
        }
        Command::Doctor => {
            let mut health = health::check(app).await;
            health.rooms.push(health::pictures(app).await);
            let room =
                |room: health::RoomHealth| json!({ "name": room.name, "well": room.well, "detail": room.detail });
            Ok(json!({ "ready": health.ready, "rooms": health.rooms.into_iter().map(room).collect::<Value>() }))
        }
        Command::SetupLink => {
            let link = sign_in::setup_link(app).await?;
            let minutes = limits::SETUP_LINK_SECONDS_MAX / 60;
            let link = link.ok_or_else(|| {
                Error::new(
                    Kind::Conflict,
                    "There is an administrator already. `nosia user passwd` sets a new password.",
                )
            })?;
            Ok(json!({ "path": format!("/setup/{}", link.reveal()), "minutes": minutes }))
        }
    }
}

/// Runs a command about models where nothing but models and settings is open.
pub async fn run_on_shelf(
    shelf: &models::Shelf,
    envelope: Envelope,
    body: &mut (dyn AsyncRead + Unpin + Send),
    say: &mut (dyn FnMut(Event) + Send),
) -> Result<Value> {
    match envelope.command {
        Command::Model(command) => models::command::run(&shelf.keeper(), command, body, say).await,
        _ => Err(Error::invalid("This needs the documents, and only the models are open.")),
    }
}

/// The account named, or the only one, made if there is none.
async fn account(app: &App, name: Option<String>) -> Result<crate::domain::account::Account> {
    let mut accounts = app.store.accounts().await?;
    let names = |accounts: &[crate::domain::account::Account]| {
        accounts.iter().map(|account| format!("\"{}\"", account.name)).collect::<Vec<_>>().join(", ")
    };
    match name {
        Some(name) => {
            let known = names(&accounts);
            let found = accounts.into_iter().find(|account| account.name == name);
            found.ok_or_else(|| {
                Error::new(Kind::NotFound, format!("There is no account \"{name}\". There are: {known}."))
            })
        }
        None if accounts.is_empty() => {
            Ok(app.store.create_account(sign_in::ACCOUNT_FIRST.to_owned(), clock::now_ms()).await?)
        }
        None if accounts.len() == 1 => Ok(accounts.swap_remove(0)),
        None => {
            Err(Error::invalid(format!("There are several accounts; name one with --account: {}.", names(&accounts))))
        }
    }
}

async fn add_file(
    app: &App,
    principal: &Principal,
    name: &str,
    bytes: u64,
    body: &mut (dyn AsyncRead + Unpin + Send),
) -> Result<Value> {
    let mut upload = sources::begin(app, principal, name).await?;
    let mut body = body.take(bytes);
    let mut buffer = vec![0; 64 << 10];
    loop {
        let count = body.read(&mut buffer).await.map_err(Error::internal)?;
        if count == 0 {
            break;
        }
        upload.write(&buffer[..count]).await?;
    }
    if body.limit() > 0 {
        return Err(Error::invalid(format!(
            "The file \"{name}\" ended {} bytes early; nothing was saved.",
            body.limit()
        )));
    }
    let added = upload.finish().await?;
    Ok(json!({ "source": source_json(&added.source), "existed": added.existed }))
}

async fn states(app: &App, principal: &Principal, ids: Vec<i64>) -> Result<Value> {
    let mut rows = Vec::with_capacity(ids.len());
    for id in ids {
        match sources::get(app, principal, SourceId(id)).await {
            Ok(source) => rows.push(source_json(&source)),
            Err(error) if error.kind == Kind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    let stages = app.stages.get();
    let stages = json!({
        "extract_ms": stages.extract_ms,
        "chunk_ms": stages.chunk_ms,
        "embed_ms": stages.embed_ms,
        "store_ms": stages.store_ms,
    });
    Ok(json!({ "sources": rows, "stages": stages }))
}

async fn search(app: &App, principal: &Principal, question: &str, limit: usize) -> Result<Value> {
    let question = Question::parse(question)?;
    let found = ask::search(app, principal, &question, limit).await?;
    Ok(json!({
        "question": question.text(),
        "supported": ask::supported(&found.passages),
        "passages": found.passages.iter().map(passage_json).collect::<Vec<_>>(),
        "embed_ms": found.timings.embed_ms,
        "search_ms": found.timings.search_ms,
        "rerank_ms": found.timings.rerank_ms,
        "load_ms": found.timings.load_ms,
    }))
}

async fn answer(
    app: &App,
    principal: &Principal,
    question: &str,
    say: &mut (dyn FnMut(Event) + Send),
) -> Result<Value> {
    let question = Question::parse(question)?;
    let mut pieces = ask::ask(app, principal, Ask::simply(question.clone())).await?;
    let (mut text, mut citations, mut doubts, mut outcome) = (String::new(), Vec::new(), Vec::new(), None);
    while let Some(piece) = pieces.next().await {
        match piece? {
            Piece::Passages(_) | Piece::Waiting { .. } => {}
            Piece::Text(more) => {
                text.push_str(&more);
                say(Event::Text(more));
            }
            Piece::Citation(citation) => citations.push(citation_json(&citation)),
            Piece::Doubt(doubt) => doubts.push(doubt),
            Piece::Done(done) => outcome = Some(done),
        }
    }
    let outcome = outcome.ok_or_else(|| Error::internal("an answer without an end"))?;
    Ok(json!({
        "question": question.text(),
        "answer": text,
        "citations": citations,
        "unsupported": doubts.iter().map(|doubt| doubt_json(doubt, &text)).collect::<Vec<_>>(),
        "refused": outcome.finish == Finish::Refused,
        "finish": outcome.finish.as_str(),
        "model": outcome.model,
    }))
}

fn source_json(source: &Source) -> Value {
    let (done, total) = match source.state {
        SourceState::Reading { done, total } | SourceState::Embedding { done, total } => (done, total),
        _ => (0, 0),
    };
    let reason = match &source.state {
        SourceState::Failed { reason } => Some(reason),
        _ => None,
    };
    json!({
        "id": source.id.0,
        "file_name": source.file_name,
        "title": source.title,
        "state": source.state.as_str(),
        "settled": source.state.is_settled(),
        "done": done,
        "total": total,
        "reason": reason,
        "pages": source.pages,
        "chunks": source.chunks,
        "bytes": source.bytes,
        "sha256": source.sha256.to_string(),
    })
}

fn passage_json(passage: &Passage) -> Value {
    json!({
        "source": passage.source.0,
        "version": passage.version,
        "file_name": passage.file_name,
        "title": passage.title,
        "page": passage.page,
        "headings": passage.headings,
        "start": passage.span.start,
        "end": passage.span.end,
        "score": passage.score,
        "similarity": passage.similarity,
        "coverage": passage.coverage,
        "text": passage.text,
    })
}

/// A sentence of `answer` that its passages do not bear out.
fn doubt_json(doubt: &Doubt, answer: &str) -> Value {
    json!({
        "start": doubt.span.start,
        "end": doubt.span.end,
        "text": doubt.span.of(answer),
        "reason": doubt.reason.as_str(),
    })
}

fn citation_json(citation: &Citation) -> Value {
    json!({
        "number": citation.number,
        "label": citation.label(),
        "source": citation.source.0,
        "version": citation.version,
        "file_name": citation.file_name,
        "title": citation.title,
        "page": citation.page,
        "start": citation.span.start,
        "end": citation.span.end,
        "quote": citation.quote,
    })
}
