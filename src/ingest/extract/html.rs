//! Web pages: the main content without menus and footers, as Markdown.

mod walk;

use dom_query::Document;
use dom_smoothie::Readability;

use super::{ExtractError, text};
use crate::domain::extract::Extract;

/// Elements that are on a page but not of its text.
const BOILERPLATE: &str = "nav, footer, aside, form, dialog, [role=navigation], [role=banner], [role=contentinfo], \
                           [role=search], [role=dialog], [aria-hidden=true], [hidden]";

/// The share of a page's text that its main content must have; with less, the search for it is thought to have failed.
const MAIN_SHARE_MIN: f64 = 0.12;
/// The shortest main content that is believed, in bytes.
const MAIN_BYTES_MIN: usize = 200;

/// Elements within one another up to which main content is searched: the search takes time with the square of the depth,
/// and pages that people read nest a few dozen.
const DEPTH_MAX: usize = 500;

/// How many of a page's first bytes may declare its encoding. Source: the HTML standard, "prescan a byte stream".
const PRESCAN_BYTES: usize = 1024;

/// Reads a web page.
pub(super) fn read(bytes: &[u8]) -> Result<Extract, ExtractError> {
    let (page, note) = decode(bytes);
    let (title, main) = main_content(&page);
    let body = whole(&page);
    let found = main.as_deref().map_or(0, str::len);
    let believed = found >= MAIN_BYTES_MIN && found as f64 >= body.len() as f64 * MAIN_SHARE_MIN;
    let markdown = main.filter(|_| believed).unwrap_or(body);
    let (markdown, notes) = (text::clean(&markdown), note.into_iter().collect());
    Ok(Extract { title, markdown, notes, ..Extract::default() })
}

/// The page's text, by its byte order mark, else by the encoding that it declares, else as any text.
pub(super) fn decode(bytes: &[u8]) -> (String, Option<String>) {
    let marked = encoding_rs::Encoding::for_bom(bytes).is_some();
    let declared = declared_encoding(bytes).filter(|&encoding| !marked && encoding != encoding_rs::UTF_8);
    if let Some(encoding) = declared {
        let (text, _, broken) = encoding.decode(bytes);
        let note =
            broken.then(|| format!("Some places were not valid {} and were replaced by \u{fffd}.", encoding.name()));
        return (text.into_owned(), note);
    }
    let decoded = text::decode(bytes);
    (decoded.text, decoded.note)
}

/// The encoding that `<meta charset=...>` names, if valid UTF-8 does not prove it wrong.
fn declared_encoding(bytes: &[u8]) -> Option<&'static encoding_rs::Encoding> {
    let head = &bytes[..bytes.len().min(PRESCAN_BYTES)];
    let at = memchr::memmem::find(head, b"charset=").or_else(|| memchr::memmem::find(head, b"CHARSET="))? + 8;
    let label: Vec<u8> = head[at..]
        .iter()
        .copied()
        .skip_while(|b| matches!(b, b'"' | b'\''))
        .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b':' | b'.'))
        .collect();
    let encoding = encoding_rs::Encoding::for_label(&label)?;
    let is_utf8 = std::str::from_utf8(bytes).is_ok() && !bytes.is_ascii();
    // A declaration of UTF-16 that could be read byte by byte is wrong. Source: the same section of the standard.
    let is_wide = encoding == encoding_rs::UTF_16LE || encoding == encoding_rs::UTF_16BE;
    (!is_utf8 && !is_wide).then_some(encoding)
}

/// The page's title, and its main content as far as it can be told from menus, adverts and footers.
fn main_content(page: &str) -> (Option<String>, Option<String>) {
    let document = Document::from(page);
    let own = document.select_single("title").text().trim().to_owned();
    let own = Some(own).filter(|title| !title.is_empty());
    if walk::depth(&document.root()) > DEPTH_MAX {
        return (own, None);
    }
    let Some(article) = Readability::new(page, None, None).ok().and_then(|mut page| page.parse().ok()) else {
        return (own, None);
    };
    let title = Some(article.title.trim().to_owned()).filter(|title| !title.is_empty()).or(own);
    let content = Document::fragment(article.content.as_ref());
    (title, Some(walk::markdown(&content.root())))
}

/// Everything on the page but what is marked as not being content.
pub(super) fn whole(page: &str) -> String {
    // In XML an element may end where it begins; as HTML these would take in the whole page.
    let page = &page.replace("<title/>", "").replace("<title />", "");
    let document = Document::from(page.as_str());
    document.select(BOILERPLATE).remove();
    let text = document.body().map(|body| walk::markdown(&body)).unwrap_or_default();
    if !text.trim().is_empty() {
        return text;
    }
    let document = Document::from(page.as_str());
    document.body().map(|body| walk::markdown(&body)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::read;

    fn check(body: &str, markdown: &str) {
        let extract = read(format!("<!doctype html><body>{body}</body>").as_bytes()).expect("HTML is always read");
        assert_eq!(extract.markdown, markdown, "{body}");
    }

    #[test]
    fn elements_become_markdown() {
        let cases = [
            ("<h1>A  <b>b</b></h1><p>c\n d<br>e</p>", "# A b\n\nc d\ne"),
            ("<ul><li>a<ul><li>b</li></ul></li><li><p>c</p><p>d</p></li></ul>", "- a\n  - b\n- c\n  d"),
            ("<ol start=3><li>a</li><li>b</li></ol><ul><li>c</li></ul>", "3. a\n4. b\n\n- c"),
            (
                "<table><tr><th>a</th><th>b|</th></tr><tr><td colspan=2>c</td></tr></table>",
                "| a | b\\| |\n| --- | --- |\n| c | c |",
            ),
            ("<pre>  x\n   y</pre>", "```\n  x\n   y\n```"),
            ("<p>snake_case *star* [b] 1. x</p>", "snake_case *star* [b] 1. x"),
            ("<p>a <a href='x'>link</a>, <code>f()</code><img alt=no></p>", "a link, f()"),
            ("<dl><dt>a</dt><dd>b</dd></dl><blockquote>q</blockquote>", "a\n\nb\n\nq"),
            ("<p>a</p><script>x</script><style>x</style><nav>x</nav><footer>x</footer><p hidden>x</p>", "a"),
            ("<nav>only a menu</nav>", "only a menu"),
            ("one<div>two</div>three", "one\n\ntwo\n\nthree"),
            ("&lt;p&gt; &amp;amp; &nbsp;x", "<p> &amp; x"),
        ];
        for (body, markdown) in cases {
            check(body, markdown);
        }
    }

    #[test]
    fn the_main_content_is_found_among_boilerplate() {
        let words = "This sentence says something of substance about the subject, at length, with commas. ".repeat(8);
        let page = format!(
            "<html><head><title>T &amp; U</title></head><body><div class=menu><a href=1>Home</a><a href=2>Shop</a></div>\
             <article><h2>Part</h2><p>{words}</p><p>{words}</p></article><div class=footer>Copyright</div></body></html>"
        );
        let extract = read(page.as_bytes()).expect("HTML is always read");
        assert_eq!(extract.title.as_deref(), Some("T & U"));
        assert!(extract.markdown.starts_with("## Part\n\nThis sentence"), "{}", extract.markdown);
        assert!(!extract.markdown.contains("Shop") && !extract.markdown.contains("Copyright"));
    }

    #[test]
    fn declared_encodings_are_used_unless_proved_wrong() {
        let cases: &[(&[u8], &str)] = &[
            (b"<html><meta charset=\"shift_jis\"><p>\x93\xfa\x96\x7b", "日本"),
            (b"<html><meta charset=iso-8859-1><p>caf\xe9", "café"),
            ("<html><meta charset=iso-8859-1><p>café".as_bytes(), "café"),
            ("<html><meta charset=utf-16><p>café".as_bytes(), "café"),
        ];
        for (bytes, text) in cases {
            assert_eq!(read(bytes).expect("HTML is always read").markdown, *text);
        }
    }

    #[test]
    fn deep_nesting_does_not_exhaust_the_stack() {
        let page = format!("<html><body>{}deep", "<div>".repeat(5_000));
        assert_eq!(read(page.as_bytes()).expect("HTML is always read").markdown, "deep");
    }
}
