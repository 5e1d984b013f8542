//! What systemd is told: READY, STATUS, STOPPING, and the watchdog's sign of life.

use sd_notify::NotifyState;

/// Everything is open; `status` is shown by `systemctl status`.
pub fn ready(status: &str) {
    notify(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// The stop has begun.
pub fn stopping() {
    notify(&[NotifyState::Stopping]);
}

/// Gives signs of life at half the interval that the unit asks for, as long as `is_well` says so.
pub fn watch<F, W>(is_well: F)
where
    F: Fn() -> W + Send + 'static,
    W: Future<Output = bool> + Send,
{
    let Some(interval) = sd_notify::watchdog_enabled() else { return };
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(interval / 2).await;
            if is_well().await {
                notify(&[NotifyState::Watchdog]);
            }
        }
    });
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "systemd could not be told");
    }
}
