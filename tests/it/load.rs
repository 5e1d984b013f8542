//! Many readers at once of answers that stream from a model on this machine: each gets, to the letter, what one reader
//! alone gets, whoever else reads, waits or leaves. `packaging/load` does the same for minutes, prints how fast it goes
//! and looks at the memory.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::future::{join, join_all};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::appliance::{Appliance, PATIENCE, folder, has_model, run};
use crate::models::GOOD;
use crate::stories260k::{self, CONTEXT, stories};

/// Readers and rounds where nobody says otherwise: more readers than are written to at once, so that some wait.
const READERS: usize = 40;
const ROUNDS: usize = 4;
/// Of so many requests of a reader, one is left in the middle.
const LEAVES_EVERY: usize = 5;
/// How often the memory is looked at.
const MEMORY_EVERY: Duration = Duration::from_millis(200);
/// A shorter load says nothing about memory.
const MEMORY_SECONDS_MIN: u64 = 60;
/// How much more the last quarter may take than the second.
const MEMORY_GROWTH_MAX: f64 = 1.05;

/// How many read, and how long.
#[derive(Clone, Copy)]
struct Load {
    readers: usize,
    until: Until,
}

#[derive(Clone, Copy)]
enum Until {
    Rounds(usize),
    Seconds(u64),
}

impl Load {
    /// What `NOSIA_LOAD` says, as `READERS,SECONDS`, or else a few rounds.
    fn asked() -> Load {
        let Ok(text) = std::env::var("NOSIA_LOAD") else {
            return Load { readers: READERS, until: Until::Rounds(ROUNDS) };
        };
        let (readers, seconds) = text.split_once(',').expect("NOSIA_LOAD is READERS,SECONDS");
        let (readers, seconds) = (readers.parse().expect("a number"), seconds.parse().expect("a number"));
        Load { readers, until: Until::Seconds(seconds) }
    }

    fn goes_on(&self, round: usize, begun: Instant) -> bool {
        match self.until {
            Until::Rounds(rounds) => round < rounds,
            Until::Seconds(seconds) => begun.elapsed().as_secs() < seconds,
        }
    }
}

/// What a reader asks, and what it is told alone.
struct Script {
    body: Value,
    told: Told,
}

/// What an answer comes to.
#[derive(Clone, Debug, Default, PartialEq)]
struct Told {
    text: String,
    finish: String,
    prompt_tokens: u64,
    completion_tokens: u64,
}

/// What happened to one reader.
#[derive(Default)]
struct Tally {
    answered: usize,
    left: usize,
    refused: usize,
    /// Tokens of the answers that were read to their end.
    tokens: u64,
    /// Milliseconds from the question to the first word and to the end, for each answer.
    first_ms: Vec<f64>,
    whole_ms: Vec<f64>,
}

impl Tally {
    fn add(&mut self, other: Tally) {
        self.answered += other.answered;
        self.left += other.left;
        self.refused += other.refused;
        self.tokens += other.tokens;
        self.first_ms.extend(other.first_ms);
        self.whole_ms.extend(other.whole_ms);
    }
}

/// An appliance that writes with a tiny model.
struct Desk {
    appliance: Appliance,
    token: String,
    model: String,
    /// The longest answer that fits its context.
    tokens_max: u64,
}

impl Desk {
    /// Starts on `data` with the file `model`, which is brought and chosen at the command line.
    fn open(data: &Path, model: &Path, tokens_max: u64) -> Desk {
        let appliance = Appliance::start(data);
        let token = appliance.token(data);
        let name = model.file_stem().expect("a name").to_string_lossy().into_owned();
        for arguments in [["model", "add", &model.to_string_lossy()], ["model", "use", &name]] {
            let output = run(data, &arguments);
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        Desk { appliance, token, model: name, tokens_max }
    }

    /// A request that has one answer only: the likeliest words without a `seed`, else those of that chance.
    fn request(&self, prompt: &str, seed: Option<u64>, max_tokens: u64) -> Value {
        json!({
            "model": self.model, "stream": true, "stream_options": { "include_usage": true },
            "messages": [{ "role": "user", "content": prompt }], "nosia": { "retrieval": false },
            "temperature": if seed.is_some() { 1 } else { 0 }, "seed": seed.unwrap_or(0), "max_tokens": max_tokens,
        })
    }

    /// The answer to `body`. With `leaves_after` pieces of text the reader leaves, and there is none.
    async fn ask(&self, body: &Value, leaves_after: Option<usize>, tally: &mut Tally) -> Option<Told> {
        let asked = Instant::now();
        let response = loop {
            let response = self.appliance.post(&self.token, "/v1/chat/completions", body).await;
            if response.status() != StatusCode::TOO_MANY_REQUESTS {
                break response;
            }
            let seconds = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
            tally.refused += 1;
            tokio::time::sleep(Duration::from_secs(seconds.expect("a refusal says when to come again"))).await;
        };
        assert_eq!(response.status(), StatusCode::OK, "{body}");
        let (mut stream, mut pending, mut said) = (response.bytes_stream(), Vec::new(), Said::default());
        while let Some(bytes) = stream.next().await {
            pending.extend_from_slice(&bytes.expect("the stream does not break off"));
            while let Some(end) = pending.windows(2).position(|two| two == b"\n\n") {
                let event: Vec<u8> = pending.drain(..end + 2).collect();
                said.take(std::str::from_utf8(&event[..end]).expect("UTF-8"));
            }
            if said.pieces > 0 && tally.first_ms.len() == tally.answered {
                tally.first_ms.push(asked.elapsed().as_secs_f64() * 1e3);
            }
            if leaves_after.is_some_and(|pieces| said.pieces >= pieces) {
                tally.left += 1;
                tally.first_ms.truncate(tally.answered);
                return None;
            }
        }
        assert!(said.is_done && pending.is_empty(), "a stream ended in the middle: {:?}", said.told);
        tally.answered += 1;
        tally.first_ms.resize(tally.answered, asked.elapsed().as_secs_f64() * 1e3);
        tally.whole_ms.push(asked.elapsed().as_secs_f64() * 1e3);
        tally.tokens += said.told.completion_tokens;
        Some(said.told)
    }

    /// The number `name` on the page of numbers; 0 before it was counted for the first time.
    async fn number(&self, name: &str) -> u64 {
        let page = self.appliance.get(&self.token, "/metrics").await.text().await.expect("a page");
        let value = page.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<f64>().ok());
        value.unwrap_or_default() as u64
    }

    /// Asks one thing after the other for as long as `load` says; of every answer each letter is compared.
    async fn read(&self, reader: usize, scripts: &[Script], load: Load, begun: Instant) -> Tally {
        let (mut tally, mut round) = (Tally::default(), 0);
        while load.goes_on(round, begun) {
            let script = &scripts[(reader * 5 + round * 3) % scripts.len()];
            if (reader + round).is_multiple_of(LEAVES_EVERY) {
                let mut body = script.body.clone();
                body["max_tokens"] = json!(self.tokens_max);
                self.ask(&body, Some(1 + reader % 3), &mut tally).await;
            } else {
                let told = self.ask(&script.body, None, &mut tally).await;
                assert_eq!(told.as_ref(), Some(&script.told), "reader {reader}, round {round}");
            }
            round += 1;
        }
        tally
    }
}

/// A stream so far.
#[derive(Default)]
struct Said {
    told: Told,
    id: String,
    /// Pieces of text.
    pieces: usize,
    is_done: bool,
}

impl Said {
    /// Takes in one event: of one answer only, with one end, and nothing after it.
    fn take(&mut self, event: &str) {
        let Some(data) = event.strip_prefix("data: ") else {
            return assert!(event.starts_with(':'), "neither data nor a comment: {event}");
        };
        assert!(!self.is_done, "after the end: {data}");
        if data == "[DONE]" {
            self.is_done = true;
            return;
        }
        let chunk: Value = serde_json::from_str(data).expect("JSON");
        let id = chunk["id"].as_str().unwrap_or_else(|| panic!("{chunk}"));
        assert!(self.id.is_empty() || self.id == id, "a chunk of another answer: {chunk}");
        id.clone_into(&mut self.id);
        let choice = &chunk["choices"][0];
        let text = choice["delta"]["content"].as_str().unwrap_or_default();
        self.told.text.push_str(text);
        self.pieces += usize::from(!text.is_empty());
        if let Some(finish) = choice["finish_reason"].as_str() {
            assert_eq!(self.told.finish, "", "a second end: {chunk}");
            finish.clone_into(&mut self.told.finish);
        }
        if let Some(usage) = chunk["usage"].as_object() {
            let count = |name: &str| usage[name].as_u64().expect("a count");
            self.told.prompt_tokens = count("prompt_tokens");
            self.told.completion_tokens = count("completion_tokens");
        }
    }
}

/// The teller of stories where its weights are, else a network of random weights with a context of a line or two.
fn desk(data: &Path, stick: &Path) -> (Desk, Vec<(String, Option<u64>, u64)>) {
    let Some(file) = stories260k::network(stick, "many readers of real words; random ones take their place") else {
        let file = stick.join("Made-F32.gguf");
        std::fs::write(&file, GOOD).expect("written");
        let asked = (0..12).map(|seed| ("abcdef"[seed % 4..].to_owned(), Some(seed as u64), 10 + 2 * seed as u64));
        return (Desk::open(data, &file, 40), asked.collect());
    };
    let beginnings = ["One day, a cat", "Tom had a red ball", "The sun was", "Lily", "A big bear and a small bear"];
    let golden = stories().into_iter().map(|story| (story.prompt, None, story.greedy.len() as u64));
    let made = (0..10).map(|seed| (beginnings[seed % 5].to_owned(), Some(seed as u64), 20 + 12 * seed as u64));
    (Desk::open(data, &file, CONTEXT as u64 - 64), golden.chain(made).collect())
}

/// What each of `asked` is told while nobody else asks.
async fn alone(desk: &Desk, asked: Vec<(String, Option<u64>, u64)>) -> Vec<Script> {
    let mut scripts = Vec::new();
    for (prompt, seed, max_tokens) in asked {
        let body = desk.request(&prompt, seed, max_tokens);
        let told = desk.ask(&body, None, &mut Tally::default()).await.expect("it stays to the end");
        assert!(told.completion_tokens > 0 && told.completion_tokens <= max_tokens, "{told:?}");
        if let Some(story) = stories().iter().find(|story| seed.is_none() && story.prompt == prompt) {
            let counts = (story.tokens.len() as u64, story.greedy.len() as u64);
            assert_eq!((told.prompt_tokens, told.completion_tokens), counts, "{told:?}");
            assert_eq!(told.text, story.text, "the plain forward pass tells another story");
        }
        scripts.push(Script { body, told });
    }
    assert!(scripts.iter().any(|script| script.told.text != scripts[0].told.text), "all answers are alike");
    scripts
}

#[tokio::test]
async fn many_readers_are_told_what_one_is_told() {
    if !has_model("load") {
        return;
    }
    let load = Load::asked();
    let (data, stick) = (folder(), folder());
    let (desk, asked) = desk(data.path(), stick.path());
    let scripts = alone(&desk, asked).await;
    let written_before = desk.number("nosia_generated_tokens_total").await;
    assert!(written_before > 0, "words are counted");

    let (begun, is_over) = (Instant::now(), AtomicBool::new(false));
    let readers = (0..load.readers).map(|reader| desk.read(reader, &scripts, load, begun));
    let reading = async {
        let mut total = Tally::default();
        join_all(readers).await.into_iter().for_each(|tally| total.add(tally));
        is_over.store(true, Ordering::Relaxed);
        total
    };
    let watching = async {
        let mut samples = Vec::new();
        while !is_over.load(Ordering::Relaxed) {
            samples.push(desk.appliance.resident_bytes());
            tokio::time::sleep(MEMORY_EVERY).await;
        }
        samples
    };
    let (mut total, memory) = join(reading, watching).await;
    let seconds = begun.elapsed().as_secs_f64();
    tell(&mut total, seconds, &memory);
    assert!(total.answered > 0 && total.left > 0, "{} answered, {} left", total.answered, total.left);
    if matches!(load.until, Until::Seconds(seconds) if seconds >= MEMORY_SECONDS_MIN) {
        let (second, last) = quarters(&memory);
        assert!(last as f64 <= second as f64 * MEMORY_GROWTH_MAX, "memory grows: from {second} to {last} bytes");
    }

    while desk.number("nosia_answers_in_progress").await > 0 {
        assert!(begun.elapsed().as_secs_f64() < seconds + PATIENCE.as_secs_f64(), "somebody who left is still served");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let written = desk.number("nosia_generated_tokens_total").await - written_before;
    let most = total.tokens + total.left as u64 * desk.tokens_max;
    assert!((total.tokens..most).contains(&written), "{written} tokens were written, {} of them read", total.tokens);
    assert_eq!(desk.appliance.stop(), Some(0));
}

/// Prints how it went.
fn tell(total: &mut Tally, seconds: f64, memory: &[u64]) {
    let Tally { answered, left, refused, tokens, first_ms, whole_ms } = total;
    println!("{answered} answers read, {left} left in the middle, {refused} refusals, in {seconds:.1} s");
    let (answers, tokens) = (*answered as f64 / seconds, *tokens as f64 / seconds);
    println!("{answers:.1} answers/s, {tokens:.0} tokens/s read to the end");
    for (name, values) in [("first word", first_ms), ("whole answer", whole_ms)] {
        values.sort_by(f64::total_cmp);
        let at = |share: f64| values[((values.len() - 1) as f64 * share).round() as usize];
        println!(
            "{name}: p50 {:.0} ms, p95 {:.0} ms, p99 {:.0} ms, worst {:.0} ms",
            at(0.5),
            at(0.95),
            at(0.99),
            at(1.0)
        );
    }
    let (second, last) = quarters(memory);
    println!("memory: at most {} MiB in the second quarter, {} MiB in the last", second >> 20, last >> 20);
}

/// The most memory in the second quarter of `samples` and in the last.
fn quarters(samples: &[u64]) -> (u64, u64) {
    let most = |from: usize| {
        let part = samples.len() * from / 4..(samples.len() * (from + 1) / 4).max(1);
        samples[part].iter().copied().max().unwrap_or_default()
    };
    (most(1), most(3))
}
