//! Conversations.

use super::{House, NOW, person};
use crate::domain::account::Role;
use crate::domain::answer::{Citation, Doubt, Finish, Reason};
use crate::domain::chat::{Speaker, Turn};
use crate::domain::extract::Span;
use crate::domain::id::{ChatId, SourceId};
use crate::limits;
use crate::store::{NewMessage, StoreError};

fn turn(speaker: Speaker, text: &str) -> Turn {
    Turn { speaker, text: text.to_owned() }
}

fn citation(number: u32, page: Option<u32>) -> Citation {
    Citation {
        number,
        source: SourceId(7),
        version: 2,
        title: "Handbook".to_owned(),
        file_name: "a.pdf".to_owned(),
        page,
        span: Span { start: 3, end: 9 },
        quote: "word for word".to_owned(),
    }
}

#[tokio::test]
async fn a_chat_is_its_users_alone() {
    let house = House::new().await;
    let (store, account) = (&house.store, house.account());
    let ada = store.create_user(person("ada@example.org"), account, Role::Reader, NOW).await.expect("a user");
    let bob = store.create_user(person("bob@example.org"), account, Role::Owner, NOW).await.expect("a user");
    let first = store.create_chat(account, ada, "Leave".to_owned(), NOW).await.expect("a chat");
    let second = store.create_chat(account, ada, "Pay".to_owned(), NOW + 1).await.expect("a chat");
    let listed = async |limit| {
        let chats = store.chats(account, ada, limit).await.expect("a read");
        chats.into_iter().map(|chat| chat.id).collect::<Vec<_>>()
    };
    assert_eq!(listed(10).await, [second.id, first.id]);

    let question = turn(Speaker::User, "How many days?");
    let answer = turn(Speaker::Assistant, "Thirty [1][2].");
    let cited = vec![citation(1, Some(4)), citation(2, None)];
    store.append_message(first.id, NewMessage::plain(question.clone()), NOW + 2).await.expect("a message");
    let doubts = [(0, 6, Reason::Name), (7, 14, Reason::Number)];
    let doubts = doubts.map(|(start, end, reason)| Doubt { span: Span { start, end }, reason }).to_vec();
    let said = NewMessage {
        turn: answer.clone(),
        citations: cited.clone(),
        doubts: doubts.clone(),
        finish: Some(Finish::Stop),
        turns_left_out: 3,
    };
    let id = store.append_message(first.id, said, NOW + 3).await.expect("a message");
    assert_eq!(listed(10).await, [first.id, second.id], "the latest used comes first");
    assert_eq!(listed(1).await, [first.id]);
    let messages = store.messages(account, ada, first.id).await.expect("a read");
    assert_eq!(messages.len(), 2);
    assert_eq!((&messages[0].turn, &messages[0].citations, messages[0].finish), (&question, &Vec::new(), None));
    assert_eq!((&messages[1].turn, &messages[1].citations, messages[1].finish), (&answer, &cited, Some(Finish::Stop)));
    assert_eq!((messages[0].turns_left_out, messages[1].turns_left_out), (0, 3));
    assert_eq!((&messages[0].doubts, &messages[1].doubts), (&Vec::new(), &doubts));
    assert_eq!((messages[1].id, messages[1].chat, messages[1].created_at_ms), (id, first.id, NOW + 3));

    let stranger = house.stranger().await.account;
    for (account, user) in [(account, bob), (stranger, ada)] {
        assert_eq!(store.chat(account, user, first.id).await.expect("a read"), None);
        assert!(store.messages(account, user, first.id).await.expect("a read").is_empty());
        assert!(store.chats(account, user, 10).await.expect("a read").is_empty());
        assert!(!store.delete_chat(account, user, first.id).await.expect("a write"));
    }
    assert_eq!(store.chat(account, ada, first.id).await.expect("a read").expect("it is there").title, "Leave");
    assert!(store.delete_chat(account, ada, first.id).await.expect("a write"));
    assert!(!store.delete_chat(account, ada, first.id).await.expect("a write"));
    assert!(store.messages(account, ada, first.id).await.expect("a read").is_empty());
    for gone in [first.id, ChatId(99)] {
        let refused = store.append_message(gone, NewMessage::plain(question.clone()), NOW).await;
        assert!(matches!(refused, Err(StoreError::Conflict("chat"))), "{refused:?}");
    }
}

#[tokio::test]
async fn a_long_chat_is_read_back_from_its_end() {
    let house = House::new().await;
    let (store, account) = (&house.store, house.account());
    let ada = store.create_user(person("ada@example.org"), account, Role::Reader, NOW).await.expect("a user");
    let chat = store.create_chat(account, ada, "Leave".to_owned(), NOW).await.expect("a chat").id;
    for number in 0..limits::CHAT_MESSAGES_MAX + 5 {
        let said = turn(Speaker::User, &number.to_string());
        store.append_message(chat, NewMessage::plain(said), NOW).await.expect("a message");
    }
    let messages = store.messages(account, ada, chat).await.expect("a read");
    assert_eq!(messages.len(), limits::CHAT_MESSAGES_MAX);
    assert_eq!((messages[0].turn.text.as_str(), messages.last().expect("a last one").turn.text.as_str()), ("5", "204"));
}
