//! `nosia model tokenize`: a file that is nothing but a vocabulary, and the bytes of standard input.

use std::io::Write as _;
use std::path::Path;
use std::process::{Output, Stdio};

use crate::appliance::{folder, nosia};

/// A GGUF file of four tokens and one merge, made for this test.
fn vocabulary(model: &str) -> Vec<u8> {
    let string = |text: &str| [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat();
    let text = |name: &str, value: &str| [string(name), 8u32.to_le_bytes().to_vec(), string(value)].concat();
    let texts = |name: &str, values: &[&str]| {
        let head = [9u32.to_le_bytes(), 8u32.to_le_bytes()].concat();
        let values = [(values.len() as u64).to_le_bytes().to_vec(), values.iter().flat_map(|v| string(v)).collect()];
        [string(name), head, values.concat()].concat()
    };
    let head = [&b"GGUF"[..], &3u32.to_le_bytes(), &0u64.to_le_bytes(), &4u64.to_le_bytes()].concat();
    let pairs = [
        text("tokenizer.ggml.model", model),
        text("tokenizer.ggml.pre", "gpt-2"),
        texts("tokenizer.ggml.tokens", &["a", "b", "\u{10A}", "ab"]),
        texts("tokenizer.ggml.merges", &["a b"]),
    ];
    [head, pairs.concat()].concat()
}

/// Runs the command on `file`, with `text` on standard input.
fn tokenize(file: &Path, more: &[&str], text: &[u8]) -> Output {
    let data = folder();
    // A setting that stops everything else: this needs none.
    let mut command = nosia(data.path());
    command.args(["model", "tokenize"]).arg(file).args(more).env("CHUNK_MAX_TOKENS", "many");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary runs");
    // It may say no before it has read everything.
    let _ = child.stdin.take().expect("a pipe").write_all(text);
    child.wait_with_output().expect("it ends")
}

#[test]
fn every_byte_of_a_text_is_turned_to_tokens() {
    let files = folder();
    let file = files.path().join("vocabulary.gguf");
    std::fs::write(&file, vocabulary("gpt2")).expect("written");
    let check = |more: &[&str], text: &str, expected: &str| {
        let output = tokenize(&file, more, text.as_bytes());
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "{text:?}: {told}");
        assert_eq!(output.status.code(), Some(0), "{told}");
    };
    check(&[], "abba", "3 1 0\n");
    check(&[], "ab\n", "3 2\n");
    check(&[], "", "\n");
    check(&["--json"], "aab\n\n", "[0,3,2,2]\n");
    check(&["--json"], "", "[]\n");
}

#[test]
fn what_cannot_be_tokenised_is_said() {
    let files = folder();
    let (good, other) = (files.path().join("good.gguf"), files.path().join("other.gguf"));
    std::fs::write(&good, vocabulary("gpt2")).expect("written");
    std::fs::write(&other, vocabulary("rwkv")).expect("written");
    let check = |file: &Path, text: &[u8], expected: &str| {
        let output = tokenize(file, &[], text);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(1) && told.contains(expected), "{told}");
    };
    check(&good, b"ab\xFF", "not UTF-8 from byte 2");
    check(&other, b"ab", "`rwkv` is not supported");
    check(&files.path().join("missing.gguf"), b"ab", "missing.gguf cannot be opened");
}
