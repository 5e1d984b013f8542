//! Styles, as far as the text depends on them: which paragraphs are titles, which lists are numbered.

use std::collections::HashMap;

use quick_xml::Reader;
use quick_xml::events::Event;

use crate::ingest::extract::xml::attribute;

/// All styles of a document, by name.
#[derive(Default)]
pub(super) struct Styles {
    parents: HashMap<String, String>,
    /// By list style and level from 1: the number of the first item, if items are numbered.
    lists: HashMap<(String, usize), u64>,
}

impl Styles {
    /// Takes the styles in `xml`, as far as it is well-formed.
    pub fn take(&mut self, xml: &str) {
        let mut reader = Reader::from_str(xml);
        let mut list = String::new();
        loop {
            match reader.read_event() {
                Ok(Event::Start(tag) | Event::Empty(tag)) => match tag.local_name().into_inner() {
                    "style" => {
                        if let (Some(name), Some(parent)) =
                            (attribute(&tag, "name"), attribute(&tag, "parent-style-name"))
                        {
                            self.parents.insert(name, parent);
                        }
                    }
                    "list-style" => list = attribute(&tag, "name").unwrap_or_default(),
                    "list-level-style-number" => {
                        let number = |name: &str| attribute(&tag, name).and_then(|number| number.parse().ok());
                        let level = number("level").unwrap_or(1) as usize;
                        self.lists.insert((list.clone(), level), number("start-value").unwrap_or(1));
                    }
                    // Styles come before the body.
                    "body" => return,
                    _ => {}
                },
                Ok(Event::Eof) | Err(_) => return,
                Ok(_) => {}
            }
        }
    }

    /// The level of the heading that paragraphs of this style are, though they are not marked as such.
    pub fn heading(&self, style: &str) -> Option<usize> {
        let own = self.parents.get(style).map_or(style, String::as_str);
        match own {
            "Title" => Some(1),
            "Subtitle" => Some(2),
            _ => None,
        }
    }

    /// The number of the first item of a list at `level` from 1; `None` if its items have bullets.
    pub fn first_number(&self, list: &str, level: usize) -> Option<u64> {
        self.lists.get(&(list.to_owned(), level)).copied()
    }
}
