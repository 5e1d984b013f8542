//! Pieces of an answer as server-sent events. A reader that has gone drops the body, the body drops the stream, and
//! the stream stops the work.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Bytes;
use futures_util::{Stream, StreamExt, stream};
use serde_json::Value;

use crate::app;
use crate::app::ask::Pieces;
use crate::domain::answer::Piece;
use crate::http::error::Failure;
use crate::limits;

/// How one face writes an answer as events.
pub trait Wire: 'static {
    /// Before the first piece.
    fn begin(&mut self) -> String;
    /// One piece; empty where this face has nothing to say.
    fn piece(&mut self, piece: Piece) -> String;
    /// The answer broke off.
    fn failed(&mut self, failure: &Failure) -> String;
    /// After the last piece; not after a failure.
    fn end(&mut self) -> String;
}

/// One event as it goes over the wire.
pub fn event(name: Option<&str>, data: &Value) -> String {
    match name {
        Some(name) => format!("event: {name}\ndata: {data}\n\n"),
        None => format!("data: {data}\n\n"),
    }
}

/// A response that writes `pieces` in the manner of `wire` as they come.
pub fn respond(pieces: Pieces, wire: impl Wire) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/event-stream; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header(("x-accel-buffering", "no"))
        .streaming(events(pieces, wire))
}

enum State<W> {
    Begin(Pieces, W),
    Pieces(Pieces, W),
    Over,
}

/// The events, never empty ones. While nothing comes, a comment shows proxies and readers that the line is alive.
fn events(pieces: Pieces, wire: impl Wire) -> impl Stream<Item = Result<Bytes, actix_web::Error>> {
    let states = stream::unfold(State::Begin(pieces, wire), async |state| match state {
        State::Begin(pieces, mut wire) => Some((wire.begin(), State::Pieces(pieces, wire))),
        State::Pieces(pieces, wire) => Some(next(pieces, wire).await),
        State::Over => None,
    });
    states.filter(|text| std::future::ready(!text.is_empty())).map(|text| Ok(Bytes::from(text)))
}

async fn next<W: Wire>(mut pieces: Pieces, mut wire: W) -> (String, State<W>) {
    let silence = Duration::from_secs(limits::STREAM_SILENCE_SECONDS_MAX);
    match tokio::time::timeout(silence, pieces.next()).await {
        Err(_) => (": still here\n\n".to_owned(), State::Pieces(pieces, wire)),
        Ok(Some(Ok(piece))) => (wire.piece(piece), State::Pieces(pieces, wire)),
        Ok(Some(Err(error))) => (broken_off(error, &mut wire), State::Over),
        Ok(None) => (wire.end(), State::Over),
    }
}

fn broken_off(error: app::error::Error, wire: &mut impl Wire) -> String {
    let failure = Failure::from(error);
    failure.log("an answer in progress");
    wire.failed(&failure)
}

#[cfg(test)]
mod tests {
    use futures_util::{StreamExt, stream};
    use serde_json::json;

    use super::{Wire, event, events};
    use crate::app::error::Error;
    use crate::domain::answer::Piece;
    use crate::http::error::Failure;

    struct Plain;

    impl Wire for Plain {
        fn begin(&mut self) -> String {
            "(".to_owned()
        }
        fn piece(&mut self, piece: Piece) -> String {
            match piece {
                Piece::Text(text) => text,
                _ => String::new(),
            }
        }
        fn failed(&mut self, failure: &Failure) -> String {
            format!("!{}", failure.message)
        }
        fn end(&mut self) -> String {
            ")".to_owned()
        }
    }

    #[actix_web::test]
    async fn an_answer_is_opened_written_and_closed() {
        let text = |text: &str| Ok(Piece::Text(text.to_owned()));
        let cases = [
            (vec![], "()"),
            (vec![text("a"), Ok(Piece::Passages(Vec::new())), text("b")], "(ab)"),
            (vec![text("a"), Err(Error::invalid("gone")), text("b")], "(a!gone"),
        ];
        for (pieces, written) in cases {
            let all: Vec<_> = events(Box::pin(stream::iter(pieces)), Plain).collect().await;
            let all: Vec<_> = all.into_iter().map(|part| part.expect("never an error")).collect();
            assert_eq!(String::from_utf8(all.concat()).expect("it is text"), written);
        }
    }

    #[test]
    fn an_event_is_one_line_of_json() {
        assert_eq!(event(Some("text"), &json!({"text": "a\nb"})), "event: text\ndata: {\"text\":\"a\\nb\"}\n\n");
        assert_eq!(event(None, &json!(1)), "data: 1\n\n");
    }
}
