//! The one sequence of changes to chunks, which the derived indexes follow.

use rusqlite::{Connection, params};

use super::Store;
use super::error::Result;
use crate::domain::id::{AccountId, CollectionId, Seq, SourceId};
use crate::domain::source::Source;

/// One change to the chunks of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    pub seq: Seq,
    pub source: SourceId,
    pub collection: CollectionId,
    pub kind: ChangeKind,
}

/// What happened to a source's chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// The source has the chunks that the store now holds for it, and no others.
    Put,
    /// What the source had is gone; a later change may put it anew.
    Drop,
}

const APPEND: &str = "
    INSERT INTO changes (account, collection, source, kind, at_ms) VALUES (?1, ?2, ?3, ?4, ?5)";

/// The changes that match; a put that was followed by another change of its source has nothing left to show.
macro_rules! select_changes {
    ($which:literal) => {
        concat!(
            "SELECT c.seq, c.source, c.collection,
                    c.kind = 'put' AND NOT EXISTS (
                        SELECT 1 FROM changes later WHERE later.source = c.source AND later.seq > c.seq) AS put
             FROM changes c WHERE ",
            $which,
            " AND c.seq > ?2 ORDER BY c.seq LIMIT ?3"
        )
    };
}

pub(super) const CHANGES_BY_ACCOUNT: &str = select_changes!("c.account = ?1");

pub(super) const CHANGES_BY_COLLECTION: &str = select_changes!("c.collection = ?1");

const LAST_SEQ: &str = "SELECT coalesce(max(seq), 0) FROM changes WHERE account = ?1";

impl Store {
    /// The first `limit` changes of an account after `after`, ascending.
    pub async fn changes_by_account(&self, account: AccountId, after: Seq, limit: usize) -> Result<Vec<Change>> {
        self.read(move |rows| changes(rows, CHANGES_BY_ACCOUNT, account.0, after, limit)).await
    }

    /// The first `limit` changes of a collection after `after`, ascending.
    pub async fn changes_by_collection(
        &self,
        collection: CollectionId,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Change>> {
        self.read(move |rows| changes(rows, CHANGES_BY_COLLECTION, collection.0, after, limit)).await
    }

    /// The number of an account's latest change, 0 if there is none.
    pub async fn last_seq(&self, account: AccountId) -> Result<Seq> {
        self.read(move |rows| Ok(rows.prepare_cached(LAST_SEQ)?.query_row([account.0], |row| row.get(0))?)).await
    }
}

/// Gives a change its number, which is the order of commits because only one connection writes.
pub(super) fn append(rows: &Connection, source: &Source, kind: ChangeKind, now_ms: i64) -> Result<Seq> {
    let kind = match kind {
        ChangeKind::Put => "put",
        ChangeKind::Drop => "drop",
    };
    let change = params![source.account.0, source.collection.0, source.id.0, kind, now_ms];
    Ok(rows.prepare_cached(APPEND)?.insert(change)?)
}

fn changes(rows: &Connection, query: &'static str, of: i64, after: Seq, limit: usize) -> Result<Vec<Change>> {
    let mut statement = rows.prepare_cached(query)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let found = statement.query_map(params![of, after, limit], |row| {
        Ok(Change {
            seq: row.get("seq")?,
            source: SourceId(row.get("source")?),
            collection: CollectionId(row.get("collection")?),
            kind: if row.get("put")? { ChangeKind::Put } else { ChangeKind::Drop },
        })
    })?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}
