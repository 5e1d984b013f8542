//! Numbers that name rows. Each noun has a type of its own, so that one cannot be passed for another.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIntError;
            fn from_str(text: &str) -> Result<Self, ParseIntError> {
                text.parse().map($name)
            }
        }
    )*};
}

ids! {
    /// A tenant.
    AccountId,
    /// A person.
    UserId,
    /// A set of sources with its own readers.
    CollectionId,
    /// A document, website, text or question-and-answer pair.
    SourceId,
    /// A web site that is kept in step.
    WebsiteId,
    /// A page of one.
    WebPageId,
    /// A folder of the server that is kept in step.
    FolderId,
    /// A piece of a source's text; never given to a second chunk.
    ChunkId,
    /// One embedding model's vectors.
    GenerationId,
    /// A conversation.
    ChatId,
    /// One turn of a conversation.
    MessageId,
    /// A piece of slow work.
    JobId,
    /// An API token.
    TokenId,
}

/// A number from the one sequence that orders every change to chunks, given in commit order; 0 is before all.
pub type Seq = i64;
