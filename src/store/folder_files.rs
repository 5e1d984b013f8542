//! The files of folders: known, changed, vanished, and followed by sources.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::error::Result;
use super::folders::{self, ClaimedFolder};
use super::followed::{self, Content, Followed};
use super::sources::{self, NewSource};
use super::{Store, columns};
use crate::domain::account::Scope;
use crate::domain::folder::{FolderFile, FolderFileState};
use crate::domain::id::{FolderId, SourceId};
use crate::domain::source::SourceKind;
use crate::limits;

/// By what a change of a file is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    pub bytes: u64,
    /// When its content, its name or its rights last changed, in nanoseconds since 1970.
    pub modified_ns: i64,
}

/// A file as it was found the last time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownFile {
    pub stamp: Stamp,
    pub is_gone: bool,
}

/// What came of a file that is new or has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileRead {
    /// Its content, which may be what it was before.
    Read(Content),
    /// It is nothing that can be read, and why. What it was before is no longer searched.
    Refused(String),
    /// It could not be read this time, and why. What it was before stays.
    Failed(String),
}

/// One page of a listing of files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderFiles {
    /// In the order of their paths.
    pub rows: Vec<FolderFile>,
    pub total: u64,
}

const KNOWN: &str = "SELECT path, bytes, modified_ns, state FROM folder_files WHERE folder = ?1";

const FILE: &str = "SELECT id, source, state FROM folder_files WHERE folder = ?1 AND path = ?2";

const PUT: &str = "
    INSERT INTO folder_files (folder, path, bytes, modified_ns, state, reason, read_at_ms)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
    ON CONFLICT (folder, path) DO UPDATE
    SET bytes = excluded.bytes, modified_ns = excluded.modified_ns, state = excluded.state, reason = excluded.reason,
        read_at_ms = excluded.read_at_ms
    RETURNING id";

const SET_SOURCE: &str = "UPDATE folder_files SET source = ?2 WHERE id = ?1";

const SET_GONE: &str = "UPDATE folder_files SET state = 'gone', reason = NULL, read_at_ms = ?2 WHERE id = ?1";

const DELETE: &str = "DELETE FROM folder_files WHERE id = ?1";

const SOURCES: &str = "SELECT source FROM folder_files WHERE folder = ?1 AND source IS NOT NULL LIMIT ?2";

const LIST: &str = "
    SELECT path, bytes, state, reason, source, read_at_ms FROM folder_files
    WHERE folder = ?1 ORDER BY path LIMIT ?2 OFFSET ?3";

const COUNT: &str = "SELECT count(*) FROM folder_files WHERE folder = ?1";

impl Store {
    /// The files of a folder as they were found the last time, by their paths.
    pub async fn known_files(&self, id: FolderId) -> Result<HashMap<String, KnownFile>> {
        self.read(move |rows| {
            let mut statement = rows.prepare_cached(KNOWN)?;
            let known = statement.query_map([id.0], |row| {
                let stamp = Stamp { bytes: row.get::<_, i64>("bytes")? as u64, modified_ns: row.get("modified_ns")? };
                Ok((row.get("path")?, KnownFile { stamp, is_gone: row.get::<_, String>("state")? == "gone" }))
            })?;
            Ok(known.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    /// Stores what came of the file at `path`, with the source that follows it and its job; what became of that source,
    /// where it has one. `None` too if the folder was removed meanwhile.
    pub async fn file_read(
        &self,
        claimed: &ClaimedFolder,
        path: String,
        stamp: Stamp,
        came: FileRead,
        now_ms: i64,
    ) -> Result<Option<Followed>> {
        let claimed = claimed.clone();
        self.write(move |rows| {
            let folder = &claimed.folder;
            if !folders::renew(rows, folder.id, now_ms)? {
                return Ok(None);
            }
            let known = rows.prepare_cached(FILE)?.query_row(params![folder.id.0, path], file).optional()?;
            let source = known.and_then(|file| file.source);
            let source = source.map(|id| sources::find_unscoped(rows, id)).transpose()?.flatten();
            // What somebody deleted is left alone, until the file vanishes and comes back.
            let is_dropped = source.is_none() && known.is_some_and(|file| file.is_read);
            let (state, reason) = match &came {
                FileRead::Read(_) => ("read", None),
                FileRead::Refused(reason) | FileRead::Failed(reason) => ("failed", Some(reason)),
            };
            let (state, reason) = if is_dropped { ("read", None) } else { (state, reason) };
            // What failed is tried again the next time, changed or not.
            let modified_ns = if matches!(came, FileRead::Failed(_)) { 0 } else { stamp.modified_ns };
            let bytes = columns::size(stamp.bytes)?;
            let row = params![folder.id.0, path, bytes, modified_ns, state, reason, now_ms];
            let id: i64 = rows.prepare_cached(PUT)?.query_row(row, |row| row.get(0))?;
            match (came, source) {
                _ if is_dropped => Ok(None),
                (FileRead::Read(content), Some(source)) => followed::change(rows, &source, &content, now_ms).map(Some),
                (FileRead::Read(content), None) => {
                    let new = NewSource {
                        account: folder.account,
                        collection: folder.collection,
                        kind: SourceKind::Document,
                        title: path,
                        file_name: content.file_name,
                        media_type: content.media_type,
                        bytes: content.bytes,
                        sha256: content.sha256,
                        added_by: claimed.added_by,
                        parent: None,
                    };
                    let followed = followed::create(rows, &format!("folder file {id}"), new, now_ms)?;
                    rows.prepare_cached(SET_SOURCE)?.execute(params![id, followed.source.0])?;
                    Ok(Some(followed))
                }
                (FileRead::Refused(_), Some(source)) => {
                    followed::retire(rows, &source, now_ms)?;
                    Ok(Some(Followed { source: source.id, changed: true, unreferenced: None }))
                }
                (FileRead::Refused(_) | FileRead::Failed(_), _) => Ok(None),
            }
        })
        .await
    }

    /// Takes files that have vanished out of the search; the sources that were taken out.
    pub async fn files_gone(&self, claimed: &ClaimedFolder, paths: Vec<String>, now_ms: i64) -> Result<Vec<SourceId>> {
        let id = claimed.folder.id;
        self.write(move |rows| {
            let mut retired = Vec::new();
            if !folders::renew(rows, id, now_ms)? {
                return Ok(retired);
            }
            for path in paths {
                let known = rows.prepare_cached(FILE)?.query_row(params![id.0, path], file).optional()?;
                let Some(known) = known else { continue };
                let source = known.source.map(|id| sources::find_unscoped(rows, id)).transpose()?.flatten();
                match source {
                    Some(source) => {
                        followed::retire(rows, &source, now_ms)?;
                        rows.prepare_cached(SET_GONE)?.execute(params![known.id, now_ms])?;
                        retired.push(source.id);
                    }
                    // Nothing of it is kept.
                    None => drop(rows.prepare_cached(DELETE)?.execute([known.id])?),
                }
            }
            Ok(retired)
        })
        .await
    }

    /// Files of a folder of the scope; `None` if there is no such one.
    pub async fn folder_files(
        &self,
        scope: &Scope,
        id: FolderId,
        offset: u32,
        limit: u32,
    ) -> Result<Option<FolderFiles>> {
        let scope = scope.clone();
        self.read(move |rows| {
            if !folders::exists(rows, &scope, id)? {
                return Ok(None);
            }
            let asked = params![id.0, limit.min(limits::PAGE_ROWS_MAX), offset];
            let found = rows.prepare_cached(LIST)?.query_map(asked, read)?.collect::<rusqlite::Result<Vec<_>>>()?;
            let total = rows.prepare_cached(COUNT)?.query_row([id.0], |row| row.get::<_, i64>(0))?;
            Ok(Some(FolderFiles { rows: found, total: total as u64 }))
        })
        .await
    }
}

/// A file's row, as far as its change depends on it.
#[derive(Clone, Copy)]
struct File {
    id: i64,
    source: Option<SourceId>,
    is_read: bool,
}

fn file(row: &Row<'_>) -> rusqlite::Result<File> {
    let source = row.get::<_, Option<i64>>("source")?.map(SourceId);
    Ok(File { id: row.get("id")?, source, is_read: row.get::<_, String>("state")? == "read" })
}

/// Up to `limit` sources that follow files of a folder.
pub(super) fn sources_of(rows: &Connection, folder: FolderId, limit: usize) -> Result<Vec<SourceId>> {
    let mut statement = rows.prepare_cached(SOURCES)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let found = statement.query_map(params![folder.0, limit], |row| row.get(0).map(SourceId))?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<FolderFile> {
    let (source, reason) =
        (row.get::<_, Option<i64>>("source")?.map(SourceId), row.get::<_, Option<String>>("reason")?);
    let state = columns::read_word(row, "state", |word| match word {
        "read" => Some(FolderFileState::Read),
        "gone" => Some(FolderFileState::Gone),
        "failed" => Some(FolderFileState::Failed { reason: String::new() }),
        _ => None,
    })?;
    let state = match state {
        FolderFileState::Read if source.is_none() => FolderFileState::Dropped,
        FolderFileState::Failed { .. } => FolderFileState::Failed { reason: reason.unwrap_or_default() },
        other => other,
    };
    Ok(FolderFile {
        path: row.get("path")?,
        bytes: row.get::<_, i64>("bytes")? as u64,
        state,
        source,
        read_at_ms: row.get("read_at_ms")?,
    })
}
