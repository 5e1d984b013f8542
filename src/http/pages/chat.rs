//! The page for asking: empty, or with an earlier conversation.

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::texts::say;
use super::{Page, Place, go_to, html, reading};
use crate::app::{chats, models, sources};
use crate::domain::account::Role;
use crate::domain::answer::{Citation, Finish};
use crate::domain::chat::{Chat, Message, Speaker};
use crate::domain::id::ChatId;
use crate::http::Site;
use crate::http::error::Failure;
use crate::http::gate::Caller;

#[derive(Template)]
#[template(path = "chat.html")]
struct ChatPage {
    page: Page,
    chat: Option<Chat>,
    turns: Vec<Turn>,
    /// Whether the last question has no answer yet.
    unanswered: bool,
    ready: u64,
    ready_line: String,
    may_add: bool,
    /// How answers come about.
    below: String,
}

/// One stored turn as the page shows it.
enum Turn {
    Asked { text: String },
    Answered { text: String, citations: Vec<Cited>, refused: bool, shortened: bool },
}

struct Cited {
    number: u32,
    label: String,
    /// Word for word, for the panel when the document is gone.
    quote: String,
    /// The same without markup, for reading.
    excerpt: String,
    href: String,
    fragment: String,
}

/// `GET /`: a new question.
pub async fn blank(site: web::Data<Site>, request: HttpRequest, caller: Caller) -> Result<HttpResponse, Failure> {
    page(&site, &request, &caller, None).await
}

/// `GET /chats/{id}`: an earlier conversation.
pub async fn show(
    site: web::Data<Site>,
    request: HttpRequest,
    caller: Caller,
    path: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let found = chats::get(&site.app, caller.principal(), id(&path)?).await?;
    page(&site, &request, &caller, Some(found)).await
}

/// `POST /chats/{id}/delete`.
pub async fn delete(site: web::Data<Site>, caller: Caller, path: web::Path<String>) -> Result<HttpResponse, Failure> {
    chats::delete(&site.app, caller.principal(), id(&path)?).await?;
    Ok(go_to("/"))
}

/// The chat that an address or a form names.
pub fn id(text: &str) -> Result<ChatId, Failure> {
    text.parse().map_err(|_| Failure::not_found())
}

async fn page(
    site: &Site,
    request: &HttpRequest,
    caller: &Caller,
    found: Option<(Chat, Vec<Message>)>,
) -> Result<HttpResponse, Failure> {
    let (chat, messages) = found.map_or((None, Vec::new()), |(chat, messages)| (Some(chat), messages));
    let here = if chat.is_some() { "" } else { "ask" };
    let page = Page::of(site, request, caller, here, chat.as_ref().map(|chat| chat.id)).await?;
    let counts = sources::counts(&site.app, caller.principal()).await?;
    let ready_line = match counts.ready {
        1 => page.t.ready_one.to_owned(),
        many => say(page.t.ready_many, &[&many]),
    };
    let turns: Vec<Turn> = messages.into_iter().filter_map(Turn::of).collect();
    let below = match (models::has_generator(&site.app), models::generator_missing(&site.app)) {
        (true, _) => page.t.check_citations.to_owned(),
        (false, Some(name)) => say(page.t.generator_missing, &[&name]),
        (false, None) => page.t.quotes_only.to_owned(),
    };
    html(&ChatPage {
        page,
        chat,
        unanswered: matches!(turns.last(), Some(Turn::Asked { .. })),
        turns,
        ready: counts.ready,
        ready_line,
        may_add: caller.principal().role >= Role::Editor,
        below,
    })
}

impl Turn {
    fn of(message: Message) -> Option<Turn> {
        match message.turn.speaker {
            Speaker::System => None,
            Speaker::User => Some(Turn::Asked { text: message.turn.text }),
            Speaker::Assistant => Some(Turn::Answered {
                text: message.turn.text,
                citations: message.citations.iter().map(Cited::of).collect(),
                refused: message.finish == Some(Finish::Refused),
                shortened: message.finish == Some(Finish::Length),
            }),
        }
    }
}

impl Cited {
    fn of(citation: &Citation) -> Cited {
        let Place { href, fragment } = Place::of(citation);
        Cited {
            number: citation.number,
            label: citation.label(),
            quote: citation.quote.clone(),
            excerpt: reading::plain(&citation.quote),
            href,
            fragment,
        }
    }
}
