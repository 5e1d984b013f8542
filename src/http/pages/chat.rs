//! The page for asking: empty, or with an earlier conversation.

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::texts::{Texts, say};
use super::{Page, Place, go_to, html, may_change, reading};
use crate::app::{chats, models, sources};
use crate::domain::answer::{Citation, Doubt, Finish, Reason};
use crate::domain::chat::{Chat, Message, Speaker};
use crate::domain::extract::Span;
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
    /// Whether a model writes the answers: then what was found is shown before its first word.
    has_generator: bool,
}

/// One stored turn as the page shows it.
enum Turn {
    Asked { text: String },
    Answered { runs: Vec<Run>, citations: Vec<Cited>, doubted: bool, refused: bool, shortened: bool, forgot: bool },
}

/// A stretch of an answer's text.
#[derive(Debug, PartialEq)]
struct Run {
    text: String,
    /// Why it is not confirmed, if it is not.
    doubt: Option<&'static str>,
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
    let turns: Vec<Turn> = messages.into_iter().filter_map(|message| Turn::of(page.t, message)).collect();
    let below = match (models::has_generator(&site.app), models::generator_missing(&site.app)) {
        _ if models::is_by_words(&site.app) => page.t.words_only.to_owned(),
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
        may_add: may_change(caller),
        below,
        has_generator: models::has_generator(&site.app),
    })
}

impl Turn {
    fn of(t: &Texts, message: Message) -> Option<Turn> {
        match message.turn.speaker {
            Speaker::System => None,
            Speaker::User => Some(Turn::Asked { text: message.turn.text }),
            Speaker::Assistant => Some(Turn::Answered {
                runs: runs(t, &message.turn.text, &message.doubts),
                doubted: !message.doubts.is_empty(),
                citations: message.citations.iter().map(Cited::of).collect(),
                refused: message.finish == Some(Finish::Refused),
                forgot: message.turns_left_out > 0,
                shortened: message.finish == Some(Finish::Length),
            }),
        }
    }
}

/// `text` cut where a sentence that is not confirmed begins or ends.
fn runs(t: &Texts, text: &str, doubts: &[Doubt]) -> Vec<Run> {
    let mut runs = Vec::new();
    let mut from = 0;
    for doubt in doubts {
        runs.push(Run { text: Span { start: from, end: doubt.span.start }.of(text).to_owned(), doubt: None });
        runs.push(Run { text: doubt.span.of(text).to_owned(), doubt: Some(why(t, doubt.reason)) });
        from = doubt.span.end;
    }
    runs.push(Run { text: Span { start: from, end: text.len() }.of(text).to_owned(), doubt: None });
    runs.retain(|run| !run.text.is_empty());
    runs
}

/// Why a sentence is not confirmed, for its reader.
pub fn why(t: &Texts, reason: Reason) -> &'static str {
    match reason {
        Reason::Number => t.unconfirmed_number,
        Reason::Date => t.unconfirmed_date,
        Reason::Name => t.unconfirmed_name,
        Reason::Words => t.unconfirmed_words,
        Reason::Meaning => t.unconfirmed_meaning,
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

#[cfg(test)]
mod tests {
    use super::super::texts::ENGLISH;
    use super::{Run, runs, why};
    use crate::domain::answer::{Doubt, Reason};
    use crate::domain::extract::Span;

    #[test]
    fn a_text_is_cut_at_its_doubts() {
        let plain = |text: &str| Run { text: text.to_owned(), doubt: None };
        let doubted = |text: &str| Run { text: text.to_owned(), doubt: Some(why(&ENGLISH, Reason::Name)) };
        let cases = [
            ("", vec![], vec![]),
            ("é. b.", vec![], vec![plain("é. b.")]),
            ("é. b.", vec![(0, 3)], vec![doubted("é."), plain(" b.")]),
            ("é. b.", vec![(0, 3), (4, 6)], vec![doubted("é."), plain(" "), doubted("b.")]),
        ];
        for (text, spans, expected) in cases {
            let doubt = |(start, end)| Doubt { span: Span { start, end }, reason: Reason::Name };
            let doubts: Vec<Doubt> = spans.into_iter().map(doubt).collect();
            assert_eq!(runs(&ENGLISH, text, &doubts), expected, "{text:?}");
        }
    }
}
