//! SentencePiece's compiled normalisation: which beginnings of a text are replaced by what.
//!
//! The map is a double array trie of 32-bit units in front of the replacements, each ended by a zero byte. A unit
//! holds the label that leads to it, an offset to its children (exclusive-or with the next byte) and whether a value
//! hangs on it (<https://github.com/s-yata/darts-clone>). It is untrusted like the rest of the file: a way that leads
//! out of it ends there.

use crate::inference::gguf::Metadata;

/// A normalisation.
pub(super) struct Charsmap {
    units: Vec<u32>,
    replacements: String,
}

impl Charsmap {
    /// The map of the file, if it has one.
    ///
    /// # Errors
    /// It is not what it should be.
    pub(super) fn read(metadata: &Metadata) -> Result<Option<Charsmap>, String> {
        let Some(numbers) = metadata.numbers("tokenizer.ggml.precompiled_charsmap") else { return Ok(None) };
        // Whether the file calls them signed or not, they are bytes.
        let bytes: Vec<u8> = numbers.iter().map(|number| *number as i64 as u8).collect();
        Charsmap::parse(&bytes)
            .map(Some)
            .ok_or("its normalisation (tokenizer.ggml.precompiled_charsmap) is damaged".to_owned())
    }

    fn parse(bytes: &[u8]) -> Option<Charsmap> {
        let (length, rest) = bytes.split_first_chunk()?;
        let (units, replacements) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        let (units, []) = units.as_chunks::<4>() else { return None };
        Some(Charsmap {
            units: units.iter().map(|unit| u32::from_le_bytes(*unit)).collect(),
            replacements: std::str::from_utf8(replacements).ok()?.to_owned(),
        })
    }

    /// What the longest beginning of `text` that the map knows is replaced by, and its length in bytes.
    pub(super) fn replacement(&self, text: &str) -> Option<(&str, usize)> {
        let mut node = children(*self.units.first()?);
        let mut longest = None;
        for (at, byte) in text.bytes().enumerate() {
            node ^= u32::from(byte);
            let Some(unit) = self.units.get(node as usize).copied().filter(|unit| label(*unit) == u32::from(byte))
            else {
                break;
            };
            node ^= children(unit);
            if has_value(unit) {
                longest = self.units.get(node as usize).map(|value| (value & (u32::MAX >> 1), at + 1)).or(longest);
            }
        }
        let (begin, length) = longest.filter(|(_, length)| text.is_char_boundary(*length))?;
        let replacement = self.replacements.get(begin as usize..)?.split('\0').next()?;
        Some((replacement, length))
    }
}

/// Where a unit's children are, relative to it.
fn children(unit: u32) -> u32 {
    (unit >> 10) << ((unit & (1 << 9)) >> 6)
}

/// The byte that leads to a unit; a value's unit has none, which its highest bit shows.
fn label(unit: u32) -> u32 {
    unit & ((1 << 31) | 0xFF)
}

/// Whether a replacement hangs on a unit.
fn has_value(unit: u32) -> bool {
    unit & (1 << 8) != 0
}
