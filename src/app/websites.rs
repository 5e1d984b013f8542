//! Web sites: added, listed, read again, stopped and removed, each within what the caller may.

use super::error::{Error, Kind, Result};
use super::principal::Principal;
use super::{App, sources};
use crate::domain::id::WebsiteId;
use crate::domain::website::{Every, Reach, Website};
use crate::ingest::web::{self, Web};
use crate::store::NewWebsite;
use crate::{clock, limits};

pub use crate::store::WebPages;

/// Sources of a web site that are removed in one step, so that others may write between two.
const REMOVED_AT_ONCE: usize = 50;
/// What a web site that somebody stopped says.
const STOPPED: &str = "It was stopped before all pages were read.";

/// A web site as somebody asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Without a scheme, it is taken as one of https.
    pub url: String,
    pub reach: Reach,
    /// `None` for as many as [`limits::WEB_PAGES_MAX_DEFAULT`].
    pub pages_max: Option<u32>,
    pub every: Every,
}

/// A web site that is now kept in step, whether or not it was before.
#[derive(Clone, Debug)]
pub struct Added {
    pub website: Website,
    /// The collection had it already; nothing was added.
    pub existed: bool,
}

/// Adds a web site, to be read at once.
pub async fn add(app: &App, principal: &Principal, wish: &Wish) -> Result<Added> {
    principal.must_edit()?;
    app.must_have_space()?;
    let Some(url) = web::address::typed(&wish.url) else {
        let message = "That is not an address of the web. It begins with https:// or http://, and is at most";
        return Err(Error::invalid(format!("{message} {} bytes long.", limits::WEB_ADDRESS_BYTES_MAX)));
    };
    let pages_max = match wish.reach {
        Reach::Page => 1,
        Reach::Sitemap | Reach::Crawl { .. } => wish.pages_max.unwrap_or(limits::WEB_PAGES_MAX_DEFAULT),
    };
    within("Of one web site", pages_max, 1, limits::WEB_PAGES_MAX, "pages")?;
    within("Links", wish.reach.depth_max(), 0, limits::WEB_DEPTH_MAX, "steps")?;
    let new = NewWebsite {
        account: principal.account.id,
        collection: sources::general(app, principal).await?,
        url: url.into(),
        reach: wish.reach,
        pages_max,
        every: wish.every,
        added_by: principal.user.as_ref().map(|user| user.id),
    };
    if list(app, principal).await?.len() >= limits::WEBSITES_MAX {
        let message = format!("An account keeps at most {} web sites; remove one first.", limits::WEBSITES_MAX);
        return Err(Error::new(Kind::Conflict, message));
    }
    let (website, existed) = app.store.create_website(new, clock::now_ms()).await?;
    app.visit.notify_waiters();
    Ok(Added { website, existed })
}

fn within(what: &str, asked: u32, least: u32, most: u32, unit: &str) -> Result<()> {
    match (least..=most).contains(&asked) {
        true => Ok(()),
        false => Err(Error::invalid(format!("{what}, {least} to {most} {unit} can be followed, not {asked}."))),
    }
}

/// The web sites that the caller may read, newest first; at most [`limits::WEBSITES_MAX`].
pub async fn list(app: &App, principal: &Principal) -> Result<Vec<Website>> {
    let scope = app.scope(principal).await?;
    Ok(app.store.websites(&scope).await?)
}

/// One web site.
pub async fn get(app: &App, principal: &Principal, id: WebsiteId) -> Result<Website> {
    let scope = app.scope(principal).await?;
    app.store.website(&scope, id).await?.ok_or_else(|| Error::not_found("web site"))
}

/// Pages of a web site, in the order in which they are visited.
pub async fn pages(app: &App, principal: &Principal, id: WebsiteId, offset: u32, limit: u32) -> Result<WebPages> {
    let scope = app.scope(principal).await?;
    app.store.web_pages(&scope, id, offset, limit).await?.ok_or_else(|| Error::not_found("web site"))
}

/// Has it read as often as `every`.
pub async fn set_every(app: &App, principal: &Principal, id: WebsiteId, every: Every) -> Result<Website> {
    principal.must_edit()?;
    let scope = app.scope(principal).await?;
    match app.store.set_website_every(&scope, id, every, clock::now_ms()).await? {
        true => get(app, principal, id).await,
        false => Err(Error::not_found("web site")),
    }
}

/// Reads it again now; one that is about to be read, or being read, is left at that.
pub async fn read_again(app: &App, principal: &Principal, id: WebsiteId) -> Result<Website> {
    principal.must_edit()?;
    let scope = app.scope(principal).await?;
    app.store.read_website_again(&scope, id, clock::now_ms()).await?;
    app.visit.notify_waiters();
    get(app, principal, id).await
}

/// Stops its reading, or takes it out of the line. What was read stays.
pub async fn stop(app: &App, principal: &Principal, id: WebsiteId) -> Result<Website> {
    principal.must_edit()?;
    let scope = app.scope(principal).await?;
    let stopped = app.store.stop_website(&scope, id, STOPPED.to_owned(), clock::now_ms()).await?;
    let website = get(app, principal, id).await?;
    if stopped {
        return Ok(website);
    }
    let state = website.state.as_str();
    let message = format!("Only a web site that waits or is being read can be stopped; this one is {state}.");
    Err(Error::new(Kind::Conflict, message))
}

/// Removes a web site. It is gone at once, and the sources that were made of its pages soon after.
pub async fn remove(app: &App, principal: &Principal, id: WebsiteId) -> Result<()> {
    principal.must_edit()?;
    let scope = app.scope(principal).await?;
    if !app.store.leave_website(&scope, id).await? {
        return Err(Error::not_found("web site"));
    }
    app.visit.notify_waiters();
    Ok(())
}

/// Removes some of the sources of web sites that are to go; whether there were any such sites.
pub(super) async fn clear(app: &App) -> Result<bool> {
    let Some(removed) = app.store.clear_website(REMOVED_AT_ONCE, clock::now_ms()).await? else { return Ok(false) };
    sources::removed(app, removed.account, &removed.sources, removed.unreferenced).await?;
    Ok(true)
}

/// Reads the web site that has been due longest; whether there was one.
pub(super) async fn read_next(app: &App) -> Result<bool> {
    let Some(round) = app.store.claim_website(clock::now_ms()).await? else { return Ok(false) };
    let (id, account) = (round.website.id, round.website.account);
    tracing::info!(website = %id, url = %round.website.url, round = round.number, "reading a web site");
    let changed = |source| {
        tracing::debug!(website = %id, %source, "a page has changed");
        app.work.notify_waiters();
        app.indexer.wants(account);
    };
    match web::read_website(&app.web(), &round, clock::now_ms, &changed).await {
        Ok(()) => tracing::info!(website = %id, "the web site was read"),
        // Its lease runs out, and the round goes on where it broke off.
        Err(error) => tracing::warn!(website = %id, %error, "reading a web site broke off; it goes on soon"),
    }
    Ok(true)
}

impl App {
    /// What reading web sites uses.
    pub(super) fn web(&self) -> Web {
        Web {
            store: self.store.clone(),
            blobs: self.blobs.clone(),
            reader: self.reader.clone(),
            visitor: self.visitor.clone(),
            gate: self.blob_gate.clone(),
        }
    }
}
