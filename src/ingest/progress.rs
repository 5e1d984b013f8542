//! How far a job is: noted by its steps as often as they like, told to the store now and then.

use std::convert::Infallible;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::domain::id::{JobId, SourceId};
use crate::domain::source::SourceState;
use crate::limits;
use crate::store::Store;

/// The latest state of a source, while it is worked on.
#[derive(Default)]
pub(super) struct Progress {
    latest: Mutex<Option<SourceState>>,
}

/// The store is told about three times a second at most: each time is a transaction.
const TELL_EVERY: Duration = Duration::from_millis(350);
/// The lease is renewed well before it ends.
const RENEW_EVERY: Duration = Duration::from_secs(limits::JOB_LEASE_SECONDS.unsigned_abs() / 5);

impl Progress {
    /// Notes where the source stands.
    pub fn at(&self, state: SourceState) {
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = Some(state);
    }

    /// Tells the store what was noted and renews the lease, until it is dropped.
    pub async fn report(&self, store: &Store, job: JobId, source: SourceId, now: fn() -> i64) -> Infallible {
        let mut renewed = Instant::now();
        loop {
            let noted = self.latest.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(state) = noted {
                // Progress is a courtesy: a store that is busy is told the next state instead.
                let _ = store.set_progress(source, state).await;
            }
            if renewed.elapsed() >= RENEW_EVERY && store.renew_job(job, now()).await.is_ok() {
                renewed = Instant::now();
            }
            tokio::time::sleep(TELL_EVERY).await;
        }
    }
}
