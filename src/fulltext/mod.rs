//! The derived word index: one tantivy index per account.

use std::path::Path;

use crate::domain::account::Scope;
use crate::domain::chunk::StoredChunk;
use crate::domain::id::{AccountId, Seq, SourceId};
use crate::domain::passage::Candidate;

/// Why a word index could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum FulltextError {
    #[error("{what}: {source}")]
    Io { what: String, source: std::io::Error },
    #[error("the word index of account {account}: {source}")]
    Engine { account: AccountId, source: Box<dyn std::error::Error + Send + Sync> },
}

/// The word indexes of all accounts below one folder. Cheap to clone.
#[derive(Clone)]
pub struct Fulltext {}

impl Fulltext {
    /// Remembers `folder`, which is made if missing; each account's index is opened when it is first named.
    pub fn open(_folder: &Path) -> Result<Fulltext, FulltextError> {
        Ok(Fulltext {})
    }

    /// The largest change that the account's index holds; 0 for none.
    pub fn last_seq(&self, _account: AccountId) -> Result<Seq, FulltextError> {
        Ok(0)
    }

    /// Removes the chunks of `drops` and of every source in `puts`, adds `puts`, and commits both as `seq`.
    pub fn apply(
        &self,
        _account: AccountId,
        _seq: Seq,
        _puts: &[StoredChunk],
        _drops: &[SourceId],
    ) -> Result<(), FulltextError> {
        Ok(())
    }

    /// The `k` chunks of the scope that match the question's words best (BM25), best first.
    pub fn search(&self, _scope: &Scope, _question: &str, _k: usize) -> Result<Vec<Candidate>, FulltextError> {
        Ok(Vec::new())
    }

    /// For each text, the idf-weighted share of the question's words that it holds, 0 to 1.
    pub fn coverage(&self, _scope: &Scope, _question: &str, texts: &[&str]) -> Result<Vec<f32>, FulltextError> {
        Ok(vec![0.0; texts.len()])
    }

    /// Chunks in the account's index.
    pub fn count(&self, _account: AccountId) -> Result<u64, FulltextError> {
        Ok(0)
    }

    /// Removes the account's index; its next `last_seq` is 0.
    pub fn forget(&self, _account: AccountId) -> Result<(), FulltextError> {
        Ok(())
    }
}
