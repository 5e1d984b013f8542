//! How paragraphs look: headings, items of lists, cells. Source: [MS-DOC] 2.9.244 (PlcBtePapx), 2.9.175 (PapxFkp) and
//! 2.6.2 (paragraph properties).

use super::{u16_at, u32_at};

/// Bytes of a page of properties, and of what it has for each paragraph.
const PAGE: usize = 512;
const ENTRY: usize = 13;
/// Properties: in a table, at the end of a row, the outline's level, the list's level, and the list.
const IN_TABLE: u16 = 0x2416;
const ENDS_ROW: u16 = 0x2417;
const OUTLINE: u16 = 0x2640;
const LIST_LEVEL: u16 = 0x260a;
const LIST: u16 = 0x460b;
/// Properties whose length has two bytes, or may have.
const TABLE_DEFINITION: u16 = 0xd608;
const TABS: u16 = 0xc615;
/// The most list levels that are shown.
const LEVEL_MAX: u8 = 8;

/// How a paragraph looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Look {
    /// The level of a heading, from 1.
    pub heading: Option<usize>,
    /// The level of an item, from 0.
    pub list: Option<usize>,
    pub in_table: bool,
    pub ends_row: bool,
}

/// The looks of stretches of the stream, ascending: start, end, look.
pub(super) struct Looks(Vec<(usize, usize, Look)>);

impl Looks {
    /// Reads the pages that `table` names from `stream`. What cannot be followed has no look.
    pub fn parse(table: &[u8], stream: &[u8]) -> Looks {
        let count = table.len().saturating_sub(4) / 8;
        let numbers = (0..count).filter_map(|at| u32_at(table, 4 * (count + 1) + 4 * at));
        let mut looks = Vec::new();
        for number in numbers {
            let start = (number & 0x003f_ffff) as usize * PAGE;
            if let Some(page) = stream.get(start..start + PAGE) {
                looks.extend(page_of(page));
            }
        }
        looks.sort_by_key(|&(start, ..)| start);
        Looks(looks)
    }

    /// The look of the paragraph whose end lies at `place`.
    pub fn at(&self, place: usize) -> Look {
        let after = self.0.partition_point(|&(start, ..)| start <= place);
        let found = after.checked_sub(1).map(|at| self.0[at]).filter(|&(_, end, _)| place < end);
        found.map(|(.., look)| look).unwrap_or_default()
    }
}

fn page_of(page: &[u8]) -> impl Iterator<Item = (usize, usize, Look)> {
    let count = usize::from(page[PAGE - 1]);
    (0..count).filter_map(move |at| {
        let (start, end) = (u32_at(page, 4 * at)?, u32_at(page, 4 * (at + 1))?);
        let offset = usize::from(*page.get(4 * (count + 1) + ENTRY * at)?) * 2;
        Some((start as usize, end as usize, look(page, offset).unwrap_or_default()))
    })
}

/// Reads the properties at `offset` of a page.
fn look(page: &[u8], offset: usize) -> Option<Look> {
    if offset == 0 {
        return Some(Look::default());
    }
    let (start, length) = match *page.get(offset)? {
        0 => (offset + 2, usize::from(*page.get(offset + 1)?) * 2),
        words => (offset + 1, usize::from(words) * 2 - 1),
    };
    let properties = page.get(start..start.checked_add(length)?.min(PAGE - 1))?;
    // The built-in headings are the styles 1 to 9.
    let style = u16_at(properties, 0)?;
    let mut look = Look { heading: (1..=9).contains(&style).then_some(usize::from(style)), ..Look::default() };
    let (mut level, mut at) = (0, 2);
    while let Some(code) = u16_at(properties, at) {
        let operand = properties.get(at + 2..)?;
        let byte = operand.first().copied().unwrap_or(0);
        match code {
            IN_TABLE => look.in_table = byte != 0,
            ENDS_ROW => look.ends_row = byte != 0,
            OUTLINE => look.heading = (byte < 9).then_some(usize::from(byte) + 1),
            LIST_LEVEL => level = byte.min(LEVEL_MAX),
            LIST => look.list = u16_at(operand, 0).filter(|&list| list != 0).map(|_| 0),
            _ => {}
        }
        at += 2 + match (code, code >> 13) {
            (TABLE_DEFINITION, _) => usize::from(u16_at(operand, 0)?) + 1,
            (TABS, _) if byte == 255 => return Some(look),
            (_, 0 | 1) => 1,
            (_, 2 | 4 | 5) => 2,
            (_, 3) => 4,
            (_, 6) => usize::from(byte) + 1,
            _ => 3,
        };
    }
    look.list = look.list.map(|_| usize::from(level));
    Some(look)
}

#[cfg(test)]
mod tests {
    use super::{Look, Looks, PAGE};

    /// A page of two paragraphs, from 10 to 20 and from 20 to 30, of which the second has these properties.
    fn page(properties: &[u8]) -> Vec<u8> {
        let mut page = vec![0; PAGE];
        for (at, border) in [10_u32, 20, 30].iter().enumerate() {
            page[4 * at..4 * at + 4].copy_from_slice(&border.to_le_bytes());
        }
        page[12 + super::ENTRY] = 100;
        page[200] = u8::try_from(properties.len() / 2 + 1).expect("small");
        page[201..201 + properties.len()].copy_from_slice(properties);
        page[PAGE - 1] = 2;
        page
    }

    #[test]
    fn properties_tell_how_a_paragraph_looks() {
        let check = |properties: &[u8], expected: Look| {
            let table = [0_u32.to_le_bytes(), 99_u32.to_le_bytes(), 0_u32.to_le_bytes()].concat();
            let looks = Looks::parse(&table, &page(properties));
            assert_eq!((looks.at(9), looks.at(15), looks.at(30)), Default::default());
            assert_eq!(looks.at(29), expected, "{properties:?}");
        };
        check(&[0, 0, 0x16, 0x24, 1, 0x17, 0x24, 1], Look { in_table: true, ends_row: true, ..Look::default() });
        check(&[2, 0], Look { heading: Some(2), ..Look::default() });
        check(&[0, 0, 0x40, 0x26, 0], Look { heading: Some(1), ..Look::default() });
        check(&[0, 0, 0x0a, 0x26, 1, 0x0b, 0x46, 5, 0], Look { list: Some(1), ..Look::default() });
        check(&[0, 0, 0x08, 0xd6, 3, 0, 9, 9, 0x16, 0x24, 1], Look { in_table: true, ..Look::default() });
        check(&[0, 0, 0x08], Look::default());
    }
}
