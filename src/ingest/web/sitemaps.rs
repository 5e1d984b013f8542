//! The pages that a site's maps list.

use std::collections::VecDeque;

use url::Url;

use super::{Web, address, reason};
use crate::ingest::web::robots::Robots;
use crate::limits;
use crate::net::{Validators, Visit};

/// What the maps say.
pub(super) struct Mapped {
    /// Pages of the site, in the order in which they stand there.
    pub pages: Vec<String>,
    /// Why one of the maps could not be read, if so: what it lists is not known.
    pub missing: Option<String>,
}

/// The pages of the site of `home` that its maps list: `home` itself if it is a map, or else those that `robots.txt`
/// names, or else `/sitemap.xml`.
pub(super) async fn pages(web: &Web, home: &Url, robots: &Robots) -> Mapped {
    let mut mapped = Mapped { pages: Vec::new(), missing: None };
    let mut left: VecDeque<(Url, u32)> = begin(home, robots).into_iter().map(|url| (url, 0)).collect();
    let mut seen: Vec<Url> = Vec::new();
    while let Some((url, depth)) = left.pop_front() {
        if seen.contains(&url) || mapped.pages.len() >= limits::WEB_LINKS_MAX {
            continue;
        }
        if seen.len() >= limits::WEB_SITEMAPS_MAX || depth > limits::WEB_SITEMAP_DEPTH_MAX {
            mapped.missing.get_or_insert_with(|| "The site has more maps than are read.".to_owned());
            break;
        }
        if !seen.is_empty() {
            tokio::time::sleep(robots.pause()).await;
        }
        seen.push(url.clone());
        match links(web, &url).await {
            Ok(links) => {
                let pages = links.pages.iter().filter_map(|page| address::resolved(&url, page));
                mapped.pages.extend(pages.filter(|page| address::same_site(home, page)).map(String::from));
                let maps = links.sitemaps.iter().filter_map(|map| address::resolved(&url, map));
                left.extend(maps.map(|map| (map, depth + 1)).take(limits::WEB_SITEMAPS_MAX));
            }
            Err(why) => mapped.missing = Some(format!("The site map {url} could not be read. {why}")),
        }
    }
    mapped.pages.truncate(limits::WEB_LINKS_MAX);
    mapped
}

/// Where the maps begin.
fn begin(home: &Url, robots: &Robots) -> Vec<Url> {
    let path = home.path().to_ascii_lowercase();
    let is_map = [".xml", ".gz", ".txt"].iter().any(|ending| path.ends_with(ending)) || path.contains("sitemap");
    if is_map {
        return vec![home.clone()];
    }
    let named: Vec<Url> = robots
        .sitemaps()
        .iter()
        .filter_map(|map| address::resolved(home, map))
        .take(limits::WEB_SITEMAPS_MAX)
        .collect();
    if named.is_empty() { home.join("/sitemap.xml").into_iter().collect() } else { named }
}

async fn links(web: &Web, url: &Url) -> Result<crate::ingest::extract::Links, String> {
    let bytes_max = usize::try_from(limits::SITEMAP_BYTES_MAX).unwrap_or(usize::MAX);
    let visit = web.visitor.visit(url.as_str(), &Validators::default(), bytes_max).await;
    match visit.map_err(|error| reason(&error))? {
        Visit::Content(content) => {
            let bytes = content.body.read().await.map_err(|error| reason(&error))?;
            web.reader.links(bytes).await.map_err(|error| error.to_string())
        }
        Visit::Refused { status, .. } => Err(format!("The server answers with status {status}.")),
        Visit::Unchanged => Err("The server sends nothing.".to_owned()),
    }
}
