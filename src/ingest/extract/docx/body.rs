//! The body of a Word document, read as a stream of XML events without recursion.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::numbering::{Counters, Label, Numbering};
use super::styles::{self, Style, Styles};
use crate::ingest::extract::ExtractError;
use crate::ingest::extract::blocks::{Block, written};
use crate::ingest::extract::table::Table;
use crate::ingest::extract::xml::{attribute, reference};

/// What was read of a body.
pub(super) struct Body {
    pub title: Option<String>,
    pub markdown: String,
    /// Set when the XML breaks off before its end.
    pub note: Option<String>,
}

/// Elements whose contents are not part of the text: what was deleted or moved away, what a newer form replaces,
/// readings over characters.
const SKIPPED: &[&str] = &["del", "moveFrom", "Fallback", "rt", "instrText", "delInstrText"];

#[derive(Default)]
struct Paragraph {
    text: String,
    style: Style,
    outline: Option<usize>,
    list: Option<String>,
    level: Option<usize>,
    /// Blocks of text boxes anchored in it, which follow it.
    boxes: Vec<Block>,
}

struct Reading<'a> {
    styles: &'a Styles,
    numbering: &'a Numbering,
    counters: Counters,
    /// Blocks of the body, and of each cell and text box that is open within it.
    containers: Vec<Vec<Block>>,
    paragraphs: Vec<Paragraph>,
    tables: Vec<Table>,
    /// Whether the cell being read goes on from the one above it.
    like_above: bool,
    title: Option<String>,
    /// How deep within a skipped element.
    skipped: usize,
    in_text: bool,
    run_hidden: bool,
}

/// Reads the document part.
pub(super) fn read(xml: &str, styles: &Styles, numbering: &Numbering) -> Result<Body, ExtractError> {
    let mut reading = Reading::new(styles, numbering);
    let ended = reading.run(&mut Reader::from_str(xml));
    let markdown = written(reading.containers.swap_remove(0));
    match ended {
        Err(error) if markdown.trim().is_empty() => {
            Err(ExtractError::Damaged(format!("its text is not well-formed XML ({error})")))
        }
        ended => {
            let note = ended.err().map(|_| "The document breaks off: what follows could not be read.".to_owned());
            Ok(Body { title: reading.title, markdown, note })
        }
    }
}

/// Reads a part of footnotes or endnotes as `[^1]: text` paragraphs; `mark` stands before each number.
pub(super) fn read_notes(xml: &str, mark: &str, styles: &Styles, numbering: &Numbering) -> String {
    let mut reader = Reader::from_str(xml);
    let mut out = String::new();
    let mut reading = Reading::new(styles, numbering);
    let mut id = None;
    while let Ok(event) = reader.read_event() {
        match &event {
            Event::Start(tag) if is_note(tag.local_name().into_inner()) => {
                // Separators between text and notes are kept in the same part and marked by a type.
                id = attribute(tag, "type").is_none().then(|| attribute(tag, "id")).flatten();
                reading = Reading::new(styles, numbering);
            }
            Event::End(tag) if is_note(tag.local_name().into_inner()) => {
                let text = written(reading.containers.swap_remove(0));
                if let Some(id) = id.take().filter(|_| !text.trim().is_empty()) {
                    out.push_str(&format!("\n\n[^{mark}{id}]: {}", text.trim()));
                }
                reading = Reading::new(styles, numbering);
            }
            Event::Eof => break,
            _ => reading.event(event),
        }
    }
    out
}

fn is_note(name: &str) -> bool {
    name == "footnote" || name == "endnote"
}

impl<'a> Reading<'a> {
    fn new(styles: &'a Styles, numbering: &'a Numbering) -> Reading<'a> {
        Reading {
            styles,
            numbering,
            counters: Counters::default(),
            containers: vec![Vec::new()],
            paragraphs: Vec::new(),
            tables: Vec::new(),
            like_above: false,
            title: None,
            skipped: 0,
            in_text: false,
            run_hidden: false,
        }
    }

    fn run(&mut self, reader: &mut Reader<&[u8]>) -> Result<(), quick_xml::Error> {
        loop {
            match reader.read_event()? {
                Event::Eof => return Ok(()),
                event => self.event(event),
            }
        }
    }

    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(&tag),
            Event::Empty(tag) => {
                self.start(&tag);
                self.end(tag.local_name().into_inner());
            }
            Event::End(tag) => self.end(tag.local_name().into_inner()),
            Event::Text(text) => self.say(&text),
            Event::CData(text) => self.say(&text),
            Event::GeneralRef(name) => {
                if let Some(c) = reference(&name) {
                    self.say(c.encode_utf8(&mut [0; 4]));
                }
            }
            _ => {}
        }
    }

    fn start(&mut self, tag: &BytesStart<'_>) {
        let name = tag.local_name().into_inner();
        if self.skipped > 0 || SKIPPED.contains(&name) {
            self.skipped += 1;
            return;
        }
        match name {
            "p" => self.paragraphs.push(Paragraph::default()),
            "r" => self.run_hidden = false,
            "t" => self.in_text = true,
            "tbl" => self.tables.push(Table::default()),
            "tr" => self.tables.iter_mut().last().into_iter().for_each(Table::row),
            "tc" | "txbxContent" => self.containers.push(Vec::new()),
            _ => self.property(name, tag),
        }
    }

    /// Takes in what an element without contents of its own says.
    fn property(&mut self, name: &str, tag: &BytesStart<'_>) {
        let value = attribute(tag, "val");
        if name == "gridSpan" {
            let columns = value.and_then(|columns| columns.parse().ok()).unwrap_or(1);
            if let Some(table) = self.tables.last_mut() {
                table.span(columns, 1);
            }
            return;
        }
        if name == "vMerge" {
            self.like_above = value.as_deref() != Some("restart");
            return;
        }
        let Some(paragraph) = self.paragraphs.last_mut() else { return };
        match (name, value) {
            ("pStyle", Some(id)) => paragraph.style = self.styles.get(&id),
            ("outlineLvl", Some(level)) => paragraph.outline = styles::level(&level),
            ("numId", id) => paragraph.list = id,
            ("ilvl", Some(level)) => paragraph.level = level.parse().ok(),
            ("vanish", value) => self.run_hidden = !matches!(value.as_deref(), Some("0" | "false")),
            ("tab" | "ptab", None) if !paragraph.text.is_empty() => paragraph.text.push('\t'),
            ("br" | "cr", _) => paragraph.text.push('\n'),
            ("noBreakHyphen", _) => paragraph.text.push('-'),
            ("footnoteReference", _) => note_mark(&mut paragraph.text, "", tag),
            ("endnoteReference", _) => note_mark(&mut paragraph.text, "e", tag),
            _ => {}
        }
    }

    fn end(&mut self, name: &str) {
        if self.skipped > 0 {
            self.skipped -= 1;
            return;
        }
        match name {
            "t" => self.in_text = false,
            "r" => self.run_hidden = false,
            "p" => self.end_paragraph(),
            "tc" if self.containers.len() > 1 => {
                let text = self.containers.pop().map(written).unwrap_or_default();
                let like_above = std::mem::take(&mut self.like_above) && text.trim().is_empty();
                match self.tables.last_mut() {
                    Some(table) if like_above => table.cell_like_above(),
                    Some(table) => table.cell(text),
                    None => {}
                }
            }
            "txbxContent" if self.containers.len() > 1 => {
                let blocks = self.containers.pop().unwrap_or_default();
                match self.paragraphs.last_mut() {
                    Some(paragraph) => paragraph.boxes.extend(blocks),
                    None => self.put(blocks),
                }
            }
            "tbl" => {
                let Some(table) = self.tables.pop() else { return };
                let text = if self.tables.is_empty() { table.markdown() } else { table.inline() };
                self.put([Block::Text(text)]);
            }
            _ => {}
        }
    }

    fn say(&mut self, text: &str) {
        let shown = self.skipped == 0 && self.in_text && !self.run_hidden;
        if let Some(paragraph) = self.paragraphs.last_mut().filter(|_| shown) {
            paragraph.text.push_str(text);
        }
    }

    fn put(&mut self, blocks: impl IntoIterator<Item = Block>) {
        if let Some(container) = self.containers.last_mut() {
            container.extend(blocks);
        }
    }

    fn end_paragraph(&mut self) {
        let Some(paragraph) = self.paragraphs.pop() else { return };
        let text = paragraph.text.trim();
        let in_table = !self.tables.is_empty();
        if !text.is_empty() && !paragraph.style.is_contents {
            let block = self.block(text, &paragraph, in_table);
            self.put([block]);
        }
        self.put(paragraph.boxes);
    }

    /// The block that `text` makes with its paragraph's properties.
    fn block(&mut self, text: &str, paragraph: &Paragraph, in_table: bool) -> Block {
        let style = &paragraph.style;
        let list = paragraph.list.clone().or(style.number.as_ref().map(|(id, _)| id.clone())).filter(|id| id != "0");
        let depth = paragraph.level.or(style.number.as_ref().map(|(_, level)| *level)).unwrap_or(0);
        let label = list.as_deref().and_then(|list| self.numbering.next(&mut self.counters, list, depth));
        let level = paragraph.outline.or(style.level).or(style.is_title.then_some(1)).filter(|_| !in_table);
        if style.is_title && self.title.is_none() {
            self.title = Some(text.to_owned());
        }
        if let Some(level) = level {
            let marks = "#".repeat(level.min(6));
            let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
            return Block::Text(match label {
                Some(Label::Number(number)) => format!("{marks} {number} {line}"),
                _ => format!("{marks} {line}"),
            });
        }
        let Some(label) = label.filter(|_| !in_table) else { return Block::Text(text.to_owned()) };
        let indent = "  ".repeat(depth.min(8));
        let body = text.replace('\n', &format!("\n{indent}  "));
        let text = match label {
            Label::Bullet | Label::Nothing => format!("{indent}- {body}"),
            Label::Number(number) if is_plain(&number) => format!("{indent}{number} {body}"),
            Label::Number(number) => format!("{indent}- {number} {body}"),
        };
        Block::Item { list: list.unwrap_or_default(), text }
    }
}

/// Whether Markdown itself knows `number` as an item's number: digits and a full stop or a parenthesis.
fn is_plain(number: &str) -> bool {
    let digits = number.strip_suffix(['.', ')']).unwrap_or_default();
    !digits.is_empty() && digits.len() <= 9 && digits.bytes().all(|b| b.is_ascii_digit())
}

fn note_mark(text: &mut String, mark: &str, tag: &BytesStart<'_>) {
    if let Some(id) = attribute(tag, "id") {
        text.push_str(&format!("[^{mark}{id}]"));
    }
}
