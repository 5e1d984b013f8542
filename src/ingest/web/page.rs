//! One page: fetched if it has changed, and told apart from what is no page for us.

use url::Url;

use super::{Came, Fresh, Visited, Web, address, patience, reason};
use crate::domain::website::Reach;
use crate::ingest::extract::{self, Format, Links};
use crate::limits;
use crate::net::{Content, NetError, Validators, Visit};
use crate::store::{PageToVisit, PageVisited, Round};

/// Why a page is left out that does not want to be found.
const NOINDEX: &str = "The page asks not to be found by searching (noindex).";

/// Visits `url`, which is `page` of the site that begins at `home`.
pub(super) async fn visit(web: &Web, round: &Round, home: &Url, url: &Url, page: &PageToVisit) -> Visited {
    let known = Validators { etag: page.etag.clone(), modified: page.modified.clone() };
    match ask(web, url, &known).await {
        Ok(Visit::Content(content)) => Fetched { web, round, home, url }.content(*content).await,
        Ok(Visit::Unchanged) => Visited::of(Came::Told(PageVisited::Unchanged)),
        Ok(Visit::Refused { status: status @ (404 | 410), .. }) => {
            Visited::of(Came::Told(PageVisited::Gone(format!("The server answers that it is not there ({status})."))))
        }
        Ok(Visit::Refused { status: status @ (401 | 403 | 407), .. }) => {
            Visited::failed(format!("The server does not let it be read ({status})."))
        }
        Ok(Visit::Refused { status, .. }) => Visited::failed(format!("The server answers with status {status}.")),
        Err(error) => unreachable(&error),
    }
}

/// Asks once more where the server is only busy and says for how long.
async fn ask(web: &Web, url: &Url, known: &Validators) -> Result<Visit, NetError> {
    let visit = web.visitor.visit(url.as_str(), known, limits::WEB_PAGE_BYTES_MAX).await?;
    let Visit::Refused { status: 429 | 503, retry_after } = visit else { return Ok(visit) };
    let Some(wait) = patience(retry_after) else { return Ok(visit) };
    tokio::time::sleep(wait).await;
    web.visitor.visit(url.as_str(), known, limits::WEB_PAGE_BYTES_MAX).await
}

fn unreachable(error: &NetError) -> Visited {
    let ours = matches!(error, NetError::TooLarge { .. } | NetError::Redirects { .. } | NetError::Forbidden { .. });
    Visited { unreachable: !ours, ..Visited::failed(reason(error)) }
}

/// What a page is called like a file. One that is HTML by its server's word alone, such as a part of a page, is given the
/// ending that says so.
fn file_name(url: &Url, media_type: Option<&str>, bytes: &[u8]) -> String {
    let name = address::shown(url);
    let declared = media_type.unwrap_or_default().trim_start().to_ascii_lowercase();
    let is_declared = ["text/html", "application/xhtml+xml"].iter().any(|html| declared.starts_with(html));
    let is_plain = |format: Format| matches!(format, Format::Text | Format::Markdown);
    match extract::detect(&name, bytes) {
        Ok(format) if is_declared && is_plain(format) => format!("{name}.html"),
        _ => name,
    }
}

/// A page of which something has come.
struct Fetched<'a> {
    web: &'a Web,
    round: &'a Round,
    home: &'a Url,
    url: &'a Url,
}

impl Fetched<'_> {
    async fn content(&self, content: Content) -> Visited {
        let alone = self.round.website.reach == Reach::Page;
        let found_at = address::plain(&content.url).unwrap_or_else(|| self.url.clone());
        if !alone && found_at != *self.url {
            return self.leads_to(found_at);
        }
        let asks_not = content.robots.as_deref().is_some_and(|asks| asks.to_lowercase().contains("noindex"));
        if !alone && asks_not {
            return Visited::skipped(NOINDEX);
        }
        let Content { media_type, validators, body, .. } = content;
        let bytes = match body.read().await {
            Ok(bytes) => bytes,
            Err(error) => return unreachable(&error),
        };
        let file_name = file_name(&found_at, media_type.as_deref(), &bytes);
        let format = match extract::detect(&file_name, &bytes) {
            Ok(format) => format,
            Err(error) if alone => return Visited::failed(error.to_string()),
            Err(error) => return Visited::skipped(error.to_string()),
        };
        let links = match format {
            Format::Html if !alone => self.web.reader.links(bytes.clone()).await,
            _ => Ok(Links::default()),
        };
        let links = match links {
            Ok(links) => links,
            Err(error) => return Visited::failed(error.to_string()),
        };
        if let Some(canonical) = self.canonical(&found_at, &links) {
            return self.leads_to(canonical);
        }
        let beyond = self.beyond(&found_at, &links);
        if links.noindex {
            return Visited { beyond, ..Visited::skipped(NOINDEX) };
        }
        let media_type = format.media_type().to_owned();
        let fresh = Fresh { title: self.url.to_string(), file_name, media_type, bytes, validators };
        Visited { beyond, ..Visited::of(Came::Fresh(fresh)) }
    }

    /// What is to be done with a page that is only another address for `target`.
    fn leads_to(&self, target: Url) -> Visited {
        if !address::same_site(self.home, &target) {
            let said = format!("It leads to another site: {target}. Add that address if it should be read.");
            return Visited::skipped(said);
        }
        Visited { beside: vec![target.to_string()], ..Visited::skipped(format!("The page is at {target}.")) }
    }

    /// Where the page says that it lives, if that is elsewhere on the same server.
    fn canonical(&self, found_at: &Url, links: &Links) -> Option<Url> {
        let canonical = address::resolved(found_at, links.canonical.as_deref()?)?;
        (canonical.origin() == found_at.origin() && canonical != *found_at).then_some(canonical)
    }

    /// Pages of the same site that the page leads to.
    fn beyond(&self, found_at: &Url, links: &Links) -> Vec<String> {
        let base = links.base.as_deref().and_then(|base| found_at.join(base).ok());
        let base = base.as_ref().unwrap_or(found_at);
        let mut beyond: Vec<String> = Vec::new();
        let pages = links.pages.iter().filter_map(|href| address::resolved(base, href));
        for page in pages.filter(|page| address::same_site(self.home, page) && address::is_worth_a_visit(page)) {
            beyond.push(page.into());
        }
        beyond.sort_unstable();
        beyond.dedup();
        beyond
    }
}
