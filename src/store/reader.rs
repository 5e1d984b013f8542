//! The reading threads: each owns a connection, all take from one queue, and a caller that left is skipped.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::error::{Result, StoreError};
use super::queue::Message;

/// Work for whichever reader is free.
pub(super) type Request = Box<dyn FnOnce(&Connection) + Send>;

/// Makes the request that runs `work` on one snapshot and tells its caller the outcome.
pub(super) fn request<T, W>(work: W, tell: oneshot::Sender<Result<T>>) -> Request
where
    T: Send + 'static,
    W: FnOnce(&Connection) -> Result<T> + Send + 'static,
{
    Box::new(move |connection| {
        if tell.is_closed() {
            return;
        }
        let outcome = catch_unwind(AssertUnwindSafe(|| on_one_snapshot(connection, work)))
            .unwrap_or_else(|_| Err(StoreError::engine("a read panicked")));
        // The caller may have left meanwhile.
        let _ = tell.send(outcome);
    })
}

/// Runs `work` in a transaction of its own, so that its statements agree with one another.
fn on_one_snapshot<T>(connection: &Connection, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
    // Dropped on every way out, a panic included, and with it the snapshot.
    let snapshot = connection.unchecked_transaction()?;
    work(&snapshot)
}

/// Starts reader `number`.
pub(super) fn start(
    number: usize,
    connection: Connection,
    requests: Arc<Mutex<mpsc::Receiver<Message<Request>>>>,
) -> Result<JoinHandle<()>> {
    thread::Builder::new()
        .name(format!("store-read-{number}"))
        .spawn(move || {
            while let Some(Message::Run(request)) = next(&requests) {
                request(&connection);
            }
        })
        .map_err(StoreError::engine)
}

/// The next message; idle readers wait for one another's turn to wait.
fn next(requests: &Mutex<mpsc::Receiver<Message<Request>>>) -> Option<Message<Request>> {
    requests.lock().expect("nothing panics while holding it").blocking_recv()
}
