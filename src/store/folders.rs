//! Folders of the server, and the looking through them. Their files are in `folder_files`.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::error::{Result, StoreError};
use super::websites::Removed;
use super::{Store, columns, folder_files, jobs, sources};
use crate::domain::account::Scope;
use crate::domain::folder::{Folder, FolderState};
use crate::domain::id::{AccountId, CollectionId, FolderId, UserId};

/// A folder that is not stored yet.
#[derive(Clone, Debug)]
pub struct NewFolder {
    pub account: AccountId,
    pub collection: CollectionId,
    pub path: String,
    pub added_by: Option<UserId>,
}

/// A folder that was claimed to be looked through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimedFolder {
    pub folder: Folder,
    pub added_by: Option<UserId>,
}

/// A query for whole folders, `f`.
macro_rules! select_folders {
    ($rest:literal) => {
        concat!(
            "SELECT f.id, f.account, f.collection, f.path, f.state, f.reason, f.read_at_ms, f.created_at_ms, f.added_by,
                    (SELECT count(*) FROM folder_files x WHERE x.folder = f.id AND x.state = 'read'
                     AND x.source IS NOT NULL) AS files,
                    (SELECT count(*) FROM folder_files x WHERE x.folder = f.id AND x.state = 'failed') AS failed,
                    (SELECT count(*) FROM folder_files x WHERE x.folder = f.id AND x.state = 'gone') AS gone
             FROM folders f ",
            $rest
        )
    };
}

const FOLDERS: &str = select_folders!(
    "WHERE f.account = ?1 AND f.collection IN (SELECT value FROM json_each(?2)) AND f.state <> 'leaving'
     ORDER BY f.id DESC"
);

const FOLDER: &str = select_folders!(
    "WHERE f.id = ?3 AND f.account = ?1 AND f.collection IN (SELECT value FROM json_each(?2)) AND f.state <> 'leaving'"
);

const FOLDER_UNSCOPED: &str = select_folders!("WHERE f.id = ?1");

const SAME_FOLDER: &str = select_folders!("WHERE f.collection = ?1 AND f.path = ?2");

const INSERT_FOLDER: &str = "
    INSERT INTO folders (account, collection, path, state, due_at_ms, added_by, created_at_ms)
    VALUES (?1, ?2, ?3, 'waiting', ?5, ?4, ?5)";

const COLLECTION_EXISTS: &str = "SELECT EXISTS (SELECT 1 FROM collections WHERE account = ?1 AND id = ?2)";

const SET_DUE: &str = "
    UPDATE folders SET state = 'waiting', reason = NULL, due_at_ms = ?2 WHERE id = ?1 AND state IN ('read', 'failed')";

const SET_LEAVING: &str =
    "UPDATE folders SET state = 'leaving', leased_until_ms = NULL WHERE id = ?1 AND state <> 'leaving'";

const LEAVING: &str = "SELECT id, account FROM folders WHERE state = 'leaving' ORDER BY id LIMIT 1";

const DELETE_FOLDER: &str = "DELETE FROM folders WHERE id = ?1";

const DUE: &str = "
    SELECT id FROM folders
    WHERE due_at_ms <= ?1 AND (leased_until_ms IS NULL OR leased_until_ms <= ?1) AND state <> 'leaving'
    ORDER BY due_at_ms LIMIT 1";

/// One that is only looked through because it is time shows no sign of it.
const CLAIM: &str = "
    UPDATE folders SET state = iif(state = 'waiting', 'reading', state), leased_until_ms = ?2 WHERE id = ?1";

const RENEW: &str = "UPDATE folders SET leased_until_ms = ?2 WHERE id = ?1 AND leased_until_ms IS NOT NULL";

const RELEASE: &str = "UPDATE folders SET leased_until_ms = NULL WHERE leased_until_ms IS NOT NULL";

const FINISH: &str = "
    UPDATE folders SET state = ?2, reason = ?3, leased_until_ms = NULL, read_at_ms = ?4, due_at_ms = ?5
    WHERE id = ?1 AND leased_until_ms IS NOT NULL";

impl Store {
    /// Adds a folder, to be looked through at once, or finds the one of the same collection with the same path, which is
    /// told by `true`. `Conflict("collection")` if the account has no such collection, `Conflict("folder")` if the folder
    /// is being removed.
    pub async fn create_folder(&self, new: NewFolder, now_ms: i64) -> Result<(Folder, bool)> {
        self.write(move |rows| {
            let place = [new.account.0, new.collection.0];
            if !rows.prepare_cached(COLLECTION_EXISTS)?.query_row(place, |row| row.get(0))? {
                return Err(StoreError::Conflict("collection"));
            }
            let same = params![new.collection.0, new.path];
            match rows.prepare_cached(SAME_FOLDER)?.query_row(same, read).optional()? {
                Some(same) if same.state == FolderState::Leaving => return Err(StoreError::Conflict("folder")),
                Some(same) => return Ok((same, true)),
                None => {}
            }
            let added_by = new.added_by.map(|user| user.0);
            let row = params![new.account.0, new.collection.0, new.path, added_by, now_ms];
            let id = rows.prepare_cached(INSERT_FOLDER)?.insert(row)?;
            Ok((rows.prepare_cached(FOLDER_UNSCOPED)?.query_row([id], read)?, false))
        })
        .await
    }

    /// The folders in the scope, newest first.
    pub async fn folders(&self, scope: &Scope) -> Result<Vec<Folder>> {
        let scope = scope.clone();
        self.read(move |rows| {
            let mut statement = rows.prepare_cached(FOLDERS)?;
            let found = statement.query_map(params![scope.account.0, columns::collections(&scope)], read)?;
            Ok(found.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    /// The folder with this number, if it lies in the scope.
    pub async fn folder(&self, scope: &Scope, id: FolderId) -> Result<Option<Folder>> {
        let scope = scope.clone();
        self.read(move |rows| find(rows, &scope, id)).await
    }

    /// Has a folder of the scope looked through now; false if there is no such one, or if that is about to happen anyway.
    pub async fn read_folder_again(&self, scope: &Scope, id: FolderId, now_ms: i64) -> Result<bool> {
        let scope = scope.clone();
        self.write(move |rows| {
            Ok(exists(rows, &scope, id)? && rows.prepare_cached(SET_DUE)?.execute(params![id.0, now_ms])? > 0)
        })
        .await
    }

    /// Has a folder of the scope go: from here on it is neither listed nor looked through, and [`Store::clear_folder`]
    /// removes it with its sources. False if there is no such one.
    pub async fn leave_folder(&self, scope: &Scope, id: FolderId) -> Result<bool> {
        let scope = scope.clone();
        self.write(move |rows| Ok(exists(rows, &scope, id)? && rows.prepare_cached(SET_LEAVING)?.execute([id.0])? > 0))
            .await
    }

    /// Removes up to `limit` of the sources of a folder that is to go, and the folder with the last of them; `None` if none
    /// is to go.
    pub async fn clear_folder(&self, limit: usize, now_ms: i64) -> Result<Option<Removed>> {
        self.write(move |rows| {
            let leaving = rows
                .prepare_cached(LEAVING)?
                .query_row([], |row| Ok((FolderId(row.get("id")?), AccountId(row.get("account")?))));
            let Some((id, account)) = leaving.optional()? else { return Ok(None) };
            let sources = folder_files::sources_of(rows, id, limit)?;
            let mut unreferenced = Vec::new();
            for source in &sources {
                unreferenced.extend(sources::remove(rows, *source, now_ms)?);
            }
            if sources.len() < limit {
                rows.prepare_cached(DELETE_FOLDER)?.execute([id.0])?;
            }
            Ok(Some(Removed { account, sources, unreferenced }))
        })
        .await
    }

    /// Claims the folder that has been due longest.
    pub async fn claim_folder(&self, now_ms: i64) -> Result<Option<ClaimedFolder>> {
        self.write(move |rows| {
            let due = rows.prepare_cached(DUE)?.query_row([now_ms], |row| row.get::<_, i64>("id"));
            let Some(id) = due.optional()? else { return Ok(None) };
            rows.prepare_cached(CLAIM)?.execute(params![id, jobs::lease_end(now_ms)])?;
            let claimed = rows.prepare_cached(FOLDER_UNSCOPED)?.query_row([id], |row| {
                let added_by = row.get::<_, Option<i64>>("added_by")?.map(UserId);
                Ok(ClaimedFolder { folder: read(row)?, added_by })
            })?;
            Ok(Some(claimed))
        })
        .await
    }

    /// Frees the folders that a dead process was looking through. Only for the start.
    pub async fn release_folders(&self) -> Result<()> {
        self.write(|rows| {
            rows.prepare_cached(RELEASE)?.execute([])?;
            Ok(())
        })
        .await
    }

    /// Ends the looking through a folder, with what was left out, or why it was not possible; it is due again at `due_ms`.
    pub async fn finish_folder(
        &self,
        id: FolderId,
        end: std::result::Result<Option<String>, String>,
        due_ms: i64,
        now_ms: i64,
    ) -> Result<()> {
        self.write(move |rows| {
            let (state, reason) = match end {
                Ok(note) => ("read", note),
                Err(reason) => ("failed", Some(reason)),
            };
            rows.prepare_cached(FINISH)?.execute(params![id.0, state, reason, now_ms, due_ms])?;
            Ok(())
        })
        .await
    }
}

fn find(rows: &Connection, scope: &Scope, id: FolderId) -> Result<Option<Folder>> {
    let mut statement = rows.prepare_cached(FOLDER)?;
    Ok(statement.query_row(params![scope.account.0, columns::collections(scope), id.0], read).optional()?)
}

/// Whether there is such a folder in the scope.
pub(super) fn exists(rows: &Connection, scope: &Scope, id: FolderId) -> Result<bool> {
    Ok(find(rows, scope, id)?.is_some())
}

/// Lengthens the lease of a folder that is being looked through; false if it is no longer.
pub(super) fn renew(rows: &Connection, id: FolderId, now_ms: i64) -> Result<bool> {
    Ok(rows.prepare_cached(RENEW)?.execute(params![id.0, jobs::lease_end(now_ms)])? > 0)
}

/// Reads a row of [`select_folders`].
fn read(row: &Row<'_>) -> rusqlite::Result<Folder> {
    let reason: Option<String> = row.get("reason")?;
    let state = columns::read_word(row, "state", |word| match word {
        "waiting" => Some(FolderState::Waiting),
        "reading" => Some(FolderState::Reading),
        "read" => Some(FolderState::Read),
        "failed" => Some(FolderState::Failed { reason: String::new() }),
        "leaving" => Some(FolderState::Leaving),
        _ => None,
    })?;
    let (state, note) = match state {
        FolderState::Failed { .. } => (FolderState::Failed { reason: reason.unwrap_or_default() }, None),
        other => (other, reason),
    };
    Ok(Folder {
        id: FolderId(row.get("id")?),
        account: AccountId(row.get("account")?),
        collection: CollectionId(row.get("collection")?),
        path: row.get("path")?,
        state,
        note,
        files: row.get("files")?,
        failed: row.get("failed")?,
        gone: row.get("gone")?,
        read_at_ms: row.get("read_at_ms")?,
        created_at_ms: row.get("created_at_ms")?,
    })
}
