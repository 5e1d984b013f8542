//! Addresses of pages: written one way, and told apart by site. Pure rules, no network.

use url::{Host, Url};

use crate::domain::website;
use crate::limits;

/// Parts of a query that say who came from where and change nothing of the page.
const TRACKING: [&str; 8] = ["fbclid", "gclid", "mc_cid", "mc_eid", "msclkid", "phpsessid", "sessionid", "jsessionid"];

/// Endings of what is on a site and no page to read.
const NO_PAGES: &str = "7z avi bmp bz2 css deb dmg eot exe flac gif gz ico iso jpeg jpg js json m4a mjs mkv mov mp3 mp4 \
                        mpeg ogg otf png rar rpm rss svg tar tgz tif tiff ttf wasm wav webm webmanifest webp wmv woff \
                        woff2 xml zip";

/// How often one folder may stand in a path: a link that is wrong by one step makes paths without end.
const REPEATS_MAX: usize = 3;

/// `address` the one way that it is written here: http or https, without fragment, user and tracking; `None` if it is not
/// of the web, or longer than [`limits::WEB_ADDRESS_BYTES_MAX`].
pub fn plain(address: &str) -> Option<Url> {
    written(Url::parse(address.trim()).ok()?)
}

/// The address that somebody typed, who may have left out `https://`.
pub fn typed(address: &str) -> Option<Url> {
    let address = address.trim();
    let host = address.split(['/', '?', '#']).next().unwrap_or_default();
    let named = host.contains('.') && !host.contains(|c: char| c.is_whitespace() || c == '@');
    match plain(address) {
        None if named && !address.contains("://") => plain(&format!("https://{address}")),
        found => found,
    }
}

/// What `href` means on a page at `base`.
pub(super) fn resolved(base: &Url, href: &str) -> Option<Url> {
    written(base.join(href).ok()?)
}

fn written(mut url: Url) -> Option<Url> {
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return None;
    }
    url.set_fragment(None);
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    let kept: Vec<(String, String)> = url
        .query_pairs()
        .filter(|(name, _)| !is_tracking(name))
        .map(|(n, v)| (n.into_owned(), v.into_owned()))
        .collect();
    if url.query().is_some() && kept.len() < url.query_pairs().count() {
        url.query_pairs_mut().clear().extend_pairs(&kept);
    }
    if url.query() == Some("") {
        url.set_query(None);
    }
    (url.as_str().len() <= limits::WEB_ADDRESS_BYTES_MAX).then_some(url)
}

fn is_tracking(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.starts_with("utm_") || TRACKING.contains(&name.as_str())
}

/// Whether both lie on one site: the same host, with or without `www.`, on the same port or each on the usual one.
pub(super) fn same_site(one: &Url, other: &Url) -> bool {
    let host = |url: &Url| match url.host() {
        Some(Host::Domain(name)) => name.strip_prefix("www.").unwrap_or(name).to_owned(),
        other => other.map(|host| host.to_string()).unwrap_or_default(),
    };
    host(one) == host(other) && one.port() == other.port()
}

/// Whether a link to `url` is worth following: it may be a page, and its path does not go in circles.
pub(super) fn is_worth_a_visit(url: &Url) -> bool {
    let segments: Vec<&str> = url.path_segments().into_iter().flatten().filter(|segment| !segment.is_empty()).collect();
    let repeats = |segment: &&str| segments.iter().filter(|other| *other == segment).count() > REPEATS_MAX;
    let ending = segments.last().and_then(|last| last.rsplit_once('.')).map(|(_, ending)| ending.to_ascii_lowercase());
    !segments.iter().any(repeats) && !ending.is_some_and(|ending| NO_PAGES.split_whitespace().any(|no| no == ending))
}

/// What readers are shown instead of a file name: the address without its scheme, cut to what a file name may be long.
pub(super) fn shown(url: &Url) -> String {
    let text = website::shown(url.as_str());
    text[..text.floor_char_boundary(limits::FILE_NAME_BYTES_MAX)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::{is_worth_a_visit, plain, resolved, same_site, shown};

    #[test]
    fn an_address_is_written_one_way() {
        let cases = [
            (" HTTPS://A.Example:443/x/../y#part ", Some("https://a.example/y")),
            ("http://user:secret@a.example", Some("http://a.example/")),
            ("https://a.example/?utm_source=x&id=3&fbclid=9", Some("https://a.example/?id=3")),
            ("https://a.example/?PHPSESSID=1", Some("https://a.example/")),
            ("https://a.example/?q=a%20b&c", Some("https://a.example/?q=a%20b&c")),
            ("https://été.example/", Some("https://xn--t-9fab.example/")),
            ("a.example", None),
            ("ftp://a.example/", None),
            ("javascript:alert(1)", None),
            ("file:///etc/passwd", None),
        ];
        for (given, expected) in cases {
            assert_eq!(plain(given).map(String::from).as_deref(), expected, "{given}");
        }
        assert_eq!(plain(&format!("https://a.example/{}", "x".repeat(3_000))), None);
    }

    #[test]
    fn an_address_may_be_typed_without_its_scheme() {
        let cases = [
            ("a.example/x y", Some("https://a.example/x%20y")),
            (" www.a.example ", Some("https://www.a.example/")),
            ("a.example:8080/x", Some("https://a.example:8080/x")),
            ("http://a.example", Some("http://a.example/")),
            ("ftp://a.example/", None),
            ("mailto:x@a.example", None),
            ("javascript:a.b", None),
            ("handbook", None),
            ("what is a.example", None),
            ("", None),
        ];
        for (typed, expected) in cases {
            assert_eq!(super::typed(typed).map(String::from).as_deref(), expected, "{typed}");
        }
    }

    #[test]
    fn links_are_resolved_and_told_apart_by_site() {
        let home = plain("https://www.a.example/docs/start").expect("an address");
        let cases = [
            ("two", Some("https://www.a.example/docs/two"), true),
            ("//a.example/x", Some("https://a.example/x"), true),
            ("http://a.example/x", Some("http://a.example/x"), true),
            ("https://a.example:8443/", Some("https://a.example:8443/"), false),
            ("https://b.a.example/", Some("https://b.a.example/"), false),
            ("https://evil-a.example/", Some("https://evil-a.example/"), false),
            ("mailto:x@a.example", None, false),
        ];
        for (href, expected, same) in cases {
            let found = resolved(&home, href);
            assert_eq!(found.as_ref().map(url::Url::as_str), expected, "{href}");
            assert_eq!(found.is_some_and(|found| same_site(&home, &found)), same, "{href}");
        }
    }

    #[test]
    fn what_cannot_be_a_page_is_not_visited() {
        let cases = [
            ("https://a.example/", true),
            ("https://a.example/manual.pdf", true),
            ("https://a.example/logo.PNG", false),
            ("https://a.example/v1.2", true),
            ("https://a.example/a/b/a/b/a/b/", true),
            ("https://a.example/a/b/a/b/a/b/a/b/", false),
        ];
        for (url, expected) in cases {
            assert_eq!(is_worth_a_visit(&plain(url).expect("an address")), expected, "{url}");
        }
    }

    #[test]
    fn readers_are_shown_a_short_address() {
        assert_eq!(shown(&plain("https://a.example/").expect("an address")), "a.example");
        let long = plain(&format!("https://a.example/{}", "é".repeat(200))).expect("an address");
        assert!(shown(&long).len() <= 255);
    }
}
