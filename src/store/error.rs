//! What can go wrong in the store, and how SQLite's codes become it.

use std::error::Error;

use rusqlite::ffi;

/// The result of every function of the store.
pub type Result<T> = std::result::Result<T, StoreError>;

/// Why the store did not do what it was asked. Its text is for the operator.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Too many requests are waiting, or another process holds the database.
    #[error("the store is busy; try again")]
    Busy,
    /// Nothing was changed; the store goes on working once there is room.
    #[error("the disk is full")]
    DiskFull,
    /// The named thing is already taken, or is not (or no longer) there to be pointed at.
    #[error("conflicts with what is stored: {0}")]
    Conflict(&'static str),
    /// A later release has migrated this database; this one would not understand it.
    #[error("the database has schema {found}, and this release knows none after {known}; install the later release")]
    NewerSchema { found: u32, known: u32 },
    /// The file is not this appliance's database, or what it holds contradicts itself.
    #[error("the database is damaged: {0}")]
    Damaged(String),
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// Anything else that SQLite, or the system under it, refused.
    #[error("the database engine failed: {0}")]
    Engine(#[source] Box<dyn Error + Send + Sync>),
}

impl StoreError {
    /// The same error for another caller of the same failed commit.
    pub(super) fn again(&self) -> StoreError {
        match self {
            StoreError::Busy => StoreError::Busy,
            StoreError::DiskFull => StoreError::DiskFull,
            StoreError::Conflict(what) => StoreError::Conflict(what),
            StoreError::NewerSchema { found, known } => StoreError::NewerSchema { found: *found, known: *known },
            StoreError::Damaged(what) => StoreError::Damaged(what.clone()),
            StoreError::Closed => StoreError::Closed,
            StoreError::Engine(cause) => StoreError::Engine(cause.to_string().into()),
        }
    }

    /// An error that has no SQLite code.
    pub(super) fn engine(cause: impl Into<Box<dyn Error + Send + Sync>>) -> StoreError {
        StoreError::Engine(cause.into())
    }
}

impl From<rusqlite::Error> for StoreError {
    /// Decides by SQLite's extended codes, never by the text of a message.
    fn from(error: rusqlite::Error) -> StoreError {
        use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType};
        if let FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | InvalidColumnType(..) = error {
            return StoreError::Damaged(format!("a stored value can not be read: {error}"));
        }
        let Some(code) = error.sqlite_extended_error_code() else {
            return StoreError::engine(error);
        };
        match code {
            ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY => StoreError::Conflict("row"),
            ffi::SQLITE_CONSTRAINT_FOREIGNKEY => StoreError::Conflict("reference"),
            // SQLite reports a write that met ENOSPC as FULL, and a shared-memory file that could not grow as SHMSIZE.
            ffi::SQLITE_IOERR_SHMSIZE => StoreError::DiskFull,
            code => match code & 0xff {
                ffi::SQLITE_FULL => StoreError::DiskFull,
                ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB => StoreError::Damaged(error.to_string()),
                ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED => StoreError::Busy,
                _ => StoreError::engine(error),
            },
        }
    }
}

/// Names what a violated constraint was about, as `.map_err(conflict("email"))`.
pub(super) fn conflict(what: &'static str) -> impl Fn(rusqlite::Error) -> StoreError {
    move |error| match StoreError::from(error) {
        StoreError::Conflict(_) => StoreError::Conflict(what),
        other => other,
    }
}
