//! Embedding models and rerankers of every family, from folders and from GGUF files, against the vectors and logits of
//! the reference (`tests/data/encoders.py`).

use crate::inference::tokenizer::Tokenizer;
use crate::inference::weights::Weights;
use crate::inference::{Embedder, InferenceError, Precision, Reranker, Urgency};
use serde::Deserialize;
use std::path::{Path, PathBuf};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/golden/encoders");
/// How far a vector may be from the reference's, as one less their cosine.
const COSINE_OFF: f64 = 1e-6;
const LOGIT_OFF: f32 = 1e-3;
/// The most tokens that the networks read.
const TOKENS_MAX: usize = 48;

#[derive(Deserialize)]
struct Vectors {
    texts: Vec<String>,
    ids: Vec<Vec<u32>>,
    vectors: Vec<Vec<f32>>,
    /// The vectors of the texts as questions and as passages, of a network that has prefixes for them.
    asked: Option<Vec<Vec<f32>>>,
    told: Option<Vec<Vec<f32>>>,
}

#[derive(Deserialize)]
struct Scores {
    pairs: Vec<(String, String)>,
    ids: Vec<Vec<u32>>,
    logits: Vec<f32>,
}

fn golden<T: serde::de::DeserializeOwned>(name: &str) -> T {
    let text = std::fs::read(Path::new(FOLDER).join(format!("{name}.json"))).expect("the golden file is there");
    serde_json::from_slice(&text).expect("it is JSON")
}

fn path(file: &str) -> PathBuf {
    Path::new(FOLDER).join(file)
}

fn check(what: &str, found: &[Vec<f32>], expected: &[Vec<f32>]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let mut worst = 0f64;
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        let off = 1.0 - super::cosine(found, expected);
        worst = worst.max(off);
        assert!(off < COSINE_OFF, "{what}, text {index}: 1 - cosine is {off:e}");
        let length = found.iter().map(|value| value * value).sum::<f32>().sqrt();
        assert!((length - 1.0).abs() < 1e-5, "{what}, text {index}: length {length}");
    }
    println!("{what}: the largest 1 - cosine is {worst:.1e}");
}

#[tokio::test]
async fn vectors_are_those_of_the_reference() {
    for (name, files, pooling) in [
        ("bert", ["bert", "bert.gguf"], "mean"),
        ("xlm-roberta", ["xlm-roberta", "xlm-roberta.gguf"], "cls"),
        ("modernbert", ["modernbert", "modernbert.gguf"], "cls"),
        ("nomic", ["nomic", "nomic.gguf"], "mean"),
    ] {
        let golden: Vectors = golden(name);
        for file in files {
            let embedder = Embedder::local(&path(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
            assert_eq!((embedder.identity().name.as_str(), embedder.identity().pooling.as_str()), (name, pooling));
            let together = embedder.embed(golden.texts.clone(), Urgency::Passages).await.expect("they are embedded");
            check(file, &together, &golden.vectors);
            let mut alone = Vec::new();
            for text in &golden.texts {
                alone.extend(embedder.embed(vec![text.clone()], Urgency::Question).await.expect("it is embedded"));
            }
            check(&format!("{file}, one by one"), &alone, &golden.vectors);
            let (Some(asked), Some(told)) = (&golden.asked, &golden.told) else { continue };
            if path(file).is_dir() {
                assert_eq!(embedder.identity().prefix, r#""search_query: " "search_document: ""#);
                let passages = embedder.embed_passages(golden.texts.clone(), Urgency::Passages).await;
                check(&format!("{file}, as passages"), &passages.expect("they are embedded"), told);
                for (text, asked) in golden.texts.iter().zip(asked) {
                    let question = embedder.embed_question(text).await.expect("it is embedded");
                    check(&format!("{file}, as a question"), &[question], std::slice::from_ref(asked));
                }
                assert!(embedder.tokens_max() < TOKENS_MAX, "the prefixes take their part");
            }
        }
    }
}

#[tokio::test]
async fn eight_bits_give_nearly_the_same_vectors_under_another_identity() {
    for name in ["bert", "xlm-roberta", "modernbert", "nomic"] {
        let golden: Vectors = golden(name);
        let full = Embedder::local(&path(name)).expect("it loads");
        let eight = Embedder::local_with(&path(name), Precision::Eight).expect("it loads");
        assert_ne!(full.identity(), eight.identity());
        let vectors = eight.embed(golden.texts.clone(), Urgency::Passages).await.expect("they are embedded");
        let cosines = vectors.iter().zip(&golden.vectors).map(|(found, expected)| super::cosine(found, expected));
        let worst = cosines.fold(1.0, f64::min);
        println!("{name}: in eight bits the lowest cosine is {worst:.5}");
        // Rounded it is, or it is not in eight bits; in states as short as these each rounding weighs much.
        assert!(worst > 0.99 && worst < 1.0 - COSINE_OFF, "{name}: {worst}");
    }
}

#[tokio::test]
async fn scores_are_those_of_the_reference() {
    for (name, files) in [
        ("bert-reranker", &["bert-reranker"][..]),
        ("xlm-roberta-reranker", &["xlm-roberta-reranker", "xlm-roberta-reranker.gguf"]),
        ("modernbert-reranker", &["modernbert-reranker"]),
    ] {
        let golden: Scores = golden(name);
        for file in files {
            let reranker = Reranker::local(&path(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
            assert_eq!(reranker.name(), name);
            let mut worst = 0f32;
            for ((question, passage), logit) in golden.pairs.iter().zip(&golden.logits) {
                let others = golden.pairs.iter().map(|(_, passage)| passage.clone());
                let passages: Vec<String> = std::iter::once(passage.clone()).chain(others).collect();
                let scores = reranker.scores(question, passages).await.expect("they are judged");
                assert_eq!(scores.len(), golden.pairs.len() + 1);
                let found = (scores[0] / (1.0 - scores[0])).ln();
                worst = worst.max((found - logit).abs());
                assert!((found - logit).abs() < LOGIT_OFF, "{file}: {found}, not {logit}");
            }
            println!("{file}: the largest difference of a logit is {worst:.1e}");
            assert_eq!(reranker.scores("Who?", Vec::new()).await, Ok(Vec::new()));
            reranker.close();
            assert_eq!(reranker.scores("Who?", vec!["I".to_owned()]).await, Err(InferenceError::Closed));
        }
    }
}

#[test]
fn tokens_are_those_of_the_reference() {
    let tokenizer = |file: &str| {
        let weights = Weights::open(&path(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        Tokenizer::of(&weights, TOKENS_MAX).unwrap_or_else(|error| panic!("{file}: {error}"))
    };
    for name in ["bert", "xlm-roberta", "modernbert", "nomic"] {
        let golden: Vectors = golden(name);
        for file in [name.to_owned(), format!("{name}.gguf")] {
            let tokenizer = tokenizer(&file);
            for (text, ids) in golden.texts.iter().zip(&golden.ids) {
                assert_eq!(tokenizer.encode(text).expect("it is cut").ids, *ids, "{file}: {text}");
                let count = tokenizer.count(text);
                assert!(count == ids.len() || (ids.len() == TOKENS_MAX && count > TOKENS_MAX), "{file}: {text}");
            }
        }
    }
    for file in ["bert-reranker", "xlm-roberta-reranker", "xlm-roberta-reranker.gguf", "modernbert-reranker"] {
        let (golden, tokenizer) = (golden::<Scores>(file.trim_end_matches(".gguf")), tokenizer(file));
        for ((question, passage), ids) in golden.pairs.iter().zip(&golden.ids) {
            assert_eq!(tokenizer.encode_pair(question, passage).expect("they are cut").ids, *ids, "{file}: {passage}");
        }
        // A question that would leave no room for the passage is cut too.
        let long = "the order of the day is one, two, ".repeat(40);
        let both = tokenizer.encode_pair(&long, &long).expect("they are cut");
        assert_eq!(both.ids.len(), TOKENS_MAX, "{file}");
        let alone = tokenizer.encode_pair(&long, "a").expect("they are cut");
        assert_eq!(alone.ids.len(), TOKENS_MAX, "{file}");
        assert_ne!(both.ids, alone.ids, "{file}");
    }
}

#[test]
fn what_would_be_computed_wrongly_is_refused() {
    let embedder = |file: &str| Embedder::local(&path(file)).err().map(|error| error.to_string());
    let reranker = |file: &str| Reranker::local(&path(file)).err().map(|error| error.to_string());
    for (refused, part) in [
        (embedder("xlm-roberta-reranker.gguf"), "it is a reranker"),
        (embedder("bert-reranker"), "it is a reranker"),
        (reranker("bert"), "it is an embedding model"),
        (reranker("xlm-roberta.gguf"), "it is an embedding model"),
        (
            embedder("../decoders/llama.gguf"),
            "no encoder that is supported; supported are bert, modern-bert, nomic-bert",
        ),
    ] {
        assert!(refused.as_ref().is_some_and(|refused| refused.contains(part)), "{refused:?} does not say {part:?}");
    }
}
