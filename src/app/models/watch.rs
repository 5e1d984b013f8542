//! Long work, and what is said about it while it goes on.

use std::time::Duration;

use crate::app::command::Event;
use crate::inference::library::Progress;

/// How often it is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// Stops the work's threads when it is no longer waited for.
struct Stopping(Progress);

impl Drop for Stopping {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// Does `work` and says how far it is. Dropped, it stops.
pub(super) async fn watched<T>(
    progress: Progress,
    say: &mut (dyn FnMut(Event) + Send),
    work: impl Future<Output = T>,
) -> T {
    let stopping = Stopping(progress);
    let mut work = std::pin::pin!(work);
    let mut ticks = tokio::time::interval(LOOK_AGAIN);
    loop {
        let ended = tokio::select! {
            ended = &mut work => Some(ended),
            _ = ticks.tick() => None,
        };
        stopping.0.steps().into_iter().map(Event::Step).for_each(&mut *say);
        let (done, total) = stopping.0.bytes();
        say(Event::Progress { done, total });
        if let Some(ended) = ended {
            return ended;
        }
    }
}
