//! EPUB books: an archive of web pages, and a list of the order in which they are read.

use std::collections::HashMap;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::package::{Package, about, joined};
use super::xml::attribute;
use super::{ExtractError, Hear, Heard, html, text, too_much_text};
use crate::domain::extract::{Extract, Unit};
use crate::limits;

/// Reads a book, a page a chapter (a file of the book, which may hold less or more than what its contents call one).
pub(super) fn read(bytes: &[u8], hear: Hear<'_>) -> Result<Extract, ExtractError> {
    let mut package = Package::open(bytes)?;
    let missing = |what: &str| ExtractError::Damaged(format!("its {what} is missing"));
    let container = package.text("META-INF/container.xml")?.ok_or_else(|| missing("META-INF/container.xml"))?;
    let path = first(&container, "rootfile", "full-path").ok_or_else(|| missing("list of contents"))?;
    let opf = package.text(&path)?.ok_or_else(|| missing("list of contents"))?;
    let mut extract = Extract { unit: Unit::Chapter, ..Extract::default() };
    about(&opf, &mut extract);
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let chapters = chapters(&opf);
    let total = u32::try_from(chapters.len()).unwrap_or(u32::MAX).min(limits::EXTRACT_PAGES_MAX);
    for (href, number) in chapters.iter().zip(1..=total) {
        let page = package.text(&joined(folder, href))?;
        if page.is_none() {
            extract.notes.push(format!("The chapter {href} is missing from the book."));
        }
        let page = page.map(|page| text::clean(&html::whole(&page)));
        extract.add_page(&page.unwrap_or_default(), total);
        if extract.markdown.len() > limits::EXTRACT_BYTES_MAX {
            return Err(too_much_text());
        }
        hear(Heard::Page { done: number, total });
    }
    let locked = package.text("META-INF/encryption.xml")?.is_some_and(|xml| locks_chapters(&xml));
    match locked && extract.markdown.chars().filter(|c| c.is_alphanumeric()).count() < 100 {
        true => Err(ExtractError::Encrypted),
        false => Ok(extract),
    }
}

/// Whether more than fonts is encrypted.
fn locks_chapters(xml: &str) -> bool {
    [".xhtml\"", ".html\"", ".htm\"", ".xml\""].iter().any(|ending| xml.contains(ending))
}

/// The value of `name` at the first element called `element`.
fn first(xml: &str, element: &str, name: &str) -> Option<String> {
    let mut found = None;
    each(xml, |tag| {
        if tag.local_name().into_inner() == element && found.is_none() {
            found = attribute(tag, name);
        }
    });
    found
}

/// The files of the book in the order in which it is read, without its table of contents.
fn chapters(opf: &str) -> Vec<String> {
    let (mut files, mut order) = (HashMap::new(), Vec::new());
    each(opf, |tag| match tag.local_name().into_inner() {
        "item" => {
            let contents = attribute(tag, "properties").is_some_and(|kinds| kinds.split(' ').any(|kind| kind == "nav"));
            if let (Some(id), Some(href)) = (attribute(tag, "id"), attribute(tag, "href")) {
                files.insert(id, (unescaped(&href), contents));
            }
        }
        "itemref" => order.extend(attribute(tag, "idref")),
        _ => {}
    });
    order
        .iter()
        .filter_map(|id| files.get(id))
        .filter(|(_, contents)| !contents)
        .map(|(href, _)| href.clone())
        .collect()
}

fn each(xml: &str, mut take: impl FnMut(&BytesStart<'_>)) {
    let mut reader = Reader::from_str(xml);
    loop {
        match reader.read_event() {
            Ok(Event::Start(tag) | Event::Empty(tag)) => take(&tag),
            Ok(Event::Eof) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

/// A path in an address as the path that it is: without `%20` and the like, and without what follows a `#`.
fn unescaped(href: &str) -> String {
    let path = href.split('#').next().unwrap_or_default();
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let code = (byte == b'%').then(|| after.get(..2)).flatten();
        match code.and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok()) {
            Some(meant) => {
                bytes.push(meant);
                rest = &after[2..];
            }
            None => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{read, unescaped};
    use crate::domain::extract::Unit;
    use crate::ingest::extract::ExtractError;
    use crate::ingest::extract::package::packed;

    const CONTAINER: &str = "<container><rootfiles><rootfile full-path=\"OEBPS/book.opf\"/></rootfiles></container>";

    #[test]
    fn chapters_are_pages_in_reading_order() {
        let opf = "<package><metadata><dc:title>The Book</dc:title><dc:creator>Ann</dc:creator><dc:language>fr</dc:language>\
            <dc:date>1999</dc:date></metadata><manifest><item id=\"b\" href=\"two%20b.xhtml\"/><item id=\"a\" href=\"one.xhtml\"/>\
            <item id=\"n\" href=\"nav.xhtml\" properties=\"nav\"/></manifest>\
            <spine><itemref idref=\"n\"/><itemref idref=\"a\"/><itemref idref=\"b\"/><itemref idref=\"lost\"/></spine></package>";
        let bytes = packed(&[
            ("META-INF/container.xml", CONTAINER),
            ("OEBPS/book.opf", opf),
            (
                "OEBPS/one.xhtml",
                "<?xml version='1.0'?><html><head><title/></head><body><h1>One</h1><p>a &amp; b</p></body></html>",
            ),
            ("OEBPS/two b.xhtml", "<html><body><p>second</p></body></html>"),
            ("OEBPS/nav.xhtml", "<html><body>contents</body></html>"),
        ]);
        let extract = read(&bytes, &mut |_| {}).expect("a sound book");
        assert_eq!(extract.markdown, "# One\n\na & b\n\nsecond");
        assert_eq!((extract.unit, extract.page_at(16)), (Unit::Chapter, Some(2)));
        let about = [extract.title, extract.author, extract.language, extract.date].map(Option::unwrap_or_default);
        assert_eq!(about, ["The Book", "Ann", "fr", "1999"]);
    }

    #[test]
    fn what_is_no_book_or_locked_is_refused() {
        assert!(matches!(read(&packed(&[("a", "b")]), &mut |_| {}), Err(ExtractError::Damaged(_))));
        let opf = "<package><manifest><item id=\"a\" href=\"a.xhtml\"/></manifest><spine><itemref idref=\"a\"/></spine></package>";
        let lock = "<encryption><CipherReference URI=\"OEBPS/a.xhtml\"/></encryption>";
        let parts = [
            ("META-INF/container.xml", CONTAINER),
            ("OEBPS/book.opf", opf),
            ("OEBPS/a.xhtml", "\u{1}\u{2}x"),
            ("META-INF/encryption.xml", lock),
        ];
        assert!(matches!(read(&packed(&parts), &mut |_| {}), Err(ExtractError::Encrypted)));
    }

    #[test]
    fn addresses_are_paths() {
        assert_eq!(["a%20b.html#c", "100%", "%C3%A9"].map(unescaped), ["a b.html", "100%", "é"]);
    }
}
