//! Killed at any moment and started again, it goes on where it was.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::appliance::{Appliance, folder, has_model};

/// Kills in one run; `make torture N=` asks for more.
fn kills() -> u32 {
    std::env::var("NOSIA_TORTURE").ok().and_then(|count| count.parse().ok()).unwrap_or(5)
}

#[tokio::test]
async fn an_acknowledged_upload_is_never_lost_and_never_indexed_twice() {
    if !has_model("kills") {
        return;
    }
    let data = folder();
    let mut appliance = Appliance::start(data.path());
    let token = appliance.token(data.path());
    let mut acknowledged = BTreeMap::new();
    for round in 0..kills() {
        for number in 0..6 {
            let name = format!("note-{round}-{number}.md");
            let (content_type, body) = crate::appliance::multipart(&name, note(round, number).as_bytes());
            let request = appliance.client.post(format!("{}/api/v1/files", appliance.base)).bearer_auth(&token);
            let sent = request.header("content-type", content_type).body(body).send().await.expect("it runs");
            let answer: Value = sent.json().await.expect("JSON");
            let id = answer["sources"][0]["id"].as_i64().unwrap_or_else(|| panic!("not acknowledged: {answer}"));
            acknowledged.insert(id, (round, number));
        }
        // A moment that differs from round to round: while files wait, are read, embedded, stored or indexed.
        tokio::time::sleep(Duration::from_millis(u64::from(round) * 137 % 900)).await;
        appliance.kill();
        appliance = Appliance::start(data.path());
    }
    for (&id, &(round, number)) in &acknowledged {
        let source = appliance.settled(&token, id).await;
        assert_eq!(source["state"], "ready", "{source}");
        let search = json!({ "question": key(round, number), "limit": 20 });
        let found: Value = appliance.post(&token, "/api/v1/search", &search).await.json().await.expect("JSON");
        let passages = found["passages"].as_array().expect("passages");
        let hits = passages.iter().filter(|passage| passage["text"].to_string().contains(&key(round, number)));
        assert_eq!(hits.count(), 1, "{} is found once: {found}", key(round, number));
    }
    let sources: Value = appliance.get(&token, "/api/v1/sources?limit=200").await.json().await.expect("JSON");
    assert_eq!(sources["total"].as_u64(), Some(acknowledged.len() as u64), "nothing is there twice");
}

/// A word that stands in one note alone.
fn key(round: u32, number: u32) -> String {
    format!("qx{round}z{number}k")
}

fn note(round: u32, number: u32) -> String {
    let filler: String = (0..40)
        .map(|line| {
            format!(
                "Line {line} of the log for berth {number}: wind {} knots, pressure {} hPa.\n\n",
                round + line,
                980 + line
            )
        })
        .collect();
    format!("# Log {round}-{number}\n\nThe code word of this log is {}.\n\n{filler}", key(round, number))
}
