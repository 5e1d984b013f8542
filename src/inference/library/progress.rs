//! How far long work is, to be looked at while it goes on, and the wish that it end.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Shared between who works and who watches. Clones are the same.
#[derive(Clone, Default)]
pub struct Progress {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    /// Steps that were begun and not told yet.
    steps: Mutex<Vec<String>>,
    done: AtomicU64,
    total: AtomicU64,
    stopped: AtomicBool,
}

impl Progress {
    /// The steps that were begun since this was last asked, each in a few words.
    pub fn steps(&self) -> Vec<String> {
        std::mem::take(&mut *self.inner.steps.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Bytes done, and of how many.
    pub fn bytes(&self) -> (u64, u64) {
        (self.inner.done.load(Ordering::Relaxed), self.inner.total.load(Ordering::Relaxed))
    }

    /// Asks the work to end; it does so at its next piece.
    pub fn stop(&self) {
        self.inner.stopped.store(true, Ordering::Relaxed);
    }

    /// Begins a step of `total` bytes.
    pub(super) fn begin(&self, step: String, total: u64) {
        self.inner.steps.lock().unwrap_or_else(PoisonError::into_inner).push(step);
        self.inner.done.store(0, Ordering::Relaxed);
        self.inner.total.store(total, Ordering::Relaxed);
    }

    pub(super) fn set(&self, done: u64) {
        self.inner.done.store(done, Ordering::Relaxed);
    }

    pub(super) fn add(&self, bytes: u64) {
        self.inner.done.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.inner.stopped.load(Ordering::Relaxed)
    }
}
