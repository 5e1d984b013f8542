//! Numbered migrations: files that are run once each, in order, every one in a transaction with its number.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, TransactionBehavior};

use super::connection;
use super::error::{Result, StoreError};

/// `NOSI` in ASCII: what `file` and this appliance tell its databases by.
const APPLICATION_ID: i32 = 0x4e4f_5349;

/// The migrations; the first makes schema 1. Released ones are never edited, only followed.
pub(super) const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_ground.sql"),
    include_str!("migrations/0002_settings.sql"),
    include_str!("migrations/0003_doubts.sql"),
    include_str!("migrations/0004_left_out.sql"),
    include_str!("migrations/0005_instructions.sql"),
    include_str!("migrations/0006_builds.sql"),
    include_str!("migrations/0007_about_texts.sql"),
    include_str!("migrations/0008_ledger.sql"),
    include_str!("migrations/0009_parts.sql"),
    include_str!("migrations/0010_websites.sql"),
    include_str!("migrations/0011_recognised.sql"),
    include_str!("migrations/0012_folders.sql"),
];

/// Refuses a file that a later release has migrated or that is not ours, without writing to it or to its log.
pub(super) fn refuse_foreign(path: &Path, migrations: &[&str]) -> Result<()> {
    let bytes = path.metadata().map_or(0, |file| file.len());
    if bytes == 0 {
        return Ok(());
    }
    let connection = connection::looking(path)?;
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let found = schema(&connection)?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application != APPLICATION_ID && (tables > 0 || found > 0) {
        return Err(StoreError::Damaged(format!("{} is the database of another program", path.display())));
    }
    if found as usize > migrations.len() {
        return Err(StoreError::NewerSchema { found, known: migrations.len() as u32 });
    }
    Ok(())
}

/// Runs the migrations that the database has not seen, after a copy of it was put beside.
pub(super) fn migrate(connection: &mut Connection, path: &Path, migrations: &[&str]) -> Result<()> {
    let found = schema(connection)?;
    if found > 0 && (found as usize) < migrations.len() {
        copy_beside(connection, path, found)?;
    }
    for (number, sql) in (1u32..).zip(migrations).skip(found as usize) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(sql)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", number)?;
        transaction.commit()?;
    }
    Ok(())
}

fn schema(connection: &Connection) -> Result<u32> {
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

/// Copies the database to `<name>.schema-<found>`, whole and on disk, in place of a copy that an earlier try began.
fn copy_beside(connection: &Connection, path: &Path, found: u32) -> Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".schema-{found}"));
    let copy = PathBuf::from(name);
    match fs::remove_file(&copy) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(StoreError::engine(error)),
        _ => {}
    }
    let text = copy.to_str().ok_or_else(|| StoreError::engine("the data folder's name is not UTF-8"))?;
    connection.execute("VACUUM INTO ?1", [text])?;
    let force = |path: &Path| File::open(path).and_then(|file| file.sync_all()).map_err(StoreError::engine);
    force(&copy)?;
    copy.parent().map_or(Ok(()), force)
}
