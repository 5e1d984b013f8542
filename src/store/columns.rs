//! How values that SQLite has no type for lie in its columns: lists, vectors, digests and spans.

use rusqlite::Row;
use rusqlite::types::Type;
use serde::de::DeserializeOwned;

use super::error::{Result, StoreError};
use crate::domain::account::Scope;
use crate::domain::extract::{PageSpan, Span, Unread};
use crate::domain::id::{ChunkId, SourceId};
use crate::domain::source::Sha256;

/// The scope's collections as a JSON list, for `json_each`.
pub(super) fn collections(scope: &Scope) -> String {
    numbers(scope.collections.iter().map(|id| id.0))
}

/// Chunks as a JSON list, for `json_each`.
pub(super) fn chunks(ids: &[ChunkId]) -> String {
    numbers(ids.iter().map(|id| id.0))
}

/// Sources as a JSON list, for `json_each`.
pub(super) fn sources(ids: &[SourceId]) -> String {
    numbers(ids.iter().map(|id| id.0))
}

fn numbers(ids: impl Iterator<Item = i64>) -> String {
    list(&ids.collect::<Vec<_>>())
}

/// `items` as a JSON list.
pub(super) fn list<T: serde::Serialize>(items: &[T]) -> String {
    serde_json::to_string(items).expect("numbers and strings are always JSON")
}

/// Reads the JSON list in `column`.
pub(super) fn read_list<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> rusqlite::Result<Vec<T>> {
    let index = row.as_ref().column_index(column)?;
    let text = row.get_ref(index)?.as_str()?;
    serde_json::from_str(text).map_err(|error| not_understood(index, Type::Text, error))
}

/// Pages as `[[number, start, end], ...]`.
pub(super) fn pages(pages: &[PageSpan]) -> String {
    list(&pages.iter().map(|page| (page.number, page.span.start, page.span.end)).collect::<Vec<_>>())
}

/// Reads what [`pages`] wrote.
pub(super) fn read_pages(row: &Row<'_>, column: &str) -> rusqlite::Result<Vec<PageSpan>> {
    let triples: Vec<(u32, usize, usize)> = read_list(row, column)?;
    Ok(triples.into_iter().map(|(number, start, end)| PageSpan { number, span: Span { start, end } }).collect())
}

/// Pages that were not read as `[[page, "why"], ...]`.
pub(super) fn unread(unread: &[Unread]) -> String {
    list(&unread.iter().map(|unread| (unread.page, &unread.reason)).collect::<Vec<_>>())
}

/// Reads what [`unread`] wrote.
pub(super) fn read_unread(row: &Row<'_>, column: &str) -> rusqlite::Result<Vec<Unread>> {
    let pairs: Vec<(u32, String)> = read_list(row, column)?;
    Ok(pairs.into_iter().map(|(page, reason)| Unread { page, reason }).collect())
}

/// A vector as 32-bit floats, little-endian, one after the other: what sqlite-vec's functions take.
pub(super) fn vector(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// Reads what [`vector`] wrote.
pub(super) fn read_vector(row: &Row<'_>, column: &str) -> rusqlite::Result<Vec<f32>> {
    let bytes = row.get_ref(column)?.as_blob()?;
    let (values, _) = bytes.as_chunks::<4>();
    Ok(values.iter().map(|value| f32::from_le_bytes(*value)).collect())
}

/// Reads a digest.
pub(super) fn read_sha256(row: &Row<'_>, column: &str) -> rusqlite::Result<Sha256> {
    row.get(column).map(Sha256)
}

/// Reads a span from its two columns.
pub(super) fn read_span(row: &Row<'_>, start: &str, end: &str) -> rusqlite::Result<Span> {
    Ok(Span { start: row.get::<_, i64>(start)? as usize, end: row.get::<_, i64>(end)? as usize })
}

/// Reads a word that `parse` knows.
pub(super) fn read_word<T>(row: &Row<'_>, column: &str, parse: fn(&str) -> Option<T>) -> rusqlite::Result<T> {
    let index = row.as_ref().column_index(column)?;
    let word = row.get_ref(index)?.as_str()?;
    parse(word).ok_or_else(|| not_understood(index, Type::Text, format!("`{word}` is no word of this schema")))
}

/// A size as SQLite keeps it. All sizes here are bounded far below 2^63.
pub(super) fn size(bytes: u64) -> Result<i64> {
    i64::try_from(bytes).map_err(StoreError::engine)
}

fn not_understood(
    column: usize,
    kind: Type,
    cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, kind, cause.into())
}
