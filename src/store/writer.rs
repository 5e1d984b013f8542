//! The writing thread: owns the only connection that writes, commits requests in groups, and alone checkpoints.
//!
//! Requests that already wait are committed together, because one fsync then serves them all. Each runs in its own
//! savepoint, so one that fails leaves the others whole, and nobody hears of success before the commit is on disk.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::error::{Result, StoreError};
use super::queue::Message;
use crate::limits;

/// The most requests in one commit.
const GROUP_REQUESTS_MAX: usize = 64;
/// Rows changed in a group after which no more requests join it, so that small ones do not wait for many large ones.
const GROUP_ROWS_MAX: u64 = 1_000;

/// Work for the writer: given the connection, or why it can not be had, it says how it went.
pub(super) type Request = Box<dyn FnOnce(Result<&Connection>) -> Done + Send>;

/// A request that has run and waits for its group to be committed.
pub(super) struct Done {
    /// Why its changes are not to be kept, if so.
    failed: Option<StoreError>,
    /// Tells the caller, given what became of the group.
    tell: Box<dyn FnOnce(Result<()>)>,
}

/// Makes the request that runs `work` and tells its caller the outcome after the commit.
pub(super) fn request<T, W>(work: W, tell: oneshot::Sender<Result<T>>) -> Request
where
    T: Send + 'static,
    W: FnOnce(&Connection) -> Result<T> + Send + 'static,
{
    Box::new(move |connection| {
        let outcome = connection.and_then(|connection| {
            catch_unwind(AssertUnwindSafe(|| work(connection)))
                .unwrap_or_else(|_| Err(StoreError::engine("a write panicked")))
        });
        Done {
            failed: outcome.as_ref().err().map(StoreError::again),
            tell: Box::new(move |committed| {
                // The caller may have left meanwhile.
                let _ = tell.send(outcome.and_then(|value| committed.map(|()| value)));
            }),
        }
    })
}

/// Starts the writer.
pub(super) fn start(mut connection: Connection, requests: mpsc::Receiver<Message<Request>>) -> Result<JoinHandle<()>> {
    let log_pages = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&log_pages);
    connection.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages| {
        counted.store(u32::try_from(pages).unwrap_or(0), Ordering::Relaxed);
        Ok(())
    }))?;
    thread::Builder::new()
        .name("store-write".to_owned())
        .spawn(move || run(&connection, requests, &log_pages))
        .map_err(StoreError::engine)
}

/// Serves requests until told to stop, or until every handle is gone; then empties the log into the database.
fn run(connection: &Connection, mut requests: mpsc::Receiver<Message<Request>>, log_pages: &AtomicU32) {
    while let Some(Message::Run(first)) = requests.blocking_recv() {
        let stop = commit_group(connection, first, &mut requests);
        if log_pages.load(Ordering::Relaxed) >= limits::CHECKPOINT_PAGES {
            checkpoint(connection, "PRAGMA wal_checkpoint(PASSIVE)");
        }
        if stop {
            break;
        }
    }
    checkpoint(connection, "PRAGMA wal_checkpoint(TRUNCATE)");
}

/// Runs `first` and those that wait behind it, commits, and tells everyone. True if the stop was among them.
fn commit_group(connection: &Connection, first: Request, requests: &mut mpsc::Receiver<Message<Request>>) -> bool {
    let begun = connection.execute_batch("BEGIN IMMEDIATE").map_err(StoreError::from);
    if let Err(error) = begun {
        (first(Err(error)).tell)(Ok(()));
        return false;
    }
    let rows_before = connection.total_changes();
    let mut group = Vec::new();
    in_savepoint(connection, first, &mut group);
    let mut stop = false;
    while group.len() < GROUP_REQUESTS_MAX && connection.total_changes() - rows_before < GROUP_ROWS_MAX {
        match requests.try_recv() {
            Ok(Message::Run(request)) => in_savepoint(connection, request, &mut group),
            Ok(Message::Stop) => stop = true,
            Err(_) => break,
        }
        if stop {
            break;
        }
    }
    let committed = commit(connection, &group);
    for done in group {
        (done.tell)(match &committed {
            Ok(()) => Ok(()),
            Err(error) => Err(error.again()),
        });
    }
    stop
}

/// Runs `request` so that its failure undoes only its own changes, and puts it with the `group`.
fn in_savepoint(connection: &Connection, request: Request, group: &mut Vec<Done>) {
    let begun = match connection.is_autocommit() {
        // A full disk and its like undo a whole transaction at once; nothing may be written outside of one.
        true => Err(undone(group)),
        false => connection.execute_batch("SAVEPOINT request").map_err(StoreError::from),
    };
    let done = request(begun.map(|()| connection));
    let end = match &done.failed {
        None => "RELEASE request",
        Some(_) => "ROLLBACK TO request; RELEASE request",
    };
    if !connection.is_autocommit()
        && let Err(error) = connection.execute_batch(end)
    {
        tracing::error!(%error, "a savepoint could not be ended");
    }
    group.push(done);
}

/// Commits the group, or undoes all of it.
fn commit(connection: &Connection, group: &[Done]) -> Result<()> {
    if connection.is_autocommit() {
        return Err(undone(group));
    }
    let Err(error) = connection.execute_batch("COMMIT") else { return Ok(()) };
    if !connection.is_autocommit()
        && let Err(error) = connection.execute_batch("ROLLBACK")
    {
        tracing::error!(%error, "a transaction could be neither committed nor rolled back");
    }
    Err(error.into())
}

/// Why the engine has undone the group: the latest failure in it.
fn undone(group: &[Done]) -> StoreError {
    let cause = group.iter().rev().find_map(|done| done.failed.as_ref());
    cause.map_or_else(|| StoreError::engine("the engine undid the transaction"), StoreError::again)
}

/// Writes the log back into the database file; one that can not be finished now is tried again after a later commit.
fn checkpoint(connection: &Connection, how: &str) {
    if let Err(error) = connection.query_row(how, [], |_| Ok(())) {
        tracing::warn!(%error, "the write-ahead log could not be written back");
    }
}
