//! The piece table: where the letters of the text lie in the stream. Source: [MS-DOC] 2.9.38 (Clx) and 2.9.177 (Pcd).

use encoding_rs::WINDOWS_1252;

use super::{u16_at, u32_at};
use crate::limits;

const PROPERTIES: u8 = 1;
const TABLE: u8 = 2;
/// In a place: the letters have a byte each.
const NARROW: u32 = 0x4000_0000;

/// A stretch of letters, and where it lies.
struct Piece {
    letters: usize,
    place: usize,
    is_narrow: bool,
}

pub(super) struct Pieces(Vec<Piece>);

impl Pieces {
    /// Reads the table; `None` if there is none.
    pub fn parse(mut bytes: &[u8]) -> Option<Pieces> {
        while bytes.first() == Some(&PROPERTIES) {
            bytes = bytes.get(3 + usize::from(u16_at(bytes, 1)?)..)?;
        }
        if bytes.first() != Some(&TABLE) {
            return None;
        }
        let table = bytes.get(5..)?;
        let table = &table[..table.len().min(u32_at(bytes, 1)? as usize)];
        // Borders of n + 1, then 8 bytes for each of n.
        let count = table.len().checked_sub(4)? / 12;
        let piece = |at: usize| {
            let letters = u32_at(table, 4 * (at + 1))?.checked_sub(u32_at(table, 4 * at)?)?;
            let place = u32_at(table, 4 * (count + 1) + 8 * at + 2)?;
            let is_narrow = place & NARROW != 0;
            let place = (place & (NARROW - 1)) as usize;
            Some(Piece { letters: letters as usize, place: if is_narrow { place / 2 } else { place }, is_narrow })
        };
        Some(Pieces((0..count).filter_map(piece).collect()))
    }

    /// The letters in UTF-16, each with its place in `stream`. Pieces may lie over one another, so there is a limit.
    pub fn letters<'a>(&'a self, stream: &'a [u8]) -> impl Iterator<Item = (u16, usize)> + 'a {
        let letters = self.0.iter().flat_map(|piece| {
            let width = if piece.is_narrow { 1 } else { 2 };
            let rest = stream.get(piece.place..).unwrap_or_default();
            let count = piece.letters.min(rest.len() / width);
            let unit = |pair: &[u8]| match *pair {
                [low, high] => u16::from_le_bytes([low, high]),
                [byte] => narrow(byte),
                _ => 0,
            };
            rest[..count * width].chunks_exact(width).map(unit).zip((piece.place..).step_by(width))
        });
        letters.take(limits::EXTRACT_BYTES_MAX)
    }
}

/// A letter of one byte, which is of Windows' code page for western languages.
fn narrow(byte: u8) -> u16 {
    match byte {
        0x80..=0x9f => {
            let (text, _) = WINDOWS_1252.decode_without_bom_handling(std::slice::from_ref(&byte));
            text.encode_utf16().next().unwrap_or(0)
        }
        byte => u16::from(byte),
    }
}

#[cfg(test)]
mod tests {
    use super::Pieces;

    /// A table of pieces: letters, place, and whether they are narrow.
    fn table(pieces: &[(u32, u32, bool)]) -> Vec<u8> {
        let (mut borders, mut places, mut at) = (vec![0_u32], Vec::new(), 0);
        for &(letters, place, is_narrow) in pieces {
            at += letters;
            borders.push(at);
            let place = if is_narrow { (place * 2) | super::NARROW } else { place };
            places.extend([&[0, 0][..], &place.to_le_bytes(), &[0, 0]].concat());
        }
        let table = [borders.iter().flat_map(|border| border.to_le_bytes()).collect(), places].concat();
        [&[1, 2, 0, 9, 9, 2][..], &u32::try_from(table.len()).expect("small").to_le_bytes(), &table].concat()
    }

    #[test]
    fn letters_are_found_where_they_lie() {
        let stream =
            [&b"caf\xe9 \x80"[..], &"né".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>()].concat();
        let pieces = Pieces::parse(&table(&[(2, 6, false), (4, 0, true), (99, 5, true)])).expect("a table");
        let (letters, places): (Vec<u16>, Vec<usize>) = pieces.letters(&stream).unzip();
        assert!(String::from_utf16_lossy(&letters).starts_with("nécafé€n"));
        assert_eq!(&places[..7], [6, 8, 0, 1, 2, 3, 5]);
        let whole = table(&[(2, 0, true)]);
        for end in 0..whole.len() {
            let _ = Pieces::parse(&whole[..end]).map(|pieces| pieces.letters(&stream).count());
        }
    }
}
