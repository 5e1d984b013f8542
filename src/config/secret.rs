//! A value that must not be shown: it has no text but through [`Secret::reveal`].

use std::fmt;

/// A key or password. `Debug` and `Display` print the same few stars for every secret, whatever its length.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// What is printed in a secret's place.
const MASK: &str = "********";

impl Secret {
    /// Wraps `text`, which from here on is shown nowhere by accident.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The text itself, for the one place that sends or checks it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(MASK)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(MASK)
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn a_secret_is_not_shown() {
        let secret = Secret::new("sk-very-secret");
        for shown in [format!("{secret}"), format!("{secret:?}"), format!("{:?}", Some(&secret))] {
            assert!(!shown.contains("very"), "{shown}");
        }
        assert_eq!(secret.reveal(), "sk-very-secret");
    }
}
