//! Conversations, private to their user, with what each answer cited word for word.

use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

use super::Store;
use super::columns;
use super::error::{Result, StoreError};
use crate::domain::answer::{Citation, Doubt, Finish, Reason};
use crate::domain::chat::{Chat, Message, Speaker, Turn};
use crate::domain::id::{AccountId, ChatId, MessageId, SourceId, UserId};
use crate::limits;

const INSERT_CHAT: &str = "
    INSERT INTO chats (account, user, title, created_at_ms, updated_at_ms) VALUES (?1, ?2, ?3, ?4, ?4)";

const CHATS: &str = "
    SELECT id, account, user, title, created_at_ms, updated_at_ms FROM chats
    WHERE account = ?1 AND user = ?2 ORDER BY updated_at_ms DESC, id DESC LIMIT ?3";

const CHAT: &str = "
    SELECT id, account, user, title, created_at_ms, updated_at_ms FROM chats
    WHERE account = ?1 AND user = ?2 AND id = ?3";

const MESSAGES: &str = "
    SELECT id, chat, speaker, text, finish, turns_left_out, created_at_ms FROM messages
    WHERE chat = (SELECT id FROM chats WHERE account = ?1 AND user = ?2 AND id = ?3)
    ORDER BY id DESC LIMIT ?4";

const CITATIONS: &str = "
    SELECT number, source, version, title, file_name, page, span_start, span_end, quote FROM citations
    WHERE message = ?1 ORDER BY position";

const DOUBTS: &str = "SELECT span_start, span_end, reason FROM doubts WHERE message = ?1 ORDER BY span_start";

const TOUCH_CHAT: &str = "UPDATE chats SET updated_at_ms = max(updated_at_ms, ?2) WHERE id = ?1";

const INSERT_MESSAGE: &str = "
    INSERT INTO messages (chat, speaker, text, finish, turns_left_out, created_at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

const INSERT_CITATION: &str = "
    INSERT INTO citations (message, position, number, source, version, title, file_name, page, span_start, span_end,
                           quote)
    VALUES (:message, :position, :number, :source, :version, :title, :file_name, :page, :start, :end, :quote)";

const INSERT_DOUBT: &str = "INSERT INTO doubts (message, span_start, span_end, reason) VALUES (?1, ?2, ?3, ?4)";

const DELETE_CHAT: &str = "DELETE FROM chats WHERE account = ?1 AND user = ?2 AND id = ?3";

/// A turn to be added to a conversation.
#[derive(Clone, Debug)]
pub struct NewMessage {
    pub turn: Turn,
    pub citations: Vec<Citation>,
    /// No two begin at one place.
    pub doubts: Vec<Doubt>,
    /// How an answer ended; `None` for questions.
    pub finish: Option<Finish>,
    /// Earlier turns that the generator was not told.
    pub turns_left_out: u32,
}

impl NewMessage {
    /// A turn that stands on nothing: a question.
    pub fn plain(turn: Turn) -> NewMessage {
        NewMessage { turn, citations: Vec::new(), doubts: Vec::new(), finish: None, turns_left_out: 0 }
    }
}

impl Store {
    /// Begins a conversation.
    pub async fn create_chat(&self, account: AccountId, user: UserId, title: String, now_ms: i64) -> Result<Chat> {
        self.write(move |rows| {
            let id = rows.prepare_cached(INSERT_CHAT)?.insert(params![account.0, user.0, title, now_ms])?;
            Ok(Chat { id: ChatId(id), account, user, title, created_at_ms: now_ms, updated_at_ms: now_ms })
        })
        .await
    }

    /// A person's conversations in an account, the latest used first.
    pub async fn chats(&self, account: AccountId, user: UserId, limit: u32) -> Result<Vec<Chat>> {
        self.read(move |rows| {
            let mut statement = rows.prepare_cached(CHATS)?;
            let found = statement.query_map(params![account.0, user.0, limit], read)?;
            Ok(found.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    /// One of a person's conversations.
    pub async fn chat(&self, account: AccountId, user: UserId, id: ChatId) -> Result<Option<Chat>> {
        self.read(move |rows| Ok(rows.prepare_cached(CHAT)?.query_row([account.0, user.0, id.0], read).optional()?))
            .await
    }

    /// The latest [`limits::CHAT_MESSAGES_MAX`] messages of one of a person's conversations, oldest first.
    pub async fn messages(&self, account: AccountId, user: UserId, id: ChatId) -> Result<Vec<Message>> {
        self.read(move |rows| {
            let mut statement = rows.prepare_cached(MESSAGES)?;
            let asked = params![account.0, user.0, id.0, limits::CHAT_MESSAGES_MAX as i64];
            let mut found: Vec<Message> = statement.query_map(asked, read_message)?.collect::<rusqlite::Result<_>>()?;
            found.reverse();
            for message in &mut found {
                message.citations = citations(rows, message.id)?;
                message.doubts = doubts(rows, message.id)?;
            }
            Ok(found)
        })
        .await
    }

    /// Adds a turn to a conversation. `Conflict("chat")` if it was deleted.
    pub async fn append_message(&self, chat: ChatId, new: NewMessage, now_ms: i64) -> Result<MessageId> {
        self.write(move |rows| {
            if rows.prepare_cached(TOUCH_CHAT)?.execute(params![chat.0, now_ms])? == 0 {
                return Err(StoreError::Conflict("chat"));
            }
            let finish = new.finish.map(Finish::as_str);
            let message = rows.prepare_cached(INSERT_MESSAGE)?.insert(params![
                chat.0,
                new.turn.speaker.as_str(),
                new.turn.text,
                finish,
                new.turns_left_out,
                now_ms
            ])?;
            for (position, citation) in (0i64..).zip(&new.citations) {
                insert_citation(rows, message, position, citation)?;
            }
            for doubt in &new.doubts {
                insert_doubt(rows, message, doubt)?;
            }
            Ok(MessageId(message))
        })
        .await
    }

    /// Deletes one of a person's conversations; false if there is no such one.
    pub async fn delete_chat(&self, account: AccountId, user: UserId, id: ChatId) -> Result<bool> {
        self.write(move |rows| Ok(rows.prepare_cached(DELETE_CHAT)?.execute([account.0, user.0, id.0])? > 0)).await
    }
}

fn insert_citation(rows: &Connection, message: i64, position: i64, citation: &Citation) -> Result<()> {
    rows.prepare_cached(INSERT_CITATION)?.execute(named_params! {
        ":message": message,
        ":position": position,
        ":number": citation.number,
        ":source": citation.source.0,
        ":version": citation.version,
        ":title": citation.title,
        ":file_name": citation.file_name,
        ":page": citation.page,
        ":start": columns::size(citation.span.start as u64)?,
        ":end": columns::size(citation.span.end as u64)?,
        ":quote": citation.quote,
    })?;
    Ok(())
}

fn insert_doubt(rows: &Connection, message: i64, doubt: &Doubt) -> Result<()> {
    let (start, end) = (columns::size(doubt.span.start as u64)?, columns::size(doubt.span.end as u64)?);
    rows.prepare_cached(INSERT_DOUBT)?.execute(params![message, start, end, doubt.reason.as_str()])?;
    Ok(())
}

fn citations(rows: &Connection, message: MessageId) -> Result<Vec<Citation>> {
    let mut statement = rows.prepare_cached(CITATIONS)?;
    let found = statement.query_map([message.0], |row| {
        Ok(Citation {
            number: row.get("number")?,
            source: SourceId(row.get("source")?),
            version: row.get("version")?,
            title: row.get("title")?,
            file_name: row.get("file_name")?,
            page: row.get("page")?,
            span: columns::read_span(row, "span_start", "span_end")?,
            quote: row.get("quote")?,
        })
    })?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

fn doubts(rows: &Connection, message: MessageId) -> Result<Vec<Doubt>> {
    let mut statement = rows.prepare_cached(DOUBTS)?;
    let found = statement.query_map([message.0], |row| {
        Ok(Doubt {
            span: columns::read_span(row, "span_start", "span_end")?,
            reason: columns::read_word(row, "reason", Reason::parse)?,
        })
    })?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Chat> {
    Ok(Chat {
        id: ChatId(row.get("id")?),
        account: AccountId(row.get("account")?),
        user: UserId(row.get("user")?),
        title: row.get("title")?,
        created_at_ms: row.get("created_at_ms")?,
        updated_at_ms: row.get("updated_at_ms")?,
    })
}

/// Reads a message without its citations and doubts.
fn read_message(row: &Row<'_>) -> rusqlite::Result<Message> {
    let finish: Option<String> = row.get("finish")?;
    Ok(Message {
        id: MessageId(row.get("id")?),
        chat: ChatId(row.get("chat")?),
        turn: Turn { speaker: columns::read_word(row, "speaker", Speaker::parse)?, text: row.get("text")? },
        citations: Vec::new(),
        doubts: Vec::new(),
        finish: finish.as_deref().and_then(Finish::parse),
        turns_left_out: row.get("turns_left_out")?,
        created_at_ms: row.get("created_at_ms")?,
    })
}
