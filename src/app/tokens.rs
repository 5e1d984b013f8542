//! API tokens: made, listed and revoked by their own person. The secret is shown once.

use super::App;
use super::error::{Error, Result};
use super::principal::Principal;
use super::secret::Secret;
use crate::clock;
use crate::domain::account::ApiToken;
use crate::domain::id::TokenId;
use crate::store::NewToken;

/// What every token begins with, so that secret scanners know it.
pub const PREFIX: &str = "nsk_";
/// Characters of the secret kept in the open.
const PREFIX_SHOWN: usize = PREFIX.len() + 4;
const NAME_CHARS_MAX: usize = 100;
const DAYS_MAX: u32 = 3650;

/// Makes a token for the caller in the caller's account; the secret cannot be had again.
pub async fn create(
    app: &App,
    principal: &Principal,
    name: &str,
    expires_days: Option<u32>,
) -> Result<(Secret, ApiToken)> {
    let user = principal.person()?.id;
    let name = name.trim();
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX {
        return Err(Error::invalid(format!("A token's name has 1 to {NAME_CHARS_MAX} characters: say what uses it.")));
    }
    if expires_days.is_some_and(|days| days == 0 || days > DAYS_MAX) {
        return Err(Error::invalid(format!("A token expires in 1 to {DAYS_MAX} days, or never.")));
    }
    let (secret, now_ms) = (Secret::new(PREFIX)?, clock::now_ms());
    let token = NewToken {
        hash: secret.hash(),
        user,
        account: principal.account.id,
        name: name.to_owned(),
        prefix: secret.reveal()[..PREFIX_SHOWN].to_owned(),
        expires_at_ms: expires_days.map(|days| now_ms + i64::from(days) * 86_400_000),
    };
    let row = app.store.create_token(token, now_ms).await?;
    Ok((secret, row))
}

/// The caller's tokens in this account.
pub async fn list(app: &App, principal: &Principal) -> Result<Vec<ApiToken>> {
    Ok(app.store.tokens(principal.account.id, principal.person()?.id).await?)
}

/// Ends a token at once.
pub async fn revoke(app: &App, principal: &Principal, id: TokenId) -> Result<()> {
    match app.store.revoke_token(principal.account.id, principal.person()?.id, id).await? {
        true => Ok(()),
        false => Err(Error::not_found("token")),
    }
}
