//! What waits for the model: bounded, and fair between readers.

use super::work::Request;
use crate::inference::InferenceError;
use crate::inference::generator::Reader;
use crate::limits;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard};

/// The line before the model's thread.
pub struct Line {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
    /// Bits of the prompt speed; 0 before it is known.
    speed: AtomicU32,
}

#[derive(Default)]
struct Waiting {
    requests: VecDeque<Request>,
    /// Nobody will come any more, but what waits is still answered.
    retired: bool,
    closed: bool,
}

/// What the thread is to do next.
pub enum Next {
    /// These may begin, as many as were asked for or fewer.
    Begin(Vec<Request>),
    /// Nothing will come any more, and answers in progress are not wanted.
    Close,
    /// Nothing will come any more.
    Retire,
}

impl Line {
    pub fn new() -> Line {
        Line { waiting: Mutex::default(), arrived: Condvar::new(), speed: AtomicU32::new(0) }
    }

    /// Adds a request, unless too many wait.
    pub fn push(&self, request: Request) -> Result<(), InferenceError> {
        let mut waiting = self.lock();
        if waiting.closed || waiting.retired {
            return Err(InferenceError::Closed);
        }
        waiting.requests.retain(|request| !request.sender.is_closed());
        if waiting.requests.len() >= limits::GENERATIONS_WAITING_MAX {
            return Err(InferenceError::Busy);
        }
        waiting.requests.push_back(request);
        drop(waiting);
        self.arrived.notify_one();
        Ok(())
    }

    /// Up to `room` requests that may begin, `busy` telling how many answers each reader has in progress. With nothing
    /// in progress (`idle`) it waits for one.
    pub fn next(&self, room: usize, idle: bool, busy: impl Fn(Reader) -> usize) -> Next {
        let mut waiting = self.lock();
        while idle && waiting.requests.is_empty() && !waiting.closed && !waiting.retired {
            waiting = self.arrived.wait(waiting).expect("no holder of the line panics");
        }
        waiting.requests.retain(|request| !request.sender.is_closed());
        if waiting.closed {
            waiting.requests.drain(..).for_each(|request| drop(request.sender.send(Err(InferenceError::Closed))));
            return Next::Close;
        }
        if waiting.retired && waiting.requests.is_empty() && idle {
            return Next::Retire;
        }
        let begun = pick(&mut waiting.requests, room, busy);
        for (index, request) in waiting.requests.iter_mut().enumerate() {
            request.tell(index + 1);
        }
        Next::Begin(begun)
    }

    /// Puts `requests`, for which there was no room after all, back to where they stood.
    pub fn put_back(&self, requests: Vec<Request>) {
        let mut waiting = self.lock();
        requests.into_iter().rev().for_each(|request| waiting.requests.push_front(request));
    }

    /// Whether anybody waits.
    pub fn is_empty(&self) -> bool {
        self.lock().requests.is_empty()
    }

    /// Ends everything.
    pub fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_one();
    }

    /// Takes in nobody more, and lets those who came be answered.
    pub fn retire(&self) {
        self.lock().retired = true;
        self.arrived.notify_one();
    }

    /// How fast prompts are read, in tokens a second.
    pub fn prompt_tokens_per_s(&self) -> Option<f32> {
        Some(f32::from_bits(self.speed.load(Ordering::Relaxed))).filter(|speed| *speed > 0.0)
    }

    /// Takes in that `tokens` of prompts took `seconds`. Later measurements count for more.
    pub fn measured(&self, tokens: usize, seconds: f32) {
        /// The weight of the newest.
        const WEIGHT: f32 = 0.3;
        let speed = tokens as f32 / seconds.max(1e-6);
        let smoothed = self.prompt_tokens_per_s().map_or(speed, |before| before + WEIGHT * (speed - before));
        self.speed.store(smoothed.to_bits(), Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().expect("no holder of the line panics")
    }
}

/// Takes up to `room` requests out: of the readers with the fewest answers in progress, who came first.
fn pick(requests: &mut VecDeque<Request>, room: usize, busy: impl Fn(Reader) -> usize) -> Vec<Request> {
    let mut picked: Vec<Request> = Vec::new();
    while picked.len() < room {
        let load = |request: &Request| {
            busy(request.reader) + picked.iter().filter(|other| other.reader == request.reader).count()
        };
        let Some(index) = (0..requests.len()).min_by_key(|index| load(&requests[*index])) else {
            break;
        };
        picked.extend(requests.remove(index));
    }
    picked
}
