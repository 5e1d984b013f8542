//! The best candidates are read together with the question by a model that does nothing else, and ranked by what it says.
//!
//! It reads the best first, a few at once, and as many as it gets through in the time there is: a slow machine has fewer
//! of them ranked anew, and the rest stay behind in their order. A reranker that fails or says nothing in time changes
//! nothing, which the log is told once: an answer is never lost by it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::Scored;
use crate::domain::question::Question;
use crate::inference::{InferenceError, Reranker};
use crate::limits;

/// What the reranker's score weighs in the new one; the rest is the fused score's, the best of those read being 1.
///
/// Not measured, for want of a reranker to measure with. It follows the reranker where that tells candidates apart, and
/// keeps the fused order among those that it finds alike: of many good passages most get nearly 1.
const READ_SHARE: f32 = 0.8;

/// A reranker, and whether the log knows already that it fails.
#[derive(Clone)]
pub struct Rereader {
    pub reranker: Reranker,
    told: Arc<AtomicBool>,
}

impl Rereader {
    /// A reranker of which nothing bad is known.
    pub fn new(reranker: Reranker) -> Rereader {
        Rereader { reranker, told: Arc::default() }
    }

    /// Tells the log once why candidates stay in their order.
    fn tell(&self, why: &str) {
        if !self.told.swap(true, Ordering::Relaxed) {
            let model = self.reranker.name();
            tracing::warn!(model, why, "the reranker is left out of searches in which it fails; this is said once");
        }
    }
}

/// Ranks the best of `ranked` anew, the others behind them.
pub async fn reread(rereader: Option<&Rereader>, question: &Question, ranked: Vec<Scored>) -> Vec<Scored> {
    let Some(rereader) = rereader else { return ranked };
    let ask = |passages: Vec<String>| rereader.reranker.scores(question.text(), passages);
    let time = Duration::from_millis(limits::RERANK_MS_MAX);
    let (read, fault) = scores(&ranked, time, ask).await;
    if let Some(fault) = fault {
        rereader.tell(&fault);
    }
    blend(ranked, &read)
}

/// What the reranker says of the first of `ranked`, 0 to 1 each, as far as it came; and what went wrong, if anything did.
async fn scores<F: Future<Output = Result<Vec<f32>, InferenceError>>>(
    ranked: &[Scored],
    time: Duration,
    ask: impl Fn(Vec<String>) -> F,
) -> (Vec<f32>, Option<String>) {
    let deadline = Instant::now() + time;
    let best = &ranked[..ranked.len().min(limits::RERANKED_MAX)];
    let mut read = Vec::with_capacity(best.len());
    for group in best.chunks(limits::RERANKED_AT_ONCE) {
        let asked = ask(group.iter().map(text).collect());
        let fault = match tokio::time::timeout_at(deadline, asked).await {
            Ok(Ok(more)) if more.len() == group.len() && more.iter().all(|score| (0.0..=1.0).contains(score)) => {
                read.extend(more);
                continue;
            }
            Ok(Ok(_)) => Some("it gave other scores than were asked for".to_owned()),
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) if read.is_empty() => {
                Some(format!("it did not read {} passages in {} ms", group.len(), time.as_millis()))
            }
            // It read some; that is what the time was for.
            Err(_) => None,
        };
        return (read, fault);
    }
    (read, None)
}

/// What it reads of a candidate: the same as what was embedded of it.
fn text(candidate: &Scored) -> String {
    let row = &candidate.row;
    format!("{}\n{}", [std::slice::from_ref(&row.title), &row.headings].concat().join(" > "), row.text)
}

/// The first of `ranked` with what was `read` of them in their scores, best first; then the others, as they were.
fn blend(mut ranked: Vec<Scored>, read: &[f32]) -> Vec<Scored> {
    if read.is_empty() {
        return ranked;
    }
    let rest = ranked.split_off(read.len().min(ranked.len()));
    let most = ranked.iter().map(|one| one.score).fold(f32::MIN_POSITIVE, f32::max);
    for (one, read) in ranked.iter_mut().zip(read) {
        one.score = READ_SHARE * read + (1.0 - READ_SHARE) * one.score / most;
    }
    ranked.sort_by(|a, b| b.score.total_cmp(&a.score));
    let least = ranked.last().map_or(0.0, |last| last.score);
    let highest = rest.iter().map(|one| one.score).fold(f32::MIN_POSITIVE, f32::max);
    let scale = (least / highest).min(1.0);
    ranked.extend(rest.into_iter().map(|one| Scored { score: one.score * scale, ..one }));
    ranked
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::retrieve::pick::tests::chunk;

    /// Candidates whose places are 0, 1, 2 ... with these fused scores.
    fn candidates(scores: &[f32]) -> Vec<Scored> {
        (0..).zip(scores).map(|(place, &score)| chunk(1, place, 1, score)).collect()
    }

    fn places(ranked: &[Scored]) -> Vec<u32> {
        ranked.iter().map(|one| one.row.ordinal).collect()
    }

    #[test]
    fn the_order_follows_what_was_read() {
        type Case = (&'static [f32], &'static [f32], &'static [u32]);
        let cases: [Case; 7] = [
            (&[0.9, 0.8, 0.7], &[], &[0, 1, 2]),
            (&[0.9, 0.8, 0.7], &[0.1, 0.5, 0.9], &[2, 1, 0]),
            // Alike to the reranker: as they were.
            (&[0.9, 0.8, 0.7], &[0.99, 0.99, 0.99], &[0, 1, 2]),
            (&[0.9, 0.8, 0.7], &[0.0, 0.0, 0.0], &[0, 1, 2]),
            // What was not read stays behind, however high it stood.
            (&[0.9, 0.8, 0.7, 0.6], &[0.01, 0.02], &[0, 1, 2, 3]),
            (&[0.9, 0.8, 0.7, 0.6], &[0.2, 0.9], &[1, 0, 2, 3]),
            (&[], &[], &[]),
        ];
        for (fused, read, expected) in cases {
            let ranked = blend(candidates(fused), read);
            assert_eq!(places(&ranked), expected, "{fused:?} {read:?}");
            assert!(ranked.is_sorted_by(|a, b| a.score >= b.score), "{ranked:?}");
            assert!(ranked.iter().all(|one| (0.0..=1.0).contains(&one.score)), "{ranked:?}");
        }
    }

    /// What becomes of one group of passages, in the tests below.
    #[derive(Clone, Copy, Debug)]
    enum Group {
        Read,
        Fails,
        /// Scores that nobody asked for.
        Says(&'static [f32]),
        /// There is never an answer.
        Hangs,
    }

    #[tokio::test]
    async fn a_reranker_that_fails_or_is_slow_loses_nothing() {
        use Group::{Fails, Hangs, Read, Says};
        let many: Vec<f32> = (0..limits::RERANKED_MAX + 5).map(|place| 1.0 - place as f32 / 100.0).collect();
        let ranked = candidates(&many);
        let at_once = limits::RERANKED_AT_ONCE;
        // What becomes of the first groups, the others being read; then how many are read, and the fault.
        let cases: [(&[Group], usize, &str); 7] = [
            (&[], limits::RERANKED_MAX, ""),
            (&[Fails], 0, "closed"),
            (&[Read, Fails], at_once, "closed"),
            (&[Says(&[0.5])], 0, "other scores"),
            (&[Says(&[0.5, 0.5, f32::NAN, 0.5])], 0, "other scores"),
            (&[Read, Read, Hangs], 2 * at_once, ""),
            (&[Hangs], 0, "did not read 4 passages"),
        ];
        for (groups, count, fault) in cases {
            let number = std::sync::atomic::AtomicUsize::new(0);
            let ask = |passages: Vec<String>| {
                assert!(passages.len() <= at_once && passages[0].starts_with("Source 1\n"), "{passages:?}");
                let group = groups.get(number.fetch_add(1, Ordering::Relaxed)).copied().unwrap_or(Read);
                async move {
                    match group {
                        Read => Ok(vec![0.5; passages.len()]),
                        Fails => Err(InferenceError::Closed),
                        Says(scores) => Ok(scores.to_vec()),
                        Hangs => std::future::pending().await,
                    }
                }
            };
            let (read, told) = scores(&ranked, Duration::from_millis(20), ask).await;
            assert_eq!(read.len(), count, "{groups:?}");
            let told = told.unwrap_or_default();
            assert!(told.contains(fault) && told.is_empty() == fault.is_empty(), "{told:?} is not {fault:?}");
            assert_eq!(blend(ranked.clone(), &read).len(), ranked.len());
        }
    }
}
