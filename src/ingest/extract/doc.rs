//! Word 97-2003 and older. What records it is made of is the library's to know; here its parts become blocks as those
//! of newer documents do. Headers, footers, comments and pictures are left out, as of those.

use std::io::Cursor;

use office_oxide::doc::DocError;
use office_oxide::ir::{self, Element, InlineContent, inline_to_text};
use office_oxide::{Document, DocumentFormat, OfficeError};

use super::blocks::{Block, written};
use super::table::Table;
use super::{ExtractError, text};
use crate::domain::extract::Extract;

/// The deepest nesting of lists, boxes and tables that is followed.
const DEPTH_MAX: usize = 32;
/// What the library calls a comment.
const COMMENT: &str = "comment";

/// Reads a document. Headings, lists and tables become Markdown; notes and text boxes follow the text.
pub(super) fn read(bytes: &[u8]) -> Result<Extract, ExtractError> {
    let document = Document::from_reader(Cursor::new(bytes.to_vec()), DocumentFormat::Doc).map_err(refused)?;
    let document = document.to_ir();
    let about = document.metadata;
    let mut blocks = Vec::new();
    for section in &document.sections {
        blocks_of(&section.elements, 0, &mut blocks);
    }
    let mut extract = Extract {
        title: about.title,
        author: about.author,
        date: about.modified.or(about.created).and_then(|moment| moment.get(..10).map(str::to_owned)),
        markdown: text::clean(&written(blocks)),
        ..Extract::default()
    };
    if about.text_truncated {
        extract.notes.push("Parts of the document are damaged; what could be read of it was.".to_owned());
    }
    Ok(extract)
}

fn refused(error: OfficeError) -> ExtractError {
    match error {
        OfficeError::Doc(DocError::Encrypted) => ExtractError::Encrypted,
        error => ExtractError::Damaged(format!("the document does not open ({error})")),
    }
}

fn blocks_of(elements: &[Element], depth: usize, blocks: &mut Vec<Block>) {
    if depth > DEPTH_MAX {
        return;
    }
    for element in elements {
        match element {
            Element::Heading(heading) => {
                let line = line(&heading.content);
                if !line.is_empty() {
                    blocks.push(Block::Text(format!("{} {line}", "#".repeat(heading.clamped_level().into()))));
                }
            }
            Element::Paragraph(paragraph) => {
                blocks.push(Block::Text(inline_to_text(&paragraph.content).trim().to_owned()))
            }
            Element::List(list) => items_of(list, 0, blocks),
            Element::Table(table) => blocks.push(Block::Text(table_of(table, depth).markdown())),
            Element::TextBox(shown) => blocks_of(&shown.content, depth + 1, blocks),
            Element::Footnote(note) => blocks_of(&note.content, depth + 1, blocks),
            Element::Endnote(note) if note.marker.as_deref() != Some(COMMENT) => {
                blocks_of(&note.content, depth + 1, blocks);
            }
            Element::CodeBlock(code) => blocks.push(Block::Text(format!("```\n{}\n```", code.content.trim_end()))),
            _ => {}
        }
    }
}

fn items_of(list: &ir::List, level: usize, blocks: &mut Vec<Block>) {
    if level > DEPTH_MAX {
        return;
    }
    let indent = "  ".repeat(level);
    for (item, number) in list.items.iter().zip(list.start_number.unwrap_or(1)..) {
        let marker = if list.ordered { format!("{number}. ") } else { "- ".to_owned() };
        let text = inline(&item.content, level);
        if !text.is_empty() {
            blocks.push(Block::Item { list: String::new(), text: format!("{indent}{marker}{text}") });
        }
        item.nested.iter().for_each(|nested| items_of(nested, level + 1, blocks));
    }
}

fn table_of(table: &ir::Table, depth: usize) -> Table {
    let mut read = Table::default();
    for row in &table.rows {
        read.row();
        for cell in &row.cells {
            read.span(cell.col_span as usize, cell.row_span as usize);
            read.cell(inline(&cell.content, depth));
        }
    }
    read
}

/// Elements on one line, as in a cell.
fn inline(elements: &[Element], depth: usize) -> String {
    if depth > DEPTH_MAX {
        return String::new();
    }
    let part = |element: &Element| match element {
        Element::Table(table) => table_of(table, depth + 1).inline(),
        Element::Heading(heading) => line(&heading.content),
        Element::Paragraph(paragraph) => line(&paragraph.content),
        other => {
            let mut blocks = Vec::new();
            blocks_of(std::slice::from_ref(other), depth + 1, &mut blocks);
            written(blocks).split_whitespace().collect::<Vec<_>>().join(" ")
        }
    };
    let parts = elements.iter().map(part).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join(" ")
}

fn line(content: &[InlineContent]) -> String {
    inline_to_text(content).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use office_oxide::ir::{
        Element, Heading, InlineContent, List, ListItem, Note, Paragraph, Table, TableCell, TableRow, TextBox, TextSpan,
    };

    use super::{DEPTH_MAX, blocks_of, read, written};
    use crate::ingest::extract::ExtractError;

    fn said(text: &str) -> Vec<InlineContent> {
        vec![InlineContent::Text(TextSpan::plain(text))]
    }

    fn paragraph(text: &str) -> Element {
        Element::Paragraph(Paragraph { content: said(text), ..Paragraph::default() })
    }

    fn item(text: &str, nested: Option<List>) -> ListItem {
        ListItem { content: vec![paragraph(text)], nested }
    }

    fn check(elements: &[Element], expected: &str) {
        let mut blocks = Vec::new();
        blocks_of(elements, 0, &mut blocks);
        assert_eq!(written(blocks), expected);
    }

    #[test]
    fn parts_become_blocks() {
        let heading = Element::Heading(Heading { level: 2, content: said("A\ttitle"), ..Heading::default() });
        check(&[heading, paragraph(" one "), paragraph("")], "## A title\n\none");
        let nested = List { items: vec![item("x", None)], ..List::default() };
        let items = vec![item("a", Some(nested)), item("b", None)];
        let list = List { ordered: true, start_number: Some(3), items, ..List::default() };
        check(&[Element::List(list)], "3. a\n  - x\n4. b");
        let cell = |text, col_span| TableCell { content: vec![paragraph(text)], col_span, ..TableCell::default() };
        let row = |cells| TableRow { cells, ..TableRow::default() };
        let rows = vec![row(vec![cell("wide", 2)]), row(vec![cell("c", 1), cell("d", 1)])];
        check(&[Element::Table(Table { rows, ..Table::default() })], "| wide | wide |\n| --- | --- |\n| c | d |");
        let note = |marker: &str| Note {
            content: vec![paragraph(marker)],
            marker: Some(marker.to_owned()),
            ..Note::default()
        };
        let notes =
            [Element::Footnote(note("footnote")), Element::Endnote(note("comment")), Element::Endnote(note("end"))];
        check(&notes, "footnote\n\nend");
    }

    #[test]
    fn what_lies_too_deep_or_is_damaged_is_left_out() {
        let within = |content| Element::TextBox(TextBox { content, ..TextBox::default() });
        let deep = |depth| (0..depth).fold(paragraph("x"), |inner, _| within(vec![inner]));
        check(&[deep(DEPTH_MAX)], "x");
        check(&[deep(DEPTH_MAX + 1)], "");
        let head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 and nothing else";
        assert!(matches!(read(head), Err(ExtractError::Damaged(_))));
    }
}
