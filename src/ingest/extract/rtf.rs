//! Rich Text: paragraphs, headings by their styles, lists, tables and notes; titles from its information group.
//!
//! Headers, footers, pictures, comments, deleted and hidden text are left out. Source: Rich Text Format Specification
//! 1.9.1.

mod charset;
mod token;

use std::collections::HashMap;

use encoding_rs::{Encoding, WINDOWS_1252};

use super::blocks::{Block, written};
use super::table::Table;
use super::{ExtractError, text};
use crate::domain::extract::Extract;
use token::{Token, Tokens};

/// Groups that lie within one another before what is deeper is left out.
const DEPTH_MAX: usize = 1_000;
/// The most list levels that are shown.
const LEVEL_MAX: usize = 8;
/// Destinations that are no part of the text, beside those marked as such by `\*`.
const LEFT_OUT: &[&str] = &[
    "colortbl",
    "pict",
    "object",
    "header",
    "headerl",
    "headerr",
    "headerf",
    "footer",
    "footerl",
    "footerr",
    "footerf",
    "ftnsep",
    "ftnsepc",
    "ftncn",
    "aftnsep",
    "aftnsepc",
    "aftncn",
    "xe",
    "tc",
    "nonesttables",
    "nonshppict",
    "private",
    "revtbl",
    "filetbl",
    "template",
    "fldinst",
];

/// Reads a Rich Text document.
pub(super) fn read(bytes: &[u8]) -> Result<Extract, ExtractError> {
    let mut reader = Reader::new();
    let mut tokens = Tokens::of(bytes);
    while let Some(token) = tokens.next() {
        if let Token::Word("bin", Some(count)) = token {
            tokens.leave_out(usize::try_from(count).unwrap_or(0));
            continue;
        }
        reader.take(token);
        if reader.length > crate::limits::EXTRACT_BYTES_MAX {
            return Err(super::too_much_text());
        }
    }
    Ok(reader.end())
}

/// Where text goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Body,
    Nowhere,
    Fonts,
    Styles,
    Info,
    Title,
    Author,
    /// The number or bullet that a reader would see before an item.
    Marker,
    Note,
}

/// What holds within a group.
#[derive(Clone, Default)]
struct State {
    place: Place,
    font: Option<i32>,
    /// Characters that stand for a `\u` in readers that know no Unicode.
    stand_ins: usize,
    hidden: bool,
    /// In the table of styles: which is being told, and its level as a heading.
    style: Option<i32>,
}

/// What holds for a paragraph.
#[derive(Clone, Default)]
struct Paragraph {
    style: Option<i32>,
    outline: Option<i32>,
    level: usize,
    in_table: bool,
}

struct Reader {
    state: State,
    groups: Vec<State>,
    /// Groups that are open beyond [`DEPTH_MAX`].
    too_deep: usize,
    /// The next control word names a destination that may be passed over.
    optional: bool,
    /// Bytes that are not decoded yet.
    bytes: Vec<u8>,
    /// The first half of a pair that `\u` gives one by one.
    high: Option<u16>,
    /// Characters still to be passed over after a `\u`.
    passed: usize,
    page: &'static Encoding,
    fonts: HashMap<i32, &'static Encoding>,
    default_font: Option<i32>,
    /// Levels of headings by the number of their style.
    headings: HashMap<i32, usize>,
    /// What is told of a font or style so far.
    name: String,
    title: String,
    author: String,
    /// When it was last changed: year, month, day.
    date: [i32; 3],
    paragraph: Paragraph,
    text: String,
    marker: String,
    cell: String,
    table: Option<Table>,
    row_open: bool,
    blocks: Vec<Block>,
    notes: Vec<String>,
    note: String,
    /// Bytes of text so far.
    length: usize,
}

impl Reader {
    fn new() -> Reader {
        Reader {
            state: State { stand_ins: 1, ..State::default() },
            groups: Vec::new(),
            too_deep: 0,
            optional: false,
            bytes: Vec::new(),
            high: None,
            passed: 0,
            page: WINDOWS_1252,
            fonts: HashMap::new(),
            default_font: None,
            headings: HashMap::new(),
            name: String::new(),
            title: String::new(),
            author: String::new(),
            date: [0; 3],
            paragraph: Paragraph::default(),
            text: String::new(),
            marker: String::new(),
            cell: String::new(),
            table: None,
            row_open: false,
            blocks: Vec::new(),
            notes: Vec::new(),
            note: String::new(),
            length: 0,
        }
    }

    fn take(&mut self, token: Token<'_>) {
        if self.passed > 0 && matches!(token, Token::Byte(_) | Token::Symbol(_)) {
            self.passed -= 1;
            return;
        }
        if let Token::Byte(byte) = token {
            self.bytes.push(byte);
            return;
        }
        self.decode();
        self.passed = 0;
        match token {
            Token::Open => self.open(),
            Token::Close => self.close(),
            Token::Symbol(b'*') => self.optional = true,
            Token::Symbol(symbol) => self.symbol(symbol),
            Token::Word(name, number) => {
                let optional = std::mem::take(&mut self.optional);
                self.word(name, number, optional);
            }
            Token::Byte(_) => {}
        }
    }

    fn open(&mut self) {
        match self.groups.len() < DEPTH_MAX {
            true => self.groups.push(self.state.clone()),
            false => self.too_deep += 1,
        }
    }

    fn close(&mut self) {
        self.optional = false;
        if self.too_deep > 0 {
            self.too_deep -= 1;
            return;
        }
        let Some(outer) = self.groups.pop() else { return };
        let inner = std::mem::replace(&mut self.state, outer);
        match inner.place {
            Place::Styles => self.end_style(&inner),
            Place::Note if self.state.place != Place::Note => {
                let note = std::mem::take(&mut self.note);
                self.notes.push(note.split_whitespace().collect::<Vec<_>>().join(" "));
            }
            _ => {}
        }
    }

    /// Decodes what bytes have come, as the code page of their font has it.
    fn decode(&mut self) {
        if self.bytes.is_empty() {
            return;
        }
        let bytes = std::mem::take(&mut self.bytes);
        let font = self.state.font.or(self.default_font);
        let encoding = font.and_then(|font| self.fonts.get(&font)).copied().unwrap_or(self.page);
        let (text, _) = encoding.decode_without_bom_handling(&bytes);
        self.write(&text);
        self.bytes = bytes;
        self.bytes.clear();
    }

    fn write(&mut self, text: &str) {
        if self.state.hidden || self.too_deep > 0 {
            return;
        }
        self.length += text.len();
        match self.state.place {
            Place::Body => self.text.push_str(text),
            Place::Styles => self.name.push_str(text),
            Place::Title => self.title.push_str(text),
            Place::Author => self.author.push_str(text),
            Place::Marker => self.marker.push_str(text),
            Place::Note => self.note.push_str(text),
            Place::Nowhere | Place::Fonts | Place::Info => {}
        }
    }

    fn symbol(&mut self, symbol: u8) {
        match symbol {
            b'{' | b'}' | b'\\' => self.write(char::from(symbol).encode_utf8(&mut [0; 4])),
            b'~' => self.write(" "),
            b'_' => self.write("-"),
            b'\r' | b'\n' => self.end_paragraph(),
            // An optional hyphen, and what marks entries of an index.
            _ => {}
        }
    }

    fn word(&mut self, name: &str, number: Option<i32>, optional: bool) {
        if self.destination(name, number, optional) {
            return;
        }
        let on = number != Some(0);
        match name {
            "ansicpg" => self.page = number.and_then(charset::of_page).unwrap_or(self.page),
            "mac" => self.page = encoding_rs::MACINTOSH,
            "deff" => self.default_font = number,
            "f" => self.state.font = number,
            "fcharset" | "cpg" if self.state.place == Place::Fonts => {
                let encoding = if name == "cpg" { charset::of_page } else { charset::of_font };
                if let (Some(font), Some(encoding)) = (self.state.font, number.and_then(encoding)) {
                    self.fonts.insert(font, encoding);
                }
            }
            "uc" => self.state.stand_ins = usize::try_from(number.unwrap_or(1)).unwrap_or(1),
            "u" => self.unicode(number.unwrap_or(0)),
            "v" | "deleted" => self.state.hidden = on,
            "plain" => self.state = State { font: self.default_font, hidden: false, ..self.state.clone() },
            "s" if self.state.place == Place::Styles => self.state.style = number,
            "outlinelevel" if self.state.place == Place::Styles => {
                if let (Some(style), Some(level @ 0..=8)) = (self.state.style, number) {
                    self.headings.entry(style).or_insert(level as usize + 1);
                }
            }
            "s" => self.paragraph.style = number,
            "outlinelevel" => self.paragraph.outline = number,
            "ilvl" => self.paragraph.level = usize::try_from(number.unwrap_or(0)).unwrap_or(0).min(LEVEL_MAX),
            "pard" if self.state.place == Place::Body => self.paragraph = Paragraph::default(),
            "intbl" => self.paragraph.in_table = on,
            "par" | "sect" | "page" => self.end_paragraph(),
            "cell" => self.end_cell(),
            "row" => self.end_row(),
            "nestcell" => self.write(" "),
            "line" | "lbr" => self.write("\n"),
            "tab" => self.write("\t"),
            "emdash" => self.write("—"),
            "endash" => self.write("–"),
            "lquote" => self.write("‘"),
            "rquote" => self.write("’"),
            "ldblquote" => self.write("“"),
            "rdblquote" => self.write("”"),
            "bullet" => self.write("•"),
            "emspace" | "enspace" | "qmspace" => self.write(" "),
            "yr" => self.date[0] = number.unwrap_or(0),
            "mo" => self.date[1] = number.unwrap_or(0),
            "dy" => self.date[2] = number.unwrap_or(0),
            _ => {}
        }
    }

    /// Whether `name` opened a destination: a group whose text goes elsewhere, or nowhere.
    fn destination(&mut self, name: &str, number: Option<i32>, optional: bool) -> bool {
        let place = match name {
            _ if self.state.place == Place::Nowhere => return optional,
            "fonttbl" => Place::Fonts,
            "stylesheet" => Place::Styles,
            "info" => Place::Info,
            "title" if self.state.place == Place::Info => Place::Title,
            "author" if self.state.place == Place::Info => Place::Author,
            "listtext" | "pntext" => {
                self.marker.clear();
                Place::Marker
            }
            "footnote" => {
                if self.state.place == Place::Body {
                    let mark = format!("[^{}]", self.notes.len() + 1);
                    self.write(&mark);
                }
                Place::Note
            }
            // A style of characters: its number is none of a paragraph's.
            "cs" | "ds" | "ts" if self.state.place == Place::Styles => {
                self.state.style = None;
                return true;
            }
            "shptxt" => self.state.place,
            _ if LEFT_OUT.contains(&name) => Place::Nowhere,
            // Containers whose text is shown.
            "shpinst" | "shp" | "do" | "dptxbxtext" => return true,
            "creatim" | "revtim" | "printim" | "buptim" => return number.is_none(),
            _ if optional => Place::Nowhere,
            _ => return false,
        };
        self.state.place = place;
        true
    }

    /// Ends what was told of a style: one that is called "heading 2" is one.
    fn end_style(&mut self, told: &State) {
        let name = std::mem::take(&mut self.name).to_lowercase();
        let name = name.trim().trim_end_matches(';').trim();
        let level = match name.strip_prefix("heading ") {
            Some(level) => level.parse().ok().filter(|level| (1..=9).contains(level)),
            None => (name == "title").then_some(1),
        };
        if let (Some(style), Some(level)) = (told.style, level) {
            self.headings.insert(style, level);
        }
    }

    fn unicode(&mut self, number: i32) {
        self.passed = self.state.stand_ins;
        // Numbers above 32,767 are written as negative ones.
        let unit = (number & 0xffff) as u16;
        let pair = [self.high.take().unwrap_or(0), unit];
        match unit {
            0xd800..=0xdbff => self.high = Some(unit),
            _ => {
                let units = if pair[0] == 0 { &pair[1..] } else { &pair[..] };
                let text: String = char::decode_utf16(units.iter().copied()).filter_map(Result::ok).collect();
                self.write(&text);
            }
        }
    }

    /// Ends a paragraph, which is a block of its own or a line of a cell.
    fn end_paragraph(&mut self) {
        match self.state.place {
            Place::Body => {}
            Place::Note => return self.note.push(' '),
            _ => return,
        }
        let text = std::mem::take(&mut self.text);
        let text = text.trim();
        let marker = std::mem::take(&mut self.marker);
        if self.paragraph.in_table {
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
        let style = self.paragraph.style.and_then(|style| self.headings.get(&style)).copied();
        let outline = self.paragraph.outline.filter(|level| (0..=8).contains(level)).map(|level| level as usize + 1);
        let block = match (outline.or(style), marker.trim()) {
            (Some(level), marker) => {
                let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
                let space = if marker.is_empty() { "" } else { " " };
                Block::Text(format!("{} {marker}{space}{line}", "#".repeat(level.min(6))))
            }
            (None, "") => Block::Text(text.to_owned()),
            (None, marker) => {
                let is_number = marker.chars().any(char::is_alphanumeric) && marker.len() > 1;
                let indent = "  ".repeat(self.paragraph.level);
                let marker = if is_number { marker } else { "-" };
                Block::Item { list: "list".to_owned(), text: format!("{indent}{marker} {text}") }
            }
        };
        self.blocks.push(block);
    }

    fn end_cell(&mut self) {
        if self.state.place != Place::Body {
            return;
        }
        self.paragraph.in_table = true;
        self.end_paragraph();
        let cell = std::mem::take(&mut self.cell);
        let table = self.table.get_or_insert_default();
        if !std::mem::replace(&mut self.row_open, true) {
            table.row();
        }
        table.cell(cell.trim().to_owned());
    }

    fn end_row(&mut self) {
        self.row_open = false;
        // What follows the row says itself whether it is in a table.
        self.paragraph.in_table = false;
        self.text.clear();
    }

    fn end_table(&mut self) {
        let loose = std::mem::take(&mut self.cell);
        self.row_open = false;
        if let Some(table) = self.table.take() {
            self.blocks.push(Block::Text(table.markdown()));
        }
        if !loose.trim().is_empty() {
            self.blocks.push(Block::Text(loose.trim().to_owned()));
        }
    }

    fn end(mut self) -> Extract {
        self.decode();
        self.state = State::default();
        self.paragraph.in_table = false;
        self.end_paragraph();
        self.end_table();
        let mut markdown = written(self.blocks);
        for (number, note) in (1..).zip(self.notes) {
            markdown.push_str(&format!("\n\n[^{number}]: {note}"));
        }
        let some = |text: String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let [year, month, day] = self.date;
        let is_date = (1000..=9999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
        Extract {
            title: some(self.title),
            author: some(self.author),
            date: is_date.then(|| format!("{year:04}-{month:02}-{day:02}")),
            markdown: text::clean(&markdown),
            ..Extract::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::read;

    fn check(rtf: &str, markdown: &str) {
        let read = read(format!("{{\\rtf1\\ansi\\deff0{rtf}}}").as_bytes()).expect(rtf);
        assert_eq!(read.markdown, markdown, "{rtf}");
    }

    #[test]
    fn paragraphs_headings_and_lists() {
        let styles = "{\\stylesheet{\\ql Normal;}{\\s1\\b heading 1;}{\\s7\\outlinelevel2 Own;}{\\*\\cs10 heading 2;}}";
        check(
            &format!(
                "{styles}\\pard\\s1 The {{\\b title}}\\par\\pard plain\r\n text\\par\\pard\\s7 Deep\\par\\pard\\cs10 end"
            ),
            "# The title\n\nplain text\n\n### Deep\n\nend",
        );
        check(
            "{\\listtext\\'b7\\tab}\\pard\\ilvl0 one\\par{\\listtext 1.\\tab}\\ilvl1 two\\par\\pard after",
            "- one\n  1. two\n\nafter",
        );
    }

    #[test]
    fn tables_have_rows_and_cells() {
        let row = |a: &str, b: &str| format!("\\trowd\\cellx1\\cellx2\\pard\\intbl {a}\\cell {b}\\cell\\row");
        check(
            &format!("before\\par{}{}\\pard after", row("Who", "Sum"), row("Ann\\par Bo", "{\\b 1}|2")),
            "before\n\n| Who | Sum |\n| --- | --- |\n| Ann Bo | 1\\|2 |\n\nafter",
        );
    }

    #[test]
    fn letters_of_any_code_page_are_read() {
        let fonts = "{\\fonttbl{\\f0\\fcharset0 Arial;}{\\f1\\fcharset204 Arial;}{\\f2\\fcharset128 Mincho;}}";
        check(&format!("{fonts}caf\\'e9 {{\\f1 \\'ea\\'ee\\'f2}} {{\\f2 \\'93\\'fa}}"), "café кот 日");
        check("\\ansicpg1250 \\'9eivot", "život");
        check("\\u8364?\\u-10179?\\u-8704? {\\uc2\\u233xyz} \\{a\\}\\~b\\_c", "€😀 éz {a} b-c");
        check("a\\emdash b\\rquote s\\line next", "a—b’s\nnext");
    }

    #[test]
    fn what_is_no_text_is_left_out_and_notes_follow() {
        check(
            "{\\header page}{\\*\\generator x;}a{\\pict\\pngblip 89504e}{\\v hidden}{\\deleted gone}{\\object{\\*\\objdata 00}}b\
             {\\field{\\*\\fldinst HYPERLINK \"x\"}{\\fldrslt link}}{\\bin4 {{{{}c{\\footnote {\\chftn} said so\\par}.",
            "abc[^1].\n\n[^1]: said so".replace("bc", "blinkc").as_str(),
        );
        let about = "{\\info{\\title The \\'e9tat}{\\author Ann}{\\revtim\\yr2024\\mo5\\dy31\\hr1}}x";
        let read = read(format!("{{\\rtf1{about}}}").as_bytes()).expect("sound");
        assert_eq!((read.title.as_deref(), read.author.as_deref()), (Some("The état"), Some("Ann")));
        assert_eq!(read.date.as_deref(), Some("2024-05-31"));
    }

    #[test]
    fn whatever_is_broken_there_is_an_answer() {
        let whole = b"{\\rtf1{\\fonttbl{\\f0 A;}}\\trowd a\\cell{\\footnote b\\u-10179?\\row}\\bin99999999 \\'zz\\pard{{{c}}}}}}";
        for end in 0..whole.len() {
            read(&whole[..end]).expect("it is read as far as it goes");
        }
        check(&"{".repeat(100_000), "");
        check(&format!("{}deep{}near", "{".repeat(2_000), "}".repeat(2_000)), "near");
    }
}
