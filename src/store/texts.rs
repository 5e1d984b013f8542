//! The text of a source in any version that was ever read, so that every citation opens.

use rusqlite::{OptionalExtension, params};

use super::error::Result;
use super::{Store, columns, sources};
use crate::domain::account::Scope;
use crate::domain::extract::PageSpan;
use crate::domain::id::SourceId;
use crate::domain::source::Source;

/// One version of a source's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceText {
    /// The source as it is now, whichever version was asked for.
    pub source: Source,
    pub version: u32,
    pub markdown: String,
    pub pages: Vec<PageSpan>,
    /// What was left out and why, for the reader.
    pub notes: Vec<String>,
}

const TEXT: &str = "SELECT markdown, pages, notes FROM source_versions WHERE source = ?1 AND version = ?2";

impl Store {
    /// The text of a source of the scope, of the present version if none is named; `None` if there is no such one.
    pub async fn text(&self, scope: &Scope, id: SourceId, version: Option<u32>) -> Result<Option<SourceText>> {
        let scope = scope.clone();
        self.read(move |rows| {
            let Some(source) = sources::find(rows, &scope, id)? else { return Ok(None) };
            let version = version.unwrap_or(source.version);
            let text = rows.prepare_cached(TEXT)?.query_row(params![id.0, version], |row| {
                Ok(SourceText {
                    source,
                    version,
                    markdown: row.get("markdown")?,
                    pages: columns::read_pages(row, "pages")?,
                    notes: columns::read_list(row, "notes")?,
                })
            });
            Ok(text.optional()?)
        })
        .await
    }
}
