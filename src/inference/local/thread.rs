//! The thread that owns the model: step after step, each a batch of single tokens and pieces of prompts.

use super::cached::{Cached, Sequence};
use super::line::{Line, Next};
use super::model::Model;
use super::work::{Request, Work};
use crate::inference::InferenceError;
use crate::inference::arch::decoder::{Batch, Network, Run, Wanted};
use crate::limits;
use std::sync::Arc;
use std::time::Instant;

/// Tokens of prompts in a step where nobody waits for the next word.
const PROMPT_TOKENS_ALONE: usize = 512;
/// Tokens of prompts in a step beside answers in progress, whose readers wait for it.
const PROMPT_TOKENS_BESIDE: usize = 64;
/// Fewer tokens tell little of how fast prompts are read.
const MEASURED_TOKENS_MIN: usize = 32;

/// What the thread owns.
struct Owner {
    model: Arc<Model>,
    network: Network,
    cached: Cached,
    works: Vec<Work>,
}

/// Starts the thread, with cores of its own to compute on; it ends when `line` does.
pub fn start(model: Arc<Model>, network: Network, line: Arc<Line>) -> Result<(), InferenceError> {
    let fault = |error: String| InferenceError::Model(format!("The generator's threads cannot be started: {error}."));
    let cores = rayon::ThreadPoolBuilder::new()
        .thread_name(|index| format!("generator-{index}"))
        .build()
        .map_err(|error| fault(error.to_string()))?;
    let owner = Owner { model, network, cached: Cached::default(), works: Vec::new() };
    std::thread::Builder::new()
        .name("generator".to_owned())
        .spawn(move || cores.install(|| owner.run(&line)))
        .map(|_| ())
        .map_err(|error| fault(error.to_string()))
}

/// Closes the line when the thread ends, however it ends: nobody waits for a thread that is gone.
struct Closing<'a>(&'a Line);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Owner {
    fn run(mut self, line: &Line) {
        let _closing = Closing(line);
        if line.is_empty() {
            self.warm_up(line);
        }
        loop {
            let room = limits::GENERATIONS_AT_ONCE_MAX - self.works.len();
            let works = &self.works;
            let busy = |reader| works.iter().filter(|work| work.request.reader == reader).count();
            match line.next(room, works.is_empty(), busy) {
                Next::Begin(requests) => self.begin(requests, line),
                Next::Close => {
                    let closed = |work: Work| drop(work.request.sender.send(Err(InferenceError::Closed)));
                    return self.works.drain(..).for_each(closed);
                }
                Next::Retire => return,
            }
            self.step(line);
            self.keep_finished();
        }
    }

    /// Gives requests their place in the cache; where there is none they wait on.
    fn begin(&mut self, requests: Vec<Request>, line: &Line) {
        let mut requests = requests.into_iter();
        while let Some(request) = requests.next() {
            let others: Vec<&Sequence> = self.works.iter().map(|work| &work.sequence).collect();
            let begun = self.cached.begin(&mut self.network, &request.prompt, request.tokens_max, &others);
            match begun {
                Some(sequence) => {
                    tracing::debug!(
                        prompt = request.prompt.len(),
                        known = sequence.tokens.len(),
                        beside = self.works.len(),
                        "an answer begins"
                    );
                    metrics::gauge!("nosia_answers_in_progress").increment(1.0);
                    self.works.push(Work::new(request, sequence));
                }
                None => return line.put_back([request].into_iter().chain(requests).collect()),
            }
        }
    }

    /// One batch: the next token of every answer, and prompts by their order, as much as fits.
    fn step(&mut self, line: &Line) {
        let writing = self.works.iter().filter(|work| work.unread() == 0).count();
        let mut room = if writing == 0 { PROMPT_TOKENS_ALONE } else { PROMPT_TOKENS_BESIDE };
        let mut prompts = 0;
        let mut runs = Vec::new();
        let mut asking = Vec::new();
        for (index, work) in self.works.iter_mut().enumerate() {
            let tokens = match work.unread() {
                0 => 1,
                unread => {
                    let tokens = unread.min(room);
                    room -= tokens;
                    prompts += tokens;
                    tokens
                }
            };
            if tokens == 0 || !work.goes_on() {
                continue;
            }
            let run = work.run(tokens);
            if run.wanted == Wanted::Last {
                asking.push(index);
            }
            runs.push(run);
        }
        if runs.is_empty() {
            return;
        }
        let begun = Instant::now();
        let mut batch = Batch { runs };
        let vocabulary = self.network.settings().vocabulary;
        let logits = match self.network.forward(&mut batch) {
            Ok(logits) => logits,
            Err(error) => return self.fail(&error),
        };
        if prompts >= MEASURED_TOKENS_MIN {
            line.measured(prompts, begun.elapsed().as_secs_f32());
        }
        metrics::counter!("nosia_generated_tokens_total").increment(asking.len() as u64);
        let rows = logits.chunks_exact_mut(vocabulary);
        for (index, row) in asking.into_iter().zip(rows) {
            self.works[index].write(&self.model, row);
        }
    }

    /// Ends every answer: what they were to add to the cache is not there.
    fn fail(&mut self, error: &InferenceError) {
        tracing::error!(%error, "a step of the generator failed");
        for mut work in self.works.drain(..) {
            work.fail(error.clone());
            work.sequence.tokens.clear();
            self.cached.keep(&mut self.network, work.sequence);
        }
    }

    /// Lets go of answers that are complete or whose reader has left; the cache keeps what was read.
    fn keep_finished(&mut self) {
        let works = std::mem::take(&mut self.works);
        let (going, finished): (Vec<Work>, Vec<Work>) = works.into_iter().partition(Work::goes_on);
        self.works = going;
        metrics::gauge!("nosia_answers_in_progress").decrement(finished.len() as f64);
        for work in finished {
            self.cached.keep(&mut self.network, work.sequence);
        }
    }

    /// Reads a made-up prompt: the weights come into memory, and the speed is known before somebody asks.
    fn warm_up(&mut self, line: &Line) {
        let tokens = limits::WARM_UP_TOKENS.min(self.model.context - 1);
        let Some(mut sequence) = self.cached.begin(&mut self.network, &vec![0; tokens + 1], 1, &[]) else {
            return;
        };
        for part in [1, tokens - 1] {
            let start = sequence.tokens.len();
            sequence.tokens.resize(start + part, 0);
            let run = Run {
                tokens: &sequence.tokens[start..],
                start,
                pages: &sequence.pages,
                state: sequence.state.as_mut(),
                wanted: Wanted::Last,
            };
            let begun = Instant::now();
            if let Err(error) = self.network.forward(&mut Batch { runs: vec![run] }) {
                tracing::error!(%error, "the generator could not be warmed up");
                break;
            }
            // The first run pays for reading the file; it measures the disk.
            if start > 0 {
                line.measured(part, begun.elapsed().as_secs_f32());
            }
        }
        sequence.tokens.clear();
        self.cached.keep(&mut self.network, sequence);
    }
}
