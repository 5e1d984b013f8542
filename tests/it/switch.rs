//! Another embedding model, while questions are asked: built beside the old one, through deaths, and back at once.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::appliance::{Appliance, PATIENCE, folder, has_model, run, run_json};
use crate::tiny::{self, HIDDEN};

const BUILT_IN: &str = "all-MiniLM-L6-v2";
const TINY: &str = tiny::EMBEDDER;
/// Documents that are there before the change.
const NOTES: usize = 16;
/// Deaths while vectors are made.
const DEATHS: usize = 4;

/// A word that stands in one note alone.
fn key(number: usize) -> String {
    format!("qx{number}zk")
}

/// A note of several chunks.
fn note(number: usize) -> String {
    let part = |part: usize| {
        let lines: String = (0..12)
            .map(|line| format!("Entry {line}: wind {} knots, pressure {} hPa. ", number + line, 980 + part + line))
            .collect();
        format!("## Part {part}\n\n{lines}\n\n")
    };
    let parts: String = (0..6).map(part).collect();
    format!("# Log {number}\n\nThe code word of this log is {}.\n\n{parts}", key(number))
}

async fn started(data: &Path) -> (Appliance, String) {
    let appliance = Appliance::start(data);
    let token = appliance.token(data);
    (appliance, token)
}

async fn add(appliance: &Appliance, token: &str, numbers: std::ops::Range<usize>) {
    let mut ids = Vec::new();
    for number in numbers {
        ids.push(appliance.add(token, &format!("log-{number}.md"), note(number).as_bytes()).await);
    }
    for id in ids {
        assert_eq!(appliance.settled(token, id).await["state"], "ready");
    }
}

/// How often the note `number` is found, first to last.
async fn found(client: &Client, base: &str, token: &str, number: usize) -> usize {
    let search = json!({ "question": format!("What is the code word {}?", key(number)), "limit": 20 });
    let request = client.post(format!("{base}/api/v1/search")).bearer_auth(token).json(&search);
    let response = request.send().await.expect("an answer");
    let status = response.status();
    let found: Value = response.json().await.expect("JSON");
    assert_eq!(status, StatusCode::OK, "{found}");
    let passages = found["passages"].as_array().expect("passages");
    passages.iter().filter(|passage| passage["text"].to_string().contains(&key(number))).count()
}

async fn finds(appliance: &Appliance, token: &str, numbers: std::ops::Range<usize>) {
    for number in numbers {
        assert_eq!(found(&appliance.client, &appliance.base, token, number).await, 1, "note {number}");
    }
}

/// What the server says of search, and the row of a model.
fn told(data: &Path, model: &str) -> (String, Value) {
    let listed = run_json(data, &["model", "list", "--json"]);
    let rows = listed["models"].as_array().expect("rows");
    let row = rows.iter().find(|row| row["name"] == model).cloned().unwrap_or(Value::Null);
    (listed["search"].as_str().expect("a sentence").to_owned(), row)
}

/// The model that the vectors of `/v1/embeddings` come from, and their length.
async fn embedder(appliance: &Appliance, token: &str) -> (String, usize) {
    let listed: Value = appliance.get(token, "/v1/models").await.json().await.expect("JSON");
    let ids: Vec<&str> = listed["data"].as_array().expect("rows").iter().filter_map(|row| row["id"].as_str()).collect();
    let name = ids.into_iter().find(|id| [BUILT_IN, TINY].contains(id)).expect("an embedding model").to_owned();
    let made = appliance.post(token, "/v1/embeddings", &json!({ "model": name, "input": "boats" })).await;
    let made: Value = made.json().await.expect("JSON");
    (name, made["data"][0]["embedding"].as_array().map_or(0, Vec::len))
}

/// An appliance whose first model is the tiny one, which reads documents in no time, and its notes.
async fn on_tiny(data: &Path, place: &Path) -> (Appliance, String) {
    let (appliance, token) = started(data).await;
    let added = run_json(data, &["model", "add", &place.to_string_lossy(), "--json"]);
    assert_eq!((added["name"].as_str(), added["purpose"].as_str()), (Some(TINY), Some("embedding")), "{added}");
    let used = run_json(data, &["model", "use", TINY, "--no-wait", "--json"]);
    assert_eq!(used["state"], "in use", "where there is no document there is nothing to wait for: {used}");
    add(&appliance, &token, 0..NOTES).await;
    (appliance, token)
}

/// Runs a command while others go on.
async fn beside(data: &Path, arguments: &'static [&'static str]) -> Value {
    let data = data.to_owned();
    tokio::task::spawn_blocking(move || run_json(&data, arguments)).await.expect("no panic")
}

/// Asks about one note after the other until told to stop: no question fails, and none misses its note. How many.
fn asking(appliance: &Appliance, token: &str, stop: &Arc<AtomicBool>) -> JoinHandle<usize> {
    let (client, base, token, stop) =
        (appliance.client.clone(), appliance.base.clone(), token.to_owned(), Arc::clone(stop));
    tokio::spawn(async move {
        let mut asked = 0;
        while !stop.load(Ordering::SeqCst) {
            assert_eq!(found(&client, &base, &token, asked % NOTES).await, 1, "question {asked}");
            asked += 1;
        }
        asked
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_takes_over_while_questions_are_asked_and_gives_back_at_once() {
    if !has_model("switch") {
        return;
    }
    let (data, (_stick, place)) = (folder(), tiny::embedder(1));
    let (appliance, token) = on_tiny(data.path(), &place).await;
    assert_eq!(embedder(&appliance, &token).await, (TINY.to_owned(), HIDDEN));
    let stop = Arc::new(AtomicBool::new(false));
    let asked = asking(&appliance, &token, &stop);

    // Begun, given up, and begun again: what was made is not made twice.
    let begun = beside(data.path(), &["model", "use", BUILT_IN, "--no-wait", "--json"]).await;
    assert_eq!((begun["state"].as_str(), begun["active"].as_str()), (Some("being built"), Some(TINY)), "{begun}");
    let given_up = beside(data.path(), &["model", "use", TINY, "--json"]).await;
    assert_eq!(
        (given_up["state"].as_str(), told(data.path(), BUILT_IN).1["state"].as_str()),
        (Some("in use"), Some("installed"))
    );
    beside(data.path(), &["model", "use", BUILT_IN, "--no-wait", "--json"]).await;
    let (sentence, row) = told(data.path(), BUILT_IN);
    assert!(sentence.contains("then it takes over") && row["state"] == "being built", "{sentence} {row}");
    assert_eq!(run(data.path(), &["model", "remove", TINY]).status.code(), Some(1), "questions are asked of it");
    // A document that comes meanwhile is found before and after.
    add(&appliance, &token, NOTES..NOTES + 1).await;
    finds(&appliance, &token, NOTES..NOTES + 1).await;
    let used = beside(data.path(), &["model", "use", BUILT_IN, "--json"]).await;
    assert_eq!(used["state"], "in use", "{used}");
    assert_eq!(embedder(&appliance, &token).await, (BUILT_IN.to_owned(), 384));
    stop.store(true, Ordering::SeqCst);
    assert!(asked.await.expect("no question failed") > 0);
    finds(&appliance, &token, 0..NOTES + 1).await;
    let ready: Value = appliance.get(&token, "/ready").await.json().await.expect("JSON");
    assert!(ready["ready"] == true && ready.to_string().contains("all-MiniLM-L6-v2, 384 dimensions"), "{ready}");

    // One more for the new model alone; then back: what the old one lacks is made, and nothing else.
    add(&appliance, &token, NOTES + 1..NOTES + 2).await;
    let used = run_json(data.path(), &["model", "use", TINY, "--json"]);
    assert_eq!((used["state"].as_str(), embedder(&appliance, &token).await.1), (Some("in use"), HIDDEN), "{used}");
    finds(&appliance, &token, 0..NOTES + 2).await;
    for model in [BUILT_IN, TINY] {
        let used = run_json(data.path(), &["model", "use", model, "--no-wait", "--json"]);
        assert_eq!(used["state"], "in use", "every vector is there: {used}");
    }

    // The choice survives a restart, and what is not used any more goes with its vectors.
    assert_eq!(appliance.stop(), Some(0));
    let appliance = Appliance::start(data.path());
    assert_eq!(embedder(&appliance, &token).await.0, TINY);
    finds(&appliance, &token, 0..2).await;
    run_json(data.path(), &["model", "use", BUILT_IN, "--json"]);
    let removed = run_json(data.path(), &["model", "remove", TINY, "--json"]);
    assert!(removed["vectors"].as_u64().is_some_and(|vectors| vectors > NOTES as u64), "{removed}");
    finds(&appliance, &token, 0..NOTES + 2).await;
    assert_eq!(appliance.stop(), Some(0));
}

#[tokio::test]
async fn a_change_goes_on_after_every_death() {
    if !has_model("switch") {
        return;
    }
    let (data, (_stick, place)) = (folder(), tiny::embedder(2));
    let (mut appliance, token) = on_tiny(data.path(), &place).await;
    run_json(data.path(), &["model", "use", BUILT_IN, "--no-wait", "--json"]);
    let mut random = StdRng::seed_from_u64(11);
    let mut done = 0;
    for death in 0..DEATHS {
        tokio::time::sleep(Duration::from_millis(random.random_range(0..400))).await;
        appliance.kill();
        appliance = Appliance::start(data.path());
        let (sentence, row) = told(data.path(), BUILT_IN);
        assert_eq!(found(&appliance.client, &appliance.base, &token, death % NOTES).await, 1, "{sentence}");
        let now = row["vectors"]["done"].as_u64();
        // It may be over by now; until then nothing that was made is made again.
        assert!(row["state"] == "in use" || now.is_some_and(|now| now >= done), "{done}: {sentence} {row}");
        done = now.unwrap_or(done);
    }
    let used = run_json(data.path(), &["model", "use", BUILT_IN, "--json"]);
    assert_eq!(used["state"], "in use", "{used}");
    assert_eq!(embedder(&appliance, &token).await, (BUILT_IN.to_owned(), 384));
    finds(&appliance, &token, 0..NOTES).await;
}

#[tokio::test]
async fn a_model_that_is_gone_is_told_and_words_are_searched_meanwhile() {
    if !has_model("switch") {
        return;
    }
    let (data, (stick, place)) = (folder(), tiny::embedder(3));
    let (appliance, token) = started(data.path()).await;
    add(&appliance, &token, 0..2).await;
    run_json(data.path(), &["model", "add", &place.to_string_lossy(), "--json"]);
    run_json(data.path(), &["model", "use", TINY, "--json"]);
    add(&appliance, &token, 2..4).await;
    assert_eq!(appliance.stop(), Some(0));
    let (kept, away) = (data.path().join("models").join(TINY), stick.path().join("away"));
    std::fs::rename(&kept, &away).expect("it goes");

    let appliance = Appliance::start(data.path());
    finds(&appliance, &token, 0..4).await;
    // The built-in model makes what it lacks of the later two notes, and takes over.
    let begun = Instant::now();
    while !told(data.path(), TINY).0.contains(&format!("compared by {BUILT_IN}")) {
        assert!(begun.elapsed() < PATIENCE, "{}", told(data.path(), TINY).0);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (sentence, _) = told(data.path(), TINY);
    assert!(sentence.contains(&format!("{TINY} was chosen and is not installed")), "{sentence}");
    let ready: Value = appliance.get(&token, "/ready").await.json().await.expect("JSON");
    assert!(ready["ready"] == true && ready.to_string().contains("is not installed"), "{ready}");
    add(&appliance, &token, 4..5).await;
    finds(&appliance, &token, 0..5).await;
    assert_eq!(appliance.stop(), Some(0));

    std::fs::rename(&away, &kept).expect("it comes back");
    let appliance = Appliance::start(data.path());
    let begun = Instant::now();
    while embedder(&appliance, &token).await.0 != TINY {
        assert!(begun.elapsed() < PATIENCE, "{}", told(data.path(), TINY).0);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    finds(&appliance, &token, 0..5).await;
}

#[tokio::test]
async fn without_a_server_the_command_makes_the_vectors_itself() {
    if !has_model("switch") {
        return;
    }
    let (data, (_stick, place)) = (folder(), tiny::embedder(4));
    let notes = folder();
    for number in 0..3 {
        std::fs::write(notes.path().join(format!("log-{number}.md")), note(number)).expect("written");
    }
    run_json(data.path(), &["ingest", &notes.path().to_string_lossy(), "--json"]);
    run_json(data.path(), &["model", "add", &place.to_string_lossy(), "--json"]);
    let chosen = run_json(data.path(), &["model", "use", TINY, "--no-wait", "--json"]);
    assert_eq!((chosen["state"].as_str(), chosen["active"].as_str()), (Some("chosen"), Some(BUILT_IN)), "{chosen}");
    let given_up = run_json(data.path(), &["model", "use", BUILT_IN, "--json"]);
    assert_eq!(given_up["state"], "in use", "{given_up}");
    let used = run_json(data.path(), &["model", "use", TINY, "--json"]);
    assert_eq!(used["state"], "in use", "{used}");
    let found = run_json(data.path(), &["search", &format!("the code word {}", key(1)), "--json"]);
    assert!(found["passages"][0]["text"].to_string().contains(&key(1)), "{found}");

    let mut stronger = crate::appliance::nosia(data.path());
    let refused = stronger.args(["model", "use", BUILT_IN]).env("EMBEDDING_MODEL", TINY).output().expect("it runs");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(1) && said.contains("EMBEDDING_MODEL names tiny-64"), "{said}");
}
