//! The text of a source in any version that was ever read, so that every citation opens.

use rusqlite::{OptionalExtension, Row, params};

use super::error::Result;
use super::{Store, columns, sources};
use crate::domain::account::Scope;
use crate::domain::extract::{Extract, Unit, Unread};
use crate::domain::id::SourceId;
use crate::domain::source::Source;

/// One version of a source's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceText {
    /// The source as it is now, whichever version was asked for.
    pub source: Source,
    pub version: u32,
    pub extract: Extract,
}

const TEXT: &str = "
    SELECT markdown, pages, unit, author, date, language, unread, notes FROM source_versions
    WHERE source = ?1 AND version = ?2";

const UNREAD: &str = "
    SELECT s.id, v.unit, v.unread FROM sources s JOIN source_versions v ON v.source = s.id AND v.version = s.version
    WHERE s.account = ?1 AND s.collection IN (SELECT value FROM json_each(?2)) AND s.unread > 0
      AND s.id IN (SELECT value FROM json_each(?3))";

/// The pages of a source that were not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadPages {
    pub source: SourceId,
    pub unit: Unit,
    pub pages: Vec<Unread>,
}

impl Store {
    /// Of each of these sources that lies in the scope, which pages of its present version were not read; nothing of
    /// those that were read whole.
    pub async fn unread_pages(&self, scope: &Scope, sources: &[SourceId]) -> Result<Vec<UnreadPages>> {
        let (scope, sources) = (scope.clone(), columns::sources(sources));
        self.read(move |rows| {
            let mut statement = rows.prepare_cached(UNREAD)?;
            let found =
                statement.query_map(params![scope.account.0, columns::collections(&scope), sources], |row| {
                    Ok(UnreadPages {
                        source: SourceId(row.get("id")?),
                        unit: columns::read_word(row, "unit", Unit::parse)?,
                        pages: columns::read_unread(row, "unread")?,
                    })
                })?;
            Ok(found.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    /// The text of a source of the scope, of the present version if none is named; `None` if there is no such one.
    pub async fn text(&self, scope: &Scope, id: SourceId, version: Option<u32>) -> Result<Option<SourceText>> {
        let scope = scope.clone();
        self.read(move |rows| {
            let Some(source) = sources::find(rows, &scope, id)? else { return Ok(None) };
            let version = version.unwrap_or(source.version);
            let extract = rows.prepare_cached(TEXT)?.query_row(params![id.0, version], extract).optional()?;
            Ok(extract.map(|extract| SourceText { source, version, extract }))
        })
        .await
    }
}

/// Reads all of an extract but its title, which is the source's.
fn extract(row: &Row<'_>) -> rusqlite::Result<Extract> {
    Ok(Extract {
        title: None,
        author: row.get("author")?,
        date: row.get("date")?,
        language: row.get("language")?,
        markdown: row.get("markdown")?,
        pages: columns::read_pages(row, "pages")?,
        unit: columns::read_word(row, "unit", Unit::parse)?,
        unread: columns::read_unread(row, "unread")?,
        notes: columns::read_list(row, "notes")?,
    })
}
