//! `POST /ask`: a question in a chat, from the page's script (the answer streams) or from its plain form (the browser
//! waits, and is then shown the conversation).

use actix_web::http::header::ContentType;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};
use futures_util::StreamExt;
use serde_json::{Value, json};

use super::texts::Texts;
use super::{Place, chat, go_to, language, reading};
use crate::app::chats;
use crate::domain::answer::{Citation, Doubt, Piece};
use crate::domain::chat::Chat;
use crate::domain::question::Question;
use crate::http::body::{self, Form};
use crate::http::error::Failure;
use crate::http::gate::Caller;
use crate::http::stream::{self, Wire};
use crate::http::{Site, nosia};

/// Asks, in the chat that is named or in a new one.
pub async fn ask(
    site: web::Data<Site>,
    request: HttpRequest,
    caller: Caller,
    form: Form,
    payload: web::Payload,
) -> Result<HttpResponse, Failure> {
    let by_script = request.content_type() == ContentType::json().essence_str();
    let (text, chat) = match by_script {
        true => {
            let fields = body::json(&request, payload).await?;
            (fields.text("question")?.to_owned(), fields.text_if_any("chat")?.unwrap_or_default().to_owned())
        }
        false => (form.get("question").to_owned(), form.get("chat").to_owned()),
    };
    let question = Question::parse(&text).map_err(|error| Failure::field("question", error.to_string()))?;
    let (chat, is_new) = match chat.as_str() {
        "" => (chats::create(&site.app, caller.principal(), &question).await?, true),
        id => (chats::get(&site.app, caller.principal(), chat::id(id)?).await?.0, false),
    };
    let mut pieces = match chats::ask(&site.app, caller.principal(), chat.id, question).await {
        Ok(pieces) => pieces,
        Err(error) => {
            if is_new {
                // A chat that never got its question would only puzzle its reader.
                chats::delete(&site.app, caller.principal(), chat.id).await?;
            }
            return Err(error.into());
        }
    };
    if by_script {
        return Ok(stream::respond(pieces, Events { chat, t: language(&request), text: String::new() }));
    }
    while let Some(piece) = pieces.next().await {
        piece?;
    }
    Ok(go_to(&format!("/chats/{}", chat.id)))
}

/// An answer as the page's script reads it.
struct Events {
    chat: Chat,
    t: &'static Texts,
    /// What has been written so far.
    text: String,
}

impl Events {
    /// How many UTF-16 units of the text stand before the byte `at`: a script counts in those.
    fn units(&self, at: usize) -> usize {
        self.text[..self.text.floor_char_boundary(at)].encode_utf16().count()
    }
}

impl Wire for Events {
    fn begin(&mut self) -> String {
        stream::event(Some("chat"), &json!({ "id": self.chat.id.0, "title": self.chat.title }))
    }

    fn piece(&mut self, piece: Piece) -> String {
        match piece {
            Piece::Passages(passages) => {
                let found: Vec<_> =
                    (1..).zip(&passages).map(|(n, passage)| placed(&Citation::of(n, passage))).collect();
                stream::event(Some("passages"), &json!({ "passages": found }))
            }
            Piece::Waiting { place } => stream::event(Some("waiting"), &json!({ "place": place })),
            Piece::Text(text) => {
                self.text.push_str(&text);
                stream::event(Some("text"), &json!({ "text": text }))
            }
            Piece::Doubt(Doubt { span, reason }) => {
                let (start, end) = (self.units(span.start), self.units(span.end));
                let doubt = json!({ "start": start, "end": end, "why": chat::why(self.t, reason) });
                stream::event(Some("doubt"), &doubt)
            }
            Piece::Citation(citation) => stream::event(Some("citation"), &placed(&citation)),
            Piece::Done(outcome) => {
                let forgot = outcome.turns_left_out > 0;
                let end = json!({ "finish": outcome.finish.as_str(), "model": outcome.model, "forgot": forgot });
                stream::event(Some("done"), &end)
            }
        }
    }

    fn failed(&mut self, failure: &Failure) -> String {
        stream::event(Some("error"), &json!({ "message": failure.message }))
    }

    fn end(&mut self) -> String {
        String::new()
    }
}

/// A citation, or a passage in the shape of one, with the addresses of its text.
fn placed(citation: &Citation) -> Value {
    let place = Place::of(citation);
    let mut shape = nosia::citation(citation);
    shape["excerpt"] = json!(reading::plain(&citation.quote));
    shape["href"] = json!(place.href);
    shape["fragment"] = json!(place.fragment);
    shape
}
