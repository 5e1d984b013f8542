//! Sections: the headings above a place in the text, and what they cost as context.

use std::rc::Rc;

use super::Scale;

/// A section of a document.
#[derive(Debug, Default)]
pub(super) struct Section {
    /// Numbers of the headings above, outermost first, by which places are compared.
    path: Vec<usize>,
    /// Texts of all headings above.
    full: Vec<String>,
    /// The innermost of them that fit into the context, the last one cut if need be.
    pub headings: Vec<String>,
    /// Tokens of the context (title, headings) with special tokens.
    pub overhead: usize,
}

/// The sections that are open at one place of the text.
pub(super) struct Outline<'a> {
    title: &'a str,
    scale: &'a Scale<'a>,
    root: Rc<Section>,
    open: Vec<(usize, Rc<Section>)>,
    count: usize,
}

/// The longest heading that is kept as context, in bytes; what is longer is a paragraph that was made to look like one.
const HEADING_BYTES_MAX: usize = 400;

impl<'a> Outline<'a> {
    pub fn new(title: &'a str, scale: &'a Scale<'a>) -> Outline<'a> {
        let mut root = Section::default();
        root.overhead = overhead(title, &root.headings, scale);
        Outline { title, scale, root: Rc::new(root), open: Vec::new(), count: 0 }
    }

    /// The innermost section that is open.
    pub fn current(&self) -> Rc<Section> {
        self.open.last().map_or(&self.root, |(_, section)| section).clone()
    }

    /// Opens the section of a heading and closes those that it ends; returns the section in which it stands.
    pub fn enter(&mut self, level: usize, heading: &str) -> Rc<Section> {
        while self.open.last().is_some_and(|(open, _)| *open >= level) {
            self.open.pop();
        }
        let above = self.current();
        self.count += 1;
        let mut section = Section { path: above.path.clone(), full: above.full.clone(), ..Section::default() };
        section.path.push(self.count);
        let heading = bare(heading);
        let repeats =
            heading.eq_ignore_ascii_case(self.title) || above.full.last().is_some_and(|last| *last == heading);
        if !heading.is_empty() && !repeats {
            section.full.push(heading);
        }
        section.fit(self.title, self.scale);
        self.open.push((level, Rc::new(section)));
        above
    }
}

impl Section {
    /// This section with a table's header row as its innermost heading: what the rows below it are to be read with.
    pub fn under_header(&self, row: &str, title: &str, scale: &Scale<'_>) -> Section {
        let names = row.split('|').map(str::trim).filter(|name| !name.is_empty()).collect::<Vec<_>>().join(" | ");
        let header = names[..names.floor_char_boundary(HEADING_BYTES_MAX)].to_owned();
        let mut section = Section { path: self.path.clone(), full: self.full.clone(), ..Section::default() };
        section.full.push(header);
        section.fit(title, scale);
        section
    }

    /// Whether neighbours of these two sections may be joined: the same section, one within the other, or siblings.
    pub fn is_near(&self, other: &Section) -> bool {
        let common = self.path.iter().zip(&other.path).take_while(|(a, b)| a == b).count();
        common + 1 >= self.path.len().min(other.path.len())
    }

    /// Whether this is `other` or a section of it.
    pub fn is_within(&self, other: &Section) -> bool {
        self.path.starts_with(&other.path)
    }

    /// Chooses the headings that fit into the context.
    fn fit(&mut self, title: &str, scale: &Scale<'_>) {
        self.headings = self.full.clone();
        self.overhead = overhead(title, &self.headings, scale);
        while self.overhead > scale.context_max + scale.special && self.headings.len() > 1 {
            self.headings.remove(0);
            self.overhead = overhead(title, &self.headings, scale);
        }
        let Some(heading) = self.headings.last().filter(|_| self.overhead > scale.context_max + scale.special) else {
            return;
        };
        let bare = overhead(title, &[], scale) + 1;
        let rest = (scale.context_max + scale.special).saturating_sub(bare);
        let cut = scale.beginning(heading, rest).to_owned();
        self.headings = if cut.is_empty() { Vec::new() } else { vec![cut] };
        self.overhead = overhead(title, &self.headings, scale);
    }
}

/// Tokens of the line that [`crate::domain::chunk::Chunk::embedded_text`] puts before a chunk, special tokens included.
fn overhead(title: &str, headings: &[String], scale: &Scale<'_>) -> usize {
    let mut context = title.to_owned();
    for heading in headings {
        context.push_str(" > ");
        context.push_str(heading);
    }
    (scale.count_tokens)(&context)
}

/// A heading's text without its marks.
fn bare(heading: &str) -> String {
    let text = heading.trim().trim_matches('#').trim();
    let text = text.lines().next().unwrap_or_default().trim().trim_matches(['*', '_']).trim();
    text[..text.floor_char_boundary(HEADING_BYTES_MAX)].to_owned()
}
