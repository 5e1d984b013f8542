//! One answer: from the request to its last word.

use super::cached::Sequence;
use super::model::Model;
use crate::domain::answer::Finish;
use crate::inference::arch::decoder::{Run, Wanted};
use crate::inference::generator::{Generated, Reader, Sender};
use crate::inference::sample::{Constraint, Sampler, Stops};
use crate::inference::vocabulary::Utf8Stream;
use crate::limits;

/// What is asked of the model.
pub struct Request {
    pub prompt: Vec<u32>,
    pub tokens_max: usize,
    pub sampler: Sampler,
    pub constraint: Option<Constraint>,
    pub stops: Stops,
    pub text: Utf8Stream,
    pub reader: Reader,
    pub sender: Sender,
    /// The place in the line that the reader was last told.
    pub told: usize,
}

impl Request {
    /// Tells the reader that `place` is theirs in the line, if that is news.
    pub fn tell(&mut self, place: usize) {
        if self.told != place {
            self.told = place;
            // Whoever has left does not care.
            let _ = self.sender.send(Ok(Generated::Waiting { ahead: place }));
        }
    }
}

/// A request that is being answered.
pub struct Work {
    pub request: Request,
    pub sequence: Sequence,
    /// Tokens that the network is to read next: the rest of the prompt, or the last token written.
    pending: Vec<u32>,
    written: usize,
    text_bytes: usize,
    finished: bool,
}

impl Work {
    /// Begins with `sequence`, which has the beginning of the prompt.
    pub fn new(request: Request, sequence: Sequence) -> Work {
        let pending = request.prompt[sequence.tokens.len()..].to_vec();
        Work { request, sequence, pending, written: 0, text_bytes: 0, finished: false }
    }

    /// Tokens of the prompt that are still to be read; none once the answer is being written.
    pub fn unread(&self) -> usize {
        if self.written == 0 { self.pending.len() } else { 0 }
    }

    /// Whether the next step takes this one further: nobody is written to who has left.
    pub fn goes_on(&self) -> bool {
        !self.finished && !self.request.sender.is_closed()
    }

    /// The next `tokens` tokens to read as a run of a batch.
    pub fn run(&mut self, tokens: usize) -> Run<'_> {
        let start = self.sequence.tokens.len();
        self.sequence.tokens.extend(self.pending.drain(..tokens));
        let wanted = if self.pending.is_empty() { Wanted::Last } else { Wanted::Nothing };
        Run {
            tokens: &self.sequence.tokens[start..],
            start,
            pages: &self.sequence.pages,
            state: self.sequence.state.as_mut(),
            wanted,
        }
    }

    /// Takes in the logits after all that was to be read, and writes the next token.
    pub fn write(&mut self, model: &Model, logits: &mut [f32]) {
        let known = &mut logits[..model.vocabulary.len()];
        if let Some(constraint) = &mut self.request.constraint
            && let Err(error) = constraint.mask(known)
        {
            return self.fail(error);
        }
        let Some(token) = self.request.sampler.choose(known) else {
            return self.finish(Finish::Stop);
        };
        self.written += 1;
        if model.vocabulary.ends_generation(token) {
            return self.finish(Finish::Stop);
        }
        let text = self.request.text.push(model.vocabulary.bytes(token));
        let text = self.request.stops.push(&text);
        self.send(text);
        if self.request.stops.is_stopped() {
            return self.finish(Finish::Stop);
        }
        if let Some(constraint) = &mut self.request.constraint {
            match constraint.accept(token) {
                Err(error) => return self.fail(error),
                Ok(()) if constraint.is_done() => return self.finish(Finish::Stop),
                Ok(()) => {}
            }
        }
        if self.written >= self.request.tokens_max || self.text_bytes >= limits::ANSWER_BYTES_MAX {
            return self.finish(Finish::Length);
        }
        self.pending.push(token);
    }

    fn send(&mut self, text: String) {
        if !text.is_empty() {
            self.text_bytes += text.len();
            // Whoever has left is noticed before the next step.
            let _ = self.request.sender.send(Ok(Generated::Text(text)));
        }
    }

    fn finish(&mut self, finish: Finish) {
        if !self.request.stops.is_stopped() {
            let last = self.request.text.finish();
            let mut text = self.request.stops.push(&last);
            text.push_str(&self.request.stops.finish());
            self.send(text);
        }
        let count = |tokens: usize| u32::try_from(tokens).unwrap_or(u32::MAX);
        let (prompt_tokens, completion_tokens) = (count(self.request.prompt.len()), count(self.written));
        let _ = self.request.sender.send(Ok(Generated::Done { finish, prompt_tokens, completion_tokens }));
        self.finished = true;
    }

    /// Ends the answer by an error.
    pub fn fail(&mut self, error: crate::inference::InferenceError) {
        let _ = self.request.sender.send(Err(error));
        self.finished = true;
    }
}
