//! Server-sent events out of a stream of bytes, however the network cut it.

/// The longest line, in bytes, that is waited for: an answer's worth, should it come in one piece.
const LINE_BYTES_MAX: usize = 4 * crate::limits::ANSWER_BYTES_MAX;

/// Gathers bytes until a line is whole, and gives the data of each event.
///
/// Only `data:` matters to these endpoints: names, ids, retries and comments are passed over, and each data line
/// stands alone, since no endpoint spreads one JSON over several.
#[derive(Default)]
pub(super) struct Events {
    /// The line that has begun.
    line: Vec<u8>,
    /// How much of it has been searched for its end.
    searched: usize,
}

/// A line grew beyond [`LINE_BYTES_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LineTooLong;

impl Events {
    /// Adds bytes as they came.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<(), LineTooLong> {
        self.line.extend_from_slice(bytes);
        if self.line.len() > LINE_BYTES_MAX { Err(LineTooLong) } else { Ok(()) }
    }

    /// The data of the next whole event; `None` until more bytes are fed. Invalid UTF-8 becomes replacement
    /// characters, which JSON then carries as text.
    pub(super) fn next(&mut self) -> Option<String> {
        while let Some(end) = self.line[self.searched..].iter().position(|byte| *byte == b'\n') {
            let whole: Vec<u8> = self.line.drain(..=self.searched + end).collect();
            self.searched = 0;
            if let Some(data) = data_of(&whole) {
                return Some(data);
            }
        }
        self.searched = self.line.len();
        None
    }

    /// The data of a last line that has no end.
    pub(super) fn rest(&mut self) -> Option<String> {
        data_of(self.all().as_bytes())
    }

    /// All that has been fed and not been taken as events, for an answer that turns out not to be a stream of them.
    pub(super) fn all(&mut self) -> String {
        self.searched = 0;
        String::from_utf8_lossy(&std::mem::take(&mut self.line)).into_owned()
    }
}

/// What follows `data:` in `line`, trimmed; `None` for other lines and for empty data.
fn data_of(line: &[u8]) -> Option<String> {
    let data = line.strip_prefix(b"data:")?.trim_ascii();
    (!data.is_empty()).then(|| String::from_utf8_lossy(data).into_owned())
}

#[cfg(test)]
mod tests {
    use super::{Events, LINE_BYTES_MAX, LineTooLong};

    #[test]
    fn events_are_the_same_however_they_are_cut() {
        let stream =
            "data: {\"a\":\"é\"}\n\n: ping\r\nevent: x\r\ndata:東京🗼\r\n\r\ndata:\nid: 3\ndata: [DONE]".as_bytes();
        for size in 1..=stream.len() {
            let mut events = Events::default();
            let mut found = Vec::new();
            for piece in stream.chunks(size) {
                assert_eq!(events.feed(piece), Ok(()));
                while let Some(data) = events.next() {
                    found.push(data);
                }
            }
            found.extend(events.rest());
            assert_eq!(found, ["{\"a\":\"é\"}", "東京🗼", "[DONE]"], "cut into pieces of {size} bytes");
        }
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let mut events = Events::default();
        let piece = [b'x'; 1 << 16];
        let refused = (0..=LINE_BYTES_MAX / piece.len()).find_map(|_| events.feed(&piece).err());
        assert_eq!(refused, Some(LineTooLong));
    }
}
