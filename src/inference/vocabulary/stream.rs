//! Tokens to text as they come: a character whose bytes lie in two tokens is held back until it is whole.

/// Bytes in, whole characters out. What can become no character is shown as U+FFFD.
#[derive(Default)]
pub struct Utf8Stream {
    /// The begun character: at most three bytes.
    begun: Vec<u8>,
}

impl Utf8Stream {
    /// The characters that `bytes` complete.
    pub fn push(&mut self, bytes: &[u8]) -> String {
        self.begun.extend_from_slice(bytes);
        let mut text = String::with_capacity(self.begun.len());
        let mut rest = self.begun.as_slice();
        loop {
            let Err(fault) = std::str::from_utf8(rest) else {
                text.push_str(&String::from_utf8_lossy(rest));
                rest = &[];
                break;
            };
            let (whole, other) = rest.split_at(fault.valid_up_to());
            text.push_str(&String::from_utf8_lossy(whole));
            rest = other;
            let Some(wrong) = fault.error_len() else { break };
            text.push(char::REPLACEMENT_CHARACTER);
            rest = &rest[wrong..];
        }
        self.begun = rest.to_vec();
        text
    }

    /// The end: a character that was begun and never completed is shown as U+FFFD.
    pub fn finish(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut self.begun)).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::Utf8Stream;

    #[test]
    fn no_character_is_split() {
        let check = |pushed: &[&[u8]], expected: &[&str], end: &str| {
            let mut stream = Utf8Stream::default();
            let shown: Vec<String> = pushed.iter().map(|bytes| stream.push(bytes)).collect();
            assert_eq!(shown, expected, "{pushed:x?}");
            assert_eq!(stream.finish(), end, "{pushed:x?}");
            assert_eq!(stream.finish(), "", "a finished stream is empty");
        };
        check(&[], &[], "");
        check(&[b"plain", b""], &["plain", ""], "");
        check(&["é".as_bytes()], &["é"], "");
        check(&[b"a\xC3", b"\xA9b"], &["a", "éb"], "");
        check(&[b"\xF0", b"\x9F", b"\xA6", b"\x99!"], &["", "", "", "🦙!"], "");
        check(&[b"\xF0\x9F"], &[""], "\u{FFFD}");
        check(&[b"\xF0\x9F", b"x"], &["", "\u{FFFD}x"], "");
        check(&[b"\xFF\xC3", b"\xFFz"], &["\u{FFFD}", "\u{FFFD}\u{FFFD}z"], "");
        check(&[b"\x80\x80"], &["\u{FFFD}\u{FFFD}"], "");
    }

    #[test]
    fn bytes_one_by_one_give_the_same_text() {
        let text = "Füße 🦙 日本語 \u{200D}é\u{301}\n";
        let mut stream = Utf8Stream::default();
        let shown: String = text.bytes().map(|byte| stream.push(&[byte])).collect();
        assert_eq!(shown, text);
    }
}
