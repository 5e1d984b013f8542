//! Killed at any moment and started again, it goes on where it was.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use reqwest::Client;
use serde_json::{Value, json};

use crate::appliance::{Appliance, PATIENCE, folder, has_model, multipart};

/// Notes that wait to be read: beyond that, more of them would only lengthen the count at the end.
const WAITING_MAX: usize = 24;

/// Kills in one run; `make torture N=` asks for more.
fn kills() -> u32 {
    std::env::var("NOSIA_TORTURE").ok().and_then(|count| count.parse().ok()).unwrap_or(5)
}

/// The notes that the appliance acknowledged, by their source.
type Acknowledged = Arc<Mutex<BTreeMap<i64, (u32, u32)>>>;

#[tokio::test]
async fn an_acknowledged_upload_is_never_lost_and_never_indexed_twice() {
    if !has_model("kills") {
        return;
    }
    let data = folder();
    let mut appliance = Appliance::start(data.path());
    let token = appliance.token(data.path());
    let acknowledged = Acknowledged::default();
    // The moments differ from kill to kill and are the same in every run: before, while and after files are received,
    // read, embedded, stored and indexed.
    let mut random = StdRng::seed_from_u64(7);
    for round in 0..kills() {
        let (base, client) = (appliance.base.clone(), appliance.client.clone());
        let feeder = tokio::spawn(feed(client, base, token.clone(), round, Arc::clone(&acknowledged)));
        tokio::time::sleep(Duration::from_millis(random.random_range(0..1500))).await;
        appliance.kill();
        feeder.await.expect("it does not panic");
        appliance = Appliance::start(data.path());
    }
    let acknowledged = acknowledged.lock().expect("no panic").clone();
    for (&id, &(round, number)) in &acknowledged {
        let source = appliance.settled(&token, id).await;
        assert_eq!(source["state"], "ready", "{source}");
        let search = json!({ "question": key(round, number), "limit": 20 });
        let found: Value = appliance.post(&token, "/api/v1/search", &search).await.json().await.expect("JSON");
        let passages = found["passages"].as_array().expect("passages");
        let hits = passages.iter().filter(|passage| passage["text"].to_string().contains(&key(round, number)));
        assert_eq!(hits.count(), 1, "{} is found once: {found}", key(round, number));
    }
    // Besides what was acknowledged there may be, of each life, the upload that its death left without an answer.
    let sources: Value = appliance.get(&token, "/api/v1/sources?limit=1").await.json().await.expect("JSON");
    let total = sources["total"].as_u64().expect("a number");
    let expected = acknowledged.len() as u64;
    assert!((expected..=expected + u64::from(kills())).contains(&total), "{total} sources, {expected} acknowledged");
    println!("{} kills, {expected} documents acknowledged, none lost, none twice", kills());
}

/// Uploads one note after the other until the appliance is gone.
async fn feed(client: Client, base: String, token: String, round: u32, acknowledged: Acknowledged) {
    for number in 0.. {
        let (content_type, body) = multipart(&format!("note-{round}-{number}.md"), note(round, number).as_bytes());
        let request = client.post(format!("{base}/api/v1/files")).bearer_auth(&token);
        let Ok(sent) = request.header("content-type", content_type).body(body).send().await else { return };
        let Ok(answer) = sent.json::<Value>().await else { return };
        let id = answer["sources"][0]["id"].as_i64().unwrap_or_else(|| panic!("not acknowledged: {answer}"));
        acknowledged.lock().expect("no panic").insert(id, (round, number));
        if waiting(&client, &base, &token).await.is_none() {
            return;
        }
    }
}

/// Waits until few notes wait to be read; `None` once the appliance is gone.
async fn waiting(client: &Client, base: &str, token: &str) -> Option<()> {
    let begun = Instant::now();
    loop {
        let request = client.get(format!("{base}/api/v1/sources?state=working&limit=1")).bearer_auth(token);
        let listed: Value = request.send().await.ok()?.json().await.ok()?;
        if listed["total"].as_u64()? < WAITING_MAX as u64 {
            return Some(());
        }
        assert!(begun.elapsed() < PATIENCE, "nothing is read: {listed}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A word that stands in one note alone.
fn key(round: u32, number: u32) -> String {
    format!("qx{round}z{number}k")
}

fn note(round: u32, number: u32) -> String {
    let filler: String = (0..6)
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
