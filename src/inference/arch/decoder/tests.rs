//! Networks of every architecture against the logits of a reference (`tests/data/decoders.py` made them), in one piece
//! and in every other way that the cache allows, on the processor and on a device: candle's own processor device, which
//! computes what an accelerator would.

use super::cache::{PAGE, Page, Precision, State};
use super::{Batch, Decoder, Network, Run, Wanted};
use crate::inference::gguf::Gguf;
use candle_core::Device;
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

/// Where a network computes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum On {
    Processor,
    Device,
}

/// A network with what the reference says of it.
struct Case {
    name: String,
    gguf: Gguf,
    on: On,
    golden: Golden,
    /// `[positions, vocabulary]`
    logits: Vec<f32>,
}

impl Case {
    fn read(name: &str, on: On) -> Case {
        let path = |ending: &str| PathBuf::from(FOLDER).join(format!("{name}.{ending}"));
        let gguf = Gguf::open(&path("gguf")).expect("the network is there");
        let text = std::fs::read_to_string(path("json")).expect("the tokens are there");
        let bytes = std::fs::read(path("f32")).expect("the logits are there");
        let logits = bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().expect("four"))).collect();
        Case {
            name: name.to_owned(),
            gguf,
            on,
            golden: serde_json::from_str(&text).expect("the tokens are JSON"),
            logits,
        }
    }

    /// Every network in the folder, wherever it can be computed.
    fn all() -> Vec<Case> {
        let files = std::fs::read_dir(FOLDER).expect("the folder is there");
        let names = files.flatten().filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            name.strip_suffix(".gguf").map(str::to_owned)
        });
        let mut names: Vec<String> = names.collect();
        names.sort();
        assert!(names.len() >= 8, "{names:?}");
        let cases =
            [On::Processor, On::Device].into_iter().flat_map(|on| names.iter().map(move |name| Case::read(name, on)));
        let cases: Vec<Case> = cases.filter(|case| case.on == On::Processor || case.decoder().is_plain()).collect();
        assert!(cases.iter().filter(|case| case.on == On::Device).count() >= 8);
        cases
    }

    fn decoder(&self) -> Decoder {
        Decoder::new(&self.gguf).unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }

    /// The network with a cache of `pages`.
    fn network(&self, pages: usize, precision: Precision) -> Network {
        match self.on {
            On::Processor => Network::on_processor(self.decoder(), pages, precision),
            On::Device => Network::on_device(&self.decoder(), &Device::Cpu, pages, precision)
                .unwrap_or_else(|error| panic!("{}: {error}", self.name)),
        }
    }

    /// Whether the weights are quantised: then activations are too, and logits only nearly the reference's.
    fn is_quantised(&self) -> bool {
        self.name.contains("quantised")
    }

    fn expected(&self, positions: std::ops::Range<usize>) -> &[f32] {
        let vocabulary = self.decoder().settings.vocabulary;
        &self.logits[positions.start * vocabulary..positions.end * vocabulary]
    }

    fn check(&self, how: &str, found: &[f32], expected: &[f32]) {
        assert_eq!(found.len(), expected.len(), "{} {how} {:?}", self.name, self.on);
        let off = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
        let tolerance = if self.is_quantised() { 0.4 } else { TOLERANCE };
        println!("{} {how} {:?}: largest difference {off:.2e}", self.name, self.on);
        assert!(off <= tolerance, "{} {how} {:?}: {off}", self.name, self.on);
    }
}

/// A sequence with pages of its own.
struct Sequence {
    pages: Vec<Page>,
    state: Option<State>,
    read: usize,
}

impl Sequence {
    fn new(network: &mut Network, tokens: usize) -> Sequence {
        let pages = (0..tokens.div_ceil(PAGE)).map(|_| network.pages().take().expect("a page")).collect();
        Sequence { pages, state: network.shape().state(), read: 0 }
    }

    fn run<'a>(&'a mut self, tokens: &'a [u32], wanted: Wanted) -> Run<'a> {
        let start = self.read;
        self.read += tokens.len();
        Run { tokens, start, pages: &self.pages, state: self.state.as_mut(), wanted }
    }
}

fn run(network: &mut Network, runs: Vec<Run>) -> Vec<f32> {
    network.forward(&mut Batch { runs }).expect("nothing fails").to_vec()
}

#[test]
fn logits_are_those_of_the_reference_however_the_prompt_is_cut() {
    for case in Case::all() {
        let prompt = &case.golden.prompt;
        for piece in [prompt.len(), 7, 1] {
            let mut network = case.network(16, Precision::Full);
            let mut sequence = Sequence::new(&mut network, prompt.len());
            let mut found = Vec::new();
            for tokens in prompt.chunks(piece) {
                found.extend(run(&mut network, vec![sequence.run(tokens, Wanted::All)]));
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
        let mut network = case.network(16, Precision::Full);
        let mut own = Sequence::new(&mut network, prompt.len());
        let mut other = Sequence::new(&mut network, stranger.len());
        let mut found = Vec::new();
        for (tokens, others) in prompt.chunks(5).zip(stranger.chunks(8)) {
            let runs = vec![other.run(others, Wanted::Last), own.run(tokens, Wanted::All)];
            found.extend_from_slice(&run(&mut network, runs)[network.settings().vocabulary..]);
        }
        case.check("among strangers", &found, case.expected(0..prompt.len()));
    }
}

#[test]
fn a_prefix_may_be_shared() {
    for case in Case::all() {
        let prompt = &case.golden.prompt;
        let long: Vec<u32> = prompt.iter().copied().cycle().take(3 * PAGE).collect();
        let mut network = case.network(16, Precision::Full);
        let mut first = Sequence::new(&mut network, long.len());
        assert!(run(&mut network, vec![first.run(&long[..PAGE + 10], Wanted::Nothing)]).is_empty());
        // The second has the whole first page with the first, a copy of the next, and reads on from there.
        let mut second = Sequence::new(&mut network, long.len());
        network.pages().release(std::mem::replace(&mut second.pages[0], first.pages[0]));
        network.pages().share(first.pages[0]);
        let copy = network.copy(first.pages[1]).expect("a page");
        network.pages().release(std::mem::replace(&mut second.pages[1], copy));
        (second.read, second.state) = (PAGE + 10, first.state.clone());
        let runs = vec![second.run(&long[PAGE + 10..], Wanted::All), first.run(&long[PAGE + 10..], Wanted::All)];
        let found = run(&mut network, runs);
        let mut alone = Sequence::new(&mut network, long.len());
        let expected = run(&mut network, vec![alone.run(&long, Wanted::All)]);
        let expected = &expected[(PAGE + 10) * network.settings().vocabulary..];
        case.check("with a shared prefix", &found[..found.len() / 2], expected);
        case.check("after sharing", &found[found.len() / 2..], expected);
    }
}

#[test]
fn greedy_text_is_that_of_the_reference() {
    for case in Case::all().iter().filter(|case| !case.is_quantised()) {
        for precision in [Precision::Full, Precision::Half] {
            let mut network = case.network(4, precision);
            let mut sequence = Sequence::new(&mut network, 64);
            let mut tokens = case.golden.prompt.clone();
            let mut written = Vec::new();
            while written.len() < case.golden.greedy.len() {
                let logits = run(&mut network, vec![sequence.run(&tokens, Wanted::Last)]);
                let best = logits.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).expect("logits").0 as u32;
                written.push(best);
                tokens = vec![best];
            }
            assert_eq!(written, case.golden.greedy, "{} {precision:?} {:?}", case.name, case.on);
        }
    }
}

#[test]
fn networks_with_other_layers_stay_on_the_processor() {
    for name in ["granitehybrid", "granitehybrid-dense"] {
        let case = Case::read(name, On::Device);
        let refused = Network::on_device(&case.decoder(), &Device::Cpu, 4, Precision::Half).err();
        assert!(refused.is_some_and(|error| error.to_string().contains("granitehybrid")), "{name}");
    }
}
