//! A reranker, chosen and left again while the appliance runs. One of random weights says no sense, but it says it the
//! same way each time, and whatever it says, nothing is lost.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use crate::appliance::{Appliance, folder, has_model, nosia, run, run_json};
use crate::tiny;

const QUESTION: &str = "What does the harbour office say about boats in winter?";

/// Notes that all have something of the question, one page each.
fn note(number: usize) -> String {
    let more = "boats ".repeat(number);
    format!("# Notice {number}\n\nNotice {number} of the harbour office about winter: {more}stay where they are.\n")
}

/// The file names found, best first.
async fn ranking(appliance: &Appliance, token: &str) -> Vec<String> {
    let search = json!({ "question": QUESTION, "limit": 20 });
    let found: Value = appliance.post(token, "/api/v1/search", &search).await.json().await.expect("JSON");
    let passages = found["passages"].as_array().unwrap_or_else(|| panic!("{found}"));
    assert!(found["timings"]["rerank_ms"].is_number(), "{found}");
    passages.iter().map(|passage| passage["file_name"].as_str().expect("a name").to_owned()).collect()
}

fn said(data: &Path) -> String {
    run_json(data, &["model", "list", "--json"])["ranking"].as_str().expect("a sentence").to_owned()
}

#[tokio::test]
async fn a_reranker_changes_the_order_and_nothing_else() {
    if !has_model("reranking") {
        return;
    }
    let (data, (_stick, place)) = (folder(), tiny::reranker(5));
    let appliance = Appliance::start(data.path());
    let token = appliance.token(data.path());
    for number in 0..8 {
        appliance.ready(&token, &format!("notice-{number}.md"), note(number).as_bytes()).await;
    }
    let fused = ranking(&appliance, &token).await;
    assert_eq!(fused.len(), 8, "{fused:?}");
    let added = run_json(data.path(), &["model", "add", &place.to_string_lossy(), "--json"]);
    assert_eq!((added["purpose"].as_str(), added["state"].as_str()), (Some("reranking"), Some("installed")), "{added}");
    assert_eq!(ranking(&appliance, &token).await, fused, "it is not chosen yet");

    let used = run_json(data.path(), &["model", "use", tiny::RERANKER, "--json"]);
    assert_eq!(used["state"], "in use", "{used}");
    let read = ranking(&appliance, &token).await;
    let all = |names: &[String]| names.iter().cloned().collect::<BTreeSet<_>>();
    assert_eq!(all(&read), all(&fused), "nothing is lost");
    assert_ne!(read, fused, "random weights agree with nobody");
    assert_eq!(ranking(&appliance, &token).await, read, "the same each time");
    assert!(said(data.path()).contains("ranked anew by tiny-reranker"), "{}", said(data.path()));
    let answer = json!({ "model": "nosia", "messages": [{ "role": "user", "content": QUESTION }] });
    let answer: Value = appliance.post(&token, "/v1/chat/completions", &answer).await.json().await.expect("JSON");
    assert!(answer["choices"][0]["message"]["content"].is_string(), "{answer}");

    // It is there after a restart, and its going is a state.
    assert_eq!(appliance.stop(), Some(0));
    let appliance = Appliance::start(data.path());
    assert_eq!(ranking(&appliance, &token).await, read);
    assert_eq!(run(data.path(), &["model", "remove", tiny::RERANKER]).status.code(), Some(1), "it is in use");
    run_json(data.path(), &["model", "remove", tiny::RERANKER, "--force", "--json"]);
    assert_eq!(ranking(&appliance, &token).await, fused);
    assert!(said(data.path()).contains("was chosen for it and is not installed"), "{}", said(data.path()));
    run_json(data.path(), &["model", "add", &place.to_string_lossy(), "--json"]);
    assert_eq!(ranking(&appliance, &token).await, read, "it was waited for");
    let none = run_json(data.path(), &["model", "use", "--none", "reranking", "--json"]);
    assert_eq!(none["state"], "none", "{none}");
    assert_eq!(ranking(&appliance, &token).await, fused);
    assert!(said(data.path()).contains("no reranker is chosen"), "{}", said(data.path()));
    assert_eq!(appliance.stop(), Some(0));
}

#[test]
fn a_reranker_named_in_the_settings_is_stronger() {
    if !has_model("reranking") {
        return;
    }
    let (data, (_stick, place)) = (folder(), tiny::reranker(6));
    run_json(data.path(), &["model", "add", &place.to_string_lossy(), "--json"]);
    type Case<'a> = (&'a str, &'a [&'a str], i32, &'a str);
    let cases: [Case<'_>; 5] = [
        ("tiny-reranker", &["list"], 0, "ranked anew by tiny-reranker"),
        ("tiny-reranker", &["use", "tiny-reranker"], 0, "is in use for reranking"),
        ("tiny-reranker", &["use", "--none", "reranking"], 1, "RERANKING_MODEL names tiny-reranker (environment)"),
        ("another", &["use", "tiny-reranker"], 1, "RERANKING_MODEL names another (environment)"),
        ("another", &["list"], 0, "another was chosen for it and is not installed"),
    ];
    for (named, verb, code, part) in cases {
        let mut command = nosia(data.path());
        let output = command.arg("model").args(verb).env("RERANKING_MODEL", named).output().expect("it runs");
        let told = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.code() == Some(code) && told.contains(part), "{named} {verb:?}: {told}");
    }
}
