//! A bounded queue of requests to a thread: a full one refuses at once instead of waiting without end.

use tokio::sync::mpsc;

use super::error::{Result, StoreError};

/// What comes out of a queue.
pub(super) enum Message<R> {
    Run(R),
    /// The thread that takes this one ends.
    Stop,
}

/// The sending end.
pub(super) struct Queue<R> {
    sender: mpsc::Sender<Message<R>>,
}

/// A queue in which at most `waiting_max` requests wait.
pub(super) fn bounded<R>(waiting_max: usize) -> (Queue<R>, mpsc::Receiver<Message<R>>) {
    let (sender, receiver) = mpsc::channel(waiting_max);
    (Queue { sender }, receiver)
}

impl<R> Queue<R> {
    /// Hands `request` over, or says why not: [`StoreError::Busy`] or [`StoreError::Closed`].
    pub fn send(&self, request: R) -> Result<()> {
        self.sender.try_send(Message::Run(request)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => StoreError::Busy,
            mpsc::error::TrySendError::Closed(_) => StoreError::Closed,
        })
    }

    /// Ends one thread behind the queue once it has done what was sent before.
    pub async fn stop(&self) {
        // A receiver that is gone has stopped already.
        let _ = self.sender.send(Message::Stop).await;
    }
}
