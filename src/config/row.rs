//! One line of `nosia config`.

/// A setting, its value in force, and whence it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The variable's name.
    pub name: String,
    /// The value; masked where it is a secret, empty where there is none.
    pub value: String,
    /// `flag`, `environment`, `systemd credential`, a file, `default`, or `computed`.
    pub origin: String,
    /// What an administrator might otherwise be surprised by; mostly empty.
    pub note: String,
}
