//! Ground state in SQLite: rows, transactions, and the one sequence of changes.
//!
//! Each function of [`Store`] is one whole transaction in words of the domain; no connection and no transaction leaves
//! this room. What writes goes to one thread that owns the only writing connection, and is acknowledged after its
//! commit is on disk; what reads goes to a few threads with a reading connection each. Every read of sources, chunks,
//! vectors and texts takes a [`Scope`](crate::domain::account::Scope) and filters by it in SQL: what lies outside is
//! not found, not counted and not scored.
//!
//! In reading order: the machinery (`connection`, `migrate`, `queue`, `writer`, `reader`), the people
//! (`users`, `accounts`, `sessions`, `tokens`), the write walk (`sources`, `listings`, `jobs`, `ingests`,
//! `changes`, `generations`, `builds`; what follows something outside,
//! `followed`, `websites`, `webpages`, `folders`, `folder_files`), the read walk (`chunks`, `vectors`, `passages`, `texts`), `chats`, and the `settings` made
//! in the app.

mod error;
mod connection;
mod migrate;
mod queue;
mod writer;
mod reader;
mod columns;
mod users;
mod accounts;
mod sessions;
mod tokens;
mod sources;
mod listings;
mod jobs;
mod ingests;
mod kept;
mod followed;
mod websites;
mod webpages;
mod folders;
mod folder_files;
mod changes;
mod generations;
mod builds;
mod chunks;
mod vectors;
mod passages;
mod texts;
mod chats;
mod settings;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::limits;
use queue::Queue;

pub use builds::{Build, Share, Switch};
pub use changes::{Change, ChangeKind};
pub use chats::NewMessage;
pub use error::{Result, StoreError};
pub use folder_files::{FileRead, FolderFiles, KnownFile, Stamp};
pub use folders::{ClaimedFolder, NewFolder};
pub use followed::{Content, Followed, Rewritten};
pub use ingests::Finished;
pub use listings::{SourceCounts, SourceFilter, SourcePage};
pub use passages::StoredPassage;
pub use sessions::Caller;
pub use sources::{Created, Deleted, NewSource};
pub use texts::{SourceText, UnreadPages};
pub use tokens::NewToken;
pub use users::{Claimed, NewPerson};
pub use webpages::{PageToVisit, PageVisited, WebPages};
pub use websites::{NewWebsite, Removed, Round, RoundEnd};

/// The database of one data folder. Clones share its threads.
#[derive(Clone)]
pub struct Store {
    threads: Arc<Threads>,
}

/// The threads behind every clone of a [`Store`].
struct Threads {
    writer: Queue<writer::Request>,
    readers: Queue<reader::Request>,
    running: Mutex<Vec<JoinHandle<()>>>,
}

impl Store {
    /// Opens the database at `path`, made if it is not there, and brings its schema up to date. Blocks.
    ///
    /// Refuses a database that a later release has migrated ([`StoreError::NewerSchema`]) and a file that is something
    /// else ([`StoreError::Damaged`]), both without writing to it. Before an older schema is touched, a copy is put
    /// beside the database: `nosia.db.schema-1` is what the release with schema 1 left.
    pub fn open(path: &Path) -> Result<Store> {
        Store::open_with(path, migrate::MIGRATIONS)
    }

    /// Opens with these migrations: all of them, but in tests.
    fn open_with(path: &Path, migrations: &[&str]) -> Result<Store> {
        migrate::refuse_foreign(path, migrations)?;
        let mut first = connection::writing(path)?;
        migrate::migrate(&mut first, path, migrations)?;
        let (writer, requests) = queue::bounded(limits::WRITER_QUEUE_MAX);
        let mut running = vec![writer::start(first, requests)?];
        let (readers, requests) = queue::bounded(limits::READER_QUEUE_MAX);
        let requests = Arc::new(Mutex::new(requests));
        for number in 0..limits::READERS {
            running.push(reader::start(number, connection::reading(path)?, Arc::clone(&requests))?);
        }
        Ok(Store { threads: Arc::new(Threads { writer, readers, running: Mutex::new(running) }) })
    }

    /// Finishes what was asked before, writes the whole log back into the database file, and ends the threads.
    ///
    /// Whatever is asked later, of any clone, is [`StoreError::Closed`].
    pub async fn close(&self) {
        for _ in 0..limits::READERS {
            self.threads.readers.stop().await;
        }
        self.threads.writer.stop().await;
        let running = std::mem::take(&mut *self.threads.running.lock().expect("nothing panics while holding it"));
        let joined = tokio::task::spawn_blocking(move || running.into_iter().try_for_each(JoinHandle::join));
        if !matches!(joined.await, Ok(Ok(()))) {
            tracing::error!("a thread of the store panicked");
        }
    }

    /// What SQLite finds wrong with the structure of the database, a line each; empty if it is sound. Reads all of it.
    pub async fn integrity(&self) -> Result<Vec<String>> {
        self.read(|rows| {
            let mut statement = rows.prepare("PRAGMA quick_check")?;
            let found: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
            Ok(found.into_iter().filter(|line| line != "ok").collect())
        })
        .await
    }

    /// Runs `work` on a reading connection, all of it on one snapshot.
    async fn read<T, W>(&self, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let (tell, told) = oneshot::channel();
        self.threads.readers.send(reader::request(work, tell))?;
        told.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Runs `work` on the writing connection; `Ok` is returned only after its commit is on disk, and after `Err`
    /// nothing of it has happened.
    ///
    /// Work that was sent is done even if the caller stops waiting for it.
    async fn write<T, W>(&self, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let (tell, told) = oneshot::channel();
        self.threads.writer.send(writer::request(work, tell))?;
        told.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Sends `work` to the writer without waiting for it; if the queue is full it is left undone.
    fn write_if_idle<W>(&self, work: W)
    where
        W: FnOnce(&Connection) -> Result<()> + Send + 'static,
    {
        let (tell, _) = oneshot::channel();
        if let Err(error) = self.threads.writer.send(writer::request(work, tell)) {
            tracing::debug!(%error, "a last use was not noted");
        }
    }
}
