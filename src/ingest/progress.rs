//! How far a document is, told to the store a few times a second at most.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::domain::id::{JobId, SourceId};
use crate::domain::source::SourceState;
use crate::store::Store;

/// The shortest time between two writes of progress.
const WRITE_EVERY: Duration = Duration::from_millis(400);
/// How often the job's lease is renewed.
const RENEW_EVERY: Duration = Duration::from_secs(20);

/// Takes progress from steps that cannot wait, and writes the newest of it.
pub struct Reporter(watch::Sender<Option<SourceState>>);

impl Reporter {
    pub fn new() -> Reporter {
        Reporter(watch::channel(None).0)
    }

    /// Remembers `state` until the next write.
    pub fn tell(&self, state: SourceState) {
        self.0.send_replace(Some(state));
    }

    /// Writes progress and renews the lease until dropped. A write that fails is no reason to stop reading.
    pub async fn report(&self, store: &Store, job: JobId, source: SourceId, now: fn() -> i64) -> Infallible {
        let mut news = self.0.subscribe();
        let mut renewed = Instant::now();
        loop {
            let told = tokio::time::timeout(RENEW_EVERY, news.changed()).await;
            let state = news.borrow_and_update().clone().filter(|_| told.is_ok());
            if let Some(state) = state
                && let Err(error) = store.set_progress(source, state).await
            {
                tracing::debug!(%source, %error, "progress could not be written");
            }
            // However much there is to tell: a lease that runs out gives the job to another worker.
            if renewed.elapsed() >= RENEW_EVERY {
                renewed = Instant::now();
                if let Err(error) = store.renew_job(job, now()).await {
                    tracing::debug!(%source, %error, "the lease could not be renewed");
                }
            }
            tokio::time::sleep(WRITE_EVERY).await;
        }
    }
}
