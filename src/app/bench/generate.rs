//! How fast a model file writes on this machine: prompts, single tokens, and many readers at once.

use std::fs;
use std::path::Path;
use std::time::Instant;

use super::quantile;
use crate::app::error::{Error, Result};
use crate::domain::device::Device;
use crate::inference::{InferenceError, Trial};

/// Lengths of the prompts that are read.
pub const PROMPTS: [usize; 2] = [512, 2_048];
/// Tokens that are written after a short beginning, and after the longest prompt.
pub const WRITTEN: usize = 64;
/// Tokens of the short beginning.
const BEGINNING: usize = 16;
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
        peak_bytes,
        readers,
    })
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

/// The processor's time of this process, in seconds, as the system counts it: in hundredths.
fn cpu_s() -> f64 {
    /// The fields of user and system time after the program's name, which may hold spaces.
    const FIELDS: [usize; 2] = [11, 12];
    const TICKS_PER_S: f64 = 100.0;
    let text = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    FIELDS.iter().filter_map(|field| fields.get(*field)?.parse::<f64>().ok()).sum::<f64>() / TICKS_PER_S
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
        assert!(cpu_s() > 0.0 && peak_bytes() > 1 << 20);
        assert!(generate(Path::new(path), Device::Cpu, 0, 1).is_err());
        assert!(generate(Path::new("nowhere.gguf"), Device::Cpu, 1, 1).is_err());
    }
}
