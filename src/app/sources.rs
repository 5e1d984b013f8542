//! Sources: added, listed, read, retried and deleted, each within what the caller may.

use std::path::PathBuf;

use super::App;
use super::error::{Error, Kind, Result};
use super::principal::Principal;
use crate::blobs::Incoming;
use crate::domain::account::COLLECTION_GENERAL;
use crate::domain::id::{AccountId, CollectionId, SourceId};
use crate::domain::source::{Sha256, Source, SourceKind};
use crate::ingest;
use crate::ingest::extract::{self, HEAD_BYTES};
use crate::store::{Created, NewSource};
use crate::{clock, limits};

pub use crate::store::{SourceCounts, SourceFilter, SourcePage, SourceText, UnreadPages};

/// Why a source is failed that somebody stopped.
const STOPPED: &str = "It was stopped before it was read.";

/// A file on its way in. Dropped before [`Upload::finish`], it leaves nothing behind.
pub struct Upload {
    app: App,
    principal: Principal,
    file_name: String,
    incoming: Incoming,
    head: Vec<u8>,
}

/// A source that is now on disk, whether or not it was before.
#[derive(Clone, Debug)]
pub struct Added {
    pub source: Source,
    /// The same file was in the collection already; nothing was added.
    pub existed: bool,
}

/// Begins to receive a file named `file_name` by its sender.
pub async fn begin(app: &App, principal: &Principal, file_name: &str) -> Result<Upload> {
    principal.must_edit()?;
    app.must_have_space()?;
    Ok(Upload {
        app: app.clone(),
        principal: principal.clone(),
        file_name: plain_file_name(file_name),
        incoming: app.blobs.receive().await?,
        head: Vec::new(),
    })
}

impl Upload {
    /// The next bytes of the file.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let missing = HEAD_BYTES.saturating_sub(self.head.len());
        self.head.extend_from_slice(&bytes[..bytes.len().min(missing)]);
        Ok(self.incoming.write(bytes).await?)
    }

    /// The file is complete: once this returns, it is on disk and will be read, whatever happens.
    pub async fn finish(self) -> Result<Added> {
        let format = extract::detect(&self.file_name, &self.head)?;
        let _gate = self.app.blob_gate.read().await;
        let (sha256, bytes) = self.incoming.finish().await?;
        let new = NewSource {
            account: self.principal.account.id,
            collection: general(&self.app, &self.principal).await?,
            kind: SourceKind::Document,
            title: self.file_name.clone(),
            file_name: self.file_name,
            media_type: format.media_type().to_owned(),
            bytes,
            sha256,
            added_by: self.principal.user.as_ref().map(|user| user.id),
            parent: None,
        };
        create(&self.app, new).await
    }
}

/// Adds a source whose original is kept already.
pub(super) async fn create(app: &App, new: NewSource) -> Result<Added> {
    match app.store.create_source(new, clock::now_ms()).await? {
        Created::New(source) => {
            app.work.notify_waiters();
            metrics::counter!("nosia_sources_added_total").increment(1);
            Ok(Added { source, existed: false })
        }
        Created::Same(source) => Ok(Added { source, existed: true }),
    }
}

/// One page of the sources that the caller may read, newest first.
pub async fn list(app: &App, principal: &Principal, mut filter: SourceFilter) -> Result<SourcePage> {
    filter.limit = filter.limit.clamp(1, limits::PAGE_ROWS_MAX);
    let scope = app.scope(principal).await?;
    Ok(app.store.sources(&scope, filter).await?)
}

/// How many sources stand where.
pub async fn counts(app: &App, principal: &Principal) -> Result<SourceCounts> {
    let scope = app.scope(principal).await?;
    Ok(app.store.source_counts(&scope).await?)
}

/// One source.
pub async fn get(app: &App, principal: &Principal, id: SourceId) -> Result<Source> {
    let scope = app.scope(principal).await?;
    app.store.source(&scope, id).await?.ok_or_else(|| Error::not_found("source"))
}

/// Of these sources that the caller may read, which pages were not read.
pub async fn unread(app: &App, principal: &Principal, sources: &[SourceId]) -> Result<Vec<UnreadPages>> {
    let scope = app.scope(principal).await?;
    Ok(app.store.unread_pages(&scope, sources).await?)
}

/// The sources that lie in one, such as an archive, at most [`limits::PAGE_ROWS_MAX`] of them.
pub async fn parts(app: &App, principal: &Principal, id: SourceId) -> Result<Vec<Source>> {
    let scope = app.scope(principal).await?;
    Ok(app.store.parts(&scope, id, limits::PAGE_ROWS_MAX).await?)
}

/// The text read from a source: its newest version, or the one that a citation names.
pub async fn text(app: &App, principal: &Principal, id: SourceId, version: Option<u32>) -> Result<SourceText> {
    let scope = app.scope(principal).await?;
    app.store.text(&scope, id, version).await?.ok_or_else(|| Error::not_found("text of this source"))
}

/// A source and the path of its original file.
pub async fn original(app: &App, principal: &Principal, id: SourceId) -> Result<(Source, PathBuf)> {
    let source = get(app, principal, id).await?;
    let path = app.blobs.path(source.sha256);
    Ok((source, path))
}

/// Reads a failed source again.
pub async fn retry(app: &App, principal: &Principal, id: SourceId) -> Result<Source> {
    principal.must_edit()?;
    let scope = app.scope(principal).await?;
    let source = app.store.source(&scope, id).await?.ok_or_else(|| Error::not_found("source"))?;
    if !app.store.retry_source(&scope, id, clock::now_ms()).await? {
        let state = source.state.as_str();
        return Err(Error::new(
            Kind::Conflict,
            format!("Only a failed source can be tried again; this one is {state}."),
        ));
    }
    app.work.notify_waiters();
    get(app, principal, id).await
}

/// Stops the reading of a source, or takes it out of the line; it is then failed, and can be tried again.
pub async fn stop(app: &App, principal: &Principal, id: SourceId) -> Result<Source> {
    principal.must_edit()?;
    let scope = app.scope(principal).await?;
    let source = app.store.source(&scope, id).await?.ok_or_else(|| Error::not_found("source"))?;
    if !app.store.stop_source(&scope, id, STOPPED.to_owned(), clock::now_ms()).await? {
        let state = source.state.as_str();
        return Err(Error::new(
            Kind::Conflict,
            format!("Only a source that waits or is being read can be stopped; this one is {state}."),
        ));
    }
    app.in_hand.let_go(id);
    get(app, principal, id).await
}

/// Deletes a source: its text, its chunks, its file unless another source has the same, and all that lies within it.
pub async fn delete(app: &App, principal: &Principal, id: SourceId) -> Result<()> {
    principal.must_edit()?;
    let scope = app.scope(principal).await?;
    let deleted = app.store.delete_source(&scope, id, clock::now_ms()).await?;
    let deleted = deleted.ok_or_else(|| Error::not_found("source"))?;
    removed(app, principal.account.id, &deleted.sources, deleted.unreferenced).await
}

/// After sources were removed from the store: drops them where they are in hand, from the indexes, and the originals that
/// no other source has.
pub(super) async fn removed(
    app: &App,
    account: AccountId,
    sources: &[SourceId],
    unreferenced: Vec<Sha256>,
) -> Result<()> {
    sources.iter().for_each(|&source| app.in_hand.let_go(source));
    app.indexer.wants(account);
    for sha256 in unreferenced {
        ingest::remove_original::<Error>(&app.store, &app.blobs, &app.blob_gate, sha256).await?;
    }
    Ok(())
}

/// The collection that new sources go into.
pub(super) async fn general(app: &App, principal: &Principal) -> Result<CollectionId> {
    let collections = app.store.collections(principal.account.id).await?;
    collections
        .into_iter()
        .find(|collection| collection.name == COLLECTION_GENERAL)
        .map(|collection| collection.id)
        .ok_or_else(|| Error::internal("an account without its General collection"))
}

/// `name` as a plain file name: no folders, no control or direction-changing characters, not too long.
fn plain_file_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let plain: String = last
        .chars()
        .filter(|c| !c.is_control() && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'))
        .collect();
    let mut plain = plain.trim().trim_start_matches('.').to_owned();
    while plain.len() > limits::FILE_NAME_BYTES_MAX {
        let stem_end = plain.rfind('.').filter(|&dot| plain.len() - dot <= 16 && dot > 0).unwrap_or(plain.len());
        let last_char = plain[..stem_end].char_indices().next_back().map_or(0, |(at, _)| at);
        plain.replace_range(last_char..stem_end, "");
    }
    if plain.is_empty() { "document".to_owned() } else { plain }
}

#[cfg(test)]
mod tests {
    use super::plain_file_name;

    #[test]
    fn file_names_are_plain() {
        let long = format!("{}.pdf", "é".repeat(300));
        let cases = [
            ("report.pdf", "report.pdf"),
            ("../../etc/passwd", "passwd"),
            ("C:\\Users\\me\\plan.docx", "plan.docx"),
            ("in\u{202e}fdp.exe\0", "infdp.exe"),
            ("...", "document"),
            ("", "document"),
            ("été à la mer.md", "été à la mer.md"),
        ];
        for (given, plain) in cases {
            assert_eq!(plain_file_name(given), plain);
        }
        let short = plain_file_name(&long);
        assert!(short.len() <= 255 && short.ends_with("é.pdf"), "{short}");
    }
}
