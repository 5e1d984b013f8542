//! The whole generator on a small real model: what it writes does not depend on who else writes.

use super::{Local, LocalOptions};
use crate::domain::answer::Finish;
use crate::domain::chat::{Speaker, Turn};
use crate::domain::device::Device;
use crate::inference::InferenceError;
use crate::inference::generator::{Generated, Reader};
use crate::inference::sampling::Sampling;
use futures_util::{Stream, StreamExt as _};
use std::path::PathBuf;

/// A network of random weights with a vocabulary of single letters, from the goldens.
fn model() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/golden/decoders/llama.gguf"))
}

fn open(context: usize, cache_bytes: Option<u64>) -> Local {
    Local::open(&model(), LocalOptions { context, cache_bytes, device: Device::Cpu }).expect("the model opens")
}

fn asked(text: &str) -> Vec<Turn> {
    vec![Turn { speaker: Speaker::User, text: text.to_owned() }]
}

fn sampling(max_tokens: u32, seed: u64) -> Sampling {
    Sampling { max_tokens: Some(max_tokens), seed: Some(seed), temperature: Some(1.0), ..Sampling::default() }
}

async fn whole(stream: impl Stream<Item = Result<Generated, InferenceError>>) -> (String, Option<Generated>) {
    let (mut text, mut end) = (String::new(), None);
    let mut stream = Box::pin(stream);
    while let Some(piece) = stream.next().await {
        match piece.expect("no error") {
            Generated::Text(more) => text.push_str(&more),
            Generated::Waiting { .. } => {}
            done => end = Some(done),
        }
    }
    (text, end)
}

#[test]
fn without_the_accelerator_that_was_asked_for_the_processor_computes() {
    // No machine has so many.
    for (device, part) in [(Device::Cpu, ""), (Device::Cuda(255), "CUDA"), (Device::Metal(255), "Metal")] {
        let local = Local::open(&model(), LocalOptions { context: 64, cache_bytes: None, device }).expect("it opens");
        let computes = local.computes();
        assert!(computes.starts_with("the processor (") && computes.contains(part), "{device}: {computes}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_seed_writes_the_same_text_alone_and_in_a_crowd() {
    let local = open(64, None);
    let mut alone = Vec::new();
    for index in 0..8u64 {
        let stream =
            local.generate(asked(&format!("ab{index}")), sampling(20, index), Reader(index)).await.expect("room");
        alone.push(whole(stream).await);
    }
    let streams = (0..24u64).map(|index| {
        let local = &local;
        async move {
            let index = index % 8;
            let turns = asked(&format!("ab{index}"));
            whole(local.generate(turns, sampling(20, index), Reader(index)).await.expect("room")).await
        }
    });
    let together = futures_util::future::join_all(streams).await;
    for (index, found) in together.iter().enumerate() {
        assert_eq!(found, &alone[index % 8], "{index}");
    }
    assert!(alone.iter().any(|(text, _)| text != &alone[0].0), "different seeds write differently");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_end_where_they_must() {
    let local = open(64, None);
    let (text, end) = whole(local.generate(asked("abc"), sampling(5, 1), Reader(1)).await.expect("room")).await;
    let Some(Generated::Done { finish, prompt_tokens, completion_tokens }) = end else { panic!("{text}") };
    assert!(finish == Finish::Length && completion_tokens == 5 || finish == Finish::Stop && completion_tokens <= 5);
    assert!(prompt_tokens > 3);
    let long = "abc ".repeat(100);
    let refused = local.generate(asked(&long), sampling(5, 1), Reader(1)).await.err();
    assert!(matches!(&refused, Some(InferenceError::Input(text)) if text.contains("LLM_NUM_CTX")), "{refused:?}");
    local.close();
    let closed = local.generate(asked("abc"), sampling(5, 1), Reader(1)).await.err();
    assert_eq!(closed, Some(InferenceError::Closed));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_leaves_makes_room_for_the_next() {
    let local = open(64, None);
    for _ in 0..200 {
        let stream = local.generate(asked("leaving"), sampling(40, 3), Reader(1)).await.expect("room is made again");
        drop(stream);
    }
    let (_, end) = whole(local.generate(asked("staying"), sampling(3, 3), Reader(2)).await.expect("room")).await;
    assert!(matches!(end, Some(Generated::Done { .. })));
}
