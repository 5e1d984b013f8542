//! Conversations.

use super::answer::{Citation, Doubt, Finish};
use super::id::{AccountId, ChatId, MessageId, UserId};

/// A conversation, private to its user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chat {
    pub id: ChatId,
    pub account: AccountId,
    pub user: UserId,
    pub title: String,
    pub created_at_ms: i64,
    pub updated_at_ms: i64,
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    System,
    User,
    Assistant,
}

impl Speaker {
    /// The word used in the API and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Speaker::System => "system",
            Speaker::User => "user",
            Speaker::Assistant => "assistant",
        }
    }

    /// The speaker that `word` names.
    pub fn parse(word: &str) -> Option<Speaker> {
        [Speaker::System, Speaker::User, Speaker::Assistant].into_iter().find(|speaker| speaker.as_str() == word)
    }
}

/// One turn of a conversation as it is sent to a generator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    pub speaker: Speaker,
    pub text: String,
}

/// One stored turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub id: MessageId,
    pub chat: ChatId,
    pub turn: Turn,
    pub citations: Vec<Citation>,
    /// Sentences of an answer that are not borne out, in its order.
    pub doubts: Vec<Doubt>,
    /// How an answer ended; `None` for questions.
    pub finish: Option<Finish>,
    /// Earlier turns that the generator was not told for this answer.
    pub turns_left_out: u32,
    pub created_at_ms: i64,
}
