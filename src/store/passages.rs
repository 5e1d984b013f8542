//! Chunks as a question needs them: with what a citation of them prints.

use rusqlite::Params;

use super::Store;
use super::columns;
use super::error::Result;
use crate::domain::account::Scope;
use crate::domain::extract::Span;
use crate::domain::id::{ChunkId, SourceId};

/// A chunk with its source's title and version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPassage {
    pub chunk: ChunkId,
    /// Its place among the chunks of its source, from 0.
    pub ordinal: u32,
    pub source: SourceId,
    /// The version of the source that `span` points into.
    pub version: u32,
    pub title: String,
    pub file_name: String,
    pub headings: Vec<String>,
    pub page: Option<u32>,
    pub span: Span,
    pub text: String,
    pub tokens: u32,
}

macro_rules! select_passages {
    ($from:literal, $which:literal) => {
        concat!(
            "SELECT c.id, c.ordinal, c.source, s.version, s.title, s.file_name, c.headings, c.page, c.span_start,
                    c.span_end, c.text, c.tokens FROM ",
            $from,
            " WHERE s.account = ?1 AND s.collection IN (SELECT value FROM json_each(?2)) ",
            $which
        )
    };
}

pub(super) const STORED_PASSAGES: &str = select_passages!(
    "json_each(?3) asked CROSS JOIN chunks c ON c.id = asked.value CROSS JOIN sources s ON s.id = c.source",
    "ORDER BY asked.key"
);

pub(super) const NEIGHBOURS: &str = select_passages!(
    "sources s CROSS JOIN chunks c ON c.source = s.id",
    "AND s.id = ?3 AND c.ordinal BETWEEN ?4 AND ?5 ORDER BY c.ordinal"
);

impl Store {
    /// Those of these chunks that lie in the scope, in the order asked.
    pub async fn stored_passages(&self, scope: &Scope, chunks: Vec<ChunkId>) -> Result<Vec<StoredPassage>> {
        self.passages(STORED_PASSAGES, (scope.account.0, columns::collections(scope), columns::chunks(&chunks))).await
    }

    /// The chunks of a source of the scope whose ordinals lie between `first` and `last`, both included, in order.
    pub async fn neighbours(
        &self,
        scope: &Scope,
        source: SourceId,
        first: u32,
        last: u32,
    ) -> Result<Vec<StoredPassage>> {
        self.passages(NEIGHBOURS, (scope.account.0, columns::collections(scope), source.0, first, last)).await
    }

    async fn passages(&self, query: &'static str, which: impl Params + Send + 'static) -> Result<Vec<StoredPassage>> {
        self.read(move |rows| {
            let mut statement = rows.prepare_cached(query)?;
            let found = statement.query_map(which, |row| {
                Ok(StoredPassage {
                    chunk: ChunkId(row.get("id")?),
                    ordinal: row.get("ordinal")?,
                    source: SourceId(row.get("source")?),
                    version: row.get("version")?,
                    title: row.get("title")?,
                    file_name: row.get("file_name")?,
                    headings: columns::read_list(row, "headings")?,
                    page: row.get("page")?,
                    span: columns::read_span(row, "span_start", "span_end")?,
                    text: row.get("text")?,
                    tokens: row.get("tokens")?,
                })
            })?;
            Ok(found.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }
}
