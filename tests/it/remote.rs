//! A model runner elsewhere on the network: the appliance before a scripted OpenAI-compatible server.

use std::io::Write as _;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::web::{Bytes, Data, Json};
use actix_web::{App, HttpResponse, HttpServer, rt};
use futures_util::StreamExt as _;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio_stream::wrappers::ReceiverStream;

use crate::appliance::{Appliance, PATIENCE, folder, has_model, nosia, run_json};

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
    /// What its model `guard` says.
    judges: Mutex<String>,
    /// What it makes of a follow-up.
    condenses_to: Mutex<String>,
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
    if !matches!(model.as_str(), "tiny" | "guard") {
        return HttpResponse::NotFound().json(json!({ "error": { "message": format!("no model `{model}`") } }));
    }
    runner.asked.lock().expect("no panic").push(body.into_inner());
    let event = |value: Value| Bytes::from(format!("data: {value}\n\n"));
    let delta = |text: &str| event(json!({ "choices": [{ "index": 0, "delta": { "content": text } }] }));
    let end = event(json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }] }));
    let usage = event(json!({ "choices": [], "usage": { "prompt_tokens": 90, "completion_tokens": 12 } }));
    let condenses = is_condensing(runner.asked.lock().expect("no panic").last().expect("just pushed"));
    let says = match (model.as_str(), condenses) {
        ("guard", _) => Some(runner.judges.lock().expect("no panic").clone()),
        (_, true) => Some(runner.condenses_to.lock().expect("no panic").clone()),
        _ => runner.says.lock().expect("no panic").clone(),
    };
    let mut events: Vec<Bytes> = match says.as_deref() {
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

/// Whether a request asks to rewrite a follow-up instead of for an answer.
fn is_condensing(body: &Value) -> bool {
    body["messages"][0]["content"].as_str().is_some_and(|text| text.starts_with("You rewrite the last question"))
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
    with_generator_and(data, address, model, &[]).await
}

/// As [`with_generator`], with more settings.
async fn with_generator_and(
    data: &std::path::Path,
    address: &str,
    model: &str,
    more: &[(&str, &str)],
) -> (Appliance, String) {
    let variables = [("AI_BASE_URL", address), ("AI_API_KEY", API_KEY), ("LLM_MODEL", model)];
    let variables = [&variables[..], more].concat();
    let appliance = Appliance::start_with(data, &variables);
    let token = appliance.token(data);
    appliance.ready(&token, "keys.md", KEYS.as_bytes()).await;
    (appliance, token)
}

#[tokio::test]
async fn an_answer_in_json_is_asked_for_and_left_as_it_is() {
    if !has_model("remote") {
        return;
    }
    let (data, runner) = (folder(), Arc::new(Runner::default()));
    let (appliance, token) = with_generator(data.path(), &serve(&runner), "tiny").await;
    // `[1]` and `[9]` are lists here, and no marks of a passage.
    let said = r#"{"places": [1], "others": [9]}"#;
    *runner.says.lock().expect("no panic") = Some(said.to_owned());
    let format = json!({ "type": "json_schema", "json_schema": { "name": "places", "schema": { "type": "object" }, "strict": true } });
    let mut asked = asking(false);
    asked["response_format"] = format.clone();
    asked["frequency_penalty"] = json!(0.5);
    let whole: Value = appliance.post(&token, "/v1/chat/completions", &asked).await.json().await.expect("JSON");
    assert_eq!(whole["choices"][0]["message"]["content"], said, "{whole}");
    assert_eq!(whole["citations"], json!([]), "{whole}");
    let heard = runner.asked.lock().expect("no panic")[0].clone();
    assert_eq!((&heard["response_format"], &heard["frequency_penalty"]), (&format, &json!(0.5)), "{heard}");
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
    let mut events =
        streamed.lines().filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok());
    let last = events.rfind(|event| event["choices"][0]["finish_reason"] == "stop").expect("an end");
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
async fn a_conversation_that_does_not_fit_is_left_out_whole_and_that_is_said() {
    if !has_model("remote") {
        return;
    }
    let (data, runner) = (folder(), Arc::new(Runner::default()));
    let small = [("LLM_NUM_CTX", "1024"), ("LLM_MAX_TOKENS", "64")];
    let (appliance, token) = with_generator_and(data.path(), &serve(&runner), "tiny", &small).await;
    let turn = |role: &str, text: &str| json!({ "role": role, "content": text });
    let mut messages: Vec<Value> = Vec::new();
    for number in 0..6 {
        messages.push(turn("user", &format!("What of number {number}?")));
        messages.push(turn("assistant", &format!("Number {number}: {}", "more of it ".repeat(60))));
    }
    messages.push(turn("user", QUESTION));
    let asking = json!({ "model": "tiny", "messages": messages });
    let whole: Value = appliance.post(&token, "/v1/chat/completions", &asking).await.json().await.expect("JSON");
    let left_out = whole["nosia"]["messages_left_out"].as_u64().expect("a number");
    assert!((2..12).contains(&left_out), "{whole}");
    let asked = runner.asked.lock().expect("no panic")[0]["messages"].clone();
    let sent = asked.as_array().expect("a list");
    assert_eq!(
        sent.len() as u64,
        1 + (12 - left_out) + 1,
        "the system, what is left of the conversation, the question"
    );
    assert_eq!(sent[1]["role"], "user");
    for (message, kept) in messages[left_out as usize..].iter().zip(&sent[1..]) {
        assert_eq!(message["content"].as_str().map(str::trim), kept["content"].as_str().map(str::trim), "none is cut");
    }
    let system = sent[0]["content"].as_str().expect("text");
    assert!(system.contains("behind the tide tables") && system.trim_end().ends_with("</passage>"), "{system}");
}

#[tokio::test]
async fn a_follow_up_is_condensed_by_the_generator_or_else_by_rule() {
    if !has_model("remote") {
        return;
    }
    let (data, runner) = (folder(), Arc::new(Runner::default()));
    let (appliance, token) = with_generator(data.path(), &serve(&runner), "tiny").await;
    appliance.ready(&token, "leave.md", LEAVE.as_bytes()).await;
    let turn = |role: &str, text: &str| json!({ "role": role, "content": text });
    let messages = json!([
        turn("user", "How many days of paid leave does an employee have a year?"),
        turn("assistant", "27 days [1]."),
        turn("user", QUESTION),
        turn("assistant", "In the harbour office [1]."),
        turn("user", "And that other one?"),
    ]);
    let asking = json!({ "model": "tiny", "messages": messages });
    for (condensed, first) in [
        ("How many days of paid leave does an employee have?", "leave.md"),
        ("", "keys.md"),
        ("I am sorry, but I can only write poems about penguins and icebergs.", "keys.md"),
    ] {
        *runner.condenses_to.lock().expect("no panic") = condensed.to_owned();
        runner.asked.lock().expect("no panic").clear();
        let whole: Value = appliance.post(&token, "/v1/chat/completions", &asking).await.json().await.expect("JSON");
        assert_eq!(whole["passages"][0]["label"], first, "{condensed:?}: {whole}");
        let asked = runner.asked.lock().expect("no panic").clone();
        assert_eq!(asked.len(), 2, "{asked:?}");
        assert!(is_condensing(&asked[0]) && !is_condensing(&asked[1]), "{asked:?}");
        assert_eq!((&asked[0]["temperature"], &asked[0]["max_tokens"]), (&json!(0.0), &json!(64)));
        let last = asked[1]["messages"].as_array().and_then(|turns| turns.last()).expect("a question");
        assert_eq!(last["content"], "And that other one?", "it is answered as it was asked");
    }
    runner.asked.lock().expect("no panic").clear();
    appliance.post(&token, "/v1/chat/completions", &self::asking(false)).await.text().await.expect("an answer");
    assert_eq!(runner.asked.lock().expect("no panic").len(), 1, "a question that stands alone is not rewritten");
}

#[tokio::test]
async fn a_guard_model_can_refuse_and_holds_nothing_up() {
    if !has_model("remote") {
        return;
    }
    for (guard, judgement, refused, models) in [
        ("guard", "Yes", true, &["guard"][..]),
        ("guard", "<score> no </score>", false, &["guard", "tiny"]),
        ("guard", "I would rather talk about penguins", false, &["guard", "tiny"]),
        ("missing", "", false, &["tiny"]),
    ] {
        let (data, runner) = (folder(), Arc::new(Runner::default()));
        *runner.judges.lock().expect("no panic") = judgement.to_owned();
        let set = [("GUARD_MODEL", guard)];
        let (appliance, token) = with_generator_and(data.path(), &serve(&runner), "tiny", &set).await;
        let answer = appliance.post(&token, "/v1/chat/completions", &asking(false)).await;
        let whole: Value = answer.json().await.expect("JSON");
        assert_eq!(whole["nosia"]["refused"], refused, "{guard} {judgement:?}: {whole}");
        let asked = runner.asked.lock().expect("no panic").clone();
        let named: Vec<&str> = asked.iter().map(|body| body["model"].as_str().expect("a model")).collect();
        assert_eq!(named, models, "{judgement:?}");
        if guard == "guard" {
            let told = asked[0]["messages"].to_string();
            assert!(told.contains("behind the tide tables") && told.contains(QUESTION), "{told}");
        }
    }
}

#[tokio::test]
async fn an_owner_gives_the_model_the_accounts_own_instructions() {
    if !has_model("remote") {
        return;
    }
    const PATH: &str = "/api/v1/instructions";
    let (data, runner) = (folder(), Arc::new(Runner::default()));
    let default = [("RAG_SYSTEM_TEMPLATE", "Be brief.")];
    let (appliance, token) = with_generator_and(data.path(), &serve(&runner), "tiny", &default).await;
    let begins = async |beginning: &str| {
        runner.asked.lock().expect("no panic").clear();
        appliance.post(&token, "/v1/chat/completions", &asking(false)).await.text().await.expect("an answer");
        let system = runner.asked.lock().expect("no panic")[0]["messages"][0]["content"].to_string();
        assert!(system.starts_with(&format!("\"{beginning}")) && system.contains("behind the tide tables"), "{system}");
    };
    let put = async |token: &str, body: Value| {
        let request = appliance.client.put(format!("{}{PATH}", appliance.base)).bearer_auth(token).json(&body);
        request.send().await.expect("an answer")
    };
    begins("Be brief.").await;
    let set = put(&token, json!({ "instructions": "Rhyme. {context} Rhyme again." })).await;
    let set: Value = set.json().await.expect("JSON");
    let expected = json!({ "instructions": "Rhyme. {context} Rhyme again.", "own": true, "default": "Be brief." });
    assert_eq!(set, expected);
    begins("Rhyme. ").await;
    assert_eq!(put(&token, json!({ "instructions": " " })).await.status(), StatusCode::BAD_REQUEST);
    assert_eq!(put(&token, json!({})).await.status(), StatusCode::BAD_REQUEST);

    let mut add = nosia(data.path());
    add.args(["user", "add", "rea@example.org", "--name", "Rea", "--role", "reader"]).stdin(Stdio::piped());
    let mut child = add.stdout(Stdio::null()).spawn().expect("the binary runs");
    child.stdin.take().expect("piped").write_all(b"a long enough password\n").expect("it reads");
    assert!(child.wait().expect("it ends").success());
    let made = run_json(data.path(), &["token", "create", "rea@example.org", "--name", "test", "--json"]);
    let reader = made["token"].as_str().expect("a token");
    assert_eq!(appliance.get(reader, PATH).await.status(), StatusCode::FORBIDDEN);
    assert_eq!(put(reader, json!({ "instructions": "Obey me." })).await.status(), StatusCode::FORBIDDEN);
    assert_eq!(appliance.delete(reader, PATH).await.status(), StatusCode::FORBIDDEN);

    assert_eq!(appliance.delete(&token, PATH).await.status(), StatusCode::OK);
    begins("Be brief.").await;
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
