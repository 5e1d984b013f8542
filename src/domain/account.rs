//! Who: accounts, their people, and what a caller may read.

use super::id::{AccountId, CollectionId, TokenId, UserId};

/// A tenant: what is in one account can not be seen from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub id: AccountId,
    pub name: String,
}

/// A person who can sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub id: UserId,
    pub email: String,
    pub name: String,
    /// Administers the appliance itself, beside whatever role the person has in accounts.
    pub administrator: bool,
}

/// What a member may do in an account. Later ones include earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Asks and reads.
    Reader,
    /// Adds, changes and deletes sources as well.
    Editor,
    /// Decides about people, collections and tokens as well.
    Owner,
}

impl Role {
    /// The word used on pages, in the API and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Reader => "reader",
            Role::Editor => "editor",
            Role::Owner => "owner",
        }
    }

    /// The role that `word` names.
    pub fn parse(word: &str) -> Option<Role> {
        [Role::Reader, Role::Editor, Role::Owner].into_iter().find(|role| role.as_str() == word)
    }
}

/// A set of sources with its own readers. Each account has one named "General".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collection {
    pub id: CollectionId,
    pub account: AccountId,
    pub name: String,
}

/// The name of the collection that every account has.
pub const COLLECTION_GENERAL: &str = "General";

/// What a caller may read: every read of sources, chunks and passages takes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    pub account: AccountId,
    /// The readable collections, ascending.
    pub collections: Vec<CollectionId>,
    /// Whether those are all that the account has, so that an index of the account needs no filter.
    pub whole: bool,
}

/// A bearer token of the API as its owner sees it: the secret itself is never kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiToken {
    pub id: TokenId,
    pub user: UserId,
    pub account: AccountId,
    pub name: String,
    /// The first characters of the secret, to tell tokens apart.
    pub prefix: String,
    pub created_at_ms: i64,
    pub used_at_ms: Option<i64>,
    pub expires_at_ms: Option<i64>,
}
