//! How fast the embedding model of this machine is, by the length of what it reads.

use std::path::Path;
use std::time::Instant;

use super::made::Made;
use super::{cpu_s, quantile};
use crate::app::error::{Error, Result};
use crate::app::open;
use crate::config::Settings;
use crate::inference::{Embedder, Urgency};

/// Texts handed over at once, as documents are.
const TEXTS_AT_ONCE: usize = 64;
/// Texts embedded alone in one round.
const ALONE: usize = 10;
/// The fewest tokens of a text: one made word has up to five, and two frame it.
const TOKENS_MIN: usize = 8;

/// The least of the processor's time that the system counts.
const CPU_S_MIN: f64 = 0.01;

/// What was measured at one length.
#[derive(Clone, Debug)]
pub struct EmbedSpeed {
    /// Tokens of a text, special tokens included: the mean, which is the length asked for or a little less.
    pub tokens: f64,
    pub texts_per_s: f64,
    pub tokens_per_s: f64,
    /// Texts for each second of the processor's time.
    pub texts_per_cpu_s: f64,
    /// One text by itself, as a question is embedded, in milliseconds.
    pub alone_p50_ms: f64,
    /// What was read, for others to read the same.
    pub texts: Vec<String>,
}

/// Measures texts of each of `lengths` tokens. The lengths take turns, `rounds` times, and the medians are given: what
/// else the machine does meanwhile then falls on all of them.
pub async fn embed(settings: &Settings, program: &Path, lengths: &[usize], rounds: usize) -> Result<Vec<EmbedSpeed>> {
    let embedder = open::local_embedder(settings, program).await?;
    let allowed = TOKENS_MIN..=embedder.tokens_max();
    if let Some(wrong) = lengths.iter().find(|length| !allowed.contains(*length)) {
        return Err(Error::invalid(format!(
            "Texts of {wrong} tokens can not be measured with {}: {} to {} can.",
            embedder.identity().name,
            allowed.start(),
            allowed.end()
        )));
    }
    let mut made = Made::new(embedder.dimensions());
    let texts: Vec<Vec<String>> = lengths
        .iter()
        .map(|length| (0..TEXTS_AT_ONCE).map(|_| text(&embedder, &mut made, *length)).collect())
        .collect();
    let mut together = vec![Vec::new(); lengths.len()];
    let mut alone = vec![Vec::new(); lengths.len()];
    let mut cpu = vec![0.0; lengths.len()];
    for _ in 0..rounds {
        for (at, texts) in texts.iter().enumerate() {
            let before = cpu_s();
            together[at].push(seconds(&embedder, texts.clone(), Urgency::Passages).await?);
            cpu[at] += cpu_s() - before;
            for text in texts.iter().take(ALONE) {
                alone[at].push(1e3 * seconds(&embedder, vec![text.clone()], Urgency::Question).await?);
            }
        }
    }
    let speed = |(at, texts): (usize, Vec<String>)| {
        let tokens: usize = texts.iter().map(|text| embedder.count_tokens(text)).sum();
        let seconds = quantile(&mut together[at], 0.5);
        EmbedSpeed {
            tokens: tokens as f64 / texts.len() as f64,
            texts_per_s: texts.len() as f64 / seconds,
            tokens_per_s: tokens as f64 / seconds,
            texts_per_cpu_s: (rounds * texts.len()) as f64 / cpu[at].max(CPU_S_MIN),
            alone_p50_ms: quantile(&mut alone[at], 0.5),
            texts,
        }
    };
    let speeds = texts.into_iter().enumerate().map(speed).collect();
    embedder.close();
    Ok(speeds)
}

/// A made text of `length` tokens, or fewer by what one more word would have been too many.
fn text(embedder: &Embedder, made: &mut Made, length: usize) -> String {
    let mut text = made.words(1, 1);
    loop {
        let longer = format!("{text} {}", made.words(1, 1));
        if embedder.count_tokens(&longer) > length {
            return text;
        }
        text = longer;
    }
}

async fn seconds(embedder: &Embedder, texts: Vec<String>, urgency: Urgency) -> Result<f64> {
    let begun = Instant::now();
    embedder.embed(texts, urgency).await?;
    Ok(begun.elapsed().as_secs_f64())
}
