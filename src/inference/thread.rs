//! A model at work: its own thread takes a batch, computes it on all cores, answers, and takes the next.
//!
//! Between two batches the line of questions is looked at first, so that a question waits for one batch at most; where
//! several models are at work, they take turns (`turn`).

use super::arch::encoder::{Buffers, Encoder, Sequence};
use super::arch::kernel::Share;
use super::queue::{self, Outcome, Place, Queue, Work};
use super::tokenizer::Tokenizer;
use super::{InferenceError, Urgency, turn};
use crate::limits;
use rayon::prelude::*;
use std::sync::{Arc, Mutex};

/// Tokens that one core works on at a time: enough for the matrix product to be at its best (four times as many were
/// no faster, a quarter as many a tenth slower), and few enough that a question does not wait long.
const TASK_TOKENS: usize = 256;

/// A model on its own thread, and the line before it. Dropped, the line is closed and the thread ends.
pub(super) struct Worker {
    tokenizer: Arc<Tokenizer>,
    queue: Arc<Queue>,
}

impl Worker {
    /// Starts the thread `name` for `model`.
    pub(super) fn start(name: &str, model: Encoder, tokenizer: Tokenizer) -> Result<Worker, InferenceError> {
        let worker = Worker { tokenizer: Arc::new(tokenizer), queue: Arc::new(Queue::new()) };
        // A budget is kept to within a factor of two (`queue`), the limit strictly.
        let budget = (rayon::current_num_threads() * TASK_TOKENS).min(limits::EMBED_BATCH_TOKENS_MAX / 2);
        let owner = Owner { model, tokenizer: Arc::clone(&worker.tokenizer), idle: Mutex::new(Vec::new()), budget };
        let queue = Arc::clone(&worker.queue);
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || run(&owner, &queue))
            .map_err(|error| InferenceError::Model(format!("The {name}'s thread cannot be started: {error}.")))?;
        Ok(worker)
    }

    pub(super) fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// What the model makes of `texts`, each alone or together with `question`, in their order. Dropping the future
    /// takes back what has not begun.
    pub(super) async fn compute(&self, question: Option<String>, texts: Vec<String>, urgency: Urgency) -> Outcome {
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        let (work, outcome) = Work::new(question, texts);
        self.queue.push(work, urgency)?;
        turn::look_again();
        outcome.await.unwrap_or(Err(InferenceError::Closed))
    }

    /// Refuses what waits and what comes; a batch in progress is finished, and then the thread ends.
    pub(super) fn close(&self) {
        self.queue.close();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.close();
    }
}

/// What the thread owns.
struct Owner {
    model: Encoder,
    tokenizer: Arc<Tokenizer>,
    /// Buffers that no core is using.
    idle: Mutex<Vec<Buffers>>,
    /// About the tokens of one batch.
    budget: usize,
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
    while queue.wait() {
        let turn = turn::take(|| queue.urgency());
        let Some((mut works, urgency)) = queue.take(tokens_max, owner.budget) else { continue };
        let places = queue::select(&mut works, tokens_max, owner.budget);
        tracing::debug!(texts = places.len(), callers = works.len(), ?urgency, "a batch is computed");
        let failure = owner.compute(&mut works, &places).err();
        drop(turn);
        queue.put_back(works, urgency, failure);
    }
}

impl Owner {
    /// Computes the texts at `places` and puts what comes of them into their works.
    fn compute(&self, works: &mut [Work], places: &[Place]) -> Result<(), InferenceError> {
        let encode = |(work, text): &Place| {
            let work = &works[*work];
            match work.question() {
                None => self.tokenizer.encode(work.text(*text)),
                Some(question) => self.tokenizer.encode_pair(question, work.text(*text)),
            }
        };
        let sequences: Vec<Sequence> = places.par_iter().map(encode).collect::<Result<_, _>>()?;
        let tasks = tasks(&sequences, rayon::current_num_threads());
        let share = if tasks.len() == 1 { Share::All } else { Share::One };
        let computed: Vec<Vec<Vec<f32>>> = tasks.par_iter().map(|task| self.run(&sequences, task, share)).collect();
        for (index, vector) in tasks.iter().flatten().zip(computed.into_iter().flatten()) {
            let (work, text) = places[*index];
            works[work].put(text, vector);
        }
        Ok(())
    }

    /// What comes of the sequences that `task` names.
    fn run(&self, sequences: &[Sequence], task: &[usize], share: Share) -> Vec<Vec<f32>> {
        let mut buffers = self.idle.lock().expect("no holder of the buffers panics").pop().unwrap_or_default();
        let sequences: Vec<&Sequence> = task.iter().map(|index| &sequences[*index]).collect();
        let vectors = self.model.run(&sequences, &mut buffers, share);
        self.idle.lock().expect("no holder of the buffers panics").push(buffers);
        vectors
    }
}

/// Deals the sequences out, the longest first and each to the task with the fewest tokens: one task for each core.
fn tasks(sequences: &[Sequence], cores: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..sequences.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(sequences[*index].ids.len()));
    let mut tasks: Vec<(usize, Vec<usize>)> = vec![(0, Vec::new()); cores.min(sequences.len())];
    for index in order {
        if let Some((tokens, task)) = tasks.iter_mut().min_by_key(|(tokens, _)| *tokens) {
            *tokens += sequences[index].ids.len();
            task.push(index);
        }
    }
    tasks.into_iter().map(|(_, task)| task).collect()
}

#[cfg(test)]
mod tests {
    use super::{Sequence, tasks};

    #[test]
    fn the_cores_share_the_tokens_evenly() {
        let check = |lengths: &[usize], cores: usize, loads: &[usize]| {
            let sequences: Vec<Sequence> = lengths.iter().map(|length| Sequence::plain(vec![0; *length])).collect();
            let dealt = tasks(&sequences, cores);
            let found: Vec<usize> =
                dealt.iter().map(|task| task.iter().map(|index| sequences[*index].ids.len()).sum()).collect();
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
