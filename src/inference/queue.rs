//! What waits for the model: questions before passages, both bounded, and nobody who has left.

use super::{InferenceError, Urgency};
use crate::limits;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard};
use tokio::sync::oneshot;

/// What comes back: one vector for each text, in order; of a reranker, vectors of one score.
pub(super) type Outcome = Result<Vec<Vec<f32>>, InferenceError>;

/// One caller's texts, and how far they have come.
pub(super) struct Work {
    /// What is read together with each of the texts, by a reranker.
    question: Option<String>,
    texts: Vec<String>,
    /// Indexes of the texts not yet computed, the longest last: what is taken from the end is of like length.
    left: Vec<usize>,
    vectors: Vec<Vec<f32>>,
    reply: oneshot::Sender<Outcome>,
}

/// A text of some [`Work`]: the work's place in the batch, the text's place in the work.
pub(super) type Place = (usize, usize);

impl Work {
    /// Texts that are read alone, or each together with `question`.
    pub(super) fn new(question: Option<String>, texts: Vec<String>) -> (Work, oneshot::Receiver<Outcome>) {
        let (reply, outcome) = oneshot::channel();
        let mut left: Vec<usize> = (0..texts.len()).collect();
        left.sort_by_key(|index| texts[*index].len());
        (Work { question, vectors: vec![Vec::new(); texts.len()], texts, left, reply }, outcome)
    }

    pub(super) fn question(&self) -> Option<&str> {
        self.question.as_deref()
    }

    pub(super) fn text(&self, index: usize) -> &str {
        &self.texts[index]
    }

    pub(super) fn put(&mut self, index: usize, vector: Vec<f32>) {
        self.vectors[index] = vector;
    }

    /// About the tokens of the text at `index` and of what is read with it.
    fn about_tokens(&self, index: usize, tokens_max: usize) -> usize {
        let bytes = self.texts[index].len() + self.question.as_ref().map_or(0, String::len);
        about_tokens(bytes, tokens_max)
    }

    fn has_left(&self) -> bool {
        self.reply.is_closed()
    }

    /// Answers the caller, who may have left meanwhile.
    fn finish(self, failure: Option<InferenceError>) {
        let _ = self.reply.send(failure.map_or(Ok(self.vectors), Err));
    }
}

/// About the tokens of `bytes` of text, more than there are in any language: a word's token stands for three to five
/// bytes, so only a text of nothing but punctuation has more, and never more than twice as many.
fn about_tokens(bytes: usize, tokens_max: usize) -> usize {
    /// Tokens that frame a text.
    const FRAME: usize = 2;
    (bytes / 2 + FRAME).min(tokens_max)
}

/// Takes texts from the works, in their order, while the batch has no more than about `budget` tokens; at least one.
pub(super) fn select(works: &mut [Work], tokens_max: usize, budget: usize) -> Vec<Place> {
    let mut places = Vec::new();
    let mut tokens = 0;
    for (number, work) in works.iter_mut().enumerate() {
        while let Some(index) = work.left.last().copied() {
            tokens += work.about_tokens(index, tokens_max);
            if tokens > budget && !places.is_empty() {
                return places;
            }
            places.push((number, index));
            work.left.pop();
        }
    }
    places
}

/// The queue between the callers and the thread that owns the model.
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
}

#[derive(Default)]
struct Waiting {
    questions: VecDeque<Work>,
    passages: VecDeque<Work>,
    closed: bool,
}

/// The most texts that wait in a line.
fn texts_max(urgency: Urgency) -> usize {
    match urgency {
        Urgency::Question => limits::EMBED_QUESTIONS_MAX,
        Urgency::Passages => limits::EMBED_QUEUE_MAX,
    }
}

impl Waiting {
    fn line(&mut self, urgency: Urgency) -> &mut VecDeque<Work> {
        match urgency {
            Urgency::Question => &mut self.questions,
            Urgency::Passages => &mut self.passages,
        }
    }
}

impl Queue {
    pub(super) fn new() -> Queue {
        Queue { waiting: Mutex::new(Waiting::default()), arrived: Condvar::new() }
    }

    /// Adds a work to its line, unless too many texts wait there already. Each line has its own bound: however much is
    /// being ingested, a question finds a place.
    pub(super) fn push(&self, work: Work, urgency: Urgency) -> Result<(), InferenceError> {
        let mut waiting = self.lock();
        if waiting.closed {
            return Err(InferenceError::Closed);
        }
        let line = waiting.line(urgency);
        line.retain(|work| !work.has_left());
        if line.iter().map(|work| work.left.len()).sum::<usize>() >= texts_max(urgency) {
            return Err(InferenceError::Busy);
        }
        line.push_back(work);
        self.arrived.notify_one();
        Ok(())
    }

    /// Waits until there is work; whether there ever will be, which there will not once the queue is closed.
    pub(super) fn wait(&self) -> bool {
        let mut waiting = self.lock();
        while !waiting.closed && waiting.questions.is_empty() && waiting.passages.is_empty() {
            waiting = self.arrived.wait(waiting).expect("no holder of the queue panics");
        }
        !waiting.closed
    }

    /// How urgent the next batch is.
    pub(super) fn urgency(&self) -> Urgency {
        if self.lock().questions.is_empty() { Urgency::Passages } else { Urgency::Question }
    }

    /// The works of the next batch: all questions together, or else the passages that have waited longest and the works
    /// behind them, as many as can fill `budget`. `None` if nothing waits.
    pub(super) fn take(&self, tokens_max: usize, budget: usize) -> Option<(Vec<Work>, Urgency)> {
        let mut waiting = self.lock();
        [Urgency::Question, Urgency::Passages].into_iter().find_map(|urgency| {
            let works = fill(waiting.line(urgency), tokens_max, budget);
            (!works.is_empty()).then_some((works, urgency))
        })
    }

    /// Answers the works that are done, and puts the others back at the head of their line.
    pub(super) fn put_back(&self, works: Vec<Work>, urgency: Urgency, failure: Option<InferenceError>) {
        let mut waiting = self.lock();
        for work in works.into_iter().rev() {
            if failure.is_some() || work.left.is_empty() {
                work.finish(failure.clone());
            } else if waiting.closed {
                work.finish(Some(InferenceError::Closed));
            } else {
                waiting.line(urgency).push_front(work);
            }
        }
    }

    /// Refuses all that waits and all that comes.
    pub(super) fn close(&self) {
        let mut waiting = self.lock();
        waiting.closed = true;
        for urgency in [Urgency::Question, Urgency::Passages] {
            waiting.line(urgency).drain(..).for_each(|work| work.finish(Some(InferenceError::Closed)));
        }
        self.arrived.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().expect("no holder of the queue panics")
    }
}

/// Takes works from the front of `line` until they can fill `budget` tokens, skipping callers that have left.
fn fill(line: &mut VecDeque<Work>, tokens_max: usize, budget: usize) -> Vec<Work> {
    let mut works: Vec<Work> = Vec::new();
    let mut tokens = 0;
    while tokens < budget
        && let Some(work) = line.pop_front()
    {
        if work.has_left() {
            continue;
        }
        tokens += work.left.iter().map(|index| work.about_tokens(*index, tokens_max)).sum::<usize>();
        works.push(work);
    }
    works
}

#[cfg(test)]
mod tests {
    use super::{Queue, Urgency, Work, select};
    use crate::inference::InferenceError;
    use crate::limits;

    fn texts(count: usize) -> Vec<String> {
        (0..count).map(|n| "x".repeat(n % 40)).collect()
    }

    #[test]
    fn a_batch_keeps_to_its_budget_and_takes_every_text_once() {
        for (counts, tokens_max, budget) in
            [(vec![1, 1, 1], 16, 64), (vec![100, 3], 16, 64), (vec![40], 256, 8), (vec![7, 0, 7], 8, 8)]
        {
            let mut works: Vec<Work> = counts.iter().map(|count| Work::new(None, texts(*count)).0).collect();
            let mut seen = Vec::new();
            loop {
                let places = select(&mut works, tokens_max, budget);
                if places.is_empty() {
                    break;
                }
                let tokens: usize =
                    places.iter().map(|(work, text)| works[*work].about_tokens(*text, tokens_max)).sum();
                assert!(tokens <= budget || places.len() == 1, "{tokens} tokens in {places:?}");
                seen.extend(places);
            }
            seen.sort_unstable();
            let all = counts.iter().enumerate().flat_map(|(work, count)| (0..*count).map(move |text| (work, text)));
            assert_eq!(seen, all.collect::<Vec<_>>());
        }
    }

    #[test]
    fn questions_go_first_and_those_who_left_are_skipped() {
        let queue = Queue::new();
        let (passages, _kept) = Work::new(None, texts(3));
        let (left, gone) = Work::new(None, texts(1));
        let (question, _also_kept) = Work::new(None, texts(2));
        drop(gone);
        queue.push(left, Urgency::Question).expect("there is room");
        queue.push(passages, Urgency::Passages).expect("there is room");
        queue.push(question, Urgency::Question).expect("there is room");
        assert!(queue.wait() && queue.urgency() == Urgency::Question);
        let lengths: Vec<(usize, Urgency)> = (0..2)
            .map(|_| {
                let (works, urgency) = queue.take(16, 64).expect("the queue is open");
                assert_eq!(works.len(), 1);
                (works[0].texts.len(), urgency)
            })
            .collect();
        assert_eq!(lengths, [(2, Urgency::Question), (3, Urgency::Passages)]);
    }

    #[test]
    fn a_full_line_is_busy_and_a_closed_queue_is_closed() {
        let queue = Queue::new();
        let (work, mut outcome) = Work::new(None, texts(limits::EMBED_QUEUE_MAX * 2));
        assert_eq!(queue.push(work, Urgency::Passages), Ok(()), "one work may be larger than the bound");
        assert_eq!(queue.push(Work::new(None, texts(1)).0, Urgency::Passages), Err(InferenceError::Busy));
        let (question, _kept) = Work::new(None, texts(1));
        assert_eq!(queue.push(question, Urgency::Question), Ok(()), "questions have a line of their own");
        let answers: Vec<_> =
            (0..limits::QUESTIONS_AT_ONCE_MAX).map(|_| Work::new(None, texts(limits::QUOTE_CANDIDATES_MAX))).collect();
        let mut readers = Vec::new();
        for (work, reader) in answers {
            assert_eq!(queue.push(work, Urgency::Question), Ok(()), "the sentences of every answer in progress fit");
            readers.push(reader);
        }
        queue.close();
        assert_eq!(outcome.try_recv().ok(), Some(Err(InferenceError::Closed)));
        assert_eq!(queue.push(Work::new(None, texts(1)).0, Urgency::Question), Err(InferenceError::Closed));
        assert!(!queue.wait() && queue.take(16, 64).is_none());
    }
}
