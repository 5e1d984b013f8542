//! Models are found by their names, looked at, taken in, verified and removed, in a temporary folder.

use super::{Brought, Found, Incoming, Library, LibraryError, Progress, Verdict};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A whole small generator: two layers, a vocabulary of 96, a chat template.
const GOOD: &[u8] = include_bytes!("../../../tests/data/golden/decoders/llama.gguf");

/// A GGUF file of `architecture` with `tensors` matrices of no use and, where `tokens` says so, a vocabulary of two.
fn gguf(architecture: &str, tokens: bool, tensors: u64) -> Vec<u8> {
    let string = |text: &str| [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat();
    let mut pairs = vec![[string("general.architecture"), 8u32.to_le_bytes().to_vec(), string(architecture)].concat()];
    if tokens {
        let head = [string("tokenizer.ggml.tokens"), 9u32.to_le_bytes().to_vec(), 8u32.to_le_bytes().to_vec()].concat();
        pairs.push([head, 2u64.to_le_bytes().to_vec(), string("a"), string("b")].concat());
    }
    let mut bytes = [&b"GGUF"[..], &3u32.to_le_bytes(), &tensors.to_le_bytes()].concat();
    bytes.extend((pairs.len() as u64).to_le_bytes());
    bytes.extend(pairs.concat());
    for at in 0..tensors {
        bytes.extend(string(&format!("w{at}")));
        bytes.extend(2u32.to_le_bytes());
        bytes.extend([4u64.to_le_bytes(), 4u64.to_le_bytes()].concat());
        bytes.extend(0u32.to_le_bytes());
        bytes.extend((at * 64).to_le_bytes());
    }
    bytes.resize(bytes.len().next_multiple_of(32) + 64 * tensors as usize, 7);
    bytes
}

/// A file of safetensors with one tensor of four floats.
fn safetensors() -> Vec<u8> {
    let header = br#"{"__metadata__":{"format":"pt"},"w":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}}"#;
    [&(header.len() as u64).to_le_bytes()[..], header, &[0; 16]].concat()
}

/// A folder with an embedding model of `kind`.
fn encoder(folder: &Path, kind: &str, weights: &[u8]) {
    fs::create_dir_all(folder).expect("a folder");
    let settings = format!(
        r#"{{"model_type":"{kind}","architectures":["XForSequenceClassification"],"hidden_size":2,"intermediate_size":4,
            "num_attention_heads":1,"num_hidden_layers":1,"vocab_size":9,"max_position_embeddings":514}}"#
    );
    fs::write(folder.join("config.json"), settings).expect("written");
    fs::write(folder.join("tokenizer.json"), "{}").expect("written");
    fs::write(folder.join("model.safetensors"), weights).expect("written");
}

/// A library of two places, of which the first is its own.
fn library() -> (TempDir, Library) {
    let folder = tempfile::tempdir().expect("a folder");
    let places: Vec<PathBuf> = ["own", "shared"].iter().map(|name| folder.path().join(name)).collect();
    for place in &places {
        fs::create_dir(place).expect("a folder");
    }
    let own = places[0].clone();
    (folder, Library::new(places, own))
}

/// Takes in `bytes` as the GGUF model `name`, in pieces.
async fn take_in(library: &Library, name: &str, bytes: &[u8]) -> Result<Found, LibraryError> {
    let files = vec![(format!("{name}.gguf"), bytes.len() as u64)];
    let mut incoming = Incoming::begin(library, name, files, Progress::default())?;
    for piece in bytes.chunks(100) {
        incoming.write(piece).await?;
    }
    incoming.finish("stick/x.gguf".to_owned(), 1).await
}

#[test]
fn models_are_found_by_every_name_they_go_by() {
    let (folder, library) = library();
    let touch = |name: &str| fs::write(folder.path().join(name), gguf("llama", true, 1)).expect("written");
    for name in [
        "own/granite-3.3-2b-instruct-Q8_0.gguf",
        "own/Mine.GGUF",
        "own/half.gguf.part",
        "own/.hidden.gguf",
        "own/notes.txt",
        "shared/granite-3.3-2b-instruct-Q4_K_M.gguf",
        "shared/Mine.gguf",
    ] {
        touch(name);
    }
    encoder(&folder.path().join("shared/reader"), "bert", &safetensors());
    fs::create_dir(folder.path().join("shared/nothing")).expect("a folder");
    let names: Vec<String> = library.all().into_iter().map(|found| found.name).collect();
    assert_eq!(names, ["granite-3.3-2b-instruct-Q4_K_M", "granite-3.3-2b-instruct-Q8_0", "Mine", "reader"]);
    for (name, path) in [
        ("mine", Some("own/Mine.GGUF")),
        ("Mine.gguf", Some("own/Mine.GGUF")),
        ("reader", Some("shared/reader")),
        ("granite-3.3-2b-instruct-q8_0", Some("own/granite-3.3-2b-instruct-Q8_0.gguf")),
        ("granite3.3:2b", Some("shared/granite-3.3-2b-instruct-Q4_K_M.gguf")),
        ("granite-3.3-2b-instruct", Some("shared/granite-3.3-2b-instruct-Q4_K_M.gguf")),
        ("qwen3:4b", None),
        ("half", None),
        ("", None),
    ] {
        let found = library.find(name).map(|found| found.path);
        assert_eq!(found, path.map(|path| folder.path().join(path)), "{name}");
    }
    assert_eq!(library.unfinished(), [("half".to_owned(), gguf("llama", true, 1).len() as u64)]);
    assert!(library.give_up("half.gguf").expect("removed").is_some());
    assert_eq!((library.unfinished(), library.give_up("half").expect("nothing")), (Vec::new(), None));
}

#[test]
fn what_is_brought_is_looked_at_before_it_is_copied() {
    let folder = tempfile::tempdir().expect("a folder");
    let check = |name: &str, bytes: &[u8], expected: &str| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).expect("written");
        match Brought::look_at(&path) {
            Ok(brought) => assert_eq!(brought.name, expected, "{name}"),
            Err(error) => assert!(error.to_string().contains(expected), "{name}: {error}"),
        }
    };
    check("Tiny.gguf", GOOD, "Tiny");
    check("odd.bin", GOOD, "odd.bin");
    check("text.gguf", b"hello, I am a text", "does not begin with `GGUF`");
    check("cut.gguf", &GOOD[..GOOD.len() - 1], "cut short");
    check("bare.gguf", &gguf("llama", true, 1), "missing");
    check("words.gguf", &gguf("llama", true, 0), "only a vocabulary");
    check("dumb.gguf", &gguf("llama", false, 1), "no vocabulary");
    check("new.gguf", &gguf("mamba9", true, 1), "`mamba9`, which is not supported; supported are llama, granite");
    check("encoder.gguf", &gguf("nomic-bert", true, 1), "nomic-bert.embedding_length is missing");
    let folders: [(&str, &str, Vec<u8>, &str); 4] = [
        ("reader", "xlm-roberta", safetensors(), "reader"),
        ("big", "llama", safetensors(), "`llama` is not supported; supported are bert, xlm-roberta"),
        ("short", "bert", safetensors()[..100].to_vec(), "cut short"),
        ("odd", "bert", b"12345678 and more".to_vec(), "cut short, or no file of safetensors"),
    ];
    for (name, kind, weights, expected) in folders {
        let path = folder.path().join(name);
        encoder(&path, kind, &weights);
        match Brought::look_at(&path) {
            Ok(brought) => assert_eq!((brought.name.as_str(), brought.files.len()), (expected, 3)),
            Err(error) => assert!(error.to_string().contains(expected), "{name}: {error}"),
        }
    }
    let missing = Brought::look_at(folder.path()).expect_err("no model").to_string();
    assert!(missing.contains("has no config.json"), "{missing}");
}

#[test]
fn a_description_says_what_it_needs() {
    let (folder, library) = library();
    fs::write(folder.path().join("own/a.gguf"), GOOD).expect("written");
    let description = library.find("a").expect("it is there").describe().expect("a good file");
    let sizes = (description.parameters, description.vocabulary, description.tokens_max, description.layers);
    assert_eq!(sizes, (43_328, Some(96), Some(128), Some(2)));
    assert_eq!((description.quantisation.as_str(), description.has_template), ("F32", true));
    // Two layers, two heads, keys and values of 16 each, two bytes a value.
    assert_eq!((description.memory.token_bytes, description.memory.weights_bytes), (2 * 2 * (16 + 16) * 2, 173_312));
    assert_eq!(description.memory.bytes(10) - description.memory.bytes(0), 10 * 256);
    encoder(&folder.path().join("own/judge"), "xlm-roberta", &safetensors());
    let judge = library.find("judge").expect("it is there").describe().expect("a good folder");
    assert_eq!((judge.purpose.as_str(), judge.tokens_max, judge.parameters), ("reranking", Some(512), 4));
}

#[test]
fn encoders_are_described_alike_from_folders_and_files() {
    let golden = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/golden/encoders"));
    for (name, purpose, architectures, layers) in [
        ("bert", "embedding", ["bert", "bert"], 2),
        ("xlm-roberta", "embedding", ["xlm-roberta", "bert"], 2),
        ("modernbert", "embedding", ["modernbert", "modern-bert"], 4),
        ("nomic", "embedding", ["nomic_bert", "nomic-bert"], 2),
        ("xlm-roberta-reranker", "reranking", ["xlm-roberta", "bert"], 2),
    ] {
        for (path, architecture) in [name.to_owned(), format!("{name}.gguf")].into_iter().zip(architectures) {
            let brought = Brought::look_at(&golden.join(&path)).unwrap_or_else(|error| panic!("{path}: {error}"));
            let found = brought.description;
            assert_eq!((brought.name.as_str(), found.purpose.as_str()), (name, purpose), "{path}");
            assert_eq!((found.architecture.as_str(), found.tokens_max), (architecture, Some(48)), "{path}");
            assert_eq!((found.dimensions, found.layers), (Some(32), Some(layers)), "{path}");
            // The embeddings of tokens stay in the file, at two bytes a value; the rest is laid out at four.
            let words = 32 * found.vocabulary.expect("it has tokens");
            let (least, most) = (4 * (found.parameters - words), 4 * found.parameters);
            assert!((least..most).contains(&found.memory.weights_bytes), "{path}: {:?}", found.memory);
        }
    }
    let folder = tempfile::tempdir().expect("a folder");
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        fs::copy(golden.join("bert").join(file), folder.path().join(file)).expect("copied");
    }
    let dense = br#"[{"type": "sentence_transformers.models.Dense"}]"#;
    fs::write(folder.path().join("modules.json"), dense).expect("written");
    let refused = Brought::look_at(folder.path()).expect_err("more than pooling").to_string();
    assert!(refused.contains("Dense is not supported; supported are Transformer, Pooling, Normalize"), "{refused}");
}

#[tokio::test]
async fn a_model_comes_whole_or_not_at_all() {
    let (folder, library) = library();
    let own = folder.path().join("own");
    let found = take_in(&library, "tiny", GOOD).await.expect("a good file");
    assert_eq!((found.path.clone(), found.bytes), (own.join("tiny.gguf"), GOOD.len() as u64));
    assert_eq!(fs::read(&found.path).expect("a file"), GOOD);
    let receipt = found.receipt().expect("a receipt");
    assert_eq!((receipt.source.as_str(), receipt.files[0].bytes), ("stick/x.gguf", GOOD.len() as u64));
    assert_eq!(found.verify(&Progress::default()).expect("read"), Verdict::Same);

    let left = || {
        let mut left: Vec<_> = fs::read_dir(&own).expect("a folder").flatten().map(|entry| entry.path()).collect();
        left.sort();
        left
    };
    let before = left();
    for (name, bytes, expected) in [
        ("tiny", GOOD, "installed already"),
        ("TINY", GOOD, "installed already"),
        ("cut", &GOOD[..GOOD.len() - 9], "cut short"),
        ("../out", GOOD, "cannot be called"),
        (".dot", GOOD, "cannot be called"),
        ("", GOOD, "cannot be called"),
    ] {
        let error = take_in(&library, name, bytes).await.expect_err(name).to_string();
        assert!(error.contains(expected), "{name}: {error}");
    }
    let begin = |name: &str, files: &[(&str, u64)]| {
        let files = files.iter().map(|(file, bytes)| ((*file).to_owned(), *bytes)).collect();
        Incoming::begin(&library, name, files, Progress::default())
    };
    let refused =
        |found: Result<Incoming, LibraryError>| found.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(refused(begin("big", &[("big.gguf", 1 << 60)])).contains("are free there"));
    assert!(refused(begin("odd", &[("../../x", 1)])).contains("one .gguf file, or a folder of"));
    let mut early = begin("early", &[("early.gguf", 10)]).expect("there is room");
    early.write(b"123").await.expect("written");
    assert!(early.finish(String::new(), 1).await.is_err_and(|error| error.to_string().contains("ended early")));
    assert_eq!(left(), before, "nothing is left of what was refused");
}

#[tokio::test]
async fn a_folder_comes_as_one_stream() {
    let (folder, library) = library();
    let there = folder.path().join("reader");
    encoder(&there, "bert", &safetensors());
    let brought = Brought::look_at(&there).expect("a good folder");
    let files = brought.files.iter().map(|(file, _, bytes)| (file.clone(), *bytes)).collect();
    let mut incoming = Incoming::begin(&library, &brought.name, files, Progress::default()).expect("there is room");
    let all: Vec<u8> = brought.files.iter().flat_map(|(_, path, _)| fs::read(path).expect("a file")).collect();
    incoming.write(&all).await.expect("written");
    let found = incoming.finish("there".to_owned(), 1).await.expect("a good folder");
    assert_eq!(found.path, folder.path().join("own/reader"));
    assert_eq!(found.receipt().map(|receipt| receipt.files.len()), Some(3));
    assert_eq!(found.verify(&Progress::default()).expect("read"), Verdict::Same);
    fs::remove_file(found.path.join("tokenizer.json")).expect("removed");
    let verdict = found.verify(&Progress::default()).expect("read");
    assert!(matches!(&verdict, Verdict::Changed { file, found: None, .. } if file == "tokenizer.json"), "{verdict:?}");
}

#[tokio::test]
async fn a_changed_byte_is_seen_and_a_removed_model_is_gone() {
    let (folder, library) = library();
    let mut bytes = GOOD.to_vec();
    let found = take_in(&library, "tiny", &bytes).await.expect("a good file");
    *bytes.last_mut().expect("some bytes") ^= 1;
    fs::write(&found.path, &bytes).expect("written");
    let verdict = found.verify(&Progress::default()).expect("read");
    assert!(matches!(&verdict, Verdict::Changed { file, found: Some(_), .. } if file == "tiny.gguf"), "{verdict:?}");
    let stopped = Progress::default();
    stopped.stop();
    assert!(matches!(found.verify(&stopped), Err(LibraryError::Stopped)));

    assert_eq!(library.remove(&found).expect("removed"), bytes.len() as u64);
    assert_eq!(fs::read_dir(folder.path().join("own")).expect("a folder").count(), 0);
    let shared = folder.path().join("shared/theirs.gguf");
    fs::write(&shared, &bytes).expect("written");
    let theirs = library.find("theirs").expect("it is there");
    assert!(matches!(theirs.verify(&Progress::default()), Ok(Verdict::Unknown { files }) if files.len() == 1));
    let refused = library.remove(&theirs).expect_err("it is not ours").to_string();
    assert!(refused.contains("does not remove anything") && shared.exists(), "{refused}");
}

#[test]
fn what_a_killed_process_began_is_swept_and_downloads_are_not() {
    let (folder, library) = library();
    let own = folder.path().join("own");
    fs::create_dir(own.join(".incoming-x1")).expect("a folder");
    fs::write(own.join(".incoming-x1/a.gguf"), "half").expect("written");
    fs::write(own.join("b.gguf.part"), "half").expect("written");
    library.sweep();
    assert!(!own.join(".incoming-x1").exists() && own.join("b.gguf.part").exists());
}
