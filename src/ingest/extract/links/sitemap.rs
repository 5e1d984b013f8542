//! Site maps: lists of a site's pages, or of further site maps. Source: <https://www.sitemaps.org/protocol.html>.

use quick_xml::Reader;
use quick_xml::events::Event;

use super::Links;
use crate::ingest::extract::xml::reference;
use crate::limits;

/// Bytes of a text's beginning in which the mark of a site map must stand.
const MARK_BYTES: usize = 4096;

/// The list in `text`; `None` where it is no site map.
pub(super) fn read(text: &str) -> Option<Links> {
    let head = &text[..text.floor_char_boundary(MARK_BYTES)];
    if head.contains("<urlset") || head.contains("<sitemapindex") {
        return Some(xml(text));
    }
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let is_list = !lines.is_empty() && lines.iter().all(|line| line.starts_with("http") && line.contains("://"));
    let pages = || lines.iter().take(limits::WEB_LINKS_MAX).map(|&line| line.to_owned()).collect();
    is_list.then(|| Links { pages: pages(), ..Links::default() })
}

/// The addresses in the elements `loc` of `url` and `sitemap`, as far as the XML is well-formed.
fn xml(text: &str) -> Links {
    let mut links = Links::default();
    let mut reader = Reader::from_str(text);
    // An image or a video of a page has a `loc` in a namespace of its own.
    let (mut is_sitemap, mut address) = (false, None::<String>);
    while links.pages.len() + links.sitemaps.len() < limits::WEB_LINKS_MAX {
        match reader.read_event() {
            Ok(Event::Start(tag)) => match tag.local_name().into_inner() {
                "url" => is_sitemap = false,
                "sitemap" => is_sitemap = true,
                "loc" if tag.name().prefix().is_none() => address = Some(String::new()),
                _ => {}
            },
            Ok(Event::Text(text)) => address.iter_mut().for_each(|address| address.push_str(&text)),
            Ok(Event::CData(text)) => address.iter_mut().for_each(|address| address.push_str(&text)),
            Ok(Event::GeneralRef(name)) => {
                address.iter_mut().for_each(|address| address.extend(reference(&name)));
            }
            Ok(Event::End(tag)) if tag.local_name().into_inner() == "loc" => {
                let list = if is_sitemap { &mut links.sitemaps } else { &mut links.pages };
                list.extend(address.take().map(|address| address.trim().to_owned()));
            }
            Ok(Event::Eof) | Err(_) => break,
            Ok(_) => {}
        }
    }
    links
}

#[cfg(test)]
mod tests {
    use super::read;

    fn check(text: &str, expected: Option<(&[&str], &[&str])>) {
        let owned = |list: &[&str]| list.iter().map(|&item| item.to_owned()).collect::<Vec<_>>();
        let expected = expected.map(|(pages, sitemaps)| (owned(pages), owned(sitemaps)));
        assert_eq!(read(text).map(|links| (links.pages, links.sitemaps)), expected, "{text}");
    }

    #[test]
    fn pages_and_further_site_maps_are_told_apart() {
        check(
            "<?xml version='1.0'?><urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9' xmlns:image='i'>\
             <url><loc> https://a.example/?a=1&amp;b=2 </loc><image:image><image:loc>https://a.example/x.png</image:loc>\
             </image:image></url><url><loc><![CDATA[https://a.example/c]]></loc></url></urlset>",
            Some((&["https://a.example/?a=1&b=2", "https://a.example/c"], &[])),
        );
        check(
            "<sitemapindex><sitemap><loc>https://a.example/1.xml.gz</loc></sitemap></sitemapindex>",
            Some((&[], &["https://a.example/1.xml.gz"])),
        );
        check(
            "https://a.example/1\n\nhttps://a.example/2\n",
            Some((&["https://a.example/1", "https://a.example/2"], &[])),
        );
        check(
            "<urlset><url><loc>https://a.example/1</loc></url><url><loc>broken",
            Some((&["https://a.example/1"], &[])),
        );
        check("https://a.example/1 is a nice page\nand this a sentence", None);
        check("<html><a href=x>", None);
        check("", None);
    }
}
