//! Who is calling: the first parameter of every use case.

use super::error::{Error, Result};
use crate::domain::account::{Account, Role, User};
use crate::store::Caller;

/// A caller whose identity has been checked, acting in one account.
#[derive(Clone, Debug)]
pub struct Principal {
    /// The person; `None` for the administrator at the server's own command line.
    pub user: Option<User>,
    pub account: Account,
    pub role: Role,
}

impl Principal {
    /// The administrator at the command line of the server, who owns the data folder.
    pub fn at_the_console(account: Account) -> Principal {
        Principal { user: None, account, role: Role::Owner }
    }

    /// Passes if the caller may add, change and delete sources.
    pub fn must_edit(&self) -> Result<()> {
        if self.role >= Role::Editor {
            return Ok(());
        }
        Err(Error::forbidden(
            "You may read here but not change anything. Ask an owner of this account for the role \"editor\".",
        ))
    }

    /// Passes if the caller may decide about the account itself.
    pub fn must_own(&self) -> Result<()> {
        if self.role >= Role::Owner {
            return Ok(());
        }
        Err(Error::forbidden("Only an owner of this account may do this. Ask one of them."))
    }

    /// The person, for what only a person has: chats and tokens.
    pub fn person(&self) -> Result<&User> {
        self.user
            .as_ref()
            .ok_or_else(|| Error::forbidden("This belongs to a person; the command line has none of its own."))
    }

    /// Whether the caller administers the whole appliance.
    pub fn is_administrator(&self) -> bool {
        self.user.as_ref().is_none_or(|user| user.administrator)
    }
}

impl From<Caller> for Principal {
    fn from(caller: Caller) -> Principal {
        Principal { user: Some(caller.user), account: caller.account, role: caller.role }
    }
}
