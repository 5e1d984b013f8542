//! Word 97-2003: text through the piece table, paragraphs by their properties. Source: [MS-DOC] and [MS-CFB].
//!
//! Headings are told by their style's number, rows of tables by the marks at their ends. Headers, footers, comments and
//! the instructions of fields are left out; notes and text boxes follow the text.

mod paragraphs;
mod pieces;

use std::io::{Cursor, Read as _};

use cfb::CompoundFile;

use super::blocks::{Block, written};
use super::table::Table;
use super::{ExtractError, text};
use crate::domain::extract::Extract;
use crate::limits;
use paragraphs::{Look, Looks};
use pieces::Pieces;

/// What the stream of the text begins with.
const MAGIC: u16 = 0xa5ec;
/// The version that Word 97 writes; older ones are laid out otherwise.
const WORD_97: u16 = 0xc1;
const ENCRYPTED: u16 = 0x0100;
const SECOND_TABLE: u16 = 0x0200;
/// Where the head of the stream has its counts of characters and the places of its tables.
const COUNTS: usize = 0x4c;
const PLACES: usize = 0x9a;
/// Numbers of places: of the properties of paragraphs, and of the pieces.
const PARAGRAPHS: usize = 13;
const PIECES: usize = 33;

/// Reads a document.
pub(super) fn read(bytes: &[u8]) -> Result<Extract, ExtractError> {
    let damaged = |error| ExtractError::Damaged(format!("the document does not open ({error})"));
    let mut file = CompoundFile::open(Cursor::new(bytes)).map_err(damaged)?;
    let head = stream(&mut file, "WordDocument")?;
    if u16_at(&head, 0) != Some(MAGIC) {
        return Err(ExtractError::Damaged("it does not begin as Word's documents do".to_owned()));
    }
    if u16_at(&head, 2).is_none_or(|version| version < WORD_97) {
        return Err(ExtractError::Unsupported { found: "a document of Word 95 or older".to_owned() });
    }
    let flags = u16_at(&head, 10).unwrap_or(0);
    if flags & ENCRYPTED != 0 {
        return Err(ExtractError::Encrypted);
    }
    let table = stream(&mut file, if flags & SECOND_TABLE != 0 { "1Table" } else { "0Table" })?;
    let part = |number: usize| {
        let (start, length) = (u32_at(&head, PLACES + 8 * number)?, u32_at(&head, PLACES + 8 * number + 4)?);
        table.get(start as usize..(start as usize).checked_add(length as usize)?)
    };
    let missing = || ExtractError::Damaged("the places of its text cannot be found".to_owned());
    let pieces = Pieces::parse(part(PIECES).ok_or_else(missing)?).ok_or_else(missing)?;
    let looks = Looks::parse(part(PARAGRAPHS).unwrap_or_default(), &head);
    let count = |number: usize| u32_at(&head, COUNTS + 4 * number).unwrap_or(0) as usize;
    // Text, notes, headers, macros, comments, notes at the end, text boxes: one after the other.
    let [main, notes, headers, macros, comments, endnotes, boxes] = std::array::from_fn(count);
    let mut letters = pieces.letters(&head);
    let mut writer = Writer::new();
    for (length, shown) in [
        (main, true),
        (notes, true),
        (headers, false),
        (macros, false),
        (comments, false),
        (endnotes, true),
        (boxes, true),
    ] {
        let part = letters.by_ref().take(length);
        match shown {
            true => part.for_each(|(letter, place)| writer.take(letter, || looks.at(place))),
            false => part.for_each(drop),
        }
        writer.end_part();
    }
    let markdown = written(writer.blocks);
    if markdown.len() > limits::EXTRACT_BYTES_MAX {
        return Err(super::too_much_text());
    }
    Ok(Extract { markdown: text::clean(&markdown), ..Extract::default() })
}

fn stream(file: &mut CompoundFile<Cursor<&[u8]>>, name: &str) -> Result<Vec<u8>, ExtractError> {
    let damaged = |error| ExtractError::Damaged(format!("a part of it cannot be read ({error})"));
    let mut bytes = Vec::new();
    let stream = file.open_stream(name).map_err(damaged)?;
    stream.take(limits::INFLATED_BYTES_MAX).read_to_end(&mut bytes).map_err(damaged)?;
    Ok(bytes)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Makes blocks of letters.
struct Writer {
    text: String,
    cell: String,
    table: Option<Table>,
    row_open: bool,
    /// For each field that is open, whether its result has begun; and in how many it has not.
    fields: Vec<bool>,
    instructions: usize,
    /// The first half of a pair.
    high: Option<u16>,
    blocks: Vec<Block>,
}

impl Writer {
    fn new() -> Writer {
        let (text, cell, fields, blocks) = (String::new(), String::new(), Vec::new(), Vec::new());
        Writer { text, cell, table: None, row_open: false, fields, instructions: 0, high: None, blocks }
    }

    /// Takes a letter; `look` is that of the paragraph that it ends.
    fn take(&mut self, letter: u16, look: impl Fn() -> Look) {
        match letter {
            0x13 => {
                self.fields.push(false);
                self.instructions += 1;
            }
            0x14 => {
                if let Some(field) = self.fields.last_mut() {
                    self.instructions -= usize::from(!std::mem::replace(field, true));
                }
            }
            0x15 => self.instructions -= usize::from(self.fields.pop() == Some(false)),
            0x0d | 0x0c => self.end_paragraph(look()),
            0x07 => self.end_cell(look()),
            // The instructions of a field are not its text.
            _ if self.instructions > 0 => {}
            0x0b => self.text.push('\n'),
            0x1e => self.text.push('-'),
            0x09 => self.text.push('\t'),
            0x00..=0x1f => {}
            0xd800..=0xdbff => self.high = Some(letter),
            _ => {
                let high = self.high.take().filter(|_| (0xdc00..0xe000).contains(&letter));
                let units = high.into_iter().chain([letter]);
                self.text.extend(char::decode_utf16(units).filter_map(Result::ok));
            }
        }
    }

    fn end_paragraph(&mut self, look: Look) {
        let text = std::mem::take(&mut self.text);
        let text = text.trim();
        if look.in_table {
            if !text.is_empty() {
                self.cell.push_str(text);
                self.cell.push(' ');
            }
            return;
        }
        self.end_table();
        if text.is_empty() {
            return;
        }
        self.blocks.push(match (look.heading, look.list) {
            (Some(level), _) => {
                let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
                Block::Text(format!("{} {line}", "#".repeat(level.min(6))))
            }
            (None, Some(level)) => {
                Block::Item { list: "list".to_owned(), text: format!("{}- {text}", "  ".repeat(level)) }
            }
            (None, None) => Block::Text(text.to_owned()),
        });
    }

    fn end_cell(&mut self, look: Look) {
        let text = std::mem::take(&mut self.text);
        let cell = format!("{}{}", std::mem::take(&mut self.cell), text.trim());
        if look.ends_row {
            self.row_open = false;
            return;
        }
        let table = self.table.get_or_insert_default();
        if !std::mem::replace(&mut self.row_open, true) {
            table.row();
        }
        table.cell(cell.trim().to_owned());
    }

    fn end_table(&mut self) {
        self.row_open = false;
        let loose = std::mem::take(&mut self.cell);
        let table = self.table.take().map(Table::markdown);
        self.blocks.extend(table.into_iter().chain([loose.trim().to_owned()]).map(Block::Text));
    }

    /// Ends a part of the document: what is open in it goes no further.
    fn end_part(&mut self) {
        self.end_paragraph(Look::default());
        self.fields.clear();
        self.instructions = 0;
        self.high = None;
    }
}

#[cfg(test)]
mod tests {
    use super::{Look, Writer, written};

    /// What these letters make, where `|` ends a cell, `$` a row, and `¶` a paragraph.
    fn check(letters: &str, expected: &str) {
        let mut writer = Writer::new();
        for letter in letters.encode_utf16() {
            let inside = Look { in_table: true, ..Look::default() };
            let mut take = |letter, look| writer.take(letter, || look);
            match char::from_u32(u32::from(letter)) {
                Some('|') => take(7, inside),
                Some('$') => take(7, Look { ends_row: true, ..inside }),
                Some('¶') => take(13, Look::default()),
                Some('#') => take(13, Look { heading: Some(2), ..Look::default() }),
                Some('*') => take(13, Look { list: Some(1), ..Look::default() }),
                _ => take(letter, Look::default()),
            }
        }
        writer.end_part();
        assert_eq!(written(writer.blocks), expected, "{letters:?}");
    }

    #[test]
    fn letters_become_blocks() {
        check("A title#one\u{b}line¶item*end", "## A title\n\none\nline\n\n  - item\n\nend");
        check("a|b|$1||$¶after", "| a | b |\n| --- | --- |\n| 1 |  |\n\nafter");
        check("x\u{13}HYPERLINK y\u{14}link\u{15}z 😀\u{1}\u{1e}", "xlinkz 😀-");
        check("\u{13}open", "");
    }
}
