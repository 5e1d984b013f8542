//! What is written here: texts, and questions with their answers; added, read back and changed.

use super::App;
use super::error::{Error, Kind, Result};
use super::principal::Principal;
use super::sources::{self, Added};
use crate::domain::id::SourceId;
use crate::domain::source::{Source, SourceKind};
use crate::domain::written::Written;
use crate::store::{Content, NewSource, Rewritten};
use crate::{clock, limits};

const MEDIA_TYPE: &str = "text/markdown";

/// Adds something written here.
pub async fn add(app: &App, principal: &Principal, written: &Written) -> Result<Added> {
    principal.must_edit()?;
    check(written)?;
    let _gate = app.blob_gate.read().await;
    let Content { file_name, media_type, bytes, sha256 } = keep(app, written).await?;
    let new = NewSource {
        account: principal.account.id,
        collection: sources::general(app, principal).await?,
        kind: written.kind(),
        title: file_name.clone(),
        file_name,
        media_type,
        bytes,
        sha256,
        added_by: principal.user.as_ref().map(|user| user.id),
        parent: None,
    };
    sources::create(app, new).await
}

/// A source that was written here, and what it says.
pub async fn get(app: &App, principal: &Principal, id: SourceId) -> Result<(Source, Written)> {
    let source = sources::get(app, principal, id).await?;
    if !source.kind.is_written() {
        return Err(missing(SourceKind::Text));
    }
    let kept = app.blobs.read(source.sha256).await?;
    let written = Written::read(source.kind, &source.title, &String::from_utf8_lossy(&kept));
    Ok((source, written.ok_or_else(|| missing(SourceKind::Text))?))
}

/// Passes if what was found is of the kind that was asked for.
pub fn must_be(found: SourceKind, asked: SourceKind) -> Result<()> {
    if found == asked { Ok(()) } else { Err(missing(asked)) }
}

/// Has a source of the same kind say something else from now on. It is read anew; until then, and for citations of it,
/// the old text stays.
pub async fn change(app: &App, principal: &Principal, id: SourceId, written: &Written) -> Result<Source> {
    principal.must_edit()?;
    check(written)?;
    let source = sources::get(app, principal, id).await?;
    must_be(source.kind, written.kind())?;
    let scope = app.scope(principal).await?;
    let rewritten = {
        let _gate = app.blob_gate.read().await;
        let content = keep(app, written).await?;
        app.store.rewrite_source(&scope, id, content, clock::now_ms()).await?
    };
    match rewritten {
        Rewritten::Missing => Err(missing(source.kind)),
        Rewritten::Same(title) => Err(Error::new(Kind::Conflict, format!("This is already written here: {title}."))),
        Rewritten::Unchanged => Ok(source),
        Rewritten::Changed { unreferenced } => {
            app.work.notify_waiters();
            sources::removed(app, source.account, &[], unreferenced.into_iter().collect()).await?;
            sources::get(app, principal, id).await
        }
    }
}

fn check(written: &Written) -> Result<()> {
    let (of, under) = match written {
        Written::Text { .. } => ("A text needs a title", "something written under it"),
        Written::Qna { .. } => ("A question is needed", "its answer"),
    };
    let title = written.title();
    if title.is_empty() || written.body().trim().is_empty() {
        return Err(Error::invalid(format!("{of} and {under}.")));
    }
    let most = limits::TITLE_CHARS_MAX;
    match title.chars().count() {
        long if long > most => Err(Error::invalid(format!("The first line has {long} characters; {most} at most."))),
        _ => Ok(()),
    }
}

/// Puts it where originals are kept. The gate must be held until it has its row.
async fn keep(app: &App, written: &Written) -> Result<Content> {
    app.must_have_space()?;
    let mut incoming = app.blobs.receive().await?;
    incoming.write(written.markdown().as_bytes()).await?;
    let (sha256, bytes) = incoming.finish().await?;
    Ok(Content { file_name: written.title(), media_type: MEDIA_TYPE.to_owned(), bytes, sha256 })
}

fn missing(kind: SourceKind) -> Error {
    Error::not_found(match kind {
        SourceKind::Qna => "question with an answer",
        SourceKind::Text | SourceKind::Document | SourceKind::Website => "text",
    })
}
