//! Whose turn it is to use the cores: encoders do not race, and those for whom a reader waits go first.
//!
//! Each model has a thread of its own that computes one batch after another. The cores are the same for all, so a thread
//! takes its turn before each batch: those with a question in the order in which they came, those with passages alone
//! when no question waits anywhere.

use super::Urgency;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard};

static TURN: Turn = Turn::new();

/// The turn is one's own until this is dropped.
pub(super) struct Taken<'a>(&'a Turn);

/// Waits for the turn. What is waited for may become more urgent meanwhile ([`look_again`]).
pub(super) fn take(urgency: impl Fn() -> Urgency) -> Taken<'static> {
    TURN.take(urgency)
}

/// Has those who wait look again how urgent it is.
pub(super) fn look_again() {
    let _state = TURN.lock();
    TURN.changed.notify_all();
}

struct Turn {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    taken: bool,
    /// Who waits with a question, in the order of coming.
    questions: VecDeque<u64>,
    next: u64,
}

impl Turn {
    const fn new() -> Turn {
        let state = State { taken: false, questions: VecDeque::new(), next: 0 };
        Turn { state: Mutex::new(state), changed: Condvar::new() }
    }

    fn take(&self, urgency: impl Fn() -> Urgency) -> Taken<'_> {
        let mut state = self.lock();
        let mut place = None;
        loop {
            if place.is_none() && urgency() == Urgency::Question {
                let ticket = state.next;
                state.next += 1;
                state.questions.push_back(ticket);
                place = Some(ticket);
            }
            if !state.taken && state.questions.front().copied() == place {
                state.questions.pop_front();
                state.taken = true;
                return Taken(self);
            }
            state = self.changed.wait(state).expect("no holder of the turn's state panics");
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of the turn's state panics")
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.0.lock().taken = false;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::Turn;
    use crate::inference::Urgency;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[test]
    fn questions_go_first_in_their_order_and_passages_after_them() {
        let turn = Turn::new();
        let order = Mutex::new(Vec::new());
        let asked = AtomicBool::new(false);
        let work = |name: &'static str, urgency: &dyn Fn() -> Urgency| {
            let _taken = turn.take(urgency);
            order.lock().expect("nobody panics").push(name);
        };
        let waiting = |count: usize| {
            while turn.lock().questions.len() < count {
                std::thread::yield_now();
            }
        };
        let first = turn.take(|| Urgency::Passages);
        std::thread::scope(|scope| {
            scope.spawn(|| work("passages", &|| Urgency::Passages));
            scope.spawn(|| {
                // Passages, until somebody asks.
                let urgency = || if asked.load(Ordering::Relaxed) { Urgency::Question } else { Urgency::Passages };
                work("asked later", &urgency);
            });
            scope.spawn(|| work("question", &|| Urgency::Question));
            waiting(1);
            asked.store(true, Ordering::Relaxed);
            while turn.lock().questions.len() < 2 {
                turn.changed.notify_all();
                std::thread::yield_now();
            }
            drop(first);
        });
        assert_eq!(*order.lock().expect("nobody panics"), ["question", "asked later", "passages"]);
    }
}
