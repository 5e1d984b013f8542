//! A model runner elsewhere on the network: the appliance before a scripted OpenAI-compatible server.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::web::{Bytes, Data, Json};
use actix_web::{App, HttpResponse, HttpServer, rt};
use futures_util::StreamExt as _;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio_stream::wrappers::ReceiverStream;

use crate::appliance::{Appliance, PATIENCE, folder, has_model, nosia};

const KEYS: &str = "# Keys\n\nThe spare key of the boathouse hangs in the harbour office, behind the tide tables.\n";
const LEAVE: &str = "# Leave\n\nEvery employee has 27 days of paid leave a year.\n";
const QUESTION: &str = "Where does the spare key of the boathouse hang?";
const SAID: &[&str] = &["It hangs in the ", "harbour office [1]", ", behind the tide tables."];
const API_KEY: &str = "sk-the-runner-s-key";
const DIMENSIONS: usize = 64;

/// What the runner was asked, and how it behaves.
#[derive(Default)]
struct Runner {
    asked: Mutex<Vec<Value>>,
    /// Says this instead of [`SAID`].
    says: Mutex<Option<String>>,
    /// Says nothing more once it has said `n - 1` of its events; 0 says all.
    silent_from: AtomicUsize,
    /// Streams that were dropped before their end.
    dropped: AtomicUsize,
    /// Refuses to embed.
    is_loading: AtomicBool,
}

/// Starts a runner on a free port of this machine; its address.
fn serve(runner: &Arc<Runner>) -> String {
    let data = Data::from(Arc::clone(runner));
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        rt::System::new().block_on(async move {
            let app = move || App::new().app_data(data.clone()).service(complete).service(embed);
            let server = HttpServer::new(app).workers(1).disable_signals().bind("127.0.0.1:0").expect("a free port");
            sender.send(server.addrs()[0]).expect("it is awaited");
            server.run().await.expect("it serves");
        });
    });
    format!("http://{}/v1", receiver.recv().expect("it starts"))
}

#[actix_web::post("/v1/chat/completions")]
async fn complete(runner: Data<Runner>, body: Json<Value>, request: actix_web::HttpRequest) -> HttpResponse {
    let key = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    if key != Some(&format!("Bearer {API_KEY}")) {
        return HttpResponse::Unauthorized().json(json!({ "error": { "message": "wrong key" } }));
    }
    let model = body["model"].as_str().unwrap_or_default().to_owned();
    if model != "tiny" {
        return HttpResponse::NotFound().json(json!({ "error": { "message": format!("no model `{model}`") } }));
    }
    runner.asked.lock().expect("no panic").push(body.into_inner());
    let event = |value: Value| Bytes::from(format!("data: {value}\n\n"));
    let delta = |text: &str| event(json!({ "choices": [{ "index": 0, "delta": { "content": text } }] }));
    let end = event(json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }] }));
    let usage = event(json!({ "choices": [], "usage": { "prompt_tokens": 90, "completion_tokens": 12 } }));
    let mut events: Vec<Bytes> = match runner.says.lock().expect("no panic").as_deref() {
        Some(text) => vec![delta(text)],
        None => SAID.iter().map(|text| delta(text)).collect(),
    };
    events.extend([end, usage, Bytes::from_static(b"data: [DONE]\n\n")]);
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    rt::spawn(async move {
        for (at, bytes) in events.into_iter().enumerate() {
            // Comments keep the connection in use, so that the runner sees it close.
            while at + 1 == runner.silent_from.load(Ordering::SeqCst) {
                if sender.send(Ok::<_, actix_web::Error>(Bytes::from_static(b": thinking\n\n"))).await.is_err() {
                    runner.dropped.fetch_add(1, Ordering::SeqCst);
                    return;
                }
                rt::time::sleep(Duration::from_millis(20)).await;
            }
            if sender.send(Ok(bytes)).await.is_err() {
                return;
            }
        }
    });
    HttpResponse::Ok().content_type("text/event-stream").streaming(ReceiverStream::new(receiver))
}

#[actix_web::post("/v1/embeddings")]
async fn embed(runner: Data<Runner>, body: Json<Value>) -> HttpResponse {
    if runner.is_loading.load(Ordering::SeqCst) {
        return HttpResponse::ServiceUnavailable().json(json!({ "error": { "message": "the model is loading" } }));
    }
    let texts = body["input"].as_array().cloned().unwrap_or_default();
    let rows = texts.iter().enumerate();
    let rows: Vec<Value> = rows
        .map(|(index, text)| json!({ "index": index, "embedding": bag(text.as_str().unwrap_or_default()) }))
        .collect();
    HttpResponse::Ok().json(json!({ "data": rows }))
}

/// A vector of which words a text holds: alike for texts that share words.
fn bag(text: &str) -> Vec<f32> {
    let mut vector = vec![0.01; DIMENSIONS];
    for word in text.to_lowercase().split(|c: char| !c.is_alphanumeric()).filter(|word| word.len() > 3) {
        let place = word.bytes().fold(7_usize, |hash, byte| hash.wrapping_mul(31).wrapping_add(usize::from(byte)));
        vector[place % DIMENSIONS] += 1.0;
    }
    vector
}

fn asking(stream: bool) -> Value {
    json!({ "model": "tiny", "stream": stream, "messages": [{ "role": "user", "content": QUESTION }] })
}

/// An appliance whose answers are written by the model of this name at `address`, with a document about keys.
async fn with_generator(data: &std::path::Path, address: &str, model: &str) -> (Appliance, String) {
    let variables = [("AI_BASE_URL", address), ("AI_API_KEY", API_KEY), ("LLM_MODEL", model)];
    let appliance = Appliance::start_with(data, &variables);
    let token = appliance.token(data);
    appliance.ready(&token, "keys.md", KEYS.as_bytes()).await;
    (appliance, token)
}

#[tokio::test]
async fn a_remote_generator_writes_cited_answers() {
    if !has_model("remote") {
        return;
    }
    let (data, runner) = (folder(), Arc::new(Runner::default()));
    let (appliance, token) = with_generator(data.path(), &serve(&runner), "tiny").await;

    let whole: Value = appliance.post(&token, "/v1/chat/completions", &asking(false)).await.json().await.expect("JSON");
    let content = whole["choices"][0]["message"]["content"].as_str().expect("text");
    assert_eq!(content, SAID.concat(), "{whole}");
    assert_eq!(whole["citations"][0]["file_name"], "keys.md", "{whole}");
    assert_eq!(whole["usage"], json!({ "prompt_tokens": 90, "completion_tokens": 12, "total_tokens": 102 }), "{whole}");
    let asked = runner.asked.lock().expect("no panic")[0]["messages"].to_string();
    assert!(
        asked.contains("behind the tide tables") && asked.contains(QUESTION),
        "the passages are put before it: {asked}"
    );

    assert_eq!(whole["passages"][0]["label"], "keys.md", "{whole}");

    let streamed = appliance.post(&token, "/v1/chat/completions", &asking(true)).await.text().await.expect("text");
    let said: String = streamed
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok())
        .filter_map(|event| event["choices"][0]["delta"]["content"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(said, content, "{streamed}");

    // What the documents do not answer, the model is not asked.
    let before = runner.asked.lock().expect("no panic").len();
    let foreign = json!({ "model": "tiny", "messages": [{ "role": "user", "content": "Which enzyme unwinds DNA in bacteria?" }] });
    let refusal: Value = appliance.post(&token, "/v1/chat/completions", &foreign).await.json().await.expect("JSON");
    assert_eq!(refusal["nosia"]["refused"], true, "{refusal}");
    assert_eq!(runner.asked.lock().expect("no panic").len(), before);
}

#[tokio::test]
async fn the_passages_are_there_before_the_first_word() {
    if !has_model("remote") {
        return;
    }
    let (data, runner) = (folder(), Arc::new(Runner::default()));
    let (appliance, token) = with_generator(data.path(), &serve(&runner), "tiny").await;
    runner.silent_from.store(1, Ordering::SeqCst);
    let mut events = appliance.post(&token, "/v1/chat/completions", &asking(true)).await.bytes_stream();
    let mut read = String::new();
    while !read.contains("behind the tide tables") {
        read.push_str(&String::from_utf8_lossy(&events.next().await.expect("more comes").expect("it is whole")));
    }
    assert!(!read.contains(SAID[0]), "{read}");
    let found: Vec<Value> =
        read.lines().filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok()).collect();
    assert_eq!(found[1]["passages"][0]["label"], "keys.md", "{read}");
    assert_eq!(found[1]["choices"][0]["delta"], json!({}), "clients that know no passages see an empty delta: {read}");
}

#[tokio::test]
async fn a_sentence_that_its_passage_does_not_bear_out_is_told() {
    if !has_model("remote") {
        return;
    }
    let (data, runner) = (folder(), Arc::new(Runner::default()));
    let (appliance, token) = with_generator(data.path(), &serve(&runner), "tiny").await;
    let wrong = [
        ("It hangs there since 12 May 2019 [1].", "date"),
        ("Take 3 keys [1].", "number"),
        ("Only Charles Babbage may take it [1].", "name"),
        ("Penguins waddle happily across frozen antarctic beaches [1].", "words"),
    ];
    let right = "Behind the tide tables in the harbour office, the spare key hangs [1].";
    let said = format!("{right} {}", wrong.map(|(text, _)| text).join(" "));
    *runner.says.lock().expect("no panic") = Some(said.clone());
    let whole: Value = appliance.post(&token, "/v1/chat/completions", &asking(false)).await.json().await.expect("JSON");
    let streamed = appliance.post(&token, "/v1/chat/completions", &asking(true)).await.text().await.expect("text");
    let events = streamed.lines().filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok());
    let last = events.filter(|event| event["choices"][0]["finish_reason"] == "stop").last().expect("an end");
    for answer in [&whole, &last] {
        let told = answer["unsupported"].as_array().unwrap_or_else(|| panic!("{answer}"));
        let mut told: Vec<(&str, &str)> = told
            .iter()
            .map(|one| {
                let place = |name: &str| one[name].as_u64().expect("a place") as usize;
                assert_eq!(&said[place("start")..place("end")], one["text"], "{one}");
                (one["text"].as_str().expect("text"), one["reason"].as_str().expect("a reason"))
            })
            .collect();
        told.sort_unstable_by_key(|(text, _)| said.find(text));
        assert_eq!(told, wrong, "{answer}");
    }
}

#[tokio::test]
async fn a_reader_who_leaves_stops_the_remote_generator() {
    if !has_model("remote") {
        return;
    }
    let (data, runner) = (folder(), Arc::new(Runner::default()));
    let (appliance, token) = with_generator(data.path(), &serve(&runner), "tiny").await;
    runner.silent_from.store(2, Ordering::SeqCst);
    let answer = appliance.post(&token, "/v1/chat/completions", &asking(true)).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let mut events = answer.bytes_stream();
    let mut read = String::new();
    while !read.contains(SAID[0].trim()) {
        read.push_str(&String::from_utf8_lossy(&events.next().await.expect("more comes").expect("it is whole")));
    }
    drop(events);
    let begun = std::time::Instant::now();
    while runner.dropped.load(Ordering::SeqCst) == 0 {
        assert!(begun.elapsed() < PATIENCE, "the runner goes on for nobody");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_remote_generator_that_is_down_or_refuses_is_named_with_the_way_out() {
    if !has_model("remote") {
        return;
    }
    let data = folder();
    // A port that nobody listens on.
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let down = format!("http://{free}/v1");
    let (appliance, token) = with_generator(data.path(), &down, "tiny").await;
    for stream in [false, true] {
        let answer = appliance.post(&token, "/v1/chat/completions", &asking(stream)).await;
        let text = answer.text().await.expect("text");
        assert!(text.contains(&down) && text.contains("Check that it runs"), "{text}");
    }
    drop(appliance);

    let (data, runner) = (folder(), Arc::new(Runner::default()));
    let (appliance, token) = with_generator(data.path(), &serve(&runner), "missing").await;
    let asked = json!({ "model": "missing", "messages": [{ "role": "user", "content": QUESTION }] });
    let text = appliance.post(&token, "/v1/chat/completions", &asked).await.text().await.expect("text");
    assert!(text.contains("missing") && text.contains("404") && !text.contains(API_KEY), "{text}");
}

#[tokio::test]
async fn a_remote_embedder_makes_the_vectors_and_may_come_late() {
    let (data, runner) = (folder(), Arc::new(Runner::default()));
    runner.is_loading.store(true, Ordering::SeqCst);
    let address = serve(&runner);
    let dimensions = DIMENSIONS.to_string();
    let variables = [
        ("EMBEDDING_BASE_URL", address.as_str()),
        ("EMBEDDING_MODEL", "bag-of-words"),
        ("EMBEDDING_DIMENSIONS", dimensions.as_str()),
    ];
    let appliance = Appliance::start_with(data.path(), &variables);
    let token = appliance.token(data.path());
    let keys = appliance.add(&token, "keys.md", KEYS.as_bytes()).await;
    let leave = appliance.add(&token, "leave.md", LEAVE.as_bytes()).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let waiting: Value = appliance.get(&token, &format!("/api/v1/sources/{keys}")).await.json().await.expect("JSON");
    assert!(!matches!(waiting["state"].as_str(), Some("ready" | "failed")), "it waits for the model: {waiting}");
    runner.is_loading.store(false, Ordering::SeqCst);
    for id in [keys, leave] {
        assert_eq!(appliance.settled(&token, id).await["state"], "ready");
    }
    let search = json!({ "question": QUESTION, "limit": 2 });
    let found: Value = appliance.post(&token, "/api/v1/search", &search).await.json().await.expect("JSON");
    assert_eq!(found["passages"][0]["file_name"], "keys.md", "{found}");

    let embedding = json!({ "model": "bag-of-words", "input": "boathouse" });
    let made: Value = appliance.post(&token, "/v1/embeddings", &embedding).await.json().await.expect("JSON");
    assert_eq!(made["data"][0]["embedding"].as_array().map(Vec::len), Some(DIMENSIONS), "{made}");

    // Commands go to the running appliance, which knows the model.
    let printed = nosia(data.path()).args(["search", QUESTION, "--json"]).output().expect("the binary runs");
    assert!(String::from_utf8_lossy(&printed.stdout).contains("keys.md"), "{printed:?}");
}
