//! Folders of the server that are kept in step, and what became of each of their files.

use super::id::{AccountId, CollectionId, FolderId, SourceId};

/// A folder of the server whose files are sources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    pub id: FolderId,
    pub account: AccountId,
    pub collection: CollectionId,
    /// Where it lies, without symbolic links.
    pub path: String,
    pub state: FolderState,
    /// What was left out, for the reader.
    pub note: Option<String>,
    /// Files that are searched, or will be when they are read.
    pub files: u32,
    /// Files that cannot be read.
    pub failed: u32,
    /// Files that have vanished.
    pub gone: u32,
    /// When it was last looked through.
    pub read_at_ms: Option<i64>,
    pub created_at_ms: i64,
}

/// Where a folder stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FolderState {
    /// To be looked through as soon as possible.
    Waiting,
    /// Being looked through because somebody asked.
    Reading,
    /// In step, and looked through now and then.
    Read,
    /// It could not be looked through, with a reason that a person understands. That is tried again.
    Failed { reason: String },
    /// Being removed.
    Leaving,
}

impl FolderState {
    /// The word used on pages, in the API and in the store.
    pub fn as_str(&self) -> &'static str {
        match self {
            FolderState::Waiting => "waiting",
            FolderState::Reading => "reading",
            FolderState::Read => "read",
            FolderState::Failed { .. } => "failed",
            FolderState::Leaving => "leaving",
        }
    }

    /// Whether nothing that somebody asked for is under way.
    pub fn is_settled(&self) -> bool {
        matches!(self, FolderState::Read | FolderState::Failed { .. })
    }
}

/// A file of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderFile {
    /// Below the folder, with `/` between names.
    pub path: String,
    pub bytes: u64,
    pub state: FolderFileState,
    /// The source that follows it, where it has one.
    pub source: Option<SourceId>,
    /// When it last turned out to have changed.
    pub read_at_ms: i64,
}

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FolderFileState {
    /// Its content is a source.
    Read,
    /// It was read once and has vanished: its text is kept for old citations, and no longer searched.
    Gone,
    /// It cannot be read, and why.
    Failed { reason: String },
    /// Somebody deleted its source, so it is left alone.
    Dropped,
}

impl FolderFileState {
    /// The word used on pages, in the API and in the store.
    pub fn as_str(&self) -> &'static str {
        match self {
            FolderFileState::Read => "read",
            FolderFileState::Gone => "gone",
            FolderFileState::Failed { .. } => "failed",
            FolderFileState::Dropped => "dropped",
        }
    }

    /// Why it is so, in a sentence, where there is something to say.
    pub fn reason(&self) -> Option<&str> {
        match self {
            FolderFileState::Failed { reason } => Some(reason),
            FolderFileState::Read | FolderFileState::Gone | FolderFileState::Dropped => None,
        }
    }
}
