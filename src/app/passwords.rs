//! Passwords: their rules, and argon2id in a bounded pool so that sign-ins cannot take the machine.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use tokio::sync::Semaphore;

use super::error::{Error, Kind, Result};
use crate::limits;

/// Hashes and checks passwords, at most a few at once.
pub struct Passwords {
    places: Semaphore,
    /// A hash that no password has: checked when the name is unknown, so that the answer takes as long.
    decoy: String,
}

/// Memory of one hash in KiB and passes over it: OWASP's recommendation for argon2id.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
/// Sign-ins that may wait for a place.
const WAITING_MAX: usize = 64;

impl Passwords {
    /// A pool with one place per core.
    pub fn new() -> Result<Passwords> {
        let places = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Passwords { places: Semaphore::new(places), decoy: hash_now("a password that nobody has")? })
    }

    /// The PHC string of `password`, which must keep the rules.
    pub async fn hash(&self, password: String) -> Result<String> {
        keeps_the_rules(&password)?;
        self.in_a_place(move || hash_now(&password)).await?
    }

    /// Whether `password` is the one behind `hash`; with no hash the same work is done for nothing.
    pub async fn verify(&self, password: String, hash: Option<String>) -> Result<bool> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.decoy.clone());
        let matches = self.in_a_place(move || verify_now(&password, &hash)).await?;
        Ok(matches && known)
    }

    async fn in_a_place<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        static WAITING: Semaphore = Semaphore::const_new(WAITING_MAX);
        let _waiting = WAITING
            .try_acquire()
            .map_err(|_| Error::new(Kind::Busy, "Many people are signing in. Try again in a few seconds."))?;
        let _place = self.places.acquire().await.map_err(Error::internal)?;
        tokio::task::spawn_blocking(work).await.map_err(Error::internal)
    }
}

/// Checks the length alone: composition rules make passwords worse (NIST SP 800-63B, 5.1.1.2).
fn keeps_the_rules(password: &str) -> Result<()> {
    let chars = password.chars().count();
    if (limits::PASSWORD_CHARS_MIN..=limits::PASSWORD_CHARS_MAX).contains(&chars) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "A password has {} to {} characters; this one has {chars}. A few unrelated words make a good one.",
        limits::PASSWORD_CHARS_MIN,
        limits::PASSWORD_CHARS_MAX
    )))
}

fn argon2id() -> Result<Argon2<'static>> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, None).map_err(|error| Error::internal(error.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash_now(password: &str) -> Result<String> {
    let hash = argon2id()?.hash_password(password.as_bytes()).map_err(|error| Error::internal(error.to_string()))?;
    Ok(hash.to_string())
}

fn verify_now(password: &str, hash: &str) -> bool {
    if password.chars().count() > limits::PASSWORD_CHARS_MAX {
        return false;
    }
    let (Ok(hash), Ok(argon2id)) = (PasswordHash::new(hash), argon2id()) else { return false };
    argon2id.verify_password(password.as_bytes(), &hash).is_ok()
}

#[cfg(test)]
mod tests {
    use super::Passwords;

    #[tokio::test]
    async fn only_the_right_password_of_a_known_person_passes() {
        let passwords = Passwords::new().expect("argon2 takes the parameters");
        let hash = passwords.hash("correct horse battery".to_owned()).await.expect("long enough");
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        let cases = [
            ("correct horse battery", Some(hash.clone()), true),
            ("correct horse batterz", Some(hash), false),
            ("a password that nobody has", None, false),
            ("anything", Some("not a hash".to_owned()), false),
        ];
        for (password, hash, passes) in cases {
            assert_eq!(passwords.verify(password.to_owned(), hash).await.expect("not busy"), passes, "{password}");
        }
        for bad in ["", "eleven char", &"x".repeat(257)] {
            assert!(passwords.hash(bad.to_owned()).await.is_err(), "{} characters", bad.len());
        }
    }
}
