//! Where a value came from, as `nosia config` names it.

use std::fmt;
use std::path::PathBuf;

/// The places that a setting can be made in, strongest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    Flag,
    Environment,
    /// A file that the variable `NAME_FILE` names.
    NamedFile(PathBuf),
    /// A systemd credential.
    Credential,
    /// A line of the settings file.
    SettingsFile(PathBuf),
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Flag => out.write_str("flag"),
            Origin::Environment => out.write_str("environment"),
            Origin::NamedFile(path) => write!(out, "environment, file {}", path.display()),
            Origin::Credential => out.write_str("systemd credential"),
            Origin::SettingsFile(path) => write!(out, "{}", path.display()),
            Origin::Default => out.write_str("default"),
        }
    }
}
