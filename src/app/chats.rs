//! Conversations, private to their person.

use futures_util::StreamExt as _;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::App;
use super::ask::{self, Ask, Pieces};
use super::error::{Error, Result};
use super::principal::Principal;
use crate::domain::answer::{Citation, Doubt, Finish, Piece};
use crate::domain::chat::{Chat, Message, Speaker, Turn};
use crate::domain::id::ChatId;
use crate::domain::question::Question;
use crate::store::NewMessage;
use crate::{clock, limits};

/// Chats listed in the sidebar.
const CHATS_LISTED_MAX: u32 = 100;
/// Characters of the first question that become the title.
const TITLE_CHARS: usize = 80;
/// Pieces waiting for a slow reader.
const PIECES_WAITING_MAX: usize = 256;

/// The caller's chats, the newest first.
pub async fn list(app: &App, principal: &Principal) -> Result<Vec<Chat>> {
    let user = principal.person()?.id;
    Ok(app.store.chats(principal.account.id, user, CHATS_LISTED_MAX).await?)
}

/// Begins a chat named after its first question.
pub async fn create(app: &App, principal: &Principal, first: &Question) -> Result<Chat> {
    let user = principal.person()?.id;
    let mut title: String = first.text().chars().take(TITLE_CHARS).collect();
    if first.text().chars().count() > TITLE_CHARS {
        title.push('…');
    }
    Ok(app.store.create_chat(principal.account.id, user, title, clock::now_ms()).await?)
}

/// A chat with its messages, oldest first.
pub async fn get(app: &App, principal: &Principal, id: ChatId) -> Result<(Chat, Vec<Message>)> {
    let (account, user) = (principal.account.id, principal.person()?.id);
    let chat = app.store.chat(account, user, id).await?.ok_or_else(|| Error::not_found("chat"))?;
    let messages = app.store.messages(account, user, id).await?;
    Ok((chat, messages))
}

/// Deletes a chat and all that was said in it.
pub async fn delete(app: &App, principal: &Principal, id: ChatId) -> Result<()> {
    match app.store.delete_chat(principal.account.id, principal.person()?.id, id).await? {
        true => Ok(()),
        false => Err(Error::not_found("chat")),
    }
}

/// Asks within a chat. The question is stored at once; the answer when it ends, also when its reader has left.
pub async fn ask(app: &App, principal: &Principal, id: ChatId, question: Question) -> Result<Pieces> {
    let (_, messages) = get(app, principal, id).await?;
    let recent = messages.len().saturating_sub(limits::CHAT_MESSAGES_MAX);
    let history = messages.into_iter().skip(recent).map(|message| message.turn).collect();
    let pieces = ask::ask(app, principal, Ask { history, ..Ask::simply(question.clone()) }).await?;
    let asked = Turn { speaker: Speaker::User, text: question.text().to_owned() };
    app.store.append_message(id, NewMessage::plain(asked), clock::now_ms()).await?;
    let (sender, receiver) = mpsc::channel(PIECES_WAITING_MAX);
    tokio::spawn(write_down(app.clone(), id, pieces, sender));
    Ok(Box::pin(ReceiverStream::new(receiver)))
}

/// Passes pieces on while somebody reads, and stores the whole at the end.
async fn write_down(app: App, chat: ChatId, mut pieces: Pieces, reader: mpsc::Sender<Result<Piece>>) {
    let mut answer = Written::default();
    while let Some(piece) = pieces.next().await {
        if let Ok(piece) = &piece {
            answer.take(piece);
        }
        // A reader who has left does not stop the answer: it is found in the chat later.
        let _ = reader.send(piece).await;
    }
    if answer.text.is_empty() {
        return;
    }
    let turn = Turn { speaker: Speaker::Assistant, text: answer.text };
    let said = NewMessage {
        turn,
        citations: answer.citations,
        doubts: answer.doubts,
        finish: answer.finish,
        turns_left_out: answer.turns_left_out,
    };
    let stored = app.store.append_message(chat, said, clock::now_ms()).await;
    if let Err(error) = stored {
        tracing::error!(%chat, %error, "an answer could not be stored");
    }
}

#[derive(Default)]
struct Written {
    text: String,
    citations: Vec<Citation>,
    doubts: Vec<Doubt>,
    finish: Option<Finish>,
    turns_left_out: u32,
}

impl Written {
    fn take(&mut self, piece: &Piece) {
        match piece {
            Piece::Text(text) => self.text.push_str(text),
            Piece::Citation(citation) => self.citations.push(citation.clone()),
            Piece::Doubt(doubt) => self.doubts.push(*doubt),
            Piece::Done(outcome) => {
                self.finish = Some(outcome.finish);
                self.turns_left_out = outcome.turns_left_out;
            }
            Piece::Passages(_) | Piece::Waiting { .. } => {}
        }
    }
}
