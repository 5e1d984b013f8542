//! Numbered migrations: files that are run once each, in order, every one in a transaction with its number.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::connection;
use super::error::{Result, StoreError};

/// `NOSI` in ASCII: what `file` and this appliance tell its databases by.
const APPLICATION_ID: i32 = 0x4e4f_5349;

/// The migrations; the first makes schema 1. Released ones are never edited, only followed.
const MIGRATIONS: &[&str] = &[include_str!("migrations/0001_ground.sql")];

/// The schema that this release knows.
pub(super) const SCHEMA_KNOWN: u32 = MIGRATIONS.len() as u32;

/// Refuses a file that a later release has migrated or that is not ours, without writing to it or to its log.
pub(super) fn refuse_foreign(path: &Path) -> Result<()> {
    let bytes = path.metadata().map_or(0, |file| file.len());
    if bytes == 0 {
        return Ok(());
    }
    let connection = connection::looking(path)?;
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let found: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application != APPLICATION_ID && (tables > 0 || found > 0) {
        return Err(StoreError::Damaged(format!("{} is the database of another program", path.display())));
    }
    if found > SCHEMA_KNOWN {
        return Err(StoreError::NewerSchema { found, known: SCHEMA_KNOWN });
    }
    Ok(())
}

/// Runs the migrations that the database has not seen.
pub(super) fn migrate(connection: &mut Connection) -> Result<()> {
    let found: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    for (number, sql) in (1u32..).zip(MIGRATIONS).skip(found as usize) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(sql)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", number)?;
        transaction.commit()?;
    }
    Ok(())
}
