//! The remote embedder and generator against a scripted endpoint.

use crate::domain::answer::Finish;
use crate::domain::chat::{Speaker, Turn};
use crate::inference::{Embedder, Endpoint, Generated, Generator, InferenceError, Reader, Sampling, Urgency};
use crate::limits;
use crate::net::scripted::{Scripted, Step, answer, head, send};
use crate::net::{Client, Policy, Waits};
use futures_util::StreamExt;
use serde_json::json;
use std::time::Duration;

const KEY: &str = "sk-kept-secret";

fn client() -> Client {
    let silence = Duration::from_millis(400);
    Client::with_waits(Policy::Configured, Waits { connect: Duration::from_secs(5), silence })
}

fn endpoint(base_url: String) -> Endpoint {
    Endpoint { base_url, api_key: Some(KEY.to_owned()), model: "tiny".to_owned() }
}

// --- Generator ------------------------------------------------------------------------------------------------

/// One event with `text`.
fn word(text: &str) -> String {
    format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": {"content": text}}]}))
}

const END: &str = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n\
    data: {\"choices\":[],\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":3,\"total_tokens\":14}}\n\ndata: [DONE]\n\n";

fn stream(body: &str) -> Vec<Step> {
    vec![head(200, "Content-Type: text/event-stream\r\n"), send(body)]
}

/// Asks once, and gives the text, the end, and the error if there was one.
async fn ask(base_url: String) -> (String, Option<Generated>, Option<InferenceError>) {
    let turns = vec![Turn { speaker: Speaker::User, text: "Why?".to_owned() }];
    let begun =
        Generator::remote(client(), endpoint(base_url)).generate(turns, Sampling::default(), Reader::default()).await;
    let (mut text, mut end) = (String::new(), None);
    let mut pieces = match begun {
        Ok(pieces) => Box::pin(pieces),
        Err(error) => return (text, end, Some(error)),
    };
    while let Some(piece) = pieces.next().await {
        assert!(end.is_none(), "nothing comes after the end");
        match piece {
            Ok(Generated::Text(more)) => text.push_str(&more),
            Ok(done) => end = Some(done),
            Err(error) => return (text, end, Some(error)),
        }
    }
    (text, end, None)
}

fn done(finish: Finish, prompt_tokens: u32, completion_tokens: u32) -> Option<Generated> {
    Some(Generated::Done { finish, prompt_tokens, completion_tokens })
}

#[tokio::test]
async fn an_answer_arrives_in_its_pieces() {
    let whole = format!("{}{}{END}", word("Because "), word("東京 🗼."));
    let in_bytes: Vec<Step> = whole.bytes().map(|byte| Step::Send(vec![byte])).collect();
    let no_done = whole.replace("data: [DONE]\n\n", "");
    let length = format!("{}data: {}\n\n", word("Because 東京 🗼."), r#"{"choices":[{"finish_reason":"length"}]}"#);
    let unstreamed = json!({
        "choices": [{"message": {"role": "assistant", "content": "Because 東京 🗼."}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 11, "completion_tokens": 3},
    });
    let pretty = serde_json::to_string_pretty(&unstreamed).expect("it is JSON");
    let server = Scripted::serve(vec![
        stream(&whole),
        [stream(""), in_bytes].concat(),
        stream(&no_done),
        stream(&length),
        answer(200, "Content-Type: application/json\r\n", &pretty),
    ])
    .await;
    for end in [
        done(Finish::Stop, 11, 3),
        done(Finish::Stop, 11, 3),
        done(Finish::Stop, 11, 3),
        done(Finish::Length, 0, 0),
        done(Finish::Stop, 11, 3),
    ] {
        assert_eq!(ask(server.url("/v1/")).await, ("Because 東京 🗼.".to_owned(), end, None));
    }
    let first = &server.received()[0];
    assert!(first.head.starts_with("post /v1/chat/completions http/1.1"), "{}", first.head);
    assert!(first.head.contains(&format!("authorization: bearer {KEY}")), "{}", first.head);
    assert!(first.body.contains(r#""stream":true"#), "{}", first.body);
}

#[tokio::test]
async fn what_an_endpoint_does_not_know_is_left_out() {
    let unknown = r#"{"error":{"message":"unknown field `stream_options`"}}"#;
    let server = Scripted::serve(vec![answer(400, "", unknown), stream(&format!("{}{END}", word("Yes.")))]).await;
    assert_eq!(ask(server.url("")).await.0, "Yes.");
    let received = server.received();
    assert!(received[0].body.contains("stream_options") && !received[1].body.contains("stream_options"));
}

#[tokio::test]
async fn failures_say_what_to_do_and_keep_the_key() {
    let closed = Scripted::serve(Vec::new()).await.url("/v1");
    tokio::time::sleep(Duration::from_millis(50)).await;
    let scripts = vec![
        (answer(500, "", r#"{"error":{"message":"out of memory"}}"#), "", "(status 500): out of memory"),
        (answer(401, "", &format!("bad key {KEY}")), "", "(status 401): bad key [key]"),
        (answer(404, "", ""), "", "has the model `tiny`"),
        (answer(429, "Retry-After: 1\r\n", ""), "", "(status 429): it is being asked too often"),
        (answer(302, "Location: http://elsewhere.example/\r\n", ""), "", "redirects elsewhere"),
        (vec![Step::Hang], "", "did not answer in time"),
        (stream(&word("Half ")), "Half ", "in the middle of the answer"),
        ([stream(&word("Half ")), vec![Step::Hang]].concat(), "Half ", "did not answer in time"),
        (vec![head(200, "Content-Length: 9999\r\n"), send(&word("Half "))], "Half ", "the connection broke"),
        (stream(&format!("{}data: {{\"choices\": [\n\n", word("Half "))), "Half ", "not understood"),
        (stream("data: {\"error\":{\"message\":\"overloaded\"}}\n\n"), "", "overloaded"),
        (answer(200, "Content-Type: application/json\r\n", r#"{"error":"no such model"}"#), "", "no such model"),
        (answer(200, "Content-Type: text/html\r\n", "<html>Hello</html>"), "", "in the middle of the answer"),
        (stream(&format!("data: {}", "x".repeat(8 * limits::ANSWER_BYTES_MAX))), "", "larger than any answer"),
    ];
    let server = Scripted::serve(scripts.iter().map(|(script, ..)| script.clone()).collect()).await;
    let cases = scripts.iter().map(|(_, text, says)| (server.url("/v1"), *text, *says));
    for (url, text, says) in cases.chain([(closed, "", "could not connect")]) {
        let (found, end, error) = ask(url.clone()).await;
        let error = error.unwrap_or_else(|| panic!("{says}: no error but {found:?}, {end:?}"));
        let shown = error.to_string();
        assert!(shown.contains(says) && shown.contains(&url), "{shown:?} does not say {says:?} and {url}");
        assert!(!shown.contains(KEY) && !format!("{error:?}").contains(KEY), "{shown}");
        assert_eq!((found.as_str(), end), (text, None), "{says}");
    }
}

#[tokio::test]
async fn an_endless_answer_ends_at_the_limit_and_a_dropped_one_is_cancelled() {
    let endless = word(&"endless ".repeat(1024));
    let enough = 2 * limits::ANSWER_BYTES_MAX / 8192;
    let server = Scripted::serve(vec![
        [stream(""), vec![send(&endless); enough], vec![Step::Hang]].concat(),
        [stream(&word("One ")), vec![Step::Hang]].concat(),
    ])
    .await;
    let (text, end, error) = ask(server.url("")).await;
    assert_eq!((text.len(), end, error), (limits::ANSWER_BYTES_MAX, done(Finish::Length, 0, 0), None));
    server.left().await;

    let generator = Generator::remote(client(), endpoint(server.url("")));
    let mut pieces =
        Box::pin(generator.generate(Vec::new(), Sampling::default(), Reader::default()).await.expect("it begins"));
    assert_eq!(pieces.next().await, Some(Ok(Generated::Text("One ".to_owned()))));
    drop(pieces);
    server.left().await;
}

// --- Embedder -------------------------------------------------------------------------------------------------

/// An answer with a vector for each number, which is its direction's first coordinate.
fn vectors(numbers: &[f32]) -> Vec<Step> {
    let rows: Vec<_> = numbers
        .iter()
        .enumerate()
        .rev()
        .map(|(index, number)| json!({"object": "embedding", "index": index, "embedding": [number, 4.0]}))
        .collect();
    answer(200, "Content-Type: application/json\r\n", &json!({"object": "list", "data": rows}).to_string())
}

async fn open(server: &Scripted, dimensions: Option<usize>) -> Result<Embedder, InferenceError> {
    Embedder::remote(client(), endpoint(server.url("/v1")), dimensions).await
}

#[tokio::test]
async fn remote_vectors_are_of_unit_length_and_in_order() {
    let first: Vec<f32> = (0..32).map(|n| n as f32).collect();
    let server = Scripted::serve(vec![vectors(&[1.0]), vectors(&first), vectors(&[3.0])]).await;
    let embedder = open(&server, None).await.expect("the endpoint tells its dimensions");
    let identity = embedder.identity();
    assert_eq!((embedder.dimensions(), identity.name.as_str()), (2, "tiny"));
    assert_eq!((identity.weights.as_str(), identity.pooling.as_str()), (server.url("/v1").as_str(), "remote"));
    let texts = (0..33).map(|n| format!("text {n}")).collect();
    let found = embedder.embed(texts, Urgency::Passages).await.expect("the texts are embedded");
    assert_eq!((found.len(), &found[0], &found[3]), (33, &vec![0.0, 1.0], &vec![0.6, 0.8]));
    assert_eq!(found[32], vec![0.6, 0.8], "the last text went with a second request");
    assert!(server.received()[0].head.starts_with("post /v1/embeddings "));
    embedder.close();
    let refused = embedder.embed(vec!["late".to_owned()], Urgency::Question).await;
    assert_eq!(refused, Err(InferenceError::Closed));
}

#[tokio::test]
async fn a_busy_endpoint_is_asked_again_and_a_wrong_answer_is_not() {
    let busy = || answer(429, "Retry-After: 0\r\n", "");
    let down = || answer(503, "Retry-After: 0\r\n", "loading");
    let wrong = |body: &str| answer(200, "", body);
    let three = json!({"data": [{"index": 0, "embedding": [1, 2, 3]}]}).to_string();
    let server = Scripted::serve(
        [
            vec![busy(), down(), vectors(&[3.0])],
            vec![down(), down(), down(), down()],
            vec![answer(400, "", r#"{"error":{"message":"too long"}}"#)],
            vec![wrong("not JSON")],
            vec![wrong(r#"{"data":[]}"#)],
            vec![wrong(&three)],
            vec![wrong(r#"{"data":[{"index":0,"embedding":[0,0]}]}"#)],
            vec![vec![Step::Hang]],
        ]
        .concat(),
    )
    .await;
    let embedder = open(&server, Some(2)).await.expect("with dimensions given, nothing is asked");
    assert!(server.received().is_empty());
    let ask = async || embedder.embed(vec!["text".to_owned()], Urgency::Question).await;
    assert_eq!(ask().await, Ok(vec![vec![0.6, 0.8]]));
    for (says, requests) in [
        ("(status 503): loading", 7),
        ("too long", 8),
        ("not understood", 9),
        ("0 vectors for 1", 10),
        ("3 dimensions and not 2: correct EMBEDDING_DIMENSIONS", 11),
        ("zero or not finite", 12),
        ("did not answer in time", 13),
    ] {
        let shown = ask().await.expect_err("the endpoint fails").to_string();
        assert!(shown.contains(says), "{shown:?} does not say {says:?}");
        assert_eq!(server.received().len(), requests, "{says}");
    }
}

#[tokio::test]
async fn impossible_dimensions_are_refused_at_once() {
    let server = Scripted::serve(vec![wrong_dimensions()]).await;
    for dimensions in [Some(0), Some(limits::EMBED_DIMENSIONS_MAX + 1), None] {
        let refused = open(&server, dimensions).await.err();
        assert!(matches!(refused, Some(InferenceError::Input(_))), "{dimensions:?}: {refused:?}");
    }
}

/// An answer with an empty vector.
fn wrong_dimensions() -> Vec<Step> {
    answer(200, "", r#"{"data":[{"index":0,"embedding":[]}]}"#)
}
