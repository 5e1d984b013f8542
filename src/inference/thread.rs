//! The one thread that owns the model: it takes a batch, computes it on all cores, answers, and takes the next.
//!
//! Between two batches the line of questions is looked at first, so that a question waits for one batch at most.

use super::InferenceError;
use super::arch::bert::{Bert, Buffers};
use super::arch::kernel::Share;
use super::queue::{self, Place, Queue, Work};
use super::tokenizer::Tokenizer;
use crate::limits;
use rayon::prelude::*;
use std::sync::{Arc, Mutex};

/// Tokens that one core works on at a time: enough for the matrix product to be at its best (four times as many were
/// no faster, a quarter as many a tenth slower), and few enough that a question does not wait long.
const TASK_TOKENS: usize = 256;

/// What the thread owns.
struct Owner {
    model: Bert,
    tokenizer: Arc<Tokenizer>,
    /// Buffers that no core is using.
    idle: Mutex<Vec<Buffers>>,
    /// About the tokens of one batch.
    budget: usize,
}

/// Starts the thread; it ends when `queue` is closed.
pub(super) fn start(model: Bert, tokenizer: Arc<Tokenizer>, queue: Arc<Queue>) -> Result<(), InferenceError> {
    // A budget is kept to within a factor of two (`queue::about_tokens`), the limit strictly.
    let budget = (rayon::current_num_threads() * TASK_TOKENS).min(limits::EMBED_BATCH_TOKENS_MAX / 2);
    let owner = Owner { model, tokenizer, idle: Mutex::new(Vec::new()), budget };
    std::thread::Builder::new()
        .name("embedder".to_owned())
        .spawn(move || run(&owner, &queue))
        .map(|_| ())
        .map_err(|error| InferenceError::Model(format!("The embedder's thread cannot be started: {error}.")))
}

/// Closes the queue when the thread ends, however it ends: nobody waits for a thread that is gone.
struct Closing<'a>(&'a Queue);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

fn run(owner: &Owner, queue: &Queue) {
    let _closing = Closing(queue);
    let tokens_max = owner.tokenizer.tokens_max();
    while let Some((mut works, urgency)) = queue.take(tokens_max, owner.budget) {
        let places = queue::select(&mut works, tokens_max, owner.budget);
        tracing::debug!(texts = places.len(), callers = works.len(), ?urgency, "embedding a batch");
        let failure = owner.embed(&mut works, &places).err();
        queue.put_back(works, urgency, failure);
    }
}

impl Owner {
    /// Embeds the texts at `places` and puts their vectors into their works.
    fn embed(&self, works: &mut [Work], places: &[Place]) -> Result<(), InferenceError> {
        let sequences: Vec<Vec<u32>> = places
            .par_iter()
            .map(|(work, text)| self.tokenizer.encode(works[*work].text(*text)))
            .collect::<Result<_, _>>()?;
        let tasks = tasks(&sequences, rayon::current_num_threads());
        let share = if tasks.len() == 1 { Share::All } else { Share::One };
        let computed: Vec<Vec<Vec<f32>>> = tasks.par_iter().map(|task| self.compute(&sequences, task, share)).collect();
        for (index, vector) in tasks.iter().flatten().zip(computed.into_iter().flatten()) {
            let (work, text) = places[*index];
            works[work].put(text, vector);
        }
        Ok(())
    }

    /// The vectors of the sequences that `task` names.
    fn compute(&self, sequences: &[Vec<u32>], task: &[usize], share: Share) -> Vec<Vec<f32>> {
        let mut buffers = self.idle.lock().expect("no holder of the buffers panics").pop().unwrap_or_default();
        let sequences: Vec<&[u32]> = task.iter().map(|index| sequences[*index].as_slice()).collect();
        let vectors = self.model.embed(&sequences, &mut buffers, share);
        self.idle.lock().expect("no holder of the buffers panics").push(buffers);
        vectors
    }
}

/// Deals the sequences out, the longest first and each to the task with the fewest tokens: one task for each core.
fn tasks(sequences: &[Vec<u32>], cores: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..sequences.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(sequences[*index].len()));
    let mut tasks: Vec<(usize, Vec<usize>)> = vec![(0, Vec::new()); cores.min(sequences.len())];
    for index in order {
        if let Some((tokens, task)) = tasks.iter_mut().min_by_key(|(tokens, _)| *tokens) {
            *tokens += sequences[index].len();
            task.push(index);
        }
    }
    tasks.into_iter().map(|(_, task)| task).collect()
}

#[cfg(test)]
mod tests {
    use super::tasks;

    #[test]
    fn the_cores_share_the_tokens_evenly() {
        let check = |lengths: &[usize], cores: usize, loads: &[usize]| {
            let sequences: Vec<Vec<u32>> = lengths.iter().map(|length| vec![0; *length]).collect();
            let dealt = tasks(&sequences, cores);
            let found: Vec<usize> =
                dealt.iter().map(|task| task.iter().map(|index| sequences[*index].len()).sum()).collect();
            assert_eq!(found, loads, "{lengths:?} on {cores} cores: {dealt:?}");
            let mut all: Vec<usize> = dealt.into_iter().flatten().collect();
            all.sort_unstable();
            assert_eq!(all, (0..lengths.len()).collect::<Vec<_>>());
        };
        check(&[], 2, &[]);
        check(&[9], 2, &[9]);
        check(&[1, 2, 3, 4], 2, &[5, 5]);
        check(&[256, 256, 256, 256, 10, 10], 2, &[522, 522]);
        check(&[7, 7], 8, &[7, 7]);
    }
}
