//! What the model that writes answers is told to do: by the account, or else by the appliance.

use super::App;
use super::error::{Error, Result};
use super::principal::Principal;
use crate::answer;
use crate::limits;

/// The instructions in force for an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instructions {
    /// The account's own; `None` where it has none.
    pub own: Option<String>,
    /// What holds for accounts without their own: RAG_SYSTEM_TEMPLATE, or else the built-in ones.
    pub default: String,
}

impl Instructions {
    /// The text that holds.
    pub fn text(&self) -> &str {
        self.own.as_ref().unwrap_or(&self.default)
    }
}

/// The instructions of the caller's account, for its owners.
pub async fn get(app: &App, principal: &Principal) -> Result<Instructions> {
    principal.must_own()?;
    let own = app.store.instructions(principal.account.id).await?;
    let default = app.settings.rag_system_template.clone().unwrap_or_else(|| answer::INSTRUCTIONS.to_owned());
    Ok(Instructions { own, default })
}

/// Gives the caller's account its own instructions, from the next question on, or with `None` takes them back.
pub async fn set(app: &App, principal: &Principal, text: Option<&str>) -> Result<()> {
    principal.must_own()?;
    let text = text.map(checked).transpose()?;
    let by = principal.user.as_ref().map_or("the command line", |user| user.email.as_str());
    tracing::info!(account = %principal.account.id, by, own = text.is_some(), "the account's instructions were changed");
    Ok(app.store.set_instructions(principal.account.id, text).await?)
}

/// What an answer for the caller begins with; `None` for the built-in instructions.
pub(super) async fn template(app: &App, principal: &Principal) -> Result<Option<String>> {
    let own = app.store.instructions(principal.account.id).await?;
    Ok(own.or_else(|| app.settings.rag_system_template.clone()))
}

/// `text` without the white space around it, if it can be instructions.
fn checked(text: &str) -> Result<String> {
    // A browser's form sends lines with both signs at their ends.
    let text = text.replace("\r\n", "\n");
    let (text, chars) = (text.trim(), text.trim().chars().count());
    if chars == 0 || chars > limits::INSTRUCTIONS_CHARS_MAX {
        return Err(Error::invalid(format!(
            "Instructions have 1 to {} characters; these have {chars}.",
            limits::INSTRUCTIONS_CHARS_MAX
        )));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::checked;
    use crate::limits;

    #[test]
    fn instructions_are_neither_empty_nor_endless() {
        let longest = "é".repeat(limits::INSTRUCTIONS_CHARS_MAX);
        for (text, expected) in [
            (" Be brief.\r\nRhyme.\n", Some("Be brief.\nRhyme.")),
            (longest.as_str(), Some(longest.as_str())),
            ("", None),
            (" \n", None),
            (&format!("{longest}é"), None),
        ] {
            assert_eq!(checked(text).ok().as_deref(), expected, "{} characters", text.chars().count());
        }
    }
}
