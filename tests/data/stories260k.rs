//! stories260K, a story teller of 260,000 real weights: a GGUF file made of what `NOSIA_TEST_DATA` has in llama2.c's
//! layout, and what it tells when the likeliest word is always taken. For the tests of a room and of the appliance.

use std::path::{Path, PathBuf};

/// The most tokens of a conversation with it.
pub const CONTEXT: usize = 512;
/// How it is talked to: it goes on with what was said last, as it is.
const TEMPLATE: &str = "{{ messages[-1]['content'] }}";

/// What `stories260k.py` wrote of one prompt.
#[derive(serde::Deserialize)]
pub struct Story {
    /// What is told after.
    pub prompt: String,
    /// The prompt's tokens, BOS first.
    pub tokens: Vec<u32>,
    /// The tokens that follow when the likeliest is always taken.
    pub greedy: Vec<u32>,
    /// The text of those.
    pub text: String,
}

/// The golden stories.
pub fn stories() -> Vec<Story> {
    serde_json::from_str(include_str!("golden/stories260k.json")).expect("the stories are JSON")
}

/// Writes the network as `stories260k.gguf` into `folder`; without the data, says what is left out.
pub fn network(folder: &Path, left_out: &str) -> Option<PathBuf> {
    let Some(data) = std::env::var_os("NOSIA_TEST_DATA") else {
        eprintln!("LEFT OUT: {left_out}, because NOSIA_TEST_DATA is not set");
        return None;
    };
    let data = Path::new(&data).join("models/stories260K/data");
    let read = |name: &str| std::fs::read(data.join(name)).expect("NOSIA_TEST_DATA holds models/stories260K/data");
    let path = folder.join("stories260k.gguf");
    std::fs::write(&path, convert(&read("stories260K.bin"), &read("tok512.bin"))).expect("written");
    Some(path)
}

/// The numbers that llama2.c's file begins with.
struct Header {
    width: usize,
    inner: usize,
    layers: usize,
    heads: usize,
    kv_heads: usize,
    words: usize,
    context: usize,
}

/// The GGUF file of llama2.c's weights and words. Its pairs of the rotation are neighbours already, as GGUF has them.
fn convert(weights: &[u8], words: &[u8]) -> Vec<u8> {
    let number = |at: usize| int(weights, at * 4) as usize;
    let header = Header {
        width: number(0),
        inner: number(1),
        layers: number(2),
        heads: number(3),
        kv_heads: number(4),
        words: number(5),
        context: number(6),
    };
    let tensors = tensors(&header, &weights[7 * 4..]);
    let pairs = [metadata(&header), vocabulary(words, header.words)].concat();
    let mut file = b"GGUF".to_vec();
    file.extend(3u32.to_le_bytes());
    file.extend((tensors.len() as u64).to_le_bytes());
    file.extend((pairs.len() as u64).to_le_bytes());
    file.extend(pairs.concat());
    let mut offset = 0u64;
    for (name, shape, bytes) in &tensors {
        file.extend(text(name.as_bytes()));
        file.extend((shape.len() as u32).to_le_bytes());
        file.extend(shape.iter().flat_map(|side| (*side as u64).to_le_bytes()));
        file.extend(0u32.to_le_bytes());
        file.extend(offset.to_le_bytes());
        offset += (bytes.len() as u64).next_multiple_of(32);
    }
    for (_, _, bytes) in tensors {
        file.resize(file.len().next_multiple_of(32), 0);
        file.extend(bytes);
    }
    file
}

/// Each tensor: name, shape with the length of a row first, and bytes. The file has each kind for all layers at once.
fn tensors<'a>(header: &Header, mut rest: &'a [u8]) -> Vec<(String, Vec<usize>, &'a [u8])> {
    let Header { width, inner, layers, words, .. } = *header;
    let kv = width / header.heads * header.kv_heads;
    let kinds = [
        ("token_embd", 1, vec![width, words]),
        ("attn_norm", layers, vec![width]),
        ("attn_q", layers, vec![width, width]),
        ("attn_k", layers, vec![width, kv]),
        ("attn_v", layers, vec![width, kv]),
        ("attn_output", layers, vec![width, width]),
        ("ffn_norm", layers, vec![width]),
        ("ffn_gate", layers, vec![width, inner]),
        ("ffn_down", layers, vec![inner, width]),
        ("ffn_up", layers, vec![width, inner]),
        ("output_norm", 1, vec![width]),
    ];
    let mut tensors = Vec::new();
    for (name, count, shape) in kinds {
        for layer in 0..count {
            let (bytes, after) = rest.split_at(shape.iter().product::<usize>() * 4);
            rest = after;
            let name = if count == 1 { format!("{name}.weight") } else { format!("blk.{layer}.{name}.weight") };
            tensors.push((name, shape.clone(), bytes));
        }
    }
    tensors
}

fn metadata(header: &Header) -> Vec<Vec<u8>> {
    let number = |key: &str, value: usize| entry(key, 4, &(value as u32).to_le_bytes());
    vec![
        entry("general.architecture", 8, &text(b"llama")),
        number("llama.context_length", header.context),
        number("llama.embedding_length", header.width),
        number("llama.block_count", header.layers),
        number("llama.feed_forward_length", header.inner),
        number("llama.rope.dimension_count", header.width / header.heads),
        number("llama.attention.head_count", header.heads),
        number("llama.attention.head_count_kv", header.kv_heads),
        entry("llama.attention.layer_norm_rms_epsilon", 6, &1e-5f32.to_le_bytes()),
        entry("tokenizer.ggml.model", 8, &text(b"llama")),
        entry("tokenizer.chat_template", 8, &text(TEMPLATE.as_bytes())),
        number("tokenizer.ggml.unknown_token_id", 0),
        number("tokenizer.ggml.bos_token_id", 1),
        number("tokenizer.ggml.eos_token_id", 2),
    ]
}

/// The words, their scores and types. llama2.c writes spaces and control tokens as they print, GGUF as SentencePiece.
fn vocabulary(data: &[u8], words: usize) -> Vec<Vec<u8>> {
    let (mut texts, mut scores, mut types) = (Vec::new(), Vec::new(), Vec::new());
    let mut at = 4;
    for word in 0..words {
        let length = int(data, at + 4) as usize;
        scores.extend(&data[at..at + 4]);
        let printed = std::str::from_utf8(&data[at + 8..at + 8 + length]).expect("words are UTF-8");
        // Unknown, the two that begin and end a text, the 256 bytes, and all the others.
        let (kind, written) = match word {
            0 => (2u32, printed.to_owned()),
            1 | 2 => (3, printed.trim().to_owned()),
            3..259 => (6, printed.to_owned()),
            _ => (1, printed.replace(' ', "\u{2581}")),
        };
        types.extend(kind.to_le_bytes());
        texts.extend(text(written.as_bytes()));
        at += 8 + length;
    }
    let array = |key: &str, kind: u32, values: Vec<u8>| {
        let length = (words as u64).to_le_bytes();
        entry(key, 9, &[&kind.to_le_bytes()[..], &length, &values].concat())
    };
    vec![
        array("tokenizer.ggml.tokens", 8, texts),
        array("tokenizer.ggml.scores", 6, scores),
        array("tokenizer.ggml.token_type", 5, types),
    ]
}

/// A metadata entry of the type `kind`, by GGUF's numbers.
fn entry(key: &str, kind: u32, value: &[u8]) -> Vec<u8> {
    [&text(key.as_bytes())[..], &kind.to_le_bytes(), value].concat()
}

fn text(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u64).to_le_bytes(), bytes].concat()
}

fn int(data: &[u8], at: usize) -> i32 {
    i32::from_le_bytes(data[at..at + 4].try_into().expect("four bytes"))
}
