//! Whose turn it is to use the cores: encoders do not race, and those for whom a reader waits go first.
//!
//! Each model has a thread of its own that computes one batch after another. The cores are the same for all, so a
//! thread takes its turn for each batch; a batch of passages does not begin while one of a question waits.

use super::Urgency;
use std::sync::{Condvar, Mutex, MutexGuard};

static TURN: Turn = Turn::new();

/// The turn is one's own until this is dropped.
pub(super) struct Taken<'a>(&'a Turn);

/// Waits for the turn.
pub(super) fn take(urgency: Urgency) -> Taken<'static> {
    TURN.take(urgency)
}

struct Turn {
    state: Mutex<State>,
    freed: Condvar,
}

struct State {
    taken: bool,
    /// Threads that wait with a batch of questions.
    questions: usize,
}

impl Turn {
    const fn new() -> Turn {
        Turn { state: Mutex::new(State { taken: false, questions: 0 }), freed: Condvar::new() }
    }

    fn take(&self, urgency: Urgency) -> Taken<'_> {
        let mut state = self.lock();
        match urgency {
            Urgency::Question => {
                state.questions += 1;
                while state.taken {
                    state = self.wait(state);
                }
                state.questions -= 1;
            }
            Urgency::Passages => {
                while state.taken || state.questions > 0 {
                    state = self.wait(state);
                }
            }
        }
        state.taken = true;
        Taken(self)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.freed.wait(state).expect("no holder of the turn's state panics")
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of the turn's state panics")
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.0.lock().taken = false;
        self.0.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::Turn;
    use crate::inference::Urgency;
    use std::sync::Mutex;

    #[test]
    fn a_question_that_waits_goes_before_passages_that_waited_longer() {
        let turn = Turn::new();
        let order = Mutex::new(Vec::new());
        let first = turn.take(Urgency::Passages);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let _taken = turn.take(Urgency::Passages);
                order.lock().expect("nobody panics").push(Urgency::Passages);
            });
            scope.spawn(|| {
                let _taken = turn.take(Urgency::Question);
                order.lock().expect("nobody panics").push(Urgency::Question);
            });
            // The question is in line before the turn is free; when the passages come makes no difference.
            while turn.lock().questions == 0 {
                std::thread::yield_now();
            }
            drop(first);
        });
        assert_eq!(*order.lock().expect("nobody panics"), [Urgency::Question, Urgency::Passages]);
    }
}
