//! What can be wrong with a setting, in a line for the administrator.

/// One fault among the settings. All faults are reported at once.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} ({origin}): {problem}{}", allowed_after(.allowed))]
pub struct ConfigError {
    /// The setting, variable or key as it was written.
    pub name: String,
    /// Where it was written.
    pub origin: String,
    /// What is wrong, naming the value unless it is a secret.
    pub problem: String,
    /// What would be right, where that can be said.
    pub allowed: Option<String>,
}

/// All faults, one a line, as they are printed before the start is given up.
pub fn report(faults: &[ConfigError]) -> String {
    faults.iter().map(ConfigError::to_string).collect::<Vec<_>>().join("\n")
}

fn allowed_after(allowed: &Option<String>) -> String {
    allowed.as_ref().map(|words| format!("; allowed: {words}")).unwrap_or_default()
}
