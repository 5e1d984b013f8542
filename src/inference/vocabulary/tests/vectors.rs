//! Published vectors: texts, and the tokens that the models' own tokenizers make of them.
//!
//! They are in the folder that `NOSIA_TEST_DATA` names. Where a vocabulary is there only as its makers published it,
//! the description of a file is made of it as the usual converters do.

use crate::inference::gguf::{Gguf, Metadata, Value};
use crate::inference::vocabulary::tokens::letters_of_bytes;
use crate::inference::vocabulary::{Special, Utf8Stream, Vocabulary};
use base64::Engine as _;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

const BETWEEN: &str = "\n__ggml_vocab_test__\n";

/// The folder of models in the test data; without it, says what is left out.
fn models() -> Option<PathBuf> {
    let models = std::env::var_os("NOSIA_TEST_DATA").map(|data| PathBuf::from(data).join("models"));
    if models.is_none() {
        eprintln!("LEFT OUT: published tokenizer vectors, because NOSIA_TEST_DATA is not set");
    }
    models
}

#[test]
fn published_vectors_are_met() {
    let Some(models) = models() else { return };
    for name in ["bert-bge", "deepseek-coder", "gpt-2", "llama-spm", "phi-3"] {
        let file = models.join(format!("vocab/ggml-vocab-{name}.gguf"));
        check(&models, name, Gguf::open(&file).expect("a good file").metadata());
    }
    check(&models, "llama-bpe", &llama3(&models.join("llama3-tokenizer")));
    check(&models, "qwen2", &qwen2(&models.join("qwen2.5-tokenizer")));
}

fn check(models: &Path, name: &str, metadata: &Metadata) {
    let vocabulary = Vocabulary::read(metadata).expect(name);
    let read =
        |kind: &str| fs::read_to_string(models.join(format!("vocab/ggml-vocab-{name}.gguf.{kind}"))).expect(name);
    let (texts, tokens) = (read("inp"), read("out"));
    let (texts, tokens): (Vec<&str>, Vec<&str>) = (texts.split(BETWEEN).collect(), tokens.lines().collect());
    assert!(tokens.len() > 40 && texts.len() >= tokens.len(), "{name}: {} texts", texts.len());
    for (text, expected) in texts.iter().zip(&tokens) {
        let expected: Vec<u32> = expected.split_whitespace().map(|token| token.parse().expect(name)).collect();
        let found = vocabulary.encode(text, Special::Plain);
        assert_eq!(found, expected, "{name}: {text:?}");
        if !name.starts_with("bert") {
            let mut stream = Utf8Stream::default();
            let shown: String = found.iter().map(|token| stream.push(vocabulary.bytes(*token))).collect();
            let shown = shown + &stream.finish();
            assert_eq!(shown.trim_start_matches(' '), text.trim_start_matches(' '), "{name}: there and back");
        }
    }
}

/// What a file of Llama 3 says: its tokens as published are bytes with ranks, and every way to make one of two others
/// is a merge.
fn llama3(folder: &Path) -> Metadata {
    let lines = fs::read_to_string(folder.join("tokenizer.model")).expect("the vocabulary");
    let token = |line: &str| {
        let (bytes, _) = line.split_once(' ').expect("bytes and rank");
        base64::engine::general_purpose::STANDARD.decode(bytes).expect("base64")
    };
    let tokens: Vec<Vec<u8>> = lines.lines().map(token).collect();
    let ranks: HashMap<&[u8], usize> =
        tokens.iter().enumerate().map(|(rank, token)| (token.as_slice(), rank)).collect();
    let letters = letters_of_bytes();
    let spelled = |bytes: &[u8]| bytes.iter().map(|byte| letters[usize::from(*byte)]).collect::<String>();
    let mut merges = Vec::new();
    for token in &tokens {
        let halves = (1..token.len()).map(|at| token.split_at(at));
        let mut ways: Vec<_> = halves.filter_map(|(a, b)| Some((*ranks.get(a)?, *ranks.get(b)?, a, b))).collect();
        ways.sort_unstable();
        merges.extend(ways.into_iter().map(|(_, _, a, b)| format!("{} {}", spelled(a), spelled(b))));
    }
    file("llama-bpe", tokens.iter().map(|token| spelled(token)).collect(), merges)
}

/// What a file of Qwen 2 says, from the tokens and merges as published.
fn qwen2(folder: &Path) -> Metadata {
    let read = |name: &str| fs::read_to_string(folder.join(name)).expect(name);
    let ids: HashMap<String, usize> = serde_json::from_str(&read("vocab.json")).expect("JSON");
    let mut tokens = vec![String::new(); ids.len()];
    for (text, id) in ids {
        tokens[id] = text;
    }
    let merges = read("merges.txt");
    let merges = merges.lines().filter(|line| !line.starts_with("#version") && !line.is_empty());
    file("qwen2", tokens, merges.map(str::to_owned).collect())
}

fn file(pre: &str, tokens: Vec<String>, merges: Vec<String>) -> Metadata {
    Metadata::from_pairs([
        ("tokenizer.ggml.model", Value::Text("gpt2".to_owned())),
        ("tokenizer.ggml.pre", Value::Text(pre.to_owned())),
        ("tokenizer.ggml.tokens", Value::Texts(tokens)),
        ("tokenizer.ggml.merges", Value::Texts(merges)),
    ])
}
