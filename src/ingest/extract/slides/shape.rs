//! What stands on a slide, whatever the format: shapes, and the Markdown that their paragraphs make.

use crate::ingest::extract::blocks::{Block, written};

/// What stands on a slide.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Its title, on one line.
    Title(String),
    /// Markdown.
    Text(String),
    /// A chart or diagram in a part of its own, by its relation.
    Part(String),
}

/// What a shape is there for, as far as its slide says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Role {
    /// A box that was drawn on this slide.
    #[default]
    Drawn,
    Title,
    /// Its paragraphs are items unless they say otherwise.
    Body,
    /// Something that stands on every slide.
    Repeated,
}

#[derive(Default)]
pub(super) struct Paragraph {
    pub text: String,
    pub level: usize,
    /// Whether it is numbered, has a bullet, or has none for sure.
    pub mark: Option<Mark>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    None,
    Bullet,
    Number,
}

/// What these paragraphs of one shape make; `None` if they say nothing, or what they say stands on every slide.
pub(super) fn shape(role: Role, mut paragraphs: Vec<Paragraph>) -> Option<Shape> {
    paragraphs.retain(|paragraph| !paragraph.text.trim().is_empty());
    if paragraphs.is_empty() || role == Role::Repeated {
        return None;
    }
    if role == Role::Title {
        let words: Vec<&str> = paragraphs.iter().flat_map(|paragraph| paragraph.text.split_whitespace()).collect();
        return Some(Shape::Title(words.join(" ")));
    }
    // One paragraph alone is a sentence rather than a list of one item.
    let items = role == Role::Body && paragraphs.len() > 1;
    Some(Shape::Text(written(listed(&paragraphs, items))))
}

/// Paragraphs as blocks; those that say nothing of a mark are items if `items`.
fn listed(paragraphs: &[Paragraph], items: bool) -> Vec<Block> {
    let mut numbers: Vec<u64> = Vec::new();
    let mut blocks = Vec::new();
    for paragraph in paragraphs {
        let text = paragraph.text.trim();
        let mark = paragraph.mark.unwrap_or(if items { Mark::Bullet } else { Mark::None });
        numbers.truncate(paragraph.level + 1);
        let marker = match mark {
            Mark::None => {
                blocks.push(Block::Text(text.to_owned()));
                numbers.clear();
                continue;
            }
            Mark::Bullet => "- ".to_owned(),
            Mark::Number => {
                numbers.resize(paragraph.level + 1, 0);
                numbers[paragraph.level] += 1;
                format!("{}. ", numbers[paragraph.level])
            }
        };
        let indent = "  ".repeat(paragraph.level);
        let text = format!("{indent}{marker}{}", text.replace('\n', &format!("\n{indent}  ")));
        blocks.push(Block::Item { list: String::new(), text });
    }
    blocks
}
