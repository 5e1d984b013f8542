//! Web sites, read page by page and kept in step: a round visits every page that is known and those that turn up.
//!
//! What a site asks in its `robots.txt` is heard before a page is visited ([`robots`]); addresses are written one way, so
//! that no page is read twice ([`address`]); a page is fetched only if it has changed, told apart from what is no page for
//! us ([`page`]), and put where the source that follows it is read like any document. Each step is in the store before
//! the next begins: a round that breaks off goes on where it was.

pub mod address;
mod page;
mod robots;
mod sitemaps;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::RwLock;
use tokio::time::Instant;
use url::Url;

use super::{IngestError, remove_original, sandbox};
use crate::blobs::Blobs;
use crate::domain::id::SourceId;
use crate::domain::website::Reach;
use crate::limits;
use crate::net::{NetError, Validators, Visitor};
use crate::store::{Content, Followed, PageToVisit, PageVisited, Round, RoundEnd, Store};
use robots::{Denied, Robots};

/// What reading web sites uses.
#[derive(Clone)]
pub struct Web {
    pub store: Store,
    pub blobs: Blobs,
    pub reader: sandbox::Reader,
    pub visitor: Visitor,
    /// Held to read from a file's rename to its row, to write while an unreferenced file is removed.
    pub gate: Arc<RwLock<()>>,
}

/// What one visit came to.
struct Visited {
    came: Came,
    /// Pages that turned up: as far from the beginning as this one, and one step further.
    beside: Vec<String>,
    beyond: Vec<String>,
    /// Whether the server could not be asked at all.
    unreachable: bool,
}

/// What came of a page itself.
enum Came {
    /// Nothing to keep.
    Told(PageVisited),
    Fresh(Fresh),
}

/// The content of a page, not kept yet.
struct Fresh {
    /// What it is called until its own title has been read.
    title: String,
    file_name: String,
    media_type: String,
    bytes: Vec<u8>,
    validators: Validators,
}

/// Reads a web site in `round`. `tell` is called with each source that has changed, after the store knows.
pub async fn read_website(
    web: &Web,
    round: &Round,
    now: fn() -> i64,
    tell: &(dyn Fn(SourceId) + Send + Sync),
) -> Result<(), IngestError> {
    let Some(home) = address::plain(&round.website.url) else {
        let end = RoundEnd::Failed(format!("{} is not an address of the web.", round.website.url));
        return Ok(web.store.finish_website(round, end, now()).await?);
    };
    let mut walk = Walk {
        web,
        round,
        home,
        now,
        sites: HashMap::new(),
        notes: Vec::new(),
        left_out: 0,
        next_visit: Instant::now(),
    };
    let begun = walk.begin().await?;
    let end = match begun {
        Ok(whole) => walk.pages(whole, tell).await?,
        Err(reason) => RoundEnd::Failed(reason),
    };
    Ok(web.store.finish_website(round, end, now()).await?)
}

/// One round under way.
struct Walk<'a> {
    web: &'a Web,
    round: &'a Round,
    home: Url,
    now: fn() -> i64,
    /// What each site asks, by scheme, host and port.
    sites: HashMap<String, Robots>,
    notes: Vec<String>,
    /// Pages that the site has beyond its limit.
    left_out: u32,
    next_visit: Instant,
}

impl Walk<'_> {
    /// Notes the pages with which the round begins. Tells whether those are all that there should be; or, inside, why there
    /// are none.
    async fn begin(&mut self) -> Result<Result<bool, String>, IngestError> {
        if self.round.website.reach != Reach::Sitemap {
            self.list(0, vec![self.home.to_string()]).await?;
            return Ok(Ok(true));
        }
        let home = self.home.clone();
        let mapped = sitemaps::pages(self.web, &home, self.robots(&home).await).await;
        if mapped.pages.is_empty() {
            let nothing = || "The site map lists no page of this site. Try to follow its links instead.".to_owned();
            return Ok(Err(mapped.missing.unwrap_or_else(nothing)));
        }
        self.list(0, mapped.pages).await?;
        let whole = mapped.missing.is_none();
        self.notes.extend(mapped.missing);
        Ok(Ok(whole))
    }

    /// Visits page after page until all were visited.
    async fn pages(&mut self, whole: bool, tell: &(dyn Fn(SourceId) + Send + Sync)) -> Result<RoundEnd, IngestError> {
        let (mut failure, mut any_read, mut unreachable) = (None, false, 0);
        while let Some(page) = self.web.store.next_page(self.round, (self.now)()).await? {
            let visited = self.visit(&page).await;
            match visited.came.reason() {
                None => any_read = true,
                Some(reason) if page.depth == 0 => failure = Some(reason.to_owned()),
                Some(_) => {}
            }
            unreachable = if visited.unreachable { unreachable + 1 } else { 0 };
            self.store(&page, visited, tell).await?;
            if unreachable >= limits::WEB_UNREACHABLE_MAX {
                self.notes.push(format!(
                    "{unreachable} pages in a row could not be reached, so the others were not tried; they are as they were."
                ));
                break;
            }
        }
        if self.left_out > 0 {
            let most = self.round.website.pages_max;
            self.notes.push(format!("The site has more pages than the {most} that are read of it."));
        }
        let notes = Some(self.notes.join(" ")).filter(|notes| !notes.is_empty());
        Ok(match failure {
            Some(reason) if !any_read => RoundEnd::Failed(reason),
            _ if whole => RoundEnd::Whole(notes),
            _ => RoundEnd::Partly(notes.unwrap_or_default()),
        })
    }

    async fn visit(&mut self, page: &PageToVisit) -> Visited {
        let Some(url) = address::plain(&page.url) else { return Visited::failed("It is no address of the web.") };
        let pause = self.robots(&url).await.pause();
        if let Err(denied) = self.robots(&url).await.allow(&url) {
            return match denied {
                Denied::Asked => Visited::skipped("The site's robots.txt asks programs not to read it."),
                Denied::Unknown(reason) => Visited { unreachable: true, ..Visited::failed(reason) },
            };
        }
        tokio::time::sleep_until(self.next_visit).await;
        let visited = page::visit(self.web, self.round, &self.home, &url, page).await;
        self.next_visit = Instant::now() + pause;
        visited
    }

    /// What the site of `url` asks; asked once a round.
    async fn robots(&mut self, url: &Url) -> &Robots {
        let site = url.origin().ascii_serialization();
        if !self.sites.contains_key(&site) {
            let robots = Robots::of(&self.web.visitor, url).await;
            self.sites.insert(site.clone(), robots);
        }
        &self.sites[&site]
    }

    async fn store(
        &mut self,
        page: &PageToVisit,
        visited: Visited,
        tell: &(dyn Fn(SourceId) + Send + Sync),
    ) -> Result<(), IngestError> {
        let web = self.web;
        let followed = web.follow(self.round, page, visited.came, (self.now)()).await?;
        if let Some(followed) = followed {
            if let Some(sha256) = followed.unreferenced {
                remove_original::<IngestError>(&web.store, &web.blobs, &web.gate, sha256).await?;
            }
            if followed.changed {
                tell(followed.source);
            }
        }
        self.list(page.depth, visited.beside).await?;
        if page.depth < self.round.website.reach.depth_max() {
            self.list(page.depth + 1, visited.beyond).await?;
        }
        Ok(())
    }

    async fn list(&mut self, depth: u32, urls: Vec<String>) -> Result<(), IngestError> {
        if !urls.is_empty() {
            self.left_out = self.left_out.saturating_add(self.web.store.list_pages(self.round, depth, urls).await?);
        }
        Ok(())
    }
}

impl Web {
    /// Keeps what came of a page and has its source follow it.
    async fn follow(
        &self,
        round: &Round,
        page: &PageToVisit,
        came: Came,
        now_ms: i64,
    ) -> Result<Option<Followed>, IngestError> {
        let fresh = match came {
            Came::Told(told) => return Ok(self.store.page_visited(round, page.id, told, now_ms).await?),
            Came::Fresh(fresh) => fresh,
        };
        let mut incoming = self.blobs.receive().await?;
        incoming.write(&fresh.bytes).await?;
        let _gate = self.gate.read().await;
        let (sha256, bytes) = incoming.finish().await?;
        let Fresh { title, file_name, media_type, validators: Validators { etag, modified }, .. } = fresh;
        let content = Content { file_name, media_type, bytes, sha256 };
        let read = PageVisited::Read { title, content, etag, modified };
        Ok(self.store.page_visited(round, page.id, read, now_ms).await?)
    }
}

impl Visited {
    fn of(came: Came) -> Visited {
        Visited { came, beside: Vec::new(), beyond: Vec::new(), unreachable: false }
    }

    fn skipped(reason: impl Into<String>) -> Visited {
        Visited::of(Came::Told(PageVisited::Skipped(reason.into())))
    }

    fn failed(reason: impl Into<String>) -> Visited {
        Visited::of(Came::Told(PageVisited::Failed(reason.into())))
    }
}

impl Came {
    /// Why there is nothing to read, if so.
    fn reason(&self) -> Option<&str> {
        match self {
            Came::Told(PageVisited::Gone(reason) | PageVisited::Skipped(reason) | PageVisited::Failed(reason)) => {
                Some(reason)
            }
            Came::Told(PageVisited::Unchanged | PageVisited::Read { .. }) | Came::Fresh(_) => None,
        }
    }
}

/// Why an address could not be visited, for whoever added it.
fn reason(error: &NetError) -> String {
    match error {
        NetError::Forbidden { host } => format!(
            "{host} is inside this network or on this machine. The administrator can allow it with WEB_ALLOWED_RANGES."
        ),
        NetError::TooLarge { bytes_max } => {
            format!("It is larger than {} MiB, the most that is read.", bytes_max >> 20)
        }
        NetError::Redirects { redirects_max } => format!("It was redirected more than {redirects_max} times."),
        other => format!("It could not be reached: {other}."),
    }
}

/// How long a server that asks for patience is given it.
fn patience(asked: Option<Duration>) -> Option<Duration> {
    asked.filter(|asked| *asked <= Duration::from_secs(limits::WEB_PAUSE_SECONDS_MAX))
}
