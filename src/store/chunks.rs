//! The chunks of each source's present version.

use rusqlite::{Connection, Row, params};

use super::Store;
use super::columns;
use super::error::Result;
use crate::domain::chunk::{Chunk, StoredChunk};
use crate::domain::id::{ChunkId, CollectionId, SourceId};

/// A query for whole chunks, `c`, of sources, `s`.
macro_rules! select_chunks {
    ($rest:literal) => {
        concat!(
            "SELECT c.id, c.source, s.collection, s.title, s.file_name, c.headings, c.page, c.span_start, c.span_end,
                    c.text, c.tokens
             FROM chunks c CROSS JOIN sources s ON s.id = c.source ",
            $rest
        )
    };
}
pub(super) use select_chunks;

const CHUNKS: &str = select_chunks!("WHERE c.source = ?1 ORDER BY c.ordinal");

const DELETE_CHUNKS: &str = "DELETE FROM chunks WHERE source = ?1";

const INSERT_CHUNK: &str = "
    INSERT INTO chunks (source, ordinal, headings, page, span_start, span_end, text, tokens)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";

impl Store {
    /// The chunks of a source in the order of its text, whoever's it is: for the derived indexes.
    pub async fn chunks_of(&self, source: SourceId) -> Result<Vec<StoredChunk>> {
        self.read(move |rows| of_source(rows, source)).await
    }
}

/// The chunks of a source in the order of its text.
pub(super) fn of_source(rows: &Connection, source: SourceId) -> Result<Vec<StoredChunk>> {
    let mut statement = rows.prepare_cached(CHUNKS)?;
    let found = statement.query_map([source.0], read)?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// Reads a row of [`select_chunks`].
pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<StoredChunk> {
    Ok(StoredChunk {
        id: ChunkId(row.get("id")?),
        source: SourceId(row.get("source")?),
        collection: CollectionId(row.get("collection")?),
        title: row.get("title")?,
        file_name: row.get("file_name")?,
        chunk: Chunk {
            headings: columns::read_list(row, "headings")?,
            page: row.get("page")?,
            span: columns::read_span(row, "span_start", "span_end")?,
            text: row.get("text")?,
            tokens: row.get("tokens")?,
        },
    })
}

/// Puts `chunks` in place of those that a source has, whose vectors go with them; the new numbers in order.
pub(super) fn replace<'a>(
    rows: &Connection,
    source: SourceId,
    chunks: impl Iterator<Item = &'a Chunk>,
) -> Result<Vec<ChunkId>> {
    rows.prepare_cached(DELETE_CHUNKS)?.execute([source.0])?;
    let mut statement = rows.prepare_cached(INSERT_CHUNK)?;
    let mut ids = Vec::new();
    for (ordinal, chunk) in (0i64..).zip(chunks) {
        let (headings, span) = (columns::list(&chunk.headings), chunk.span);
        let (start, end) = (columns::size(span.start as u64)?, columns::size(span.end as u64)?);
        let row = params![source.0, ordinal, headings, chunk.page, start, end, chunk.text, chunk.tokens];
        ids.push(ChunkId(statement.insert(row)?));
    }
    Ok(ids)
}
