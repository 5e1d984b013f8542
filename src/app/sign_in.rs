//! Signing in and out, and the one-time link that makes the first administrator.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use super::App;
use super::error::{Error, Kind, Result};
use super::principal::Principal;
use super::secret::{self, Secret};
use crate::store::{Claimed, NewPerson};
use crate::{clock, limits};

const SESSION_PREFIX: &str = "ns_";
const LINK_PREFIX: &str = "setup_";
/// The account that the first administrator gets, if there is none yet.
pub(super) const ACCOUNT_FIRST: &str = "Home";

/// Checks the password and begins a session; the secret is the cookie's value.
///
/// Failures are counted per name and address, so that guessing is slow and nobody can lock another out.
pub async fn sign_in(app: &App, email: &str, password: &str, address: IpAddr) -> Result<Secret> {
    let email = email.trim().to_lowercase();
    app.sign_ins.may_try(&email, address, clock::now_ms())?;
    let found = app.store.user_with_password(email.clone()).await?;
    let (user, hash) = found.unzip();
    let matches = app.passwords.verify(password.to_owned(), hash).await?;
    let Some(user) = user.filter(|_| matches) else {
        app.sign_ins.failed(&email, address, clock::now_ms());
        return Err(Error::new(Kind::Unauthenticated, "The e-mail address or the password is not right."));
    };
    app.sign_ins.succeeded(&email, address);
    let memberships = app.store.memberships(user.id).await?;
    let Some((account, _)) = memberships.into_iter().next() else {
        return Err(Error::forbidden("You are not a member of any account. Ask an administrator to add you."));
    };
    let session = Secret::new(SESSION_PREFIX)?;
    app.store.create_session(session.hash(), user.id, account.id, clock::now_ms()).await?;
    Ok(session)
}

/// Ends the session behind a cookie.
pub async fn sign_out(app: &App, session: &str) -> Result<()> {
    Ok(app.store.end_session(secret::hash(session)).await?)
}

/// Who holds this cookie, if it is still good.
pub async fn by_session(app: &App, session: &str) -> Result<Option<Principal>> {
    if !session.starts_with(SESSION_PREFIX) {
        return Ok(None);
    }
    Ok(app.store.session(secret::hash(session), clock::now_ms()).await?.map(Principal::from))
}

/// Who holds this bearer token, if it is still good.
pub async fn by_token(app: &App, token: &str) -> Result<Option<Principal>> {
    if !token.starts_with(super::tokens::PREFIX) {
        return Ok(None);
    }
    let found = app.store.token(secret::hash(token), clock::now_ms()).await?;
    Ok(found.map(|(_, caller)| Principal::from(caller)))
}

/// Whether the appliance has its first administrator.
pub async fn is_claimed(app: &App) -> Result<bool> {
    Ok(app.store.is_claimed().await?)
}

/// Makes a new one-time link secret; earlier ones end. `None` once there is an administrator.
pub async fn setup_link(app: &App) -> Result<Option<Secret>> {
    if app.store.is_claimed().await? {
        return Ok(None);
    }
    let link = Secret::new(LINK_PREFIX)?;
    let expires_at_ms = clock::now_ms() + limits::SETUP_LINK_SECONDS_MAX * 1000;
    app.store.put_setup_link(link.hash(), expires_at_ms).await?;
    Ok(Some(link))
}

/// Whether a link may still be used.
pub async fn setup_link_valid(app: &App, link: &str) -> Result<bool> {
    Ok(app.store.setup_link_valid(secret::hash(link), clock::now_ms()).await?)
}

/// Makes the first administrator by the one-time link, and signs them in.
pub async fn claim(app: &App, link: &str, email: &str, name: &str, password: &str) -> Result<Secret> {
    let hash = secret::hash(link);
    if !app.store.setup_link_valid(hash, clock::now_ms()).await? {
        return Err(link_is_void());
    }
    make_administrator(app, Some(hash), email, name, password).await
}

/// Makes the first administrator at the command line, without a link.
pub async fn claim_at_the_console(app: &App, email: &str, name: &str, password: &str) -> Result<()> {
    make_administrator(app, None, email, name, password).await.map(drop)
}

async fn make_administrator(
    app: &App,
    link: Option<[u8; 32]>,
    email: &str,
    name: &str,
    password: &str,
) -> Result<Secret> {
    let person = new_person(app, email, name, password, true).await?;
    let session = Secret::new(SESSION_PREFIX)?;
    let now_ms = clock::now_ms();
    match app.store.claim(link, person, ACCOUNT_FIRST.to_owned(), now_ms).await? {
        Claimed::Done(user, account) => {
            app.store.create_session(session.hash(), user, account, now_ms).await?;
            Ok(session)
        }
        Claimed::AlreadyClaimed => {
            Err(Error::new(Kind::Conflict, "This appliance has its administrator already. Sign in instead."))
        }
        Claimed::BadLink => Err(link_is_void()),
    }
}

/// A person with a checked address and a hashed password.
pub(super) async fn new_person(
    app: &App,
    email: &str,
    name: &str,
    password: &str,
    administrator: bool,
) -> Result<NewPerson> {
    let email = email.trim().to_lowercase();
    let (local, domain) = email.split_once('@').unwrap_or_default();
    if local.is_empty() || domain.is_empty() || email.len() > 254 || email.contains(char::is_whitespace) {
        return Err(Error::invalid("That is not an e-mail address. One looks like jo@example.org."));
    }
    let name = name.trim();
    let name = if name.is_empty() { local } else { name }.chars().take(limits::TITLE_CHARS_MAX).collect();
    let password_hash = app.passwords.hash(password.to_owned()).await?;
    Ok(NewPerson { email, name, password_hash, administrator })
}

fn link_is_void() -> Error {
    Error::not_found("setup link (it may have expired: restart Nosia or run `nosia setup-link` for a new one)")
}

/// Recent failures by name and address.
#[derive(Default)]
pub struct SignIns {
    failures: Mutex<HashMap<(String, IpAddr), Vec<i64>>>,
}

/// Names and addresses remembered at most; the memory is cleared of the old ones beyond it.
const REMEMBERED_MAX: usize = 10_000;

impl SignIns {
    fn may_try(&self, email: &str, address: IpAddr, now_ms: i64) -> Result<()> {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = failures.get(&(email.to_owned(), address)).map_or(0, |times| recent(times, now_ms).count());
        if recent < limits::SIGN_IN_FAILURES_MAX {
            return Ok(());
        }
        Err(Error::new(
            Kind::Busy,
            format!(
                "Too many failed sign-ins with this name from here. Wait {} minutes.",
                limits::SIGN_IN_WINDOW_SECONDS / 60
            ),
        ))
    }

    fn failed(&self, email: &str, address: IpAddr, now_ms: i64) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= REMEMBERED_MAX {
            failures.retain(|_, times| recent(times, now_ms).next().is_some());
        }
        let times = failures.entry((email.to_owned(), address)).or_default();
        times.retain(|&at| now_ms - at < limits::SIGN_IN_WINDOW_SECONDS * 1000);
        times.push(now_ms);
    }

    fn succeeded(&self, email: &str, address: IpAddr) {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).remove(&(email.to_owned(), address));
    }
}

fn recent(times: &[i64], now_ms: i64) -> impl Iterator<Item = &i64> {
    times.iter().filter(move |&&at| now_ms - at < limits::SIGN_IN_WINDOW_SECONDS * 1000)
}

#[cfg(test)]
mod tests {
    use super::SignIns;
    use crate::limits;
    use std::net::IpAddr;

    #[test]
    fn guessing_is_slowed_for_one_name_and_address_only() {
        let (here, there): (IpAddr, IpAddr) = ([127, 0, 0, 1].into(), [127, 0, 0, 2].into());
        let sign_ins = SignIns::default();
        for _ in 0..limits::SIGN_IN_FAILURES_MAX {
            assert!(sign_ins.may_try("a@b", here, 0).is_ok());
            sign_ins.failed("a@b", here, 0);
        }
        let later = limits::SIGN_IN_WINDOW_SECONDS * 1000;
        let cases =
            [("a@b", here, 1, false), ("a@b", there, 1, true), ("c@b", here, 1, true), ("a@b", here, later, true)];
        for (email, address, now_ms, allowed) in cases {
            assert_eq!(sign_ins.may_try(email, address, now_ms).is_ok(), allowed, "{email} {address} at {now_ms}");
        }
    }
}
