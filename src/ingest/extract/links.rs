//! What a web page or a site map leads to. Nothing is resolved or judged here: addresses come as they stand there.

mod sitemap;

use std::io::Read;

use dom_query::{Document, Selection};

use super::html;
use crate::limits;

/// The addresses in a page or a site map, and what it says about being read by programs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Links {
    /// Against what the addresses are resolved, if not against the page's own.
    pub base: Option<String>,
    /// Where the page says that it lives.
    pub canonical: Option<String>,
    /// The page asks not to be found by searching.
    pub noindex: bool,
    /// Pages.
    pub pages: Vec<String>,
    /// Further site maps.
    pub sitemaps: Vec<String>,
}

/// The links of `bytes`: a site map, packed by gzip or not, or else an HTML page. What is neither has none.
pub(in crate::ingest) fn links(bytes: &[u8]) -> Links {
    let unpacked = unpack(bytes);
    let text = html::decode(unpacked.as_deref().unwrap_or(bytes)).0;
    let mut links = sitemap::read(&text).unwrap_or_else(|| page(&text));
    for list in [&mut links.pages, &mut links.sitemaps] {
        list.retain(|url| url.len() <= limits::WEB_ADDRESS_BYTES_MAX);
        list.truncate(limits::WEB_LINKS_MAX);
    }
    links
}

/// What gzip packed, cut off where no site map may be longer.
fn unpack(bytes: &[u8]) -> Option<Vec<u8>> {
    if !bytes.starts_with(b"\x1f\x8b") {
        return None;
    }
    let mut unpacked = Vec::new();
    // Of a damaged one, what comes before the damage is worth having.
    let _ = flate2::read::MultiGzDecoder::new(bytes).take(limits::SITEMAP_BYTES_MAX).read_to_end(&mut unpacked);
    Some(unpacked)
}

fn page(text: &str) -> Links {
    let document = Document::from(text);
    let robots = directives(&document.select("meta[name=robots i], meta[name=nosia i]"));
    let attribute = |of: &str, name: &str| document.select_single(of).attr(name).map(|value| value.trim().to_owned());
    let mut links = Links {
        base: attribute("base[href]", "href"),
        canonical: attribute("link[rel=canonical i][href]", "href"),
        noindex: robots.contains("noindex") || robots.contains("none"),
        ..Links::default()
    };
    if robots.contains("nofollow") || robots.contains("none") {
        return links;
    }
    for link in document.select("a[href], area[href]").iter().take(limits::WEB_LINKS_MAX) {
        let refused = link.attr("rel").is_some_and(|rel| rel.split_whitespace().any(|rel| rel == "nofollow"));
        if let Some(href) = link.attr("href").filter(|_| !refused) {
            links.pages.push(href.trim().to_owned());
        }
    }
    links
}

/// All that some `<meta>` elements say, in small letters.
fn directives(metas: &Selection<'_>) -> String {
    let contents = metas.iter().filter_map(|meta| meta.attr("content"));
    contents.map(|content| content.to_lowercase()).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::{Links, links};
    use crate::limits;

    fn check(text: &str, expected: Links) {
        assert_eq!(links(text.as_bytes()), expected, "{text}");
    }

    fn pages(list: &[&str]) -> Vec<String> {
        list.iter().map(|&page| page.to_owned()).collect()
    }

    #[test]
    fn a_page_tells_where_it_leads() {
        check(
            "<html><head><base href='/docs/'><link rel=Canonical href=' https://a.example/x '></head><body>\
             <a href=one>1</a><a name=no>2</a><a rel='external nofollow' href=three>3</a><map><area href='/four?a=1&amp;b=2'>\
             </map><a href='mailto:x@y.example'>5</a></body></html>",
            Links {
                base: Some("/docs/".to_owned()),
                canonical: Some("https://a.example/x".to_owned()),
                pages: pages(&["one", "/four?a=1&b=2", "mailto:x@y.example"]),
                ..Links::default()
            },
        );
    }

    #[test]
    fn a_page_may_ask_to_be_left_alone() {
        let page = |content: &str| format!("<meta name=ROBOTS content='{content}'><a href=one>1</a>");
        let links = |noindex, list: &[&str]| Links { noindex, pages: pages(list), ..Links::default() };
        check(&page("NoIndex"), links(true, &["one"]));
        check(&page("index, nofollow"), links(false, &[]));
        check(&page("none"), links(true, &[]));
        check(&page("all"), links(false, &["one"]));
    }

    #[test]
    fn a_packed_site_map_is_read_up_to_its_bound() {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packed.write_all(b"<urlset><url><loc>https://a.example/1</loc></url>").expect("memory takes it");
        packed.write_all(&vec![b' '; 2 * limits::SITEMAP_BYTES_MAX as usize]).expect("memory takes it");
        packed.write_all(b"<url><loc>https://a.example/2</loc></url></urlset>").expect("memory takes it");
        let packed = packed.finish().expect("memory takes it");
        assert_eq!(links(&packed).pages, ["https://a.example/1"]);
    }

    #[test]
    fn what_has_no_links_has_none() {
        for bytes in
            [&b""[..], b"plain", b"\x1f\x8b\x08broken", b"%PDF-1.7 \x00\xff", b"<urlset", b"<sitemapindex><loc>"]
        {
            assert_eq!(links(bytes), Links::default(), "{bytes:?}");
        }
        let many = "<a href=x>".repeat(limits::WEB_LINKS_MAX + 10);
        assert_eq!(links(many.as_bytes()).pages.len(), limits::WEB_LINKS_MAX);
    }
}
