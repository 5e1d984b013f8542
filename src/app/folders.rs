//! Folders of the server that are kept in step: added, listed, looked through and removed, each within what the caller may.

use std::path::{Path, PathBuf};

use super::error::{Error, Kind, Result};
use super::principal::Principal;
use super::{App, sources};
use crate::domain::folder::Folder;
use crate::domain::id::FolderId;
use crate::ingest::folder::{self, Folders};
use crate::store::{ClaimedFolder, FolderFiles, NewFolder, StoreError};
use crate::{clock, limits};

/// Sources of a folder that are removed in one step, so that others may write between two.
const REMOVED_AT_ONCE: usize = 50;
/// What stands for the account's name in a path that the settings allow.
const ACCOUNT: &str = "{account}";

/// A folder that is now kept in step, whether or not it was before.
#[derive(Clone, Debug)]
pub struct Added {
    pub folder: Folder,
    /// The collection had it already; nothing was added.
    pub existed: bool,
}

/// The folders, and all below them, that the account may have kept in step, as the settings have it.
pub fn allowed(app: &App, principal: &Principal) -> Vec<PathBuf> {
    allowed_to(&app.settings.folders_allowed, &principal.account.name)
}

/// Has a folder kept in step from now on.
pub async fn add(app: &App, principal: &Principal, path: &str) -> Result<Added> {
    principal.must_own()?;
    app.must_have_space()?;
    let path = opened(allowed(app, principal), path.trim().to_owned(), app.data.clone()).await?;
    if list(app, principal).await?.len() >= limits::FOLDERS_MAX {
        let message = format!("An account has at most {} folders watched; remove one first.", limits::FOLDERS_MAX);
        return Err(Error::new(Kind::Conflict, message));
    }
    let new = NewFolder {
        account: principal.account.id,
        collection: sources::general(app, principal).await?,
        path,
        added_by: principal.user.as_ref().map(|user| user.id),
    };
    let (folder, existed) = match app.store.create_folder(new, clock::now_ms()).await {
        Err(StoreError::Conflict("folder")) => {
            let message = "This folder is just being removed. Add it again in a moment.";
            return Err(Error::new(Kind::Conflict, message));
        }
        created => created?,
    };
    app.watch.notify_waiters();
    Ok(Added { folder, existed })
}

/// The folders that the caller may read, newest first; at most [`limits::FOLDERS_MAX`].
pub async fn list(app: &App, principal: &Principal) -> Result<Vec<Folder>> {
    let scope = app.scope(principal).await?;
    Ok(app.store.folders(&scope).await?)
}

/// One folder.
pub async fn get(app: &App, principal: &Principal, id: FolderId) -> Result<Folder> {
    let scope = app.scope(principal).await?;
    app.store.folder(&scope, id).await?.ok_or_else(|| Error::not_found("folder"))
}

/// Files of a folder, in the order of their paths.
pub async fn files(app: &App, principal: &Principal, id: FolderId, offset: u32, limit: u32) -> Result<FolderFiles> {
    let scope = app.scope(principal).await?;
    app.store.folder_files(&scope, id, offset, limit).await?.ok_or_else(|| Error::not_found("folder"))
}

/// Has it looked through now; one that is about to be is left at that.
pub async fn read_again(app: &App, principal: &Principal, id: FolderId) -> Result<Folder> {
    principal.must_edit()?;
    let scope = app.scope(principal).await?;
    app.store.read_folder_again(&scope, id, clock::now_ms()).await?;
    app.watch.notify_waiters();
    get(app, principal, id).await
}

/// Has it kept in step no longer. It is gone at once, and the sources that were made of its files soon after; the files
/// themselves are not touched.
pub async fn remove(app: &App, principal: &Principal, id: FolderId) -> Result<()> {
    principal.must_own()?;
    let scope = app.scope(principal).await?;
    if !app.store.leave_folder(&scope, id).await? {
        return Err(Error::not_found("folder"));
    }
    app.watch.notify_waiters();
    Ok(())
}

/// Removes some of the sources of folders that are to go; whether there were any such folders.
pub(super) async fn clear(app: &App) -> Result<bool> {
    let Some(removed) = app.store.clear_folder(REMOVED_AT_ONCE, clock::now_ms()).await? else { return Ok(false) };
    sources::removed(app, removed.account, &removed.sources, removed.unreferenced).await?;
    Ok(true)
}

/// Looks through the folder that has been due longest; whether there was one.
pub(super) async fn read_next(app: &App) -> Result<bool> {
    let Some(claimed) = app.store.claim_folder(clock::now_ms()).await? else { return Ok(false) };
    let (id, account) = (claimed.folder.id, claimed.folder.account);
    let changed = |source| {
        tracing::debug!(folder = %id, %source, "a file has changed");
        app.work.notify_waiters();
        app.indexer.wants(account);
    };
    let (end, every_ms) = match still_allowed(app, &claimed).await? {
        Err(reason) => (Err(reason), limits::FOLDER_EVERY_MS),
        Ok(()) => match folder::read_folder(&app.folders(), &claimed, clock::now_ms, &changed).await {
            Ok(Ok(looked)) if looked.unsettled => (Ok(looked.note), limits::FOLDER_SOON_MS),
            Ok(Ok(looked)) => (Ok(looked.note), limits::FOLDER_EVERY_MS),
            Ok(Err(reason)) => (Err(reason), limits::FOLDER_EVERY_MS),
            Err(error) => {
                tracing::warn!(folder = %id, %error, "looking through a folder broke off; it is tried again soon");
                (Err("Looking through it broke off; it is tried again soon.".to_owned()), limits::FOLDER_EVERY_MS)
            }
        },
    };
    if let Err(reason) = &end {
        tracing::warn!(folder = %id, path = %claimed.folder.path, %reason, "a folder could not be looked through");
    }
    let now_ms = clock::now_ms();
    app.store.finish_folder(id, end, now_ms + every_ms, now_ms).await?;
    Ok(true)
}

/// The settings may have changed since the folder was added, and so may what its path leads to.
async fn still_allowed(app: &App, claimed: &ClaimedFolder) -> Result<std::result::Result<(), String>> {
    let accounts = app.store.accounts().await?;
    let account = accounts.into_iter().find(|account| account.id == claimed.folder.account);
    let name = account.map(|account| account.name).unwrap_or_default();
    let path = claimed.folder.path.clone();
    let opened = opened(allowed_to(&app.settings.folders_allowed, &name), path, app.data.clone()).await;
    Ok(match opened {
        Ok(path) if path == claimed.folder.path => Ok(()),
        Ok(_) => Err("The folder was replaced by a link. Remove it here and add what it leads to.".to_owned()),
        Err(error) => Err(error.message),
    })
}

fn allowed_to(folders: &[PathBuf], account: &str) -> Vec<PathBuf> {
    let is_name = !account.is_empty() && !account.starts_with('.') && !account.contains(['/', '\0']);
    let of_account = |folder: &PathBuf| {
        let text = folder.to_string_lossy();
        (is_name || !text.contains(ACCOUNT)).then(|| PathBuf::from(text.replace(ACCOUNT, account)))
    };
    folders.iter().filter_map(of_account).collect()
}

/// `path` without links, if it is a folder in one of those `allowed` and has nothing to do with the data folder.
async fn opened(allowed: Vec<PathBuf>, path: String, data: PathBuf) -> Result<String> {
    let looked = tokio::task::spawn_blocking(move || look(&allowed, &path, &data)).await;
    looked.map_err(Error::internal)?
}

fn look(allowed: &[PathBuf], path: &str, data: &Path) -> Result<String> {
    let named = allowed.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(", ");
    if allowed.is_empty() {
        let message = "No folder of this server may be watched for this account. The administrator allows it with \
                       FOLDERS_ALLOWED.";
        return Err(Error::forbidden(message));
    }
    if !path.starts_with('/') || path.len() > limits::FOLDER_PATH_BYTES_MAX || path.contains('\0') {
        return Err(Error::invalid(format!("Name the folder by its whole path, one that begins with {named}.")));
    }
    // Of what lies elsewhere, nobody is told whether it is there.
    let outside = || Error::invalid(format!("{path} is not a folder in one of those that are allowed: {named}."));
    let real = Path::new(path).canonicalize().map_err(|_| outside())?;
    let is_allowed =
        allowed.iter().filter_map(|folder| folder.canonicalize().ok()).any(|folder| real.starts_with(folder));
    if !is_allowed || !real.is_dir() {
        return Err(outside());
    }
    let data = data.canonicalize().unwrap_or_else(|_| data.to_owned());
    if real.starts_with(&data) || data.starts_with(&real) {
        return Err(Error::invalid(format!("{path} holds the appliance's own data and cannot be watched.")));
    }
    match real.into_os_string().into_string() {
        Ok(path) => Ok(path),
        Err(_) => Err(Error::invalid(format!("The path that {path} leads to is not UTF-8."))),
    }
}

impl App {
    /// What keeping folders in step uses.
    fn folders(&self) -> Folders {
        Folders { store: self.store.clone(), blobs: self.blobs.clone(), gate: self.blob_gate.clone() }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    use super::{allowed_to, look};

    #[test]
    fn an_account_sees_its_own_folders_alone() {
        let folders = [PathBuf::from("/srv/all"), PathBuf::from("/srv/{account}/in")];
        assert_eq!(allowed_to(&folders, "Legal"), [PathBuf::from("/srv/all"), PathBuf::from("/srv/Legal/in")]);
        for name in ["", "..", "a/b"] {
            assert_eq!(allowed_to(&folders, name), [PathBuf::from("/srv/all")], "{name}");
        }
    }

    #[test]
    fn only_what_lies_in_an_allowed_folder_can_be_added() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        let text = |name: &str| at(name).display().to_string();
        std::fs::create_dir_all(at("open/in")).expect("a folder");
        std::fs::create_dir_all(at("closed")).expect("a folder");
        std::fs::create_dir_all(at("open/data/blobs")).expect("a folder");
        symlink(at("closed"), at("open/way-out")).expect("a link");
        symlink(at("open/in"), at("way-in")).expect("a link");
        let look = |path: &str| look(&[at("open")], path, &at("open/data"));
        let real = at("open/in").canonicalize().expect("it is there").display().to_string();
        for inside in [text("open/in"), text("way-in"), text("open/in/../in")] {
            assert_eq!(look(&inside).ok().as_ref(), Some(&real), "{inside}");
        }
        let outside = ["closed", "open/way-out", "open/missing", "missing", "open/../closed"].map(text);
        let messages: Vec<String> = outside.iter().map(|path| look(path).expect_err(path).message).collect();
        assert!(messages.iter().all(|message| message.contains("is not a folder in one of those")), "{messages:?}");
        for own in ["open", "open/data", "open/data/blobs"].map(text) {
            assert!(look(&own).is_err_and(|error| error.message.contains("own data")), "{own}");
        }
        assert!(look("open/in").is_err());
        assert!(super::look(&[], &text("open/in"), &at("data")).is_err());
    }
}
