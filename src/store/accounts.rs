//! Accounts, their collections and their members, and the scope that follows from them.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::Store;
use super::columns;
use super::error::{Result, conflict};
use crate::domain::account::{Account, COLLECTION_GENERAL, Collection, Role, Scope};
use crate::domain::id::{AccountId, CollectionId, UserId};

const INSERT_ACCOUNT: &str = "INSERT INTO accounts (name, created_at_ms) VALUES (?1, ?2)";

const INSERT_COLLECTION: &str = "INSERT INTO collections (account, name, created_at_ms) VALUES (?1, ?2, ?3)";

const ACCOUNTS: &str = "SELECT id, name FROM accounts ORDER BY id";

const OLDEST_ACCOUNT: &str = "SELECT id FROM accounts ORDER BY id LIMIT 1";

const INSERT_MEMBERSHIP: &str = "INSERT INTO memberships (user, account, role) VALUES (?1, ?2, ?3)";

const MEMBERSHIPS: &str = "
    SELECT a.id, a.name, m.role FROM memberships m JOIN accounts a ON a.id = m.account
    WHERE m.user = ?1 ORDER BY a.id";

const COLLECTIONS: &str = "SELECT id, account, name FROM collections WHERE account = ?1 ORDER BY id";

const INSTRUCTIONS: &str = "SELECT instructions FROM accounts WHERE id = ?1";

const SET_INSTRUCTIONS: &str = "UPDATE accounts SET instructions = ?2 WHERE id = ?1";

impl Store {
    /// What an account tells the model that writes its answers; `None` where it leaves that to the appliance.
    pub async fn instructions(&self, account: AccountId) -> Result<Option<String>> {
        self.read(move |rows| {
            Ok(rows.prepare_cached(INSTRUCTIONS)?.query_row([account.0], |row| row.get(0)).optional()?.flatten())
        })
        .await
    }

    /// Sets it, or leaves it to the appliance again.
    pub async fn set_instructions(&self, account: AccountId, text: Option<String>) -> Result<()> {
        self.write(move |rows| {
            rows.prepare_cached(SET_INSTRUCTIONS)?.execute(params![account.0, text])?;
            Ok(())
        })
        .await
    }

    /// The accounts that a person is a member of, each with the role there.
    pub async fn memberships(&self, user: UserId) -> Result<Vec<(Account, Role)>> {
        self.read(move |rows| {
            let mut statement = rows.prepare_cached(MEMBERSHIPS)?;
            let found =
                statement.query_map([user.0], |row| Ok((read(row)?, columns::read_word(row, "role", Role::parse)?)))?;
            Ok(found.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    /// Every account, oldest first.
    pub async fn accounts(&self) -> Result<Vec<Account>> {
        self.read(|rows| Ok(rows.prepare_cached(ACCOUNTS)?.query_map([], read)?.collect::<rusqlite::Result<_>>()?))
            .await
    }

    /// Makes an account with its General collection.
    pub async fn create_account(&self, name: String, now_ms: i64) -> Result<Account> {
        self.write(move |rows| {
            let id = insert(rows, &name, now_ms)?;
            Ok(Account { id, name })
        })
        .await
    }

    /// The collections of an account, General first.
    pub async fn collections(&self, account: AccountId) -> Result<Vec<Collection>> {
        self.read(move |rows| collections(rows, account)).await
    }

    /// The scope that covers an account: all of its collections.
    pub async fn scope(&self, account: AccountId) -> Result<Scope> {
        let collections = self.collections(account).await?.into_iter().map(|collection| collection.id).collect();
        Ok(Scope { account, collections, whole: true })
    }
}

/// Makes an account and its General collection in the caller's transaction.
pub(super) fn insert(rows: &Connection, name: &str, now_ms: i64) -> Result<AccountId> {
    let account = rows.prepare_cached(INSERT_ACCOUNT)?.insert(params![name, now_ms])?;
    rows.prepare_cached(INSERT_COLLECTION)?.insert(params![account, COLLECTION_GENERAL, now_ms])?;
    Ok(AccountId(account))
}

/// The first account that was made.
pub(super) fn oldest(rows: &Connection) -> Result<Option<AccountId>> {
    Ok(rows.prepare_cached(OLDEST_ACCOUNT)?.query_row([], |row| row.get(0).map(AccountId)).optional()?)
}

/// Makes `user` a member of `account`.
pub(super) fn add_member(rows: &Connection, user: UserId, account: AccountId, role: Role) -> Result<()> {
    rows.prepare_cached(INSERT_MEMBERSHIP)?
        .execute(params![user.0, account.0, role.as_str()])
        .map_err(conflict("account"))?;
    Ok(())
}

fn collections(rows: &Connection, account: AccountId) -> Result<Vec<Collection>> {
    let mut statement = rows.prepare_cached(COLLECTIONS)?;
    let found = statement.query_map([account.0], |row| {
        Ok(Collection {
            id: CollectionId(row.get("id")?),
            account: AccountId(row.get("account")?),
            name: row.get("name")?,
        })
    })?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// Reads an account from the columns `id` and `name`.
fn read(row: &Row<'_>) -> rusqlite::Result<Account> {
    Ok(Account { id: AccountId(row.get("id")?), name: row.get("name")? })
}
