//! How fast a model file writes on this machine: prompts, single tokens, a second turn, and many readers at once.

use std::fs;
use std::path::Path;
use std::time::Instant;

use super::{cpu_s, quantile};
use crate::app::error::{Error, Result};
use crate::domain::device::Device;
use crate::inference::{InferenceError, Trial};

/// Lengths of the prompts that are read.
pub const PROMPTS: [usize; 2] = [512, 2_048];
/// Tokens that are written after a short beginning, and after the longest prompt.
pub const WRITTEN: usize = 64;
/// Tokens of the short beginning.
const BEGINNING: usize = 16;
/// Tokens of a conversation that the second turn goes on with, and of what it adds.
pub const CONTEXT: usize = 2_000;
const ADDED: usize = 32;
const _: () = assert!(CONTEXT + ADDED <= PROMPTS[1] + WRITTEN, "one cache is enough for all");
/// Readers at once.
pub const READERS: [usize; 3] = [1, 4, 16];
/// Tokens that each of them is written.
const READERS_WRITTEN: usize = 32;

/// One kind of work: tokens a second by the clock, and the processor's time for all of them.
#[derive(Clone, Debug)]
pub struct Pace {
    pub tokens_per_s: f64,
    pub cpu_s: f64,
}

/// What was measured of a model. Medians over the rounds.
#[derive(Clone, Debug)]
pub struct GenerateSpeed {
    /// What computed.
    pub computes: String,
    pub threads: usize,
    /// Until the first token could be written, in milliseconds.
    pub ready_ms: f64,
    /// In the order of [`PROMPTS`].
    pub prompts: [Pace; 2],
    pub written: Pace,
    /// After the longest prompt.
    pub written_deep: Pace,
    /// The second turn of a conversation: until its first token could be written, in milliseconds.
    pub second_turn_ms: f64,
    /// The same if the whole conversation is read anew.
    pub without_reuse_ms: f64,
    /// The most memory that the process had while one reader was served, the mapped file included.
    pub peak_bytes: u64,
    /// In the order of [`READERS`]: tokens a second of all of them together.
    pub readers: [f64; 3],
}

/// Measures the model at `path` on `device`, with `threads` threads where that is the processor, `rounds` times. Blocking.
pub fn generate(path: &Path, device: Device, threads: usize, rounds: usize) -> Result<GenerateSpeed> {
    if threads == 0 || rounds == 0 {
        return Err(Error::invalid("At least one thread has at least one round.".to_owned()));
    }
    let begun = Instant::now();
    let tokens_max = PROMPTS[1] + WRITTEN;
    let mut trial = Trial::open(path, device, threads, 1, tokens_max)?;
    trial.write(1, 0, 1)?;
    let ready_ms = begun.elapsed().as_secs_f64() * 1e3;
    let mut measured: [Vec<(f64, f64)>; 4] = Default::default();
    for _ in 0..rounds {
        measured[0].push(timed(|| trial.read(PROMPTS[0]))?);
        measured[1].push(timed(|| trial.read(PROMPTS[1]))?);
        measured[2].push(timed(|| trial.write(1, PROMPTS[1], WRITTEN))?);
        measured[3].push(timed(|| trial.write(1, BEGINNING, WRITTEN))?);
    }
    let (second_turn_ms, without_reuse_ms) = second_turn(&mut trial, rounds)?;
    let peak_bytes = peak_bytes();
    let computes = trial.computes().to_owned();
    drop(trial);
    let most = READERS.into_iter().max().unwrap_or(1);
    let mut trial = Trial::open(path, device, threads, most, BEGINNING + READERS_WRITTEN)?;
    let mut readers = [0.0; READERS.len()];
    for (count, tokens_per_s) in READERS.into_iter().zip(&mut readers) {
        let mut seconds = Vec::new();
        for _ in 0..rounds {
            seconds.push(timed(|| trial.write(count, BEGINNING, READERS_WRITTEN))?.0);
        }
        *tokens_per_s = (count * READERS_WRITTEN) as f64 / quantile(&mut seconds, 0.5);
    }
    let [first, second, deep, short] = measured;
    Ok(GenerateSpeed {
        computes,
        threads,
        ready_ms,
        prompts: [pace(PROMPTS[0], first), pace(PROMPTS[1], second)],
        written: pace(WRITTEN, short),
        written_deep: pace(WRITTEN, deep),
        second_turn_ms,
        without_reuse_ms,
        peak_bytes,
        readers,
    })
}

/// Milliseconds to the first token of a second turn, with what the first has read and without: medians.
fn second_turn(trial: &mut Trial, rounds: usize) -> Result<(f64, f64)> {
    trial.converse();
    let mut turn = |conversation: usize, tokens: usize, known: usize| -> Result<f64> {
        let begun = Instant::now();
        match trial.turn(conversation, tokens)? {
            found if found == known => Ok(begun.elapsed().as_secs_f64() * 1e3),
            found => Err(Error::internal(format!("{found} tokens were known, not {known}"))),
        }
    };
    let (mut reused, mut anew) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        turn(2 * round, CONTEXT, 0)?;
        reused.push(turn(2 * round, CONTEXT + ADDED, CONTEXT)?);
        anew.push(turn(2 * round + 1, CONTEXT + ADDED, 0)?);
    }
    Ok((quantile(&mut reused, 0.5), quantile(&mut anew, 0.5)))
}

fn pace(tokens: usize, measured: Vec<(f64, f64)>) -> Pace {
    let (mut clock, mut cpu): (Vec<f64>, Vec<f64>) = measured.into_iter().unzip();
    Pace { tokens_per_s: tokens as f64 / quantile(&mut clock, 0.5), cpu_s: quantile(&mut cpu, 0.5) }
}

/// Seconds by the clock and of the processor that `work` takes.
fn timed(work: impl FnOnce() -> std::result::Result<(), InferenceError>) -> Result<(f64, f64)> {
    let (begun, before) = (Instant::now(), cpu_s());
    work()?;
    Ok((begun.elapsed().as_secs_f64(), cpu_s() - before))
}

/// The most memory that this process ever had, in bytes.
fn peak_bytes() -> u64 {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) * 1024
}

#[cfg(test)]
mod tests {
    use super::{Device, cpu_s, generate, peak_bytes};
    use std::path::Path;

    #[test]
    fn a_small_model_is_measured() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/golden/decoders/qwen3.gguf");
        let speed = generate(Path::new(path), Device::Cpu, 1, 1).expect("it is measured");
        let paces = speed.prompts.iter().chain([&speed.written, &speed.written_deep]);
        assert!(paces.map(|pace| pace.tokens_per_s).chain(speed.readers).all(|pace| pace > 0.0), "{speed:?}");
        assert!(speed.second_turn_ms > 0.0 && speed.without_reuse_ms > 0.0, "{speed:?}");
        assert!(cpu_s() > 0.0 && peak_bytes() > 1 << 20);
        assert!(generate(Path::new(path), Device::Cpu, 0, 1).is_err());
        assert!(generate(Path::new("nowhere.gguf"), Device::Cpu, 1, 1).is_err());
    }
}
