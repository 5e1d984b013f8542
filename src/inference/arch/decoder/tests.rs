//! Networks of every architecture against the logits of a reference (`tests/data/decoders.py` made them), in one piece
//! and in every other way that the cache allows.

use super::cache::{Cache, PAGE, Page, Precision, State};
use super::{Batch, Buffers, Decoder, Run, Wanted};
use crate::inference::gguf::Gguf;
use serde::Deserialize;
use std::path::PathBuf;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/golden/decoders");
/// The largest difference from the reference that a logit may have.
const TOLERANCE: f32 = 1e-3;

#[derive(Deserialize)]
struct Golden {
    prompt: Vec<u32>,
    greedy: Vec<u32>,
}

/// A network with what the reference says of it.
struct Case {
    name: String,
    decoder: Decoder,
    golden: Golden,
    /// `[positions, vocabulary]`
    logits: Vec<f32>,
}

impl Case {
    fn read(name: &str) -> Case {
        let path = |ending: &str| PathBuf::from(FOLDER).join(format!("{name}.{ending}"));
        let gguf = Gguf::open(&path("gguf")).expect("the network is there");
        let text = std::fs::read_to_string(path("json")).expect("the tokens are there");
        let bytes = std::fs::read(path("f32")).expect("the logits are there");
        let logits = bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().expect("four"))).collect();
        Case {
            name: name.to_owned(),
            decoder: Decoder::new(&gguf).unwrap_or_else(|error| panic!("{name}: {error}")),
            golden: serde_json::from_str(&text).expect("the tokens are JSON"),
            logits,
        }
    }

    /// Every network in the folder.
    fn all() -> Vec<Case> {
        let files = std::fs::read_dir(FOLDER).expect("the folder is there");
        let names = files.flatten().filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            name.strip_suffix(".gguf").map(str::to_owned)
        });
        let mut names: Vec<String> = names.collect();
        names.sort();
        assert!(names.len() >= 8, "{names:?}");
        names.iter().map(|name| Case::read(name)).collect()
    }

    /// Whether the weights are quantised: then activations are too, and logits only nearly the reference's.
    fn is_quantised(&self) -> bool {
        self.name.contains("quantised")
    }

    fn expected(&self, positions: std::ops::Range<usize>) -> &[f32] {
        let vocabulary = self.decoder.settings.vocabulary;
        &self.logits[positions.start * vocabulary..positions.end * vocabulary]
    }

    fn check(&self, how: &str, found: &[f32], expected: &[f32]) {
        assert_eq!(found.len(), expected.len(), "{} {how}", self.name);
        let off = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
        let tolerance = if self.is_quantised() { 0.4 } else { TOLERANCE };
        println!("{} {how}: largest difference {off:.2e}", self.name);
        assert!(off <= tolerance, "{} {how}: {off}", self.name);
    }
}

/// A sequence with pages of its own.
struct Sequence {
    pages: Vec<Page>,
    state: Option<State>,
    read: usize,
}

impl Sequence {
    fn new(cache: &mut Cache, tokens: usize) -> Sequence {
        let pages = (0..tokens.div_ceil(PAGE)).map(|_| cache.take().expect("a page")).collect();
        Sequence { pages, state: cache.shape().state(), read: 0 }
    }

    fn run<'a>(&'a mut self, tokens: &'a [u32], wanted: Wanted) -> Run<'a> {
        let start = self.read;
        self.read += tokens.len();
        Run { tokens, start, pages: &self.pages, state: self.state.as_mut(), wanted }
    }
}

fn cache(decoder: &Decoder) -> Cache {
    Cache::new(decoder.cache_shape(), 16, Precision::Full)
}

#[test]
fn logits_are_those_of_the_reference_however_the_prompt_is_cut() {
    for case in Case::all() {
        let prompt = &case.golden.prompt;
        for piece in [prompt.len(), 7, 1] {
            let mut cache = cache(&case.decoder);
            let mut buffers = Buffers::default();
            let mut sequence = Sequence::new(&mut cache, prompt.len());
            let mut found = Vec::new();
            for tokens in prompt.chunks(piece) {
                let mut batch = Batch { runs: vec![sequence.run(tokens, Wanted::All)] };
                found.extend_from_slice(case.decoder.forward(&mut batch, &mut cache, &mut buffers));
            }
            case.check(&format!("in pieces of {piece}"), &found, case.expected(0..prompt.len()));
        }
    }
}

#[test]
fn strangers_in_a_batch_change_nothing() {
    for case in Case::all() {
        let prompt = &case.golden.prompt;
        let stranger: Vec<u32> = prompt.iter().rev().copied().cycle().take(40).collect();
        let mut cache = cache(&case.decoder);
        let mut buffers = Buffers::default();
        let mut own = Sequence::new(&mut cache, prompt.len());
        let mut other = Sequence::new(&mut cache, stranger.len());
        let mut found = Vec::new();
        for (tokens, others) in prompt.chunks(5).zip(stranger.chunks(8)) {
            let runs = vec![other.run(others, Wanted::Last), own.run(tokens, Wanted::All)];
            let logits = case.decoder.forward(&mut Batch { runs }, &mut cache, &mut buffers);
            found.extend_from_slice(&logits[case.decoder.settings.vocabulary..]);
        }
        case.check("among strangers", &found, case.expected(0..prompt.len()));
    }
}

#[test]
fn a_prefix_may_be_shared() {
    for case in Case::all() {
        let prompt = &case.golden.prompt;
        let long: Vec<u32> = prompt.iter().copied().cycle().take(3 * PAGE).collect();
        let mut cache = cache(&case.decoder);
        let mut buffers = Buffers::default();
        let mut first = Sequence::new(&mut cache, long.len());
        let mut batch = Batch { runs: vec![first.run(&long[..PAGE + 10], Wanted::Nothing)] };
        assert!(case.decoder.forward(&mut batch, &mut cache, &mut buffers).is_empty());
        // The second has the whole first page with the first, a copy of the next, and reads on from there.
        let mut second = Sequence::new(&mut cache, long.len());
        cache.release(std::mem::replace(&mut second.pages[0], first.pages[0]));
        cache.share(first.pages[0]);
        let copy = cache.copy(first.pages[1]).expect("a page");
        cache.release(std::mem::replace(&mut second.pages[1], copy));
        (second.read, second.state) = (PAGE + 10, first.state.clone());
        let runs = vec![second.run(&long[PAGE + 10..], Wanted::All), first.run(&long[PAGE + 10..], Wanted::All)];
        let found = case.decoder.forward(&mut Batch { runs }, &mut cache, &mut buffers).to_vec();
        let mut alone = Sequence::new(&mut cache, long.len());
        let mut batch = Batch { runs: vec![alone.run(&long, Wanted::All)] };
        let expected = case.decoder.forward(&mut batch, &mut cache, &mut buffers);
        let expected = &expected[(PAGE + 10) * case.decoder.settings.vocabulary..];
        case.check("with a shared prefix", &found[..found.len() / 2], expected);
        case.check("after sharing", &found[found.len() / 2..], expected);
    }
}

#[test]
fn greedy_text_is_that_of_the_reference() {
    for case in Case::all().iter().filter(|case| !case.is_quantised()) {
        for precision in [Precision::Full, Precision::Half] {
            let mut cache = Cache::new(case.decoder.cache_shape(), 4, precision);
            let mut buffers = Buffers::default();
            let mut sequence = Sequence::new(&mut cache, 64);
            let mut tokens = case.golden.prompt.clone();
            let mut written = Vec::new();
            while written.len() < case.golden.greedy.len() {
                let mut batch = Batch { runs: vec![sequence.run(&tokens, Wanted::Last)] };
                let logits = case.decoder.forward(&mut batch, &mut cache, &mut buffers);
                let best = logits.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).expect("logits").0 as u32;
                written.push(best);
                tokens = vec![best];
            }
            assert_eq!(written, case.golden.greedy, "{} {precision:?}", case.name);
        }
    }
}
