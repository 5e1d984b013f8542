//! Real weights: what stories260K tells through the generator is what a plain forward pass of it tells.

use super::stories260k::{CONTEXT, network, stories};
use crate::domain::answer::Finish;
use crate::domain::chat::{Speaker, Turn};
use crate::domain::device::Device;
use crate::inference::gguf::Gguf;
use crate::inference::{Generated, Generator, LocalOptions, Reader, Sampling};
use futures_util::StreamExt as _;

#[test]
fn the_file_made_of_it_is_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(path) = network(folder.path(), "the conversion of stories260K") else { return };
    let gguf = Gguf::open(&path).expect("a good file");
    assert_eq!(gguf.tensors().count(), 2 + 5 * 9);
    let last = gguf.tensor("output_norm.weight").expect("the last tensor").to_f32();
    assert!(last.iter().all(|value| (0.1..10.0).contains(value)), "read beside the place: {last:?}");
    for story in stories() {
        assert_eq!((story.tokens[0], story.greedy.len()), (1, 100), "{}{}", story.prompt, story.text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_generator_tells_what_the_reference_tells() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(path) = network(folder.path(), "the stories that stories260K tells") else { return };
    let options = LocalOptions { context: CONTEXT, cache_bytes: None, device: Device::Cpu };
    let generator = Generator::local(&path, options).expect("it opens");
    // The second time, what was read the first time is used again.
    for story in stories().iter().chain(&stories()) {
        let turns = vec![Turn { speaker: Speaker::User, text: story.prompt.clone() }];
        let count = |tokens: &[u32]| u32::try_from(tokens.len()).expect("a short story");
        let sampling =
            Sampling { temperature: Some(0.0), max_tokens: Some(count(&story.greedy)), ..Sampling::default() };
        let mut pieces = generator.generate(turns, sampling, Reader(1)).await.expect("there is room");
        let (mut told, mut end) = (String::new(), None);
        while let Some(piece) = pieces.next().await {
            match piece.expect("no error") {
                Generated::Text(text) => told.push_str(&text),
                other => end = Some(other),
            }
        }
        assert_eq!(told, story.text, "after {:?}", story.prompt);
        let (prompt_tokens, completion_tokens) = (count(&story.tokens), count(&story.greedy));
        assert_eq!(end, Some(Generated::Done { finish: Finish::Length, prompt_tokens, completion_tokens }));
    }
}
