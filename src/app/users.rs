//! People, as the administrator at the command line keeps them.

use super::App;
use super::error::{Error, Result};
use super::principal::Principal;
use super::sign_in::new_person;
use crate::clock;
use crate::domain::account::{Role, User};

/// Adds a person to the caller's account.
pub async fn add(app: &App, principal: &Principal, email: &str, name: &str, password: &str, role: Role) -> Result<()> {
    must_administer(principal)?;
    let person = new_person(app, email, name, password, false).await?;
    app.store.create_user(person, principal.account.id, role, clock::now_ms()).await?;
    Ok(())
}

/// Everybody who can sign in.
pub async fn list(app: &App, principal: &Principal) -> Result<Vec<User>> {
    must_administer(principal)?;
    Ok(app.store.users().await?)
}

/// Sets a person's password, and ends their sessions.
pub async fn set_password(app: &App, principal: &Principal, email: &str, password: &str) -> Result<()> {
    must_administer(principal)?;
    let found = app.store.user_with_password(email.trim().to_lowercase()).await?;
    let (user, _) = found.ok_or_else(|| Error::not_found("person"))?;
    let hash = app.passwords.hash(password.to_owned()).await?;
    Ok(app.store.set_password(user.id, hash).await?)
}

/// The person with this address, for a token made on their behalf at the command line.
pub(super) async fn by_email(app: &App, email: &str) -> Result<User> {
    let found = app.store.user_with_password(email.trim().to_lowercase()).await?;
    Ok(found.ok_or_else(|| Error::not_found("person"))?.0)
}

fn must_administer(principal: &Principal) -> Result<()> {
    match principal.is_administrator() {
        true => Ok(()),
        false => Err(Error::forbidden("Only an administrator may do this.")),
    }
}
