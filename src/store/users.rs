//! People, and how the first of them comes to be.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::Store;
use super::accounts;
use super::error::{Result, StoreError, conflict};
use crate::domain::account::{Role, User};
use crate::domain::id::{AccountId, UserId};

/// A person who is not stored yet.
#[derive(Clone, Debug)]
pub struct NewPerson {
    pub email: String,
    pub name: String,
    /// A PHC string; the store never sees a password.
    pub password_hash: String,
    pub administrator: bool,
}

/// What came of claiming the appliance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// This person is its first administrator, and owns this account.
    Done(UserId, AccountId),
    /// Somebody was first.
    AlreadyClaimed,
    /// The link is unknown, used, replaced or expired.
    BadLink,
}

const ANY_USER: &str = "SELECT EXISTS (SELECT 1 FROM users)";

const PUT_SETUP_LINK: &str = "
    INSERT INTO setup_link (one, hash, expires_at_ms) VALUES (1, ?1, ?2)
    ON CONFLICT (one) DO UPDATE SET hash = excluded.hash, expires_at_ms = excluded.expires_at_ms";

const SETUP_LINK_VALID: &str = "SELECT EXISTS (SELECT 1 FROM setup_link WHERE hash = ?1 AND expires_at_ms > ?2)";

const DROP_SETUP_LINK: &str = "DELETE FROM setup_link";

const INSERT_USER: &str = "
    INSERT INTO users (email, email_key, name, password_hash, administrator, created_at_ms)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

const USER_WITH_PASSWORD: &str = "
    SELECT id, email, name, administrator, password_hash FROM users WHERE email_key = ?1";

const USER: &str = "SELECT id, email, name, administrator FROM users WHERE id = ?1";

const USERS: &str = "SELECT id, email, name, administrator FROM users ORDER BY id";

const SET_PASSWORD: &str = "UPDATE users SET password_hash = ?2 WHERE id = ?1";

const END_SESSIONS: &str = "DELETE FROM sessions WHERE user = ?1";

impl Store {
    /// Whether anybody has claimed the appliance.
    pub async fn is_claimed(&self) -> Result<bool> {
        self.read(any_user).await
    }

    /// Keeps the hash of a link that makes the first administrator, instead of any earlier one.
    pub async fn put_setup_link(&self, hash: [u8; 32], expires_at_ms: i64) -> Result<()> {
        self.write(move |rows| {
            rows.prepare_cached(PUT_SETUP_LINK)?.execute(params![hash, expires_at_ms])?;
            Ok(())
        })
        .await
    }

    /// Whether the link is unexpired and nobody has claimed the appliance.
    pub async fn setup_link_valid(&self, hash: [u8; 32], now_ms: i64) -> Result<bool> {
        self.read(move |rows| Ok(!any_user(rows)? && link_valid(rows, hash, now_ms)?)).await
    }

    /// Makes the first person: an administrator of the appliance and owner of its oldest account, which is made if there
    /// is none. Without a link only the machine's owner asks, on the command line.
    pub async fn claim(
        &self,
        link: Option<[u8; 32]>,
        person: NewPerson,
        account_name: String,
        now_ms: i64,
    ) -> Result<Claimed> {
        self.write(move |rows| {
            if any_user(rows)? {
                return Ok(Claimed::AlreadyClaimed);
            }
            if let Some(hash) = link
                && !link_valid(rows, hash, now_ms)?
            {
                return Ok(Claimed::BadLink);
            }
            // Whoever claims the appliance administers it, or nobody could.
            let person = NewPerson { administrator: true, ..person };
            let user = insert(rows, &person, now_ms)?;
            let account = match accounts::oldest(rows)? {
                Some(account) => account,
                None => accounts::insert(rows, &account_name, now_ms)?,
            };
            accounts::add_member(rows, user, account, Role::Owner)?;
            rows.prepare_cached(DROP_SETUP_LINK)?.execute([])?;
            Ok(Claimed::Done(user, account))
        })
        .await
    }

    /// Adds a person as a member of an account. `Conflict("email")` if the address is taken, in whatever case, and
    /// `Conflict("account")` if the account does not exist.
    pub async fn create_user(&self, person: NewPerson, account: AccountId, role: Role, now_ms: i64) -> Result<UserId> {
        self.write(move |rows| {
            let user = insert(rows, &person, now_ms)?;
            accounts::add_member(rows, user, account, role)?;
            Ok(user)
        })
        .await
    }

    /// The person with this address, in whatever case, and the hash of their password as a PHC string.
    pub async fn user_with_password(&self, email: String) -> Result<Option<(User, String)>> {
        self.read(move |rows| {
            let found = rows
                .prepare_cached(USER_WITH_PASSWORD)?
                .query_row([key(&email)], |row| Ok((read(row)?, row.get("password_hash")?)))
                .optional()?;
            Ok(found)
        })
        .await
    }

    /// The person with this number.
    pub async fn user(&self, id: UserId) -> Result<Option<User>> {
        self.read(move |rows| Ok(rows.prepare_cached(USER)?.query_row([id.0], read).optional()?)).await
    }

    /// Everybody, oldest first.
    pub async fn users(&self) -> Result<Vec<User>> {
        self.read(|rows| Ok(rows.prepare_cached(USERS)?.query_map([], read)?.collect::<rusqlite::Result<_>>()?)).await
    }

    /// Replaces a password's hash and ends the person's sessions, so that whoever knew the old one is out.
    /// `Conflict("user")` if there is no such person.
    pub async fn set_password(&self, user: UserId, hash: String) -> Result<()> {
        self.write(move |rows| {
            if rows.prepare_cached(SET_PASSWORD)?.execute(params![user.0, hash])? == 0 {
                return Err(StoreError::Conflict("user"));
            }
            rows.prepare_cached(END_SESSIONS)?.execute([user.0])?;
            Ok(())
        })
        .await
    }
}

fn any_user(rows: &Connection) -> Result<bool> {
    Ok(rows.prepare_cached(ANY_USER)?.query_row([], |row| row.get(0))?)
}

fn link_valid(rows: &Connection, hash: [u8; 32], now_ms: i64) -> Result<bool> {
    Ok(rows.prepare_cached(SETUP_LINK_VALID)?.query_row(params![hash, now_ms], |row| row.get(0))?)
}

fn insert(rows: &Connection, person: &NewPerson, now_ms: i64) -> Result<UserId> {
    let NewPerson { email, name, password_hash, administrator } = person;
    rows.prepare_cached(INSERT_USER)?
        .insert(params![email.trim(), key(email), name, password_hash, administrator, now_ms])
        .map(UserId)
        .map_err(conflict("email"))
}

/// The form of an address by which it is found.
fn key(email: &str) -> String {
    email.trim().to_lowercase()
}

fn read(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User {
        id: UserId(row.get("id")?),
        email: row.get("email")?,
        name: row.get("name")?,
        administrator: row.get("administrator")?,
    })
}
