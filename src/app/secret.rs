//! Secrets handed out once: 256 random bits as text. Only their SHA-256 is stored, and none can be printed by accident.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use super::error::{Error, Result};

/// A session's cookie, an API token or a one-time link.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A new one that begins with `prefix`.
    pub fn new(prefix: &str) -> Result<Secret> {
        let mut bits = [0; 32];
        getrandom::fill(&mut bits).map_err(|error| Error::internal(error.to_string()))?;
        Ok(Secret(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bits))))
    }

    /// The secret itself, to be handed to its owner.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is stored.
    pub fn hash(&self) -> [u8; 32] {
        hash(&self.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The SHA-256 of a presented secret. Enough for 256 random bits: there is nothing to guess (OWASP ASVS 6.5.2).
pub fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}
