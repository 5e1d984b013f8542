//! OpenDocument texts and presentations: one XML part holds the body, another what the document says of itself.

mod body;
mod styles;

use super::package::{self, Package};
use super::{ExtractError, Hear, Heard, text};
use crate::domain::extract::{Extract, Unit};
use styles::Styles;

/// Reads an OpenDocument text: headings, lists and tables become Markdown, notes follow the text.
pub(super) fn read_text(bytes: &[u8]) -> Result<Extract, ExtractError> {
    let (mut extract, body) = opened(bytes)?;
    let parts = body.pages.into_iter().chain([body.notes]);
    extract.markdown = text::clean(&parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n"));
    Ok(extract)
}

/// Reads an OpenDocument presentation: a page a slide, its name or first line as a heading, what the speaker notes last.
pub(super) fn read_slides(bytes: &[u8], hear: Hear<'_>) -> Result<Extract, ExtractError> {
    let (mut extract, body) = opened(bytes)?;
    extract.unit = Unit::Slide;
    let total = u32::try_from(body.pages.len()).unwrap_or(u32::MAX);
    for (page, number) in body.pages.into_iter().zip(1..) {
        extract.add_page(&text::clean(&page), total);
        hear(Heard::Page { done: number, total });
    }
    Ok(extract)
}

/// Takes what the document says of itself.
pub(super) fn about(package: &mut Package<'_>, extract: &mut Extract) -> Result<(), ExtractError> {
    if let Some(xml) = package.text("meta.xml")? {
        package::about(&xml, extract);
    }
    Ok(())
}

fn opened(bytes: &[u8]) -> Result<(Extract, body::Body), ExtractError> {
    let mut package = Package::open(bytes)?;
    if package.text("META-INF/manifest.xml")?.is_some_and(|manifest| manifest.contains("encryption-data")) {
        return Err(ExtractError::Encrypted);
    }
    let mut styles = Styles::default();
    if let Some(xml) = package.text("styles.xml")? {
        styles.take(&xml);
    }
    let Some(content) = package.text("content.xml")? else {
        return Err(ExtractError::Damaged("its content.xml is missing".to_owned()));
    };
    styles.take(&content);
    let body = body::read(&content, &styles)?;
    let mut extract = Extract { notes: body.broken.iter().cloned().collect(), ..Extract::default() };
    about(&mut package, &mut extract)?;
    extract.title = extract.title.or_else(|| body.title.clone());
    Ok((extract, body))
}

#[cfg(test)]
mod tests {
    use super::{read_slides, read_text};
    use crate::domain::extract::Unit;
    use crate::ingest::extract::ExtractError;
    use crate::ingest::extract::package::packed;

    fn document(body: &str) -> Vec<u8> {
        let styles = r#"<office:automatic-styles>
            <style:style style:name="P1" style:parent-style-name="Title"/>
            <text:list-style style:name="L1"><text:list-level-style-bullet text:level="1"/>
              <text:list-level-style-number text:level="2"/></text:list-style>
            <text:list-style style:name="L2"><text:list-level-style-number text:level="1" text:start-value="3"/></text:list-style>
            </office:automatic-styles>"#;
        let content =
            format!("<office:document-content>{styles}<office:body>{body}</office:body></office:document-content>");
        let meta = "<office:meta><dc:title>T</dc:title><dc:date>2024-05-06T07:08:09</dc:date></office:meta>";
        packed(&[("content.xml", &content), ("meta.xml", meta)])
    }

    fn check(body: &str, markdown: &str) {
        let bytes = document(&format!("<office:text>{body}</office:text>"));
        assert_eq!(read_text(&bytes).expect(body).markdown, markdown, "{body}");
    }

    #[test]
    fn texts_become_markdown() {
        check(
            "<text:p text:style-name=\"P1\">A</text:p><text:h text:outline-level=\"2\">B</text:h>\
             <text:p>c<text:s text:c=\"2\"/>d<text:tab/>e<text:line-break/>f &amp; <text:span>g</text:span></text:p>",
            "# A\n\n## B\n\nc  d\te\nf & g",
        );
        check(
            "<text:list text:style-name=\"L1\"><text:list-item><text:p>a</text:p><text:list><text:list-item><text:p>b</text:p>\
             </text:list-item></text:list></text:list-item></text:list><text:list text:style-name=\"L2\"><text:list-item>\
             <text:p>c</text:p></text:list-item><text:list-item><text:p>d</text:p></text:list-item></text:list>",
            "- a\n  1. b\n\n3. c\n4. d",
        );
        check(
            "<text:p>a<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>said so</text:p>\
             </text:note-body></text:note></text:p>",
            "a[^1]\n\n[^1]: said so",
        );
        check(
            "<text:tracked-changes><text:p>x</text:p></text:tracked-changes><text:p>a<office:annotation><text:p>x</text:p>\
             </office:annotation></text:p>",
            "a",
        );
    }

    #[test]
    fn tables_repeat_what_covers_and_what_is_repeated() {
        let cell = |attributes: &str, text: &str| {
            format!("<table:table-cell {attributes}><text:p>{text}</text:p></table:table-cell>")
        };
        let row = |cells: &[String]| format!("<table:table-row>{}</table:table-row>", cells.concat());
        let rows = [
            row(&[cell("table:number-columns-spanned=\"2\"", "a"), "<table:covered-table-cell/>".to_owned()]),
            row(&[cell("table:number-columns-repeated=\"2\"", "b")]),
        ];
        check(&format!("<table:table>{}</table:table>", rows.concat()), "| a | a |\n| --- | --- |\n| b | b |");
    }

    #[test]
    fn slides_are_pages() {
        let body = "<office:presentation><draw:page draw:name=\"page1\"><draw:frame presentation:class=\"title\"><draw:text-box>\
            <text:p>Plan</text:p></draw:text-box></draw:frame><draw:frame><draw:text-box><text:p>words</text:p></draw:text-box>\
            </draw:frame><presentation:notes><draw:frame><draw:text-box><text:p>say it</text:p></draw:text-box></draw:frame>\
            </presentation:notes></draw:page><draw:page/></office:presentation>";
        let extract = read_slides(&document(body), &mut |_| {}).expect("sound");
        assert_eq!(extract.markdown, "# Plan\n\nwords\n\nsay it\n\n");
        assert_eq!((extract.unit, extract.pages.len()), (Unit::Slide, 2));
        assert_eq!((extract.title.as_deref(), extract.date.as_deref()), (Some("T"), Some("2024-05-06")));
    }

    #[test]
    fn what_is_broken_is_read_as_far_as_it_goes_or_refused() {
        let broken = packed(&[("content.xml", "<office:body><office:text><text:p>first</text:p></office:body>")]);
        let extract = read_text(&broken).expect("its beginning is sound");
        assert_eq!((extract.markdown.as_str(), extract.notes.len()), ("first", 1));
        assert!(matches!(read_text(&packed(&[("a", "b")])), Err(ExtractError::Damaged(_))));
        let deep = "<table:table><table:table-row><table:table-cell>".repeat(100_000);
        assert!(read_text(&document(&format!("<office:text>{deep}<text:p>x</text:p>"))).is_ok());
    }
}
