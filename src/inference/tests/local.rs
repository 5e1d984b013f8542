//! The local embedder against the golden vectors of sentence-transformers (`tests/data/golden/make.py`).

use super::{cosine, model_folder};
use crate::inference::arch::encoder::{Buffers, Encoder, Pooling, Precision, Sequence, Wanted};
use crate::inference::arch::kernel::Share;
use crate::inference::tokenizer::Tokenizer;
use crate::inference::weights::Weights;
use crate::inference::{Embedder, InferenceError, Urgency};
use crate::limits;
use serde::Deserialize;
use std::path::Path;

#[derive(Deserialize)]
struct Golden {
    text: String,
    tokens: usize,
}

fn golden() -> (Vec<Golden>, Vec<Vec<f32>>) {
    let rows: Vec<Golden> =
        serde_json::from_str(include_str!("../../../tests/data/golden/texts.json")).expect("the texts are JSON");
    let bytes = include_bytes!("../../../tests/data/golden/vectors.f32");
    let values: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let vectors: Vec<Vec<f32>> = values.chunks(384).map(<[f32]>::to_vec).collect();
    assert_eq!(rows.len(), vectors.len());
    (rows, vectors)
}

fn open(folder: &Path) -> Embedder {
    Embedder::local(folder).expect("the model loads")
}

#[tokio::test]
async fn vectors_agree_with_sentence_transformers() {
    let Some(folder) = model_folder("the comparison of vectors with sentence-transformers") else { return };
    let embedder = open(&folder);
    let (rows, expected) = golden();
    let texts: Vec<String> = rows.iter().map(|row| row.text.clone()).collect();
    let together = embedder.embed(texts.clone(), Urgency::Passages).await.expect("the texts are embedded");
    let mut worst = 1.0_f64;
    for (index, (found, expected)) in together.iter().zip(&expected).enumerate() {
        let alone = embedder.embed(vec![texts[index].clone()], Urgency::Question).await.expect("it is embedded");
        for vector in [found, &alone[0]] {
            let agreement = cosine(vector, expected);
            worst = worst.min(agreement);
            assert!(agreement >= 0.9999, "text {index}: cosine {agreement}");
            let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
            assert!((length - 1.0).abs() < 1e-5, "text {index}: length {length}");
        }
    }
    assert_eq!(together.len(), rows.len());
    println!("{} texts, lowest cosine {worst:.9}", rows.len());
}

#[test]
fn tokens_are_counted_as_the_reference_counts_them() {
    let Some(folder) = model_folder("the comparison of token counts with the reference") else { return };
    let weights = Weights::open(&folder).expect("the weights are read");
    let tokenizer = Tokenizer::of(&weights, 256).expect("the tokenizer loads");
    let odd = ["", " ", "a\u{85}b", "a\u{b}b c", "tab\tand\u{2028}line", "ǅ ß ﬀ İ", "[SEP] [SEP]x", "\u{301}a \u{301}"];
    for _ in 0..2 {
        // The second time, the counts of words come from memory.
        for row in golden().0 {
            assert_eq!(tokenizer.count(&row.text), row.tokens, "{:?}", row.text);
            assert_eq!(
                tokenizer.encode(&row.text).map(|tokens| tokens.ids.len()),
                Ok(row.tokens.min(256)),
                "{:?}",
                row.text
            );
        }
        for text in odd {
            assert_eq!(Ok(tokenizer.count(text)), tokenizer.encode(text).map(|tokens| tokens.ids.len()), "{text:?}");
        }
    }
    assert_eq!(tokenizer.encode(&"a ".repeat(1 << 20)).map(|tokens| tokens.ids.len()), Ok(256));
}

#[test]
fn a_sequence_has_one_vector_in_whatever_company_and_on_however_many_threads() {
    let Some(folder) = model_folder("the comparison of batches with single sequences") else { return };
    let weights = Weights::open(&folder).expect("the weights are read");
    let encoder = Encoder::new(&weights, Wanted::Vector(Pooling::Mean), Precision::Full).expect("they fit");
    let mut buffers = Buffers::default();
    for lengths in [vec![1], vec![2, 3], vec![31, 1, 64, 7, 8, 9], vec![256, 17], vec![512]] {
        let sequence = |seed: usize, length: usize| {
            Sequence::plain((0..length).map(|at| ((seed * 7919 + at * 104_729) % 30_522) as u32).collect())
        };
        let sequences: Vec<Sequence> = lengths.iter().enumerate().map(|(seed, of)| sequence(seed, *of)).collect();
        let views: Vec<&Sequence> = sequences.iter().collect();
        let alone: Vec<Vec<f32>> =
            views.iter().flat_map(|view| encoder.run(&[view], &mut Buffers::default(), Share::One)).collect();
        for share in [Share::One, Share::All] {
            let together = encoder.run(&views, &mut buffers, share);
            assert_eq!(together.len(), alone.len());
            for (found, expected) in together.iter().zip(&alone) {
                let agreement = cosine(found, expected);
                assert!(agreement > 0.999_999, "lengths {lengths:?}: cosine {agreement}");
            }
        }
    }
}

#[tokio::test]
async fn the_identity_is_that_of_the_weights() {
    let Some(folder) = model_folder("the identity of the local model") else { return };
    let embedder = open(&folder);
    let identity = embedder.identity();
    assert_eq!(identity.weights, "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db");
    assert_eq!((identity.dimensions, identity.pooling.as_str(), identity.prefix.as_str()), (384, "mean", ""));
    assert_eq!((embedder.dimensions(), embedder.tokens_max()), (384, 256));
    assert_eq!(embedder.count_tokens("Who approves overtime?"), 7);
    assert_eq!(embedder.embed(Vec::new(), Urgency::Question).await, Ok(Vec::new()));
}

#[tokio::test]
async fn a_closed_embedder_refuses_what_waits_and_what_comes() {
    let Some(folder) = model_folder("the closing of the local model") else { return };
    let embedder = open(&folder);
    let passages: Vec<String> = vec!["a passage of some words ".repeat(60); limits::EMBED_QUEUE_MAX];
    let mut waiting = Box::pin(embedder.embed(passages.clone(), Urgency::Passages));
    assert!(futures_util::poll!(&mut waiting).is_pending(), "the passages stand in line");
    // A question overtakes the passages, of which most still wait when it has been answered.
    let question = embedder.embed(vec!["Who?".to_owned()], Urgency::Question).await;
    assert_eq!(question.map(|vectors| vectors.len()), Ok(1));
    embedder.close();
    assert_eq!(waiting.await, Err(InferenceError::Closed));
    assert_eq!(embedder.embed(passages, Urgency::Passages).await, Err(InferenceError::Closed));
}

#[test]
fn missing_and_damaged_files_are_named_with_the_way_out() {
    let check = |folder: &Path, file: &str, what: &str| {
        let error = Embedder::local(folder).err().expect("the folder cannot be loaded");
        let InferenceError::Model(message) = &error else { panic!("{error:?}") };
        for part in [file, what, "opy the model"] {
            assert!(message.contains(part), "{message:?} does not contain {part:?}");
        }
    };
    let empty = tempfile::tempdir().expect("a temporary folder");
    check(empty.path(), "config.json", "cannot be read");
    let settings = |kind: &str| {
        format!(
            r#"{{"model_type":"{kind}","hidden_act":"gelu","hidden_size":4,"intermediate_size":8,"num_attention_heads":2,
                "num_hidden_layers":1,"max_position_embeddings":8,"layer_norm_eps":1e-12,"vocab_size":9}}"#
        )
    };
    let write = |file: &str, text: &[u8]| std::fs::write(empty.path().join(file), text).expect("a file is written");
    write("config.json", b"{");
    check(empty.path(), "config.json", "EOF");
    write("config.json", settings("t5").as_bytes());
    check(empty.path(), "config.json", "supported are bert, xlm-roberta");
    write("config.json", settings("bert").as_bytes());
    check(empty.path(), "model.safetensors", "cannot be read");
    write("model.safetensors", b"not tensors");
    check(empty.path(), "model.safetensors", "damaged");
    write("model.safetensors", &[b"\x02\0\0\0\0\0\0\0".as_slice(), b"{}"].concat());
    check(empty.path(), "model.safetensors", "embeddings.position_embeddings.weight is missing");

    let known = empty.path().join("all-MiniLM-L6-v2");
    std::fs::create_dir(&known).expect("a folder is made");
    std::fs::write(known.join("config.json"), settings("bert")).expect("a file is written");
    check(&known, "config.json", "not the published file");
}
