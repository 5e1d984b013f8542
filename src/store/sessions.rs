//! Browser sessions, found by the SHA-256 of their secret.

use rusqlite::{OptionalExtension, Row, params};

use super::Store;
use super::columns;
use super::error::{Result, conflict};
use crate::domain::account::{Account, Role, User};
use crate::domain::id::{AccountId, UserId};
use crate::limits;

/// Who is behind a session or a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub user: User,
    pub account: Account,
    pub role: Role,
}

/// The last use is noted at most this often, so that reading a page does not mean an fsync.
pub(super) const USE_NOTED_EVERY_MS: i64 = 60_000;

const DROP_EXPIRED: &str = "DELETE FROM sessions WHERE used_at_ms <= ?1 OR created_at_ms <= ?2";

const INSERT_SESSION: &str = "
    INSERT INTO sessions (hash, user, account, created_at_ms, used_at_ms) VALUES (?1, ?2, ?3, ?4, ?4)";

const SESSION: &str = "
    SELECT s.used_at_ms,
           u.id AS user, u.email, u.name AS user_name, u.administrator, a.id AS account, a.name AS account_name, m.role
    FROM sessions s
    JOIN users u ON u.id = s.user
    JOIN accounts a ON a.id = s.account
    JOIN memberships m ON m.user = s.user AND m.account = s.account
    WHERE s.hash = ?1 AND s.used_at_ms > ?2 AND s.created_at_ms > ?3";

const NOTE_USE: &str = "UPDATE sessions SET used_at_ms = max(used_at_ms, ?2) WHERE hash = ?1";

const END_SESSION: &str = "DELETE FROM sessions WHERE hash = ?1";

impl Store {
    /// Begins a session, and forgets those that have expired.
    pub async fn create_session(&self, hash: [u8; 32], user: UserId, account: AccountId, now_ms: i64) -> Result<()> {
        self.write(move |rows| {
            let (used_after, created_after) = alive_after(now_ms);
            rows.prepare_cached(DROP_EXPIRED)?.execute(params![used_after, created_after])?;
            rows.prepare_cached(INSERT_SESSION)?
                .execute(params![hash, user.0, account.0, now_ms])
                .map_err(conflict("session"))?;
            Ok(())
        })
        .await
    }

    /// Who is behind a session that has neither gone unused for [`limits::SESSION_IDLE_SECONDS_MAX`] nor lasted for
    /// [`limits::SESSION_SECONDS_MAX`], as long as they are a member of its account.
    pub async fn session(&self, hash: [u8; 32], now_ms: i64) -> Result<Option<Caller>> {
        let (used_after, created_after) = alive_after(now_ms);
        let found = self
            .read(move |rows| {
                let mut statement = rows.prepare_cached(SESSION)?;
                let found = statement.query_row(params![hash, used_after, created_after], |row| {
                    Ok((row.get::<_, i64>("used_at_ms")?, read_caller(row)?))
                });
                Ok(found.optional()?)
            })
            .await?;
        let Some((used_at_ms, caller)) = found else { return Ok(None) };
        if now_ms - used_at_ms >= USE_NOTED_EVERY_MS {
            self.write_if_idle(move |rows| {
                rows.prepare_cached(NOTE_USE)?.execute(params![hash, now_ms])?;
                Ok(())
            });
        }
        Ok(Some(caller))
    }

    /// Ends a session; one that is not there has ended already.
    pub async fn end_session(&self, hash: [u8; 32]) -> Result<()> {
        self.write(move |rows| {
            rows.prepare_cached(END_SESSION)?.execute([hash])?;
            Ok(())
        })
        .await
    }
}

/// A session lives if it was used after the first and made after the second time.
fn alive_after(now_ms: i64) -> (i64, i64) {
    (now_ms - limits::SESSION_IDLE_SECONDS_MAX * 1_000, now_ms - limits::SESSION_SECONDS_MAX * 1_000)
}

/// Reads a caller from the columns `user`, `email`, `user_name`, `administrator`, `account`, `account_name`, `role`.
pub(super) fn read_caller(row: &Row<'_>) -> rusqlite::Result<Caller> {
    Ok(Caller {
        user: User {
            id: UserId(row.get("user")?),
            email: row.get("email")?,
            name: row.get("user_name")?,
            administrator: row.get("administrator")?,
        },
        account: Account { id: AccountId(row.get("account")?), name: row.get("account_name")? },
        role: columns::read_word(row, "role", Role::parse)?,
    })
}
