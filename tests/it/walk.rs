//! The main job over HTTP: a document in, a checkable answer out, and gone again.

use std::io::Write as _;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::appliance::{Appliance, folder, has_model};

const HANDBOOK: &str = "# Staff handbook\n\n## Leave\n\nEvery employee has 27 days of paid leave a year. Unused days \
lapse at the end of March of the following year.\n\n## Travel\n\nTravel above 400 kilometres is by train. Flights need \
the written consent of the treasurer.\n\n## Keys\n\nThe spare key of the boathouse hangs in the harbour office, behind \
the tide tables.\n";

#[tokio::test]
async fn a_document_goes_in_and_a_checkable_answer_comes_out() {
    if !has_model("walk") {
        return;
    }
    let data = folder();
    let appliance = Appliance::start(data.path());
    let token = appliance.token(data.path());
    let id = appliance.ready(&token, "handbook.md", HANDBOOK.as_bytes()).await;

    let body = json!({ "model": "nosia", "messages": [{ "role": "user", "content": "Where does the spare key of the boathouse hang?" }] });
    let answer: Value = appliance.post(&token, "/v1/chat/completions", &body).await.json().await.expect("JSON");
    let content = answer["choices"][0]["message"]["content"].as_str().expect("text");
    assert!(content.contains("harbour office"), "{content}");
    let citation = &answer["citations"][0];
    let (start, end) = (citation["start"].as_u64().expect("start"), citation["end"].as_u64().expect("end"));
    let text: Value = appliance.get(&token, &format!("/api/v1/sources/{id}/text")).await.json().await.expect("JSON");
    assert_eq!((&text["language"], &text["author"]), (&json!("en"), &Value::Null), "{text}");
    let markdown = text["text"].as_str().expect("text");
    let cited = &markdown[start as usize..end as usize];
    assert_eq!(citation["quote"], cited, "the citation opens on exactly what it quotes");
    assert!(cited.contains("harbour office"), "{cited}");

    let refused = json!({ "model": "nosia", "messages": [{ "role": "user", "content": "Which enzyme unwinds DNA during replication in bacteria?" }] });
    let refusal: Value = appliance.post(&token, "/v1/chat/completions", &refused).await.json().await.expect("JSON");
    assert_eq!(refusal["nosia"]["refused"], true, "{refusal}");
    assert_eq!(refusal["citations"].as_array().map_or(0, Vec::len), 0, "{refusal}");

    let again: Value = appliance.upload(&token, "copy.md", HANDBOOK.as_bytes()).await.json().await.expect("JSON");
    assert_eq!(again["sources"][0]["id"], id, "the same file twice is one source");
    assert_eq!(again["sources"][0]["existed"], true, "and it is told so");

    assert!(appliance.delete(&token, &format!("/api/v1/sources/{id}")).await.status().is_success());
    assert_eq!(appliance.get(&token, &format!("/api/v1/sources/{id}")).await.status(), StatusCode::NOT_FOUND);
    let gone: Value = appliance.post(&token, "/v1/chat/completions", &body).await.json().await.expect("JSON");
    assert_eq!(gone["nosia"]["refused"], true, "what was deleted is not answered from: {gone}");
}

#[tokio::test]
async fn what_is_written_here_can_be_changed_and_old_citations_still_open() {
    if !has_model("walk") {
        return;
    }
    let data = folder();
    let appliance = Appliance::start(data.path());
    let token = appliance.token(data.path());
    let pair = |answer: &str| json!({ "question": "Where does the attic key hang?", "answer": answer });
    let first: Value =
        appliance.post(&token, "/api/v1/qnas", &pair("Behind the barometer.")).await.json().await.expect("JSON");
    let id = first["id"].as_i64().expect("a number");
    assert_eq!((&appliance.settled(&token, id).await["state"], &first["kind"]), (&json!("ready"), &json!("qna")));
    let search = json!({ "question": "Where does the attic key hang?", "limit": 1 });
    let found = async || -> Value {
        let found: Value = appliance.post(&token, "/api/v1/search", &search).await.json().await.expect("JSON");
        found["passages"][0].clone()
    };
    let old = found().await;
    assert!(old["text"].to_string().contains("barometer"), "{old}");

    let put = async |path: &str, body: &Value| {
        let request = appliance.client.put(format!("{}{path}", appliance.base)).bearer_auth(&token).json(body);
        request.send().await.expect("an answer")
    };
    let changed = put(&format!("/api/v1/qnas/{id}"), &pair("In the red tin.")).await;
    assert_eq!(changed.status(), StatusCode::ACCEPTED);
    assert_eq!(appliance.settled(&token, id).await["version"], 2);
    let new = found().await;
    assert!(new["text"].to_string().contains("red tin") && !new["text"].to_string().contains("barometer"), "{new}");
    let text = format!("/api/v1/sources/{id}/text?version={}", old["version"]);
    let text: Value = appliance.get(&token, &text).await.json().await.expect("JSON");
    assert!(text["text"].to_string().contains("barometer"), "an old citation opens on what it cited: {text}");
    let kept: Value = appliance.get(&token, &format!("/api/v1/qnas/{id}")).await.json().await.expect("JSON");
    assert_eq!((&kept["question"], &kept["answer"]), (&search["question"], &json!("In the red tin.")));

    assert_eq!(put(&format!("/api/v1/texts/{id}"), &json!({ "title": "A", "text": "B" })).await.status(), 404);
    assert_eq!(put(&format!("/api/v1/qnas/{id}"), &pair(" ")).await.status(), 400);
    let other: Value = appliance.post(&token, "/api/v1/qnas", &pair("Nowhere.")).await.json().await.expect("JSON");
    let same = put(&format!("/api/v1/qnas/{}", other["id"]), &pair("In the red tin.")).await;
    assert_eq!(same.status(), StatusCode::CONFLICT);
}

/// An archive that holds a text, a program, and a message to which another text is attached.
fn archive() -> Vec<u8> {
    let message = "From: jo@example.org\r\nTo: ann@example.org\r\nSubject: Keys\r\nMIME-Version: 1.0\r\n\
        Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nThe list is attached.\r\n--b\r\n\
        Content-Disposition: attachment; filename=keys.md\r\n\r\n# Keys\n\nThe attic key hangs behind the barometer.\r\n--b--\r\n";
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in [
        ("notes/harbour.txt", b"Boats longer than nine metres moor at the outer pier.\n".as_slice()),
        ("mail/keys.eml", message.as_bytes()),
        ("tool", b"\x7fELF\x02\x01\x01\0"),
    ] {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).expect("in memory");
        zip.write_all(bytes).expect("in memory");
    }
    zip.finish().expect("in memory").into_inner()
}

#[tokio::test]
async fn what_lies_within_documents_is_found_and_goes_with_them() {
    if !has_model("walk") {
        return;
    }
    let data = folder();
    let appliance = Appliance::start(data.path());
    let token = appliance.token(data.path());
    let id = appliance.ready(&token, "old.zip", &archive()).await;
    let list = async || -> Value { appliance.get(&token, "/api/v1/sources").await.json().await.expect("JSON") };
    let is_ready = |listed: &Value| {
        let all = listed["sources"].as_array().expect("a list");
        listed["total"] == 4 && all.iter().all(|source| source["state"] == "ready")
    };
    let listed = appliance.until(&token, "/api/v1/sources", is_ready).await;
    assert_eq!(listed["total"], 4, "{listed}");
    let named = |name: &str| {
        let all = listed["sources"].as_array().expect("a list");
        all.iter().find(|source| source["file_name"] == name).cloned().unwrap_or_default()
    };
    assert_eq!(named("harbour.txt")["parent"], id, "{listed}");
    assert_eq!(named("keys.md")["parent"], named("keys.eml")["id"], "{listed}");
    let text: Value = appliance.get(&token, &format!("/api/v1/sources/{id}/text")).await.json().await.expect("JSON");
    assert!(text["notes"].to_string().contains("tool: This is a program"), "{text}");
    let search = json!({ "question": "Where does the attic key hang?", "limit": 1 });
    let found: Value = appliance.post(&token, "/api/v1/search", &search).await.json().await.expect("JSON");
    assert!(found["passages"][0]["text"].to_string().contains("barometer"), "{found}");

    assert!(appliance.delete(&token, &format!("/api/v1/sources/{id}")).await.status().is_success());
    assert_eq!(list().await["total"], 0);
    let found: Value = appliance.post(&token, "/api/v1/search", &search).await.json().await.expect("JSON");
    assert_eq!(found["passages"].as_array().map(Vec::len), Some(0), "{found}");
}

/// A picture of a sign. With tesseract its words are found; without, the reader is told what to install.
#[tokio::test]
async fn a_picture_is_read_or_its_reader_told_what_to_install() {
    if !has_model("walk") {
        return;
    }
    let data = folder();
    let appliance = Appliance::start(data.path());
    let token = appliance.token(data.path());
    let id = appliance.add(&token, "sign.txt", include_bytes!("../data/sign.png")).await;
    let source = appliance.settled(&token, id).await;
    if std::path::Path::new("/usr/bin/tesseract").is_file() {
        assert_eq!((&source["state"], &source["unread_pages"]), (&json!("ready"), &json!(0)), "{source}");
        let text: Value =
            appliance.get(&token, &format!("/api/v1/sources/{id}/text")).await.json().await.expect("JSON");
        assert!(text["text"].to_string().contains("The boathouse closes at nine"), "{text}");
        let pages: Value =
            appliance.get(&token, &format!("/api/v1/sources/{id}/pages")).await.json().await.expect("JSON");
        assert_eq!(pages["pages"][0]["state"], "read", "{pages}");
    } else {
        eprintln!("walk: left out, a picture that is read (no tesseract; on Debian: apt install tesseract-ocr)");
        assert_eq!(source["state"], "failed", "{source}");
        assert!(source["reason"].to_string().contains("apt install tesseract-ocr"), "{source}");
    }
}

/// A page of text, a scanned one, and one on which nothing is. The text is there whether or not the scan can be read.
#[tokio::test]
async fn scanned_pages_are_read_or_named() {
    if !has_model("walk") {
        return;
    }
    let data = folder();
    let appliance = Appliance::start(data.path());
    let token = appliance.token(data.path());
    let id = appliance.add(&token, "regatta.pdf", include_bytes!("../data/scan.pdf")).await;
    let source = appliance.settled(&token, id).await;
    assert_eq!(source["state"], "ready", "{source}");
    let pages: Value = appliance.get(&token, &format!("/api/v1/sources/{id}/pages")).await.json().await.expect("JSON");
    let states: Vec<&Value> = pages["pages"].as_array().expect("a list").iter().map(|page| &page["state"]).collect();
    if !std::path::Path::new("/usr/bin/tesseract").is_file() {
        eprintln!("walk: left out, scanned pages that are read (no tesseract; on Debian: apt install tesseract-ocr)");
        assert_eq!(states, ["read", "unread", "unread"], "{pages}");
        assert!(pages["pages"][1]["reason"].to_string().contains("apt install tesseract-ocr"), "{pages}");
        return;
    }
    assert_eq!(states, ["read", "read", "empty"], "{pages}");
    let search = json!({ "question": "When does the boathouse close?" });
    let found: Value = appliance.post(&token, "/api/v1/search", &search).await.json().await.expect("JSON");
    let passage = &found["passages"][0];
    assert!(passage["text"].to_string().contains("The boathouse closes at nine"), "{found}");
    assert_eq!(passage["page"], 2, "{found}");
}

/// Two plans in the same words: the one that the question names is shown first.
#[tokio::test]
async fn of_twin_documents_the_named_one_is_found() {
    if !has_model("walk") {
        return;
    }
    let data = folder();
    let appliance = Appliance::start(data.path());
    let token = appliance.token(data.path());
    for (name, share) in [("Harbour_Basic_2026.md", 40), ("Harbour_Comfort_2026.md", 15)] {
        let text =
            format!("# Conditions\n\n## Ambulance\n\nThe member pays {share} percent of an ambulance journey.\n");
        appliance.ready(&token, name, text.as_bytes()).await;
    }
    for (plan, share) in [("Comfort", "15 percent"), ("Basic", "40 percent")] {
        let search =
            json!({ "question": format!("What does a member of Harbour {plan} pay for an ambulance?"), "limit": 2 });
        let found: Value = appliance.post(&token, "/api/v1/search", &search).await.json().await.expect("JSON");
        let first = found["passages"][0]["text"].as_str().expect("a passage");
        assert!(first.contains(share), "{plan}: {found}");
    }
}

/// More readers at once than there are places: each is told to come back, or answered to the end.
#[tokio::test]
async fn a_crowd_is_answered_or_told_to_come_back() {
    if !has_model("walk") {
        return;
    }
    let data = folder();
    let appliance = Appliance::start(data.path());
    let token = appliance.token(data.path());
    // Long enough that every answer has as many sentences to weigh as it may.
    let rules: String =
        (1..=60).map(|n| format!("Rule {n} of the boathouse is about berth {n} and its key.\n\n")).collect();
    appliance.ready(&token, "rules.md", format!("# Rules\n\n{rules}{HANDBOOK}").as_bytes()).await;
    let body = json!({ "model": "nosia", "stream": true, "messages": [{ "role": "user", "content": "Where does the spare key of the boathouse hang?" }] });
    let asked = (0..96).map(|_| async {
        let answer = appliance.post(&token, "/v1/chat/completions", &body).await;
        let (status, waits) = (answer.status(), answer.headers().contains_key("retry-after"));
        (status, waits, answer.text().await.expect("it is not cut off"))
    });
    let answers = futures_util::future::join_all(asked).await;
    for (status, waits, text) in &answers {
        match *status {
            StatusCode::OK => assert!(text.contains("[1]") && text.trim_end().ends_with("[DONE]"), "{text}"),
            StatusCode::TOO_MANY_REQUESTS => assert!(waits, "{text}"),
            other => panic!("{other}: {text}"),
        }
    }
    assert!(answers.iter().any(|(status, ..)| *status == StatusCode::OK));
}

#[tokio::test]
async fn derived_indexes_are_rebuilt_from_the_store() {
    if !has_model("walk") {
        return;
    }
    let data = folder();
    let appliance = Appliance::start(data.path());
    let token = appliance.token(data.path());
    appliance.ready(&token, "handbook.md", HANDBOOK.as_bytes()).await;
    let search = json!({ "question": "spare key of the boathouse", "limit": 3 });
    let before: Value = appliance.post(&token, "/api/v1/search", &search).await.json().await.expect("JSON");
    assert!(!before["passages"].as_array().expect("passages").is_empty());
    assert_eq!(appliance.stop(), Some(0), "SIGTERM ends it in order");

    for derived in ["fulltext", "vectors"] {
        std::fs::remove_dir_all(data.path().join(derived)).expect("the index is a folder");
    }
    let appliance = Appliance::start(data.path());
    let begun = std::time::Instant::now();
    loop {
        let after: Value = appliance.post(&token, "/api/v1/search", &search).await.json().await.expect("JSON");
        if after["passages"] == before["passages"] {
            break;
        }
        assert!(begun.elapsed() < crate::appliance::PATIENCE, "not rebuilt: {after} instead of {before}");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}
