//! Word documents: an archive of XML parts, of which the body, the notes, the styles and the numbering are read.
//!
//! Headers, footers, comments, deleted text and tables of contents are left out: they repeat or are not the document.

mod body;
mod numbering;
mod styles;

use super::package::{Package, joined};
use super::{ExtractError, text};
use crate::domain::extract::Extract;
use numbering::Numbering;
use styles::Styles;

/// Reads a Word document. Headings, lists and tables become Markdown; footnotes follow the text.
pub(super) fn read(bytes: &[u8]) -> Result<Extract, ExtractError> {
    let mut package = Package::open(bytes)?;
    let path = package.main_part()?.unwrap_or_else(|| "word/document.xml".to_owned());
    let Some(document) = package.text(&path)? else {
        return Err(ExtractError::Unsupported { found: "a ZIP archive".to_owned() });
    };
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut beside = |name: &str| package.text(&joined(folder, name));
    let styles = Styles::parse(&beside("styles.xml")?.unwrap_or_default());
    let numbering = Numbering::parse(&beside("numbering.xml")?.unwrap_or_default());
    let mut read = body::read(&document, &styles, &numbering)?;
    for (part, mark) in [("footnotes.xml", ""), ("endnotes.xml", "e")] {
        if let Some(xml) = beside(part)? {
            read.markdown.push_str(&body::read_notes(&xml, mark, &styles, &numbering));
        }
    }
    let mut extract = Extract { notes: read.note.into_iter().collect(), ..Extract::default() };
    package.about(&mut extract)?;
    extract.title = extract.title.or(read.title);
    extract.markdown = text::clean(&read.markdown);
    Ok(extract)
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::ingest::extract::ExtractError;
    use crate::ingest::extract::package::packed;

    fn check(body: &str, markdown: &str) {
        let styles = r#"<w:styles><w:style w:styleId="T"><w:name w:val="Title"/></w:style>
            <w:style w:styleId="H1"><w:name w:val="heading 1"/></w:style>
            <w:style w:styleId="Own"><w:name w:val="Own"/><w:basedOn w:val="H1"/></w:style>
            <w:style w:styleId="Deep"><w:name w:val="x"/><w:pPr><w:outlineLvl w:val="2"/></w:pPr></w:style></w:styles>"#;
        let numbering = r#"<w:numbering>
            <w:abstractNum w:abstractNumId="0"><w:lvl w:ilvl="0"><w:numFmt w:val="bullet"/></w:lvl>
              <w:lvl w:ilvl="1"><w:numFmt w:val="bullet"/></w:lvl></w:abstractNum>
            <w:abstractNum w:abstractNumId="1">
              <w:lvl w:ilvl="0"><w:numFmt w:val="decimal"/><w:lvlText w:val="%1."/></w:lvl>
              <w:lvl w:ilvl="1"><w:numFmt w:val="lowerLetter"/><w:lvlText w:val="%1.%2)"/></w:lvl></w:abstractNum>
            <w:num w:numId="5"><w:abstractNumId w:val="0"/></w:num><w:num w:numId="6"><w:abstractNumId w:val="1"/></w:num>
            </w:numbering>"#;
        let document = format!("<w:document><w:body>{body}</w:body></w:document>");
        let bytes =
            packed(&[("word/document.xml", &document), ("word/styles.xml", styles), ("word/numbering.xml", numbering)]);
        assert_eq!(read(&bytes).expect(body).markdown, markdown, "{body}");
    }

    /// A paragraph of style `style` with `text`.
    fn p(style: &str, text: &str) -> String {
        format!("<w:p><w:pPr><w:pStyle w:val=\"{style}\"/></w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>")
    }

    fn item(num: u32, level: u32, text: &str) -> String {
        format!(
            "<w:p><w:pPr><w:numPr><w:ilvl w:val=\"{level}\"/><w:numId w:val=\"{num}\"/></w:numPr></w:pPr>\
             <w:r><w:t>{text}</w:t></w:r></w:p>"
        )
    }

    #[test]
    fn headings_come_from_styles_and_outline_levels() {
        check(
            &[p("T", "A"), p("H1", "B"), p("Own", "C"), p("Deep", "D"), p("", "text")].concat(),
            "# A\n\n# B\n\n# C\n\n### D\n\ntext",
        );
    }

    #[test]
    fn lists_keep_their_depth_and_numbers() {
        let body =
            [item(5, 0, "a"), item(5, 1, "b"), item(6, 0, "c"), item(6, 1, "d"), item(6, 1, "e"), item(6, 0, "f")];
        check(&body.concat(), "- a\n  - b\n\n1. c\n  - 1.a) d\n  - 1.b) e\n2. f");
    }

    #[test]
    fn tables_become_markdown_tables() {
        let cell = |text: &str| format!("<w:tc>{}</w:tc>", p("", text));
        let wide = format!("<w:tc><w:tcPr><w:gridSpan w:val=\"2\"/></w:tcPr>{}</w:tc>", p("", "w"));
        let row = |cells: &[String]| format!("<w:tr>{}</w:tr>", cells.concat());
        let body = format!("<w:tbl>{}{}</w:tbl>", row(&[cell("a|b"), cell("c")]), row(&[wide]));
        check(&body, "| a\\|b | c |\n| --- | --- |\n| w | w |");
        check(&format!("<w:tbl>{}</w:tbl>", row(&[cell("only")])), "only");
        let merged = |how: &str, text: &str| format!("<w:tc><w:tcPr><w:vMerge{how}/></w:tcPr>{}</w:tc>", p("", text));
        let down = [merged(" w:val=\"restart\"", "m"), cell("1")];
        let body = format!("<w:tbl>{}{}</w:tbl>", row(&down), row(&[merged("", ""), cell("2")]));
        check(&body, "| m | 1 |\n| --- | --- |\n| m | 2 |");
    }

    #[test]
    fn what_is_not_read_by_readers_is_left_out() {
        let cases = [
            ("<w:p><w:r><w:t>a</w:t></w:r><w:del><w:r><w:delText>x</w:delText></w:r></w:del></w:p>", "a"),
            ("<w:p><w:r><w:rPr><w:vanish/></w:rPr><w:t>x</w:t></w:r><w:r><w:t>a</w:t></w:r></w:p>", "a"),
            ("<w:p><w:r><w:instrText>PAGE</w:instrText><w:t>a</w:t></w:r></w:p>", "a"),
            ("<w:p><w:moveFrom><w:r><w:t>x</w:t></w:r></w:moveFrom><w:r><w:t>a</w:t></w:r></w:p>", "a"),
            (
                "<w:p><w:r><mc:AlternateContent><mc:Choice><w:txbxContent><w:p><w:r><w:t>box</w:t></w:r></w:p>\
                 </w:txbxContent></mc:Choice><mc:Fallback><w:t>x</w:t></mc:Fallback></mc:AlternateContent>\
                 <w:t>a</w:t></w:r></w:p>",
                "a\n\nbox",
            ),
            (
                "<w:p><w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:br/><w:t>c &amp; &#100;&lol;</w:t></w:r></w:p>",
                "a\tb\nc & d",
            ),
            ("<w:p><w:hyperlink><w:r><w:t>link</w:t></w:r></w:hyperlink></w:p>", "link"),
        ];
        for (body, markdown) in cases {
            check(body, markdown);
        }
    }

    #[test]
    fn notes_and_the_title_are_found() {
        let document = "<w:document><w:body><w:p><w:r><w:t>a</w:t><w:footnoteReference w:id=\"2\"/></w:r></w:p></w:body></w:document>";
        let notes = "<w:footnotes><w:footnote w:type=\"separator\" w:id=\"0\"><w:p><w:r><w:t>x</w:t></w:r></w:p></w:footnote>\
            <w:footnote w:id=\"2\"><w:p><w:r><w:t>said so</w:t></w:r></w:p></w:footnote></w:footnotes>";
        let core = "<cp:coreProperties><dc:title>The title</dc:title></cp:coreProperties>";
        let bytes =
            packed(&[("word/document.xml", document), ("word/footnotes.xml", notes), ("docProps/core.xml", core)]);
        let extract = read(&bytes).expect("well-formed");
        assert_eq!(extract.markdown, "a[^2]\n\n[^2]: said so");
        assert_eq!(extract.title.as_deref(), Some("The title"));
    }

    #[test]
    fn broken_documents_are_read_as_far_as_they_go_or_refused() {
        let broken = packed(&[("word/document.xml", "<w:document><w:p><w:r><w:t>first</w:t></w:r></w:p><w:p></w:r>")]);
        let extract = read(&broken).expect("its beginning is sound");
        assert_eq!(extract.markdown, "first");
        assert_eq!(extract.notes.len(), 1);
        assert!(matches!(read(&packed(&[("word/document.xml", "<w:p></w:r>")])), Err(ExtractError::Damaged(_))));
        assert!(matches!(read(&packed(&[("a.txt", "x")])), Err(ExtractError::Unsupported { .. })));
        assert!(matches!(read(b"PK\x03\x04"), Err(ExtractError::Damaged(_))));
    }

    #[test]
    fn deep_nesting_does_not_exhaust_the_stack() {
        let deep = format!("<w:document>{}</w:document>", "<w:tbl><w:tr><w:tc>".repeat(100_000));
        assert!(read(&packed(&[("word/document.xml", &deep)])).is_err());
    }
}
