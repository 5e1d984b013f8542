//! Plain text: finding its encoding, and leaving it otherwise as it is.

use super::ExtractError;
use crate::domain::extract::Extract;

/// Text of a known encoding, and what the reader should know about how it was found.
pub(super) struct Decoded {
    pub text: String,
    pub note: Option<String>,
}

/// Reads plain text.
pub(super) fn read(bytes: &[u8]) -> Result<Extract, ExtractError> {
    let decoded = decode(bytes);
    Ok(Extract { markdown: clean(&decoded.text), notes: decoded.note.into_iter().collect(), ..Extract::default() })
}

/// Decodes UTF-8 and UTF-16 by their marks, then tries UTF-8, then takes Windows-1252, which any bytes are.
///
/// Text that is plainly UTF-8 with a few broken places stays UTF-8: each broken place becomes U+FFFD and is noted.
pub(super) fn decode(bytes: &[u8]) -> Decoded {
    if let Some(rest) = bytes.strip_prefix(b"\xff\xfe") {
        return utf16(rest, u16::from_le_bytes);
    }
    if let Some(rest) = bytes.strip_prefix(b"\xfe\xff") {
        return utf16(rest, u16::from_be_bytes);
    }
    let (bytes, marked) = match bytes.strip_prefix(b"\xef\xbb\xbf") {
        Some(rest) => (rest, true),
        None => (bytes, false),
    };
    let (mut broken, mut wide) = (0usize, 0usize);
    for part in bytes.utf8_chunks() {
        wide += part.valid().chars().filter(|c| !c.is_ascii()).count();
        broken += usize::from(!part.invalid().is_empty());
    }
    if broken == 0 || marked || wide > broken {
        let note = (broken > 0).then(|| places(broken, "not valid UTF-8"));
        return Decoded { text: String::from_utf8_lossy(bytes).into_owned(), note };
    }
    let (text, _) = encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes);
    Decoded { text: text.into_owned(), note: Some("The text is not UTF-8; it was read as Windows-1252.".to_owned()) }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Decoded {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let mut broken = rest.len();
    let mut text = String::with_capacity(bytes.len());
    for c in char::decode_utf16(pairs.iter().map(|&pair| unit(pair))) {
        broken += usize::from(c.is_err());
        text.push(c.unwrap_or(char::REPLACEMENT_CHARACTER));
    }
    Decoded { text, note: (broken > 0).then(|| places(broken, "not valid UTF-16")) }
}

fn places(count: usize, what: &str) -> String {
    match count {
        1 => format!("One place was {what} and was replaced by \u{fffd}."),
        _ => format!("{count} places were {what} and were replaced by \u{fffd}."),
    }
}

/// `text` with `\n` line ends, no control characters but newline and tab, no marks that are not seen (byte order,
/// soft hyphen), no spaces at line ends, and at most one empty line in a row. A form feed is a paragraph border.
pub(super) fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let text =
        text.replace("\r\n", "\n").replace(['\r', '\u{85}', '\u{2028}'], "\n").replace(['\x0c', '\u{2029}'], "\n\n");
    let mut empty = 1;
    for line in text.split('\n') {
        let start = out.len();
        out.extend(line.trim_end().chars().filter(|&c| keeps(c)));
        let kept = out[start..].trim_end().len();
        out.truncate(start + kept);
        empty = if kept == 0 { empty + 1 } else { 0 };
        if empty < 2 {
            out.push('\n');
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// Whether `c` belongs in text that is stored and shown.
pub(super) fn keeps(c: char) -> bool {
    (!c.is_control() || matches!(c, '\n' | '\t')) && !matches!(c, '\u{feff}' | '\u{ad}' | '\u{fff9}'..='\u{fffb}')
}

#[cfg(test)]
mod tests {
    use super::{clean, decode};

    #[test]
    fn encodings_are_found() {
        let le: Vec<u8> = "\u{feff}né€😀".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let be: Vec<u8> = "\u{feff}né€😀".encode_utf16().flat_map(u16::to_be_bytes).collect();
        let cases: &[(&[u8], &str, &str)] = &[
            ("né€😀".as_bytes(), "né€😀", ""),
            ("\u{feff}né€😀".as_bytes(), "né€😀", ""),
            (&le, "né€😀", ""),
            (&be, "né€😀", ""),
            (&[&le[..], b"x"].concat(), "né€😀", "One place was not valid UTF-16"),
            (b"caf\xe9 \x80 3", "café € 3", "Windows-1252"),
            (b"\xc3\xa9t\xc3\xa9 \xff caf\xc3\xa9", "été \u{fffd} café", "One place was not valid UTF-8"),
            (b"\xef\xbb\xbfa\xffb\xff", "a\u{fffd}b\u{fffd}", "2 places were not valid UTF-8"),
            (b"\xff\xfe\x00\xd8", "\u{fffd}", "One place was not valid UTF-16"),
        ];
        for (bytes, text, note) in cases {
            let decoded = decode(bytes);
            assert_eq!(decoded.text, *text);
            let said = decoded.note.unwrap_or_default();
            assert!(said.contains(note) && said.is_empty() == note.is_empty(), "{said}");
        }
    }

    #[test]
    fn lines_are_tidied_and_nothing_else() {
        let cases = [
            ("a\r\nb\rc\n", "a\nb\nc"),
            ("\n\na  \n\n\n\n  b\t\n", "a\n\n  b"),
            ("one\x0ctwo", "one\n\ntwo"),
            ("a\0b\u{7}c\u{ad}d\u{feff}", "abcd"),
            ("a \u{0}\nb", "a\nb"),
            ("", ""),
        ];
        for (text, cleaned) in cases {
            assert_eq!(clean(text), cleaned, "{text:?}");
            assert_eq!(clean(cleaned), cleaned, "cleaning is done once");
        }
    }
}
