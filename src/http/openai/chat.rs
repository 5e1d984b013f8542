//! `POST /v1/chat/completions`, streamed and whole: the last message is the question, the earlier ones its history.
//!
//! Beyond OpenAI's own fields a request may say `"nosia": {"retrieval": false, "passages": 4}`. An answer carries the
//! `passages` that were found (in a stream on a chunk of their own, before the first word), `citations` (beside the
//! choices and on the message; in a stream on the last chunk with a choice), likewise `unsupported`, the sentences that
//! their passages do not bear out, and, if the documents do not support an answer, `"nosia": {"refused": true}`.

use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::StreamExt;
use serde_json::{Value, json};

use crate::app::App;
use crate::app::ask::{self, Ask, Pieces};
use crate::domain::answer::{Citation, Doubt, Finish, Outcome, Piece};
use crate::domain::chat::{Speaker, Turn};
use crate::domain::passage::Passage;
use crate::domain::question::Question;
use crate::http::body::{self, Fields};
use crate::http::error::Failure;
use crate::http::gate::Caller;
use crate::http::openai::sampling;
use crate::http::stream::{self, Wire};
use crate::http::{Site, nosia, openai};
use crate::{clock, limits};

/// Answers the last message.
pub async fn complete(
    site: web::Data<Site>,
    caller: Caller,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Failure> {
    let fields = body::json(&request, payload).await?;
    let model = fields.text("model")?;
    openai::must_know(&site.app, caller.principal(), model, "chat")?;
    let streamed = fields.flag("stream", false)?;
    let with_usage = match fields.get("stream_options") {
        Some(options) => Fields::of("stream_options", options)?.flag("include_usage", false)?,
        None => false,
    };
    let wanted = read(&site.app, &fields)?;
    let pieces = ask::ask(&site.app, caller.principal(), wanted).await?;
    let head = Head::new(model);
    match streamed {
        true => Ok(stream::respond(pieces, Chunks { head, with_usage, said: Said::default() })),
        false => Ok(HttpResponse::Ok().json(whole(&head, pieces).await?)),
    }
}

/// What the request asks.
fn read(app: &App, fields: &Fields) -> Result<Ask, Failure> {
    for refused in ["tools", "functions"] {
        if fields.get(refused).and_then(Value::as_array).is_some_and(|list| !list.is_empty()) {
            return Err(Failure::field(refused, format!("`{refused}` are not supported here.")));
        }
    }
    if fields.whole("n", 1..=128)?.is_some_and(|n| n > 1) {
        return Err(fields.wrong("n", "1: one answer is given"));
    }
    let (question, history) = read_messages(fields)?;
    let own = match fields.get("nosia") {
        Some(own) => Fields::of("nosia", own)?,
        None => Fields::of("nosia", &json!({}))?,
    };
    let passages_max = own.whole("passages", 1..=limits::PASSAGES_MAX as i64)?.map(|count| count as usize);
    Ok(Ask {
        question,
        history,
        retrieval: own.flag("retrieval", true)?,
        sampling: Some(sampling::read(fields, app.sampling())?),
        passages_max,
    })
}

/// The last message as the question, and all before it. System messages are kept, `developer` is one.
fn read_messages(fields: &Fields) -> Result<(Question, Vec<Turn>), Failure> {
    let mut turns = Vec::new();
    for (at, message) in fields.list("messages")?.iter().enumerate() {
        let path = format!("messages[{at}]");
        let message = Fields::of(&path, message)?;
        let role = match message.text("role")? {
            "developer" => Speaker::System,
            role => Speaker::parse(role)
                .ok_or_else(|| message.wrong("role", "one of `system`, `developer`, `user`, `assistant`"))?,
        };
        turns.push(Turn { speaker: role, text: read_content(&message)? });
    }
    let last = turns.pop().expect("the list is not empty");
    let path = format!("messages[{}]", turns.len());
    if last.speaker != Speaker::User {
        return Err(Failure::field(format!("{path}.role"), "The last message must be the user's question."));
    }
    let question =
        Question::parse(&last.text).map_err(|error| Failure::field(format!("{path}.content"), error.to_string()))?;
    Ok((question, turns))
}

/// A text, or a list of parts that are texts.
fn read_content(message: &Fields) -> Result<String, Failure> {
    let expected = "a string or a list of parts `{\"type\": \"text\", \"text\": \"...\"}`";
    match message.get("content") {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Array(parts)) => {
            let texts: Option<Vec<_>> =
                parts.iter().map(|part| (part["type"] == "text").then(|| part["text"].as_str()).flatten()).collect();
            Ok(texts.ok_or_else(|| message.wrong("content", expected))?.join("\n"))
        }
        _ => Err(message.wrong("content", expected)),
    }
}

/// What every object of one answer begins with.
struct Head {
    id: String,
    model: String,
    created_at_s: i64,
}

impl Head {
    fn new(model: &str) -> Head {
        let id = format!("chatcmpl-{}", hex::encode(rand::random::<[u8; 12]>()));
        Head { id, model: model.to_owned(), created_at_s: clock::now_ms() / 1000 }
    }

    fn object(&self, kind: &str, choices: Value) -> Value {
        json!({ "id": self.id, "object": kind, "created": self.created_at_s, "model": self.model, "choices": choices })
    }
}

/// Why an answer ended, in OpenAI's words: a refusal is a complete answer.
fn finish_reason(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop | Finish::Refused => "stop",
        Finish::Length => "length",
    }
}

/// What has been said of an answer so far.
#[derive(Default)]
struct Said {
    text: String,
    passages: Vec<Passage>,
    citations: Vec<Citation>,
    doubts: Vec<Doubt>,
    outcome: Option<Outcome>,
}

impl Said {
    fn take(&mut self, piece: Piece) {
        match piece {
            Piece::Passages(found) => self.passages = found,
            Piece::Text(more) => self.text.push_str(&more),
            Piece::Citation(citation) => self.citations.push(citation),
            Piece::Doubt(doubt) => self.doubts.push(doubt),
            Piece::Waiting { .. } => {}
            Piece::Done(outcome) => self.outcome = Some(outcome),
        }
    }

    fn outcome(&self) -> Result<&Outcome, Failure> {
        self.outcome.as_ref().ok_or_else(|| Failure::internal("an answer ended without its outcome"))
    }

    fn passages(&self) -> Value {
        self.passages.iter().map(nosia::found).collect()
    }

    fn citations(&self) -> Value {
        self.citations.iter().map(nosia::citation).collect()
    }

    fn unsupported(&self) -> Value {
        self.doubts.iter().map(|doubt| nosia::unsupported(doubt, &self.text)).collect()
    }
}

/// What only Nosia says of an answer's end.
fn own(outcome: &Outcome) -> Value {
    json!({ "refused": outcome.finish == Finish::Refused, "messages_left_out": outcome.turns_left_out })
}

/// Waits for the end and gives the answer as one object.
async fn whole(head: &Head, mut pieces: Pieces) -> Result<Value, Failure> {
    let mut said = Said::default();
    while let Some(piece) = pieces.next().await {
        said.take(piece?);
    }
    let outcome = said.outcome()?;
    let (citations, unsupported) = (said.citations(), said.unsupported());
    let message = json!({
        "role": "assistant",
        "content": said.text,
        "refusal": null,
        "citations": citations,
        "unsupported": unsupported,
    });
    let choice =
        json!({ "index": 0, "message": message, "logprobs": null, "finish_reason": finish_reason(outcome.finish) });
    let mut answer = head.object("chat.completion", json!([choice]));
    answer["citations"] = citations;
    answer["passages"] = said.passages();
    answer["unsupported"] = unsupported;
    answer["usage"] = openai::usage(outcome.prompt_tokens, outcome.completion_tokens);
    answer["nosia"] = own(outcome);
    Ok(answer)
}

/// An answer as chunks: the first gives the role, the second what was found, the last with a choice the end, and
/// `[DONE]` closes.
struct Chunks {
    head: Head,
    /// Whether the counts come in a chunk of their own, after the last choice.
    with_usage: bool,
    said: Said,
}

impl Chunks {
    fn chunk(&self, delta: &Value, finish: Option<&str>) -> Value {
        let choice = json!({ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish });
        self.head.object("chat.completion.chunk", json!([choice]))
    }
}

impl Wire for Chunks {
    fn begin(&mut self) -> String {
        stream::event(None, &self.chunk(&json!({ "role": "assistant", "content": "" }), None))
    }

    fn piece(&mut self, piece: Piece) -> String {
        let chunk = match &piece {
            Piece::Text(text) => Some(self.chunk(&json!({ "content": text }), None)),
            Piece::Passages(found) => {
                let mut chunk = self.chunk(&json!({}), None);
                chunk["passages"] = found.iter().map(nosia::found).collect();
                Some(chunk)
            }
            Piece::Waiting { place } => {
                let mut chunk = self.chunk(&json!({}), None);
                chunk["waiting"] = json!(place);
                Some(chunk)
            }
            Piece::Citation(_) | Piece::Doubt(_) | Piece::Done(_) => None,
        };
        self.said.take(piece);
        chunk.map_or_else(String::new, |chunk| stream::event(None, &chunk))
    }

    fn failed(&mut self, failure: &Failure) -> String {
        stream::event(None, &failure.openai_json())
    }

    fn end(&mut self) -> String {
        let outcome = match self.said.outcome() {
            Ok(outcome) => outcome,
            Err(failure) => return self.failed(&failure),
        };
        let usage = openai::usage(outcome.prompt_tokens, outcome.completion_tokens);
        let mut last = self.chunk(&json!({}), Some(finish_reason(outcome.finish)));
        last["citations"] = self.said.citations();
        last["unsupported"] = self.said.unsupported();
        last["nosia"] = own(outcome);
        let mut text = String::new();
        if self.with_usage {
            let mut counts = self.head.object("chat.completion.chunk", json!([]));
            counts["usage"] = usage;
            text.push_str(&stream::event(None, &last));
            text.push_str(&stream::event(None, &counts));
        } else {
            last["usage"] = usage;
            text.push_str(&stream::event(None, &last));
        }
        text.push_str("data: [DONE]\n\n");
        text
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Chunks, Head, Said, read_messages};
    use crate::domain::answer::{Doubt, Finish, Outcome, Piece, Reason};
    use crate::domain::extract::Span;
    use crate::http::body::Fields;
    use crate::http::stream::Wire;

    #[test]
    fn messages_are_read_or_refused_by_name() {
        let user = |content: Value| json!([{ "role": "user", "content": content }]);
        let cases = [
            (user(json!("Who?")), Ok(("Who?", 0))),
            (
                user(json!([{ "type": "text", "text": "Who" }, { "type": "text", "text": "are you?" }])),
                Ok(("Who\nare you?", 0)),
            ),
            (
                json!([{ "role": "system", "content": "Be brief." }, { "role": "user", "content": "a" },
                       { "role": "assistant", "content": "b" }, { "role": "user", "content": "c" }]),
                Ok(("c", 3)),
            ),
            (json!([{ "role": "developer", "content": "x" }, { "role": "user", "content": "c" }]), Ok(("c", 1))),
            (user(json!([{ "type": "image_url", "image_url": {} }])), Err("messages[0].content")),
            (user(json!("")), Err("messages[0].content")),
            (user(json!("é".repeat(100_000))), Err("messages[0].content")),
            (json!([{ "role": "user" }]), Err("messages[0].content")),
            (json!([{ "role": "tool", "content": "x" }]), Err("messages[0].role")),
            (json!([{ "role": "assistant", "content": "x" }]), Err("messages[0].role")),
            (json!(["x"]), Err("messages[0]")),
            (json!([]), Err("messages")),
            (json!("x"), Err("messages")),
        ];
        for (messages, expected) in cases {
            let body = json!({ "messages": messages }).to_string();
            let fields = Fields::parse(body.as_bytes()).expect("an object");
            let read = read_messages(&fields);
            let read = read.as_ref().map(|(question, history)| (question.text(), history.len()));
            match expected {
                Ok(expected) => assert_eq!(read.ok(), Some(expected), "{messages}"),
                Err(field) => assert_eq!(read.expect_err("refused").field.as_deref(), Some(field), "{messages}"),
            }
        }
    }

    #[test]
    fn a_stream_is_chunks_and_done() {
        let outcome = Outcome {
            finish: Finish::Refused,
            model: "nosia".to_owned(),
            prompt_tokens: 3,
            completion_tokens: 4,
            turns_left_out: 2,
        };
        for (with_usage, chunks_with_usage) in [(false, vec![3]), (true, vec![4])] {
            let mut wire = Chunks { head: Head::new("nosia"), with_usage, said: Said::default() };
            let mut text = wire.begin();
            text.push_str(&wire.piece(Piece::Passages(Vec::new())));
            text.push_str(&wire.piece(Piece::Text("No.".to_owned())));
            let doubt = Doubt { span: Span { start: 0, end: 2 }, reason: Reason::Name };
            text.push_str(&wire.piece(Piece::Doubt(doubt)));
            text.push_str(&wire.piece(Piece::Done(outcome.clone())));
            text.push_str(&wire.end());
            let mut events: Vec<_> = text.split_terminator("\n\n").map(|event| &event["data: ".len()..]).collect();
            assert_eq!(events.pop(), Some("[DONE]"));
            let events: Vec<Value> = events.iter().map(|event| serde_json::from_str(event).expect("JSON")).collect();
            assert_eq!(events[0]["choices"][0]["delta"]["role"], "assistant");
            assert_eq!((&events[1]["passages"], &events[1]["choices"][0]["delta"]), (&json!([]), &json!({})));
            assert_eq!(events[2]["choices"][0]["delta"]["content"], "No.");
            assert_eq!(events[3]["choices"][0]["finish_reason"], "stop");
            assert_eq!(events[3]["nosia"], json!({ "refused": true, "messages_left_out": 2 }));
            let unsupported = json!([{ "start": 0, "end": 2, "text": "No", "reason": "name" }]);
            assert_eq!(events[3]["unsupported"], unsupported);
            let counted: Vec<_> = (0..events.len()).filter(|&at| events[at]["usage"]["total_tokens"] == 7).collect();
            assert_eq!(counted, chunks_with_usage);
        }
    }

    #[test]
    fn a_stream_without_an_outcome_is_an_error_and_not_done() {
        let mut wire = Chunks { head: Head::new("nosia"), with_usage: false, said: Said::default() };
        let text = wire.end();
        assert!(text.contains("\"error\"") && !text.contains("[DONE]"), "{text}");
    }
}
