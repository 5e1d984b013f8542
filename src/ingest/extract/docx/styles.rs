//! Paragraph styles: which are headings, which number their paragraphs, which are a table of contents.

use std::collections::HashMap;

use quick_xml::Reader;
use quick_xml::events::Event;

use crate::ingest::extract::xml::attribute;

/// What a paragraph style means for the text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Style {
    /// Heading level from 1.
    pub level: Option<usize>,
    /// List and level by which its paragraphs are numbered.
    pub number: Option<(String, usize)>,
    pub is_title: bool,
    pub is_contents: bool,
    based_on: Option<String>,
}

/// All paragraph styles of a document, by id.
pub(super) struct Styles(HashMap<String, Style>);

/// The longest chain of styles that build on one another.
const CHAIN_MAX: usize = 16;

impl Styles {
    /// Reads `styles.xml` as far as it is well-formed.
    pub fn parse(xml: &str) -> Styles {
        let mut styles = HashMap::new();
        let mut reader = Reader::from_str(xml);
        let mut current: Option<(String, Style)> = None;
        loop {
            match reader.read_event() {
                Ok(Event::Start(tag) | Event::Empty(tag)) => {
                    let value = attribute(&tag, "val");
                    match (tag.local_name().into_inner(), &mut current) {
                        ("style", _) => current = attribute(&tag, "styleId").map(|id| (id, Style::default())),
                        (name, Some((_, style))) => style.take(name, value),
                        _ => {}
                    }
                }
                Ok(Event::End(tag)) if tag.local_name().into_inner() == "style" => styles.extend(current.take()),
                Ok(Event::Eof) | Err(_) => return Styles(styles),
                Ok(_) => {}
            }
        }
    }

    /// The style `id` with what it inherits.
    pub fn get(&self, id: &str) -> Style {
        let mut style = self.0.get(id).cloned().unwrap_or_default();
        for _ in 0..CHAIN_MAX {
            let Some(base) = style.based_on.take().and_then(|id| self.0.get(&id)) else { break };
            style.level = style.level.or(base.level);
            style.number = style.number.or_else(|| base.number.clone());
            style.is_title |= base.is_title;
            style.is_contents |= base.is_contents;
            style.based_on = base.based_on.clone();
        }
        style
    }
}

impl Style {
    /// Takes in the element `name` with its attribute `val`.
    fn take(&mut self, name: &str, value: Option<String>) {
        let value = value.unwrap_or_default();
        match name {
            // Built-in styles have English names in every language; only their ids are translated.
            "name" => {
                let name = value.to_lowercase();
                self.is_title = name == "title";
                self.is_contents = name.strip_prefix("toc ").is_some_and(|rest| rest != "heading");
                self.level = name.strip_prefix("heading ").and_then(|n| n.trim().parse().ok()).or(self.level);
            }
            "basedOn" => self.based_on = Some(value),
            "outlineLvl" => self.level = level(&value).or(self.level),
            "numId" => self.number = Some((value, self.number.as_ref().map_or(0, |(_, level)| *level))),
            "ilvl" => {
                let id = self.number.take().map(|(id, _)| id).unwrap_or_default();
                self.number = Some((id, value.parse().unwrap_or(0)));
            }
            _ => {}
        }
    }
}

/// The heading level of an outline level, which counts from 0 and says "body text" with 9.
pub(super) fn level(outline: &str) -> Option<usize> {
    outline.parse::<usize>().ok().filter(|&level| level < 9).map(|level| level + 1)
}
