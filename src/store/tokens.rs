//! Bearer tokens of the API, found by the SHA-256 of their secret.

use rusqlite::{OptionalExtension, Row, params};

use super::Store;
use super::error::{Result, conflict};
use super::sessions::{Caller, USE_NOTED_EVERY_MS, read_caller};
use crate::domain::account::ApiToken;
use crate::domain::id::{AccountId, TokenId, UserId};

/// A token that is not stored yet.
#[derive(Clone, Debug)]
pub struct NewToken {
    pub hash: [u8; 32],
    pub user: UserId,
    pub account: AccountId,
    pub name: String,
    /// The first characters of the secret, to tell tokens apart.
    pub prefix: String,
    /// `None` for one that never expires.
    pub expires_at_ms: Option<i64>,
}

const INSERT_TOKEN: &str = "
    INSERT INTO tokens (hash, user, account, name, prefix, created_at_ms, expires_at_ms)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

const TOKEN: &str = "
    SELECT t.id, t.user, t.account, t.name, t.prefix, t.created_at_ms, t.used_at_ms, t.expires_at_ms,
           u.email, u.name AS user_name, u.administrator, a.name AS account_name, m.role
    FROM tokens t
    JOIN users u ON u.id = t.user
    JOIN accounts a ON a.id = t.account
    JOIN memberships m ON m.user = t.user AND m.account = t.account
    WHERE t.hash = ?1 AND (t.expires_at_ms IS NULL OR t.expires_at_ms > ?2)";

const NOTE_USE: &str = "UPDATE tokens SET used_at_ms = max(coalesce(used_at_ms, 0), ?2) WHERE id = ?1";

const TOKENS: &str = "
    SELECT id, user, account, name, prefix, created_at_ms, used_at_ms, expires_at_ms
    FROM tokens WHERE account = ?1 AND user = ?2 ORDER BY id DESC";

const REVOKE_TOKEN: &str = "DELETE FROM tokens WHERE account = ?1 AND user = ?2 AND id = ?3";

impl Store {
    /// Keeps a new token's hash.
    pub async fn create_token(&self, token: NewToken, now_ms: i64) -> Result<ApiToken> {
        self.write(move |rows| {
            let NewToken { hash, user, account, name, prefix, expires_at_ms } = token;
            let id = rows
                .prepare_cached(INSERT_TOKEN)?
                .insert(params![hash, user.0, account.0, name, prefix, now_ms, expires_at_ms])
                .map_err(conflict("token"))?;
            let id = TokenId(id);
            Ok(ApiToken { id, user, account, name, prefix, created_at_ms: now_ms, used_at_ms: None, expires_at_ms })
        })
        .await
    }

    /// The unexpired token with this hash and who is behind it, as long as they are a member of its account.
    pub async fn token(&self, hash: [u8; 32], now_ms: i64) -> Result<Option<(ApiToken, Caller)>> {
        let found = self
            .read(move |rows| {
                let mut statement = rows.prepare_cached(TOKEN)?;
                let found = statement.query_row(params![hash, now_ms], |row| Ok((read(row)?, read_caller(row)?)));
                Ok(found.optional()?)
            })
            .await?;
        let Some((token, caller)) = found else { return Ok(None) };
        if token.used_at_ms.is_none_or(|used_at_ms| now_ms - used_at_ms >= USE_NOTED_EVERY_MS) {
            let id = token.id;
            self.write_if_idle(move |rows| {
                rows.prepare_cached(NOTE_USE)?.execute(params![id.0, now_ms])?;
                Ok(())
            });
        }
        Ok(Some((token, caller)))
    }

    /// A person's tokens in an account, newest first.
    pub async fn tokens(&self, account: AccountId, user: UserId) -> Result<Vec<ApiToken>> {
        self.read(move |rows| {
            let mut statement = rows.prepare_cached(TOKENS)?;
            let found = statement.query_map([account.0, user.0], read)?;
            Ok(found.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    /// Ends one of a person's tokens; false if there is no such one.
    pub async fn revoke_token(&self, account: AccountId, user: UserId, id: TokenId) -> Result<bool> {
        self.write(move |rows| Ok(rows.prepare_cached(REVOKE_TOKEN)?.execute([account.0, user.0, id.0])? > 0)).await
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<ApiToken> {
    Ok(ApiToken {
        id: TokenId(row.get("id")?),
        user: UserId(row.get("user")?),
        account: AccountId(row.get("account")?),
        name: row.get("name")?,
        prefix: row.get("prefix")?,
        created_at_ms: row.get("created_at_ms")?,
        used_at_ms: row.get("used_at_ms")?,
        expires_at_ms: row.get("expires_at_ms")?,
    })
}
