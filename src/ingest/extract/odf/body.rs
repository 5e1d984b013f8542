//! The body of an OpenDocument, read as a stream of XML events without recursion.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::styles::Styles;
use crate::ingest::extract::ExtractError;
use crate::ingest::extract::blocks::{Block, written};
use crate::ingest::extract::table::Table;
use crate::ingest::extract::xml::{attribute, reference};

/// What was read of a body.
#[derive(Default)]
pub(super) struct Body {
    /// One page of a text, or the slides of a presentation.
    pub pages: Vec<String>,
    /// Footnotes and endnotes, a paragraph each.
    pub notes: String,
    pub title: Option<String>,
    /// Set when the XML breaks off before its end.
    pub broken: Option<String>,
}

/// Elements whose contents are not part of the text: what was deleted, comments, lists of contents, drawn text twice.
const SKIPPED: &[&str] = &[
    "tracked-changes",
    "annotation",
    "table-of-content",
    "note-citation",
    "forms",
    "ruby-text",
    "desc",
    "binary-data",
];

/// The most times that one cell or one run of spaces is repeated.
const REPEATED_MAX: usize = 64;

#[derive(Default)]
struct Paragraph {
    text: String,
    heading: Option<usize>,
}

struct List {
    style: String,
    /// The number of its next item; `None` for bullets.
    number: Option<u64>,
}

/// What is being read around a cell or a note.
struct Outside {
    blocks: Vec<Block>,
    lists: Vec<List>,
    repeated: usize,
}

struct Reading<'a> {
    styles: &'a Styles,
    body: Body,
    blocks: Vec<Block>,
    paragraphs: Vec<Paragraph>,
    lists: Vec<List>,
    /// Counts outermost lists, so that items of different ones are set apart.
    list_id: u64,
    /// The marker of an item of which nothing has been written yet.
    marker: Option<String>,
    tables: Vec<Table>,
    outside: Vec<Outside>,
    notes: u32,
    /// How deep within a skipped element.
    skipped: usize,
    in_body: bool,
    /// Whether a slide was begun.
    in_slide: bool,
    /// Whether the frame being read is the title of its slide.
    in_title: bool,
}

/// Reads the part that holds the body.
pub(super) fn read(xml: &str, styles: &Styles) -> Result<Body, ExtractError> {
    let mut reading = Reading {
        styles,
        body: Body::default(),
        blocks: Vec::new(),
        paragraphs: Vec::new(),
        lists: Vec::new(),
        list_id: 0,
        marker: None,
        tables: Vec::new(),
        outside: Vec::new(),
        notes: 0,
        skipped: 0,
        in_body: false,
        in_slide: false,
        in_title: false,
    };
    let mut reader = Reader::from_str(xml);
    let ended = loop {
        match reader.read_event() {
            Ok(Event::Eof) => break Ok(()),
            Ok(event) => reading.event(event),
            Err(error) => break Err(error),
        }
    };
    // What is still open when the document breaks off.
    while let Some(outside) = reading.outside.pop() {
        let inner = std::mem::replace(&mut reading.blocks, outside.blocks);
        reading.blocks.extend(inner);
    }
    reading.end_page();
    let mut body = reading.body;
    if let Err(error) = ended {
        if body.pages.iter().all(|page| page.trim().is_empty()) {
            return Err(ExtractError::Damaged(format!("its text is not well-formed XML ({error})")));
        }
        body.broken = Some("The document breaks off: what follows could not be read.".to_owned());
    }
    Ok(body)
}

impl Reading<'_> {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(&tag),
            Event::Empty(tag) => {
                self.start(&tag);
                self.end(tag.local_name().into_inner());
            }
            Event::End(tag) => self.end(tag.local_name().into_inner()),
            Event::Text(text) => self.say_collapsed(&text),
            Event::CData(text) => self.say_collapsed(&text),
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
        let number = |name: &str| attribute(tag, name).and_then(|number| number.parse::<usize>().ok());
        match name {
            "body" => self.in_body = true,
            _ if !self.in_body => {}
            "page" if std::mem::replace(&mut self.in_slide, true) => self.end_page(),
            "frame" | "custom-shape" => self.in_title = attribute(tag, "class").is_some_and(|class| class == "title"),
            "h" => {
                self.paragraphs.push(Paragraph { heading: number("outline-level").or(Some(1)), ..Paragraph::default() })
            }
            "p" => {
                let style = attribute(tag, "style-name").unwrap_or_default();
                let heading = self.styles.heading(&style).or(self.in_title.then_some(1));
                self.paragraphs.push(Paragraph { heading, ..Paragraph::default() });
            }
            "list" => {
                if self.lists.is_empty() {
                    self.list_id += 1;
                }
                let inherited = || self.lists.last().map(|list| list.style.clone()).unwrap_or_default();
                let style = attribute(tag, "style-name").unwrap_or_else(inherited);
                let first = self.styles.first_number(&style, self.lists.len() + 1);
                self.lists.push(List { style, number: first });
            }
            "list-item" => {
                self.marker = Some(match self.lists.last_mut().and_then(|list| list.number.as_mut()) {
                    Some(number) => {
                        *number = number.saturating_add(1);
                        format!("{}. ", *number - 1)
                    }
                    None => "- ".to_owned(),
                });
            }
            "table" => self.tables.push(Table::default()),
            "table-row" => self.tables.iter_mut().last().into_iter().for_each(Table::row),
            "table-cell" => {
                if let Some(table) = self.tables.last_mut() {
                    table.span(
                        number("number-columns-spanned").unwrap_or(1),
                        number("number-rows-spanned").unwrap_or(1),
                    );
                }
                self.step_in(number("number-columns-repeated").unwrap_or(1).min(REPEATED_MAX));
            }
            "note" => {
                self.notes += 1;
                let mark = format!("[^{}]", self.notes);
                self.say(&mark);
                self.step_in(1);
            }
            "s" => self.say(&" ".repeat(number("c").unwrap_or(1).min(REPEATED_MAX))),
            "tab" => self.say("\t"),
            "line-break" => self.say("\n"),
            _ => {}
        }
    }

    fn end(&mut self, name: &str) {
        if self.skipped > 0 {
            self.skipped -= 1;
            return;
        }
        match name {
            "p" | "h" => self.end_paragraph(),
            "frame" | "custom-shape" => self.in_title = false,
            "list" => drop(self.lists.pop()),
            "list-item" => self.marker = None,
            "table-cell" => {
                let (text, repeated) = self.step_out();
                let Some(table) = self.tables.last_mut() else { return };
                for _ in 1..repeated {
                    table.cell(text.clone());
                }
                table.cell(text);
            }
            "note" => {
                let (text, _) = self.step_out();
                let start = if self.body.notes.is_empty() { "" } else { "\n\n" };
                self.body.notes.push_str(&format!("{start}[^{}]: {}", self.notes, text.trim()));
            }
            "table" => {
                let Some(table) = self.tables.pop() else { return };
                let text = if self.tables.is_empty() { table.markdown() } else { table.inline() };
                self.blocks.push(Block::Text(text));
            }
            _ => {}
        }
    }

    fn step_in(&mut self, repeated: usize) {
        let (blocks, lists) = (std::mem::take(&mut self.blocks), std::mem::take(&mut self.lists));
        self.outside.push(Outside { blocks, lists, repeated });
    }

    /// What was read since the last step in, and how often it counts.
    fn step_out(&mut self) -> (String, usize) {
        let Some(outside) = self.outside.pop() else { return (String::new(), 1) };
        self.lists = outside.lists;
        (written(std::mem::replace(&mut self.blocks, outside.blocks)), outside.repeated)
    }

    fn say(&mut self, text: &str) {
        if let Some(paragraph) = self.paragraphs.last_mut().filter(|_| self.skipped == 0) {
            paragraph.text.push_str(text);
        }
    }

    /// Says text whose white space stands for one space, however much there is.
    fn say_collapsed(&mut self, text: &str) {
        let Some(paragraph) = self.paragraphs.last_mut().filter(|_| self.skipped == 0) else { return };
        for c in text.chars() {
            match c.is_whitespace() {
                true if paragraph.text.ends_with([' ', '\n']) => {}
                true => paragraph.text.push(' '),
                false => paragraph.text.push(c),
            }
        }
    }

    fn end_paragraph(&mut self) {
        let Some(paragraph) = self.paragraphs.pop() else { return };
        let text = paragraph.text.trim();
        if text.is_empty() {
            return;
        }
        let in_table = !self.tables.is_empty();
        if let Some(level) = paragraph.heading.filter(|_| !in_table) {
            let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
            if level == 1 && self.body.title.is_none() {
                self.body.title = Some(line.clone());
            }
            self.blocks.push(Block::Text(format!("{} {line}", "#".repeat(level.clamp(1, 6)))));
        } else if self.lists.is_empty() || in_table {
            self.blocks.push(Block::Text(text.to_owned()));
        } else {
            let indent = "  ".repeat((self.lists.len() - 1).min(8));
            let marker = self.marker.take().unwrap_or_else(|| "  ".to_owned());
            let text = format!("{indent}{marker}{}", text.replace('\n', &format!("\n{indent}  ")));
            self.blocks.push(Block::Item { list: self.list_id.to_string(), text });
        }
    }

    /// Ends the page being read.
    fn end_page(&mut self) {
        self.body.pages.push(written(std::mem::take(&mut self.blocks)));
    }
}
