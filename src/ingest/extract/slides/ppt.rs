//! PowerPoint 97-2003, a page a slide. What records it is made of is the library's to know; here its texts become
//! shapes as those of newer presentations do.

use std::io::Cursor;

use office_oxide::ppt::{PptDocument, PptError, SlideText, TableBlock, TextRun, TextType};

use super::shape::{Paragraph, Role, Shape, shape};
use super::title_from_slides;
use crate::domain::extract::{Extract, Unit};
use crate::ingest::extract::table::Table;
use crate::ingest::extract::{ExtractError, Hear, Heard, text, too_much_text};
use crate::limits;

/// Reads a presentation.
pub(in crate::ingest::extract) fn read(bytes: &[u8], hear: Hear<'_>) -> Result<Extract, ExtractError> {
    let document = PptDocument::from_reader(Cursor::new(bytes)).map_err(|error| match error {
        PptError::Encrypted => ExtractError::Encrypted,
        error => ExtractError::Damaged(format!("the presentation does not open ({error})")),
    })?;
    let mut extract = Extract { unit: Unit::Slide, ..Extract::default() };
    if let Some(about) = document.summary_properties() {
        (extract.title, extract.author) = (about.title.clone(), about.author.clone());
        let moment = about.modified.as_deref().or(about.created.as_deref());
        extract.date = moment.and_then(|moment| moment.get(..10)).map(str::to_owned);
    }
    if !document.text_complete() {
        extract.notes.push("Parts of the presentation are damaged; what could be read of it was.".to_owned());
    }
    let total = u32::try_from(document.slides.len()).unwrap_or(u32::MAX).min(limits::EXTRACT_PAGES_MAX);
    for (slide, number) in document.slides.iter().zip(1..=total) {
        if slide.hidden {
            extract.notes.push(format!("Slide {number} is hidden and was left out."));
        }
        let markdown = if slide.hidden { String::new() } else { one(slide) };
        extract.add_page(&text::clean(&markdown), total);
        if extract.markdown.len() > limits::EXTRACT_BYTES_MAX {
            return Err(too_much_text());
        }
        hear(Heard::Page { done: number, total });
    }
    title_from_slides(&mut extract);
    Ok(extract)
}

/// A slide: title, texts, tables, notes.
fn one(slide: &SlideText) -> String {
    let (notes, shown): (Vec<&TextRun>, Vec<&TextRun>) =
        slide.text_runs.iter().partition(|run| run.text_type == TextType::Notes);
    let mut blocks = Vec::new();
    for run in shown {
        match shape(role(run), paragraphs(run)) {
            Some(Shape::Title(title)) => blocks.insert(0, format!("# {title}")),
            Some(Shape::Text(text)) => blocks.push(text),
            Some(Shape::Part(_)) | None => {}
        }
    }
    blocks.extend(slide.tables.iter().map(table));
    let notes = notes.into_iter().filter(|run| role(run) != Role::Repeated).flat_map(paragraphs);
    blocks.extend(notes.map(|paragraph| paragraph.text));
    blocks.retain(|block| !block.trim().is_empty());
    blocks.join("\n\n")
}

fn role(run: &TextRun) -> Role {
    match (run.placeholder_role.as_deref(), run.text_type) {
        (Some("dt" | "sldNum" | "ftr" | "hdr"), _) => Role::Repeated,
        (_, TextType::Title | TextType::CenterTitle) => Role::Title,
        (_, TextType::Body | TextType::HalfBody | TextType::QuarterBody) => Role::Body,
        _ => Role::Drawn,
    }
}

/// A carriage return ends a paragraph, a vertical tab a line in it.
fn paragraphs(run: &TextRun) -> Vec<Paragraph> {
    let mut start = 0;
    let paragraph = |text: &str| {
        let format = run.para_formats.iter().find(|format| (format.start..format.end).contains(&start));
        start += text.chars().count() + 1;
        let level = format.and_then(|format| format.format.indent_level).map_or(0, usize::from);
        Paragraph { text: text.replace('\u{b}', "\n"), level: level.min(8), mark: None }
    };
    run.text.split(['\r', '\n']).map(paragraph).collect()
}

fn table(block: &TableBlock) -> String {
    let mut table = Table::default();
    for row in &block.rows {
        table.row();
        for cell in row {
            let texts = cell.iter().flat_map(paragraphs).map(|paragraph| paragraph.text);
            table.cell(texts.collect::<Vec<_>>().join(" ").trim().to_owned());
        }
    }
    table.markdown()
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write as _};

    use super::read;
    use crate::domain::extract::Unit;
    use crate::ingest::extract::ExtractError;

    /// A record that holds values.
    fn atom(kind: u16, body: &[u8]) -> Vec<u8> {
        record(0, kind, body)
    }

    /// A record that holds records.
    fn container(kind: u16, parts: &[Vec<u8>]) -> Vec<u8> {
        record(0xf, kind, &parts.concat())
    }

    fn record(version: u16, kind: u16, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len()).expect("small");
        [&version.to_le_bytes()[..], &kind.to_le_bytes(), &length.to_le_bytes(), body].concat()
    }

    /// A shape with a text of this type.
    fn shape(kind: u32, text: &str) -> Vec<u8> {
        let letters: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        container(0xf004, &[container(0xf00d, &[atom(0x0f9f, &kind.to_le_bytes()), atom(0x0fa0, &letters)])])
    }

    fn slide(is_hidden: bool, shapes: &[Vec<u8>]) -> Vec<u8> {
        let mut shown = [0; 16];
        shown[10] = if is_hidden { 4 } else { 0 };
        let drawing = container(0x040c, &[container(0xf002, &[container(0xf003, shapes)])]);
        container(0x03ee, &[record(2, 0x03ef, &[0; 24]), atom(0x03f9, &shown), drawing])
    }

    /// A presentation of these slides; `token` says whether it is encrypted.
    fn presentation(token: u32, slides: &[Vec<u8>]) -> Vec<u8> {
        let count = u32::try_from(slides.len()).expect("few");
        let listed = (2..=count + 1).map(|id| atom(0x03f3, &[&id.to_le_bytes()[..], &[0; 16]].concat()));
        let list = container(0x0ff0, &listed.collect::<Vec<_>>());
        let mut stream = Vec::new();
        let mut directory = vec![1 | (count + 1) << 20];
        for part in [container(0x03e8, &[list])].iter().chain(slides) {
            directory.push(u32::try_from(stream.len()).expect("small"));
            stream.extend(part);
        }
        let place = u32::try_from(stream.len()).expect("small");
        stream.extend(atom(0x1772, &directory.into_iter().flat_map(u32::to_le_bytes).collect::<Vec<_>>()));
        let edit = u32::try_from(stream.len()).expect("small");
        let numbers = [0, 0x0300_0000, 0, place, 1, count + 2, 0];
        stream.extend(atom(0x0ff5, &numbers.into_iter().flat_map(u32::to_le_bytes).collect::<Vec<_>>()));
        let user =
            atom(0x0ff6, &[20, token, edit, 0x03f4_0000, 3].into_iter().flat_map(u32::to_le_bytes).collect::<Vec<_>>());
        let mut file = cfb::CompoundFile::create(Cursor::new(Vec::new())).expect("in memory");
        for (name, bytes) in [("PowerPoint Document", stream), ("Current User", user)] {
            file.create_stream(name).and_then(|mut to| to.write_all(&bytes)).expect("in memory");
        }
        file.into_inner().into_inner()
    }

    const OPEN: u32 = 0xe391_c05f;

    #[test]
    fn slides_are_pages_with_titles_lists_and_notes() {
        let first = slide(false, &[shape(4, "drawn\u{b}by hand"), shape(1, "one\rtwo é\r"), shape(0, "A\rtitle")]);
        let bytes = presentation(OPEN, &[first, slide(true, &[shape(0, "Hidden")]), slide(false, &[shape(1, "end")])]);
        let mut pages = 0;
        let extract = read(&bytes, &mut |_| pages += 1).expect("a presentation");
        assert_eq!(extract.markdown, "# A title\n\ndrawn\nby hand\n\n- one\n- two é\n\nend");
        assert_eq!((extract.unit, extract.pages.len(), extract.notes.len(), pages), (Unit::Slide, 3, 1, 3));
        assert_eq!((extract.page_at(extract.markdown.len() - 1), extract.title.as_deref()), (Some(3), Some("A title")));
    }

    #[test]
    fn what_is_locked_or_broken_is_refused() {
        let bytes = presentation(0xf3d1_c4df, &[slide(false, &[shape(0, "secret")])]);
        assert!(matches!(read(&bytes, &mut |_| {}), Err(ExtractError::Encrypted)));
        let whole = presentation(OPEN, &[slide(false, &[shape(0, "Title")])]);
        for end in (0..whole.len()).step_by(97) {
            let _ = read(&whole[..end], &mut |_| {});
        }
    }
}
