//! Opening SQLite: what every connection is told before its first statement.

use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::error::{Result, StoreError};

/// How long SQLite waits for a lock of another process (a backup, a command line) before it says busy.
const LOCK_WAIT: Duration = Duration::from_secs(5);
/// Prepared statements kept by each connection; there are fewer queries than this.
const STATEMENTS_KEPT: usize = 160;
/// Size to which the log file is cut after a checkpoint, in bytes, so that one large write does not keep its disk space.
const LOG_BYTES_KEPT: i64 = 64 << 20;

/// The connection that writes; creates the file.
pub(super) fn writing(path: &Path) -> Result<Connection> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
    let mode: String = connection.query_row("PRAGMA journal_mode=WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        return Err(StoreError::engine("this file system can not hold a write-ahead log"));
    }
    // FULL, not NORMAL: with NORMAL a power cut takes acknowledged rows with it.
    connection.pragma_update(None, "synchronous", "FULL")?;
    // The writer checkpoints by itself, so that the log can be archived first.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "journal_size_limit", LOG_BYTES_KEPT)?;
    Ok(connection)
}

/// A connection that only reads. It is opened for writing all the same, because readers of a write-ahead log share its
/// index in memory.
pub(super) fn reading(path: &Path) -> Result<Connection> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    Ok(connection)
}

/// A connection that can not change the file, not even by tidying up the log when it is closed.
pub(super) fn looking(path: &Path) -> Result<Connection> {
    open(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
}

fn open(path: &Path, flags: OpenFlags) -> Result<Connection> {
    register_sqlite_vec()?;
    // Each connection stays on one thread at a time, so SQLite needs no lock of its own.
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(LOCK_WAIT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // A database that came from elsewhere must not run functions through its schema.
    connection.pragma_update(None, "trusted_schema", false)?;
    Ok(connection)
}

/// Gives every connection of this process sqlite-vec's functions, once.
fn register_sqlite_vec() -> Result<()> {
    static REGISTERED: OnceLock<std::result::Result<(), String>> = OnceLock::new();
    let outcome = REGISTERED.get_or_init(|| {
        // SAFETY: sqlite-vec declares its entry point without parameters, but it is the C function
        // `int sqlite3_vec_init(sqlite3*, char**, const sqlite3_api_routines*)`, which is what SQLite calls; there is
        // no safe way to register a statically linked extension. It neither opens nor closes connections.
        unsafe {
            let entry = std::mem::transmute::<*const (), rusqlite::auto_extension::RawAutoExtension>(
                sqlite_vec::sqlite3_vec_init as *const (),
            );
            rusqlite::auto_extension::register_auto_extension(entry)
        }
        .map_err(|error| error.to_string())
    });
    outcome.clone().map_err(StoreError::engine)
}
