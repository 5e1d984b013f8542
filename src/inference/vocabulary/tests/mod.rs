//! Vocabularies made for one question each, and the published vectors of real ones.

mod vectors;

use super::{Special, Vocabulary};
use crate::inference::gguf::{Metadata, Value};

/// A vocabulary of the encoding `model`: tokens with their types, and whatever else the file says.
fn metadata(model: &str, tokens: &[(&str, u32)], more: &[(&str, Value)]) -> Metadata {
    let texts = tokens.iter().map(|(text, _)| (*text).to_owned()).collect();
    let kinds = tokens.iter().map(|(_, kind)| f64::from(*kind)).collect();
    let pairs = [
        ("tokenizer.ggml.model", Value::Text(model.to_owned())),
        ("tokenizer.ggml.tokens", Value::Texts(texts)),
        ("tokenizer.ggml.token_type", Value::Numbers(kinds)),
    ];
    Metadata::from_pairs(pairs.into_iter().chain(more.iter().cloned()))
}

fn texts(texts: &[&str]) -> Value {
    Value::Texts(texts.iter().map(|text| (*text).to_owned()).collect())
}

fn pre(name: &str) -> (&'static str, Value) {
    ("tokenizer.ggml.pre", Value::Text(name.to_owned()))
}

fn merges(lines: &[&str]) -> (&'static str, Value) {
    ("tokenizer.ggml.merges", texts(lines))
}

fn scores(scores: &[f64]) -> (&'static str, Value) {
    ("tokenizer.ggml.scores", Value::Numbers(scores.to_vec()))
}

fn id(name: &'static str, token: u64) -> (&'static str, Value) {
    (name, Value::Unsigned(token))
}

/// Normal, unknown, control, user-defined and byte tokens, as files number them.
const N: u32 = 1;
const U: u32 = 2;
const C: u32 = 3;
const D: u32 = 4;
const B: u32 = 6;

const LETTERS: &[(&str, u32)] =
    &[("a", N), ("b", N), ("Ġ", N), ("ab", N), ("Ġab", N), ("abab", N), ("<|im_end|>", C), ("<think>", D), ("Ã", N)];
const LETTERS_MERGES: &[&str] = &["a b", "Ġ ab", "ab ab"];

fn check(vocabulary: &Vocabulary, text: &str, special: Special, expected: &[&str]) {
    let tokens = vocabulary.encode(text, special);
    let found: Vec<&str> = tokens.iter().map(|token| vocabulary.text(*token)).collect();
    assert_eq!(found, expected, "{text:?} {special:?}");
}

#[test]
fn letters_are_joined_by_merges() {
    let read = |name: &str| {
        Vocabulary::read(&metadata("gpt2", LETTERS, &[pre(name), merges(LETTERS_MERGES)])).expect("a good file")
    };
    let gpt2 = read("gpt-2");
    let plain = |text: &str, expected: &[&str]| check(&gpt2, text, Special::Plain, expected);
    plain("", &[]);
    plain("ab ab", &["ab", "Ġab"]);
    plain("ababab", &["abab", "ab"]);
    // A byte that has no token is left out.
    plain("aéb", &["a", "Ã", "b"]);
    plain(&"ab".repeat(100_000), &["abab"; 50_000]);
    let llama = read("llama-bpe");
    check(&llama, "abab ab", Special::Plain, &["abab", "Ġab"]);
    assert!(!llama.adds_bos(), "there is no BOS token to add");
    assert_eq!(gpt2.bytes(4), b" ab");
    assert_eq!(gpt2.bytes(8), b"\xC3");
}

#[test]
fn a_word_that_is_a_token_can_go_before_merges() {
    let tokens = [("a", N), ("b", N), ("c", N), ("ab", N), ("bc", N), ("abc", N)];
    let read = |name: &str| {
        let file = metadata("gpt2", &tokens, &[pre(name), merges(&["b c", "a b"])]);
        Vocabulary::read(&file).expect("a good file")
    };
    check(&read("gpt-2"), "abc", Special::Plain, &["a", "bc"]);
    check(&read("llama-bpe"), "abc", Special::Plain, &["abc"]);
}

#[test]
fn special_tokens_are_found_before_anything_else() {
    let vocabulary = Vocabulary::read(&metadata("gpt2", LETTERS, &[pre("gpt-2"), merges(LETTERS_MERGES)]));
    let vocabulary = vocabulary.expect("a good file");
    let text = "ab<think>ab<|im_end|><|im_end|>ab";
    check(&vocabulary, text, Special::Parsed, &["ab", "<think>", "ab", "<|im_end|>", "<|im_end|>", "ab"]);
    check(&vocabulary, text, Special::Plain, &["ab", "<think>", "ab", "ab"]);
    assert!(vocabulary.ends_generation(6) && !vocabulary.ends_generation(7));
    assert!(vocabulary.is_special(6) && !vocabulary.is_special(7));
    assert_eq!((vocabulary.bytes(6), vocabulary.bytes(7)), (&b""[..], &b"<think>"[..]));
}

#[test]
fn phi_3_takes_in_the_line_end_after_a_special_token() {
    let tokens = [("<unk>", U), ("<s>", C), ("<|user|>", C), ("▁", N), ("a", N), ("<0x0A>", B)];
    let name = ("general.name", Value::Text("Phi 3 mini".to_owned()));
    for (name, expected) in [
        (vec![], vec!["<|user|>", "▁", "<0x0A>", "a", "<s>", "▁", "<0x0A>"]),
        (vec![name], vec!["<|user|>", "▁", "<0x0A>", "a", "<s>", "▁", "<0x0A>"]),
        (
            vec![("general.name", Value::Text("Phi-3-mini".to_owned()))],
            vec!["<|user|>", "▁", "a", "<s>", "▁", "<0x0A>"],
        ),
    ] {
        let more = [&name[..], &[scores(&[0.0; 6])]].concat();
        let vocabulary = Vocabulary::read(&metadata("llama", &tokens, &more)).expect("a good file");
        check(&vocabulary, "<|user|>\na<s>\n", Special::Parsed, &expected);
    }
}

#[test]
fn sentencepiece_joins_by_scores() {
    let tokens = [
        ("<unk>", U),
        ("<s>", C),
        ("</s>", C),
        ("<0xC3>", B),
        ("<0xA9>", B),
        ("▁", N),
        ("a", N),
        ("b", N),
        ("▁a", N),
        ("ab", N),
        ("<", N),
        ("s", N),
        (">", N),
        ("<s", N),
    ];
    let by = [0.0, 0.0, 0.0, 0.0, 0.0, -9.0, -9.0, -9.0, -1.0, -2.0, -9.0, -9.0, -9.0, -1.0];
    let prefix = |yes: bool| ("tokenizer.ggml.add_space_prefix", Value::Bool(yes));
    let with = Vocabulary::read(&metadata("llama", &tokens, &[scores(&by)])).expect("a good file");
    check(&with, "", Special::Plain, &[]);
    check(&with, "ab", Special::Plain, &["▁a", "b"]);
    check(&with, "é", Special::Plain, &["▁", "<0xC3>", "<0xA9>"]);
    // A character of which not every byte is a token.
    check(&with, "ü", Special::Plain, &["▁", "<unk>"]);
    check(&with, "a<s>a", Special::Parsed, &["▁a", "<s>", "▁a"]);
    check(&with, "a<s>a", Special::Plain, &["▁a", "<s", ">", "a"]);
    assert_eq!((with.bos(), with.eos(), with.adds_bos()), (Some(1), Some(2), true));
    assert_eq!((with.bytes(3), with.bytes(8), with.bytes(1)), (&b"\xC3"[..], &b" a"[..], &b""[..]));
    let without = Vocabulary::read(&metadata("llama", &tokens, &[scores(&by), prefix(false)])).expect("a good file");
    check(&without, "ab a", Special::Plain, &["ab", "▁a"]);
    check(&without, &" ".repeat(100_000), Special::Plain, &["▁"; 100_000]);
}

#[test]
fn tokens_with_inner_spaces_are_found_too() {
    let tokens = [("<unk>", U), ("▁", N), ("a", N), ("b", N), ("a▁", N), ("a▁b", N)];
    let more = [scores(&[0.0, -9.0, -9.0, -9.0, -1.0, -2.0]), ("tokenizer.ggml.add_space_prefix", Value::Bool(false))];
    let vocabulary = Vocabulary::read(&metadata("llama", &tokens, &more)).expect("a good file");
    check(&vocabulary, "a ba b", Special::Plain, &["a▁b", "a▁b"]);
}

#[test]
fn characters_are_joined_by_merges_in_gemma_4() {
    let tokens =
        [("▁", N), ("a", N), ("b", N), ("a▁", N), ("a▁b", N), ("\n", N), ("\n\n", N), ("<0xC3>", B), ("<bos>", C)];
    let more = [merges(&["a ▁", "a▁ b"]), id("tokenizer.ggml.bos_token_id", 8)];
    let vocabulary = Vocabulary::read(&metadata("gemma4", &tokens, &more)).expect("a good file");
    check(&vocabulary, "a b\n\na\né", Special::Plain, &["a▁b", "\n\n", "a", "\n", "<0xC3>"]);
    assert_eq!((vocabulary.bytes(4), vocabulary.bytes(7)), (&b"a b"[..], &b"\xC3"[..]));
    assert!(vocabulary.adds_bos());
}

#[test]
fn wordpiece_takes_the_longest_from_the_left() {
    let tokens = [("[PAD]", C), ("[UNK]", C), ("▁he", N), ("▁hello", N), ("llo", N), ("▁!", N), ("▁中", N), ("▁[", N)];
    let read = |more: &[(&str, Value)]| Vocabulary::read(&metadata("bert", &tokens, more)).expect("a good file");
    let uncased = read(&[]);
    let plain = |text: &str, expected: &[&str]| check(&uncased, text, Special::Plain, expected);
    plain(" Hello\thello!!", &["▁hello", "▁hello", "▁!", "▁!"]);
    plain("HÉLLO he\u{301}llo he\u{200D}llo\u{0}", &["▁hello", "▁hello", "▁hello"]);
    plain("hellollo hellox", &["▁hello", "llo", "[UNK]"]);
    plain("he中he", &["▁he", "▁中", "▁he"]);
    plain("[PAD]", &["▁[", "[UNK]", "[UNK]"]);
    plain(&format!("he{}", "llo".repeat(40)), &["[UNK]"]);
    plain(&"中".repeat(10_000), &["▁中"; 10_000]);
    check(&uncased, "he[PAD]he", Special::Parsed, &["▁he", "[PAD]", "▁he"]);
    check(
        &read(&[("tokenizer.ggml.normalizer.lowercase", Value::Bool(false))]),
        "Hello hé",
        Special::Plain,
        &["[UNK]", "[UNK]"],
    );
}

#[test]
fn unigram_takes_the_best_sum() {
    let tokens =
        [("<unk>", U), ("</s>", C), ("▁", N), ("a", N), ("b", N), ("▁a", N), ("ab", N), ("▁ab", N), ("[x]", D)];
    let by = scores(&[0.0, 0.0, -2.0, -3.0, -3.0, -4.0, -4.0, -9.0, -5.0]);
    let switch = |name: &'static str, yes: bool| (name, Value::Bool(yes));
    let read = |merges: bool| {
        let prefix = switch("tokenizer.ggml.add_space_prefix", true);
        let more = [by.clone(), prefix, switch("tokenizer.ggml.remove_extra_whitespaces", merges)];
        Vocabulary::read(&metadata("t5", &tokens, &more)).expect("a good file")
    };
    let merging = read(true);
    check(&merging, "ab", Special::Plain, &["▁", "ab"]);
    check(&merging, "  a   b ", Special::Plain, &["▁a", "▁", "b"]);
    check(&merging, "日本", Special::Plain, &["▁", "<unk>"]);
    check(&merging, "", Special::Plain, &[]);
    check(&read(false), "a  b", Special::Plain, &["▁a", "▁", "▁", "b"]);
    check(&read(false), "b[x]", Special::Plain, &["▁", "b", "[x]"]);
    check(&merging, &"a".repeat(100_000), Special::Plain, &[vec!["▁a"], vec!["a"; 99_999]].concat());
}

#[test]
fn what_ends_an_answer_is_told_by_name_and_by_text() {
    let check = |tokens: &[(&str, u32)], more: &[(&str, Value)], expected: &[&str]| {
        let more = [more, &[pre("gpt-2"), merges(&[])]].concat();
        let vocabulary = Vocabulary::read(&metadata("gpt2", tokens, &more)).expect("a good file");
        let ends = (0..vocabulary.len() as u32).filter(|token| vocabulary.ends_generation(*token));
        assert_eq!(ends.map(|token| vocabulary.text(token)).collect::<Vec<_>>(), expected);
    };
    check(&[("a", N), ("<|eot_id|>", C), ("<|eom_id|>", C), ("<|start|>", C)], &[], &["<|eot_id|>", "<|eom_id|>"]);
    check(&[("a", N), ("b", N)], &[id("tokenizer.ggml.eos_token_id", 1)], &["b"]);
    check(&[("a", N), ("<|im_end|>", D)], &[id("tokenizer.ggml.eot_token_id", 0)], &["a", "<|im_end|>"]);
    check(&[("<|end|>", C), ("<|return|>", C), ("<|call|>", C)], &[], &["<|return|>", "<|call|>"]);
    check(&[("<|end|>", C), ("<|user|>", C)], &[], &["<|end|>"]);
    check(&[("</s>", N), ("<|tool_response>", C)], &[], &["<|tool_response>"]);
    check(&[("</s>", C)], &[], &["</s>"]);
}

#[test]
fn what_cannot_be_used_is_said() {
    let check = |metadata: Metadata, expected: &str| match Vocabulary::read(&metadata) {
        Ok(_) => panic!("read, where `{expected}` was expected"),
        Err(what) => assert!(what.contains(expected), "{what}"),
    };
    let (one, ab) = (&[("a", N)][..], &[("a", N), ("b", N), ("ab", N)][..]);
    let unnumbered = ("tokenizer.ggml.eos_token_id", Value::Text("2".to_owned()));
    check(Metadata::default(), "no tokenizer");
    check(metadata("rwkv", one, &[]), "`rwkv` is not supported; supported are gpt2");
    check(metadata("gpt2", one, &[pre("gpt-9"), merges(&[])]), "`gpt-9` is not supported; supported are");
    check(metadata("gpt2", &[], &[merges(&[])]), "no vocabulary");
    check(metadata("gpt2", ab, &[]), "no merges");
    check(metadata("gpt2", ab, &[merges(&["a b", "ab"])]), "merge 1, `ab`, is not two tokens");
    check(metadata("gpt2", ab, &[merges(&["", "ab"])]), "merge 0, ``, is not two tokens");
    check(metadata("gpt2", ab, &[merges(&["a c"])]), "merge 0, `a c`, names `c`");
    check(metadata("gpt2", ab, &[merges(&["b a"])]), "names `ba`");
    check(metadata("gpt2", ab, &[merges(&[]), id("tokenizer.ggml.bos_token_id", 3)]), "bos_token_id is 3, beyond");
    check(metadata("gpt2", ab, &[merges(&[]), id("tokenizer.ggml.eot_token_id", 1 << 40)]), "eot_token_id is");
    check(metadata("gpt2", ab, &[merges(&[]), unnumbered]), "eos_token_id is no number");
    check(
        metadata("gpt2", ab, &[merges(&[]), ("tokenizer.ggml.token_type", Value::Numbers(vec![1.0]))]),
        "1 token types",
    );
    check(metadata("llama", ab, &[]), "no scores");
    check(metadata("llama", ab, &[scores(&[0.0, 1.0])]), "3 tokens, but 2 scores");
    check(metadata("llama", ab, &[scores(&[0.0, f64::NAN, 0.0])]), "score of its token 1 is no number");
    check(metadata("bert", ab, &[]), "no token for unknown words");
    check(metadata("t5", ab, &[scores(&[0.0; 3])]), "no token for unknown words");
    for damaged in
        [vec![], vec![1.0, 0.0, 0.0, 0.0], vec![3.0, 0.0, 0.0, 0.0, 1.0, 2.0, 3.0], vec![0.0, 0.0, 0.0, 0.0, 255.0]]
    {
        let map = ("tokenizer.ggml.precompiled_charsmap", Value::Numbers(damaged));
        check(metadata("t5", &[("<unk>", U)], &[scores(&[0.0]), map]), "precompiled_charsmap) is damaged");
    }
}
