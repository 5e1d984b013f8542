//! One slide's shapes, read as a stream of XML events without recursion.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::place;
use super::shape::{Mark, Paragraph, Role, Shape, shape};
use crate::ingest::extract::table::Table;
use crate::ingest::extract::xml::{attribute, reference};

#[derive(Default)]
struct Reading {
    shapes: Vec<Shape>,
    role: Role,
    paragraphs: Vec<Paragraph>,
    tables: Vec<Table>,
    /// Whether the cell being read is covered by another.
    covered: bool,
    in_text: bool,
    /// How deep within a form that another replaces.
    skipped: usize,
}

/// The shapes of the slide in `xml`, as far as it is well-formed; `None` if it is hidden.
pub(super) fn read(xml: &str) -> Option<Vec<Shape>> {
    let mut reading = Reading::default();
    let mut reader = Reader::from_str(xml);
    loop {
        match reader.read_event() {
            Ok(Event::Start(tag)) => {
                if tag.local_name().into_inner() == "sld"
                    && attribute(&tag, "show").is_some_and(|show| show == "0" || show == "false")
                {
                    return None;
                }
                reading.start(&tag);
            }
            Ok(Event::Empty(tag)) => {
                reading.start(&tag);
                reading.end(tag.local_name().into_inner());
            }
            Ok(Event::End(tag)) => reading.end(tag.local_name().into_inner()),
            Ok(Event::Text(text)) => reading.say(&text),
            Ok(Event::GeneralRef(name)) => {
                if let Some(c) = reference(&name) {
                    reading.say(c.encode_utf8(&mut [0; 4]));
                }
            }
            Ok(Event::Eof) | Err(_) => break,
            Ok(_) => {}
        }
    }
    reading.end_shape();
    Some(reading.shapes)
}

/// What the speaker notes in `xml` say.
pub(super) fn notes(xml: &str) -> Option<String> {
    let texts = read(xml)?.into_iter().filter_map(|shape| match shape {
        Shape::Text(text) => {
            Some(text.lines().map(|line| line.trim_start_matches("- ")).collect::<Vec<_>>().join("\n\n"))
        }
        _ => None,
    });
    Some(texts.collect::<Vec<_>>().join("\n\n"))
}

/// All texts of a drawing's part, such as a diagram's, in order.
pub(super) fn lines(xml: &str) -> Vec<String> {
    let mut reader = Reader::from_str(xml);
    let (mut lines, mut line, mut inside) = (Vec::new(), String::new(), false);
    loop {
        match reader.read_event() {
            Ok(Event::Start(tag)) if tag.local_name().into_inner() == "t" => inside = true,
            Ok(Event::Text(text)) if inside => line.push_str(&text),
            Ok(Event::GeneralRef(name)) if inside => line.extend(reference(&name)),
            Ok(Event::End(tag)) => match tag.local_name().into_inner() {
                "t" => inside = false,
                "p" => lines.extend(Some(std::mem::take(&mut line)).filter(|line| !line.trim().is_empty())),
                _ => {}
            },
            Ok(Event::Eof) | Err(_) => return lines,
            Ok(_) => {}
        }
    }
}

impl Reading {
    fn start(&mut self, tag: &BytesStart<'_>) {
        let name = tag.local_name().into_inner();
        if self.skipped > 0 || name == "Fallback" {
            self.skipped += 1;
            return;
        }
        match name {
            "sp" | "graphicFrame" => self.end_shape(),
            "ph" => {
                self.role = match attribute(tag, "type").as_deref() {
                    Some("title" | "ctrTitle") => Role::Title,
                    Some("dt" | "ftr" | "hdr" | "sldNum") => Role::Repeated,
                    Some("subTitle") => Role::Drawn,
                    _ => Role::Body,
                }
            }
            "p" => self.paragraphs.push(Paragraph::default()),
            "t" => self.in_text = true,
            "br" => self.say_any("\n"),
            "tab" => self.say_any("\t"),
            "tbl" => self.tables.push(Table::default()),
            "tr" => self.tables.iter_mut().last().into_iter().for_each(Table::row),
            "tc" => {
                self.covered = ["hMerge", "vMerge"]
                    .iter()
                    .any(|name| attribute(tag, name).is_some_and(|is| is == "1" || is == "true"));
                if let Some(table) = self.tables.last_mut().filter(|_| !self.covered) {
                    table.span(place(tag, "gridSpan").unwrap_or(1), place(tag, "rowSpan").unwrap_or(1));
                }
            }
            "chart" => self.part(attribute(tag, "id")),
            "relIds" => self.part(attribute(tag, "dm")),
            _ => self.property(name, tag),
        }
    }

    fn property(&mut self, name: &str, tag: &BytesStart<'_>) {
        let Some(paragraph) = self.paragraphs.last_mut() else { return };
        match name {
            "pPr" => paragraph.level = place(tag, "lvl").unwrap_or(0).min(8),
            "buNone" => paragraph.mark = Some(Mark::None),
            "buChar" | "buBlip" => paragraph.mark = Some(Mark::Bullet),
            "buAutoNum" => paragraph.mark = Some(Mark::Number),
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
            "sp" | "graphicFrame" => self.end_shape(),
            "tc" => {
                let paragraphs = std::mem::take(&mut self.paragraphs);
                let text = paragraphs.iter().map(|paragraph| paragraph.text.trim()).collect::<Vec<_>>().join("\n");
                if let Some(table) = self.tables.last_mut().filter(|_| !self.covered) {
                    table.cell(text);
                }
            }
            "tbl" => {
                if let Some(table) = self.tables.pop() {
                    self.shapes.push(Shape::Text(table.markdown()));
                }
            }
            _ => {}
        }
    }

    fn part(&mut self, relation: Option<String>) {
        self.shapes.extend(relation.map(Shape::Part));
    }

    fn say(&mut self, text: &str) {
        if self.in_text {
            self.say_any(text);
        }
    }

    fn say_any(&mut self, text: &str) {
        if let Some(paragraph) = self.paragraphs.last_mut().filter(|_| self.skipped == 0) {
            paragraph.text.push_str(text);
        }
    }

    /// Takes the paragraphs read so far as a shape.
    fn end_shape(&mut self) {
        let role = std::mem::take(&mut self.role);
        let paragraphs = std::mem::take(&mut self.paragraphs);
        self.shapes.extend(shape(role, paragraphs));
    }
}
