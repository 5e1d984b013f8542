//! Texts that end an answer, found in a stream.

/// One stop text and how much of its beginning the stream ends with.
struct Stop {
    text: Vec<u8>,
    /// For each length of a match, the longest shorter match that ends at the same place.
    shorter: Vec<usize>,
    matched: usize,
}

/// Holds back what may be the beginning of a stop text, and ends the stream at the first one.
///
/// What comes out does not depend on how the text was cut into pieces. The stop text itself is not given out.
pub struct Stops {
    stops: Vec<Stop>,
    held: String,
    stopped: bool,
}

impl Stops {
    /// Watches for each of `texts`; an empty one is never found.
    pub fn new(texts: &[String]) -> Stops {
        let stops = texts.iter().filter(|text| !text.is_empty()).map(|text| Stop::new(text)).collect();
        Stops { stops, held: String::new(), stopped: false }
    }

    /// Takes in more text, and gives out what can no longer be part of a stop text. Nothing comes after the end.
    pub fn push(&mut self, text: &str) -> String {
        if self.stopped {
            return String::new();
        }
        for (at, &byte) in text.as_bytes().iter().enumerate() {
            let ended = self.stops.iter_mut().filter_map(|stop| stop.takes(byte).then_some(stop.text.len())).max();
            if let Some(length) = ended {
                self.held.push_str(&text[..=at]);
                self.held.truncate(self.held.len() - length);
                self.stopped = true;
                return std::mem::take(&mut self.held);
            }
        }
        self.held.push_str(text);
        let kept = self.stops.iter().map(|stop| stop.matched).max().unwrap_or(0);
        // What is held back begins as a stop text begins: with the first byte of a character.
        let rest = self.held.split_off(self.held.len() - kept);
        std::mem::replace(&mut self.held, rest)
    }

    /// Whether a stop text was found.
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// What is still held back, when the stream ends for another reason.
    pub fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}

impl Stop {
    /// The table of shorter matches is that of Knuth, Morris and Pratt.
    fn new(text: &str) -> Stop {
        let text = text.as_bytes().to_vec();
        let mut shorter = vec![0; text.len() + 1];
        let mut matched = 0;
        for at in 1..text.len() {
            while matched > 0 && text[at] != text[matched] {
                matched = shorter[matched];
            }
            matched += usize::from(text[at] == text[matched]);
            shorter[at + 1] = matched;
        }
        Stop { text, shorter, matched: 0 }
    }

    /// Takes in a byte of the stream; whether the stop text ends with it.
    fn takes(&mut self, byte: u8) -> bool {
        while self.matched > 0 && self.text[self.matched] != byte {
            self.matched = self.shorter[self.matched];
        }
        self.matched += usize::from(self.text[self.matched] == byte);
        self.matched == self.text.len()
    }
}

#[cfg(test)]
mod tests {
    use super::Stops;

    #[test]
    fn stop_texts_end_the_stream_and_their_beginnings_wait() {
        // The stop texts, the pieces pushed, what each push gives out, what is left at the end, whether it stopped.
        type Case<'a> = (&'a [&'a str], &'a [&'a str], &'a [&'a str], &'a str, bool);
        let cases: &[Case] = &[
            (&[], &["a", "b"], &["a", "b"], "", false),
            (&["END"], &["the ", "END", "x"], &["the ", "", ""], "", true),
            (&["END"], &["the E", "N", "D of"], &["the ", "", ""], "", true),
            (&["END"], &["the E", "NX"], &["the ", "ENX"], "", false),
            (&["END"], &["the EN"], &["the "], "EN", false),
            (&["END"], &["EEND."], &["E"], "", true),
            (&["aab"], &["aa", "a", "ab"], &["", "a", "a"], "", true),
            (&["\n\n", "User:"], &["Hi\n", "Us", "e it\n", "\n"], &["Hi", "\n", "Use it", ""], "", true),
            (&["b", "abc"], &["a", "b", "c"], &["", "a", ""], "", true),
            (&["bc", "abc"], &["xabc"], &["x"], "", true),
            (&["é!"], &["caf", "é", "?", "é!"], &["caf", "", "é?", ""], "", true),
            (&["è"], &["é", "è"], &["é", ""], "", true),
            (&["", "x"], &["a"], &["a"], "", false),
        ];
        for (texts, pieces, expected, left, stopped) in cases {
            let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
            let mut stops = Stops::new(&texts);
            let given: Vec<String> = pieces.iter().map(|piece| stops.push(piece)).collect();
            assert_eq!(&given, expected, "{texts:?} {pieces:?}");
            assert_eq!((stops.finish().as_str(), stops.is_stopped()), (*left, *stopped), "{texts:?} {pieces:?}");
        }
    }

    #[test]
    fn how_the_text_is_cut_does_not_matter() {
        let text = "ababcababd 日本語日本 ababa";
        for stop in ["ababd", "本語日本 ", "aba", "zz", "baba"] {
            let whole = {
                let mut stops = Stops::new(&[stop.to_owned()]);
                (stops.push(text) + &stops.finish(), stops.is_stopped())
            };
            let expected = text.find(stop).map_or(text, |at| &text[..at]);
            assert_eq!((whole.0.as_str(), whole.1), (expected, expected.len() < text.len()), "{stop}");
            let mut stops = Stops::new(&[stop.to_owned()]);
            let mut given: String = text.chars().map(|c| stops.push(&c.to_string())).collect();
            given.push_str(&stops.finish());
            assert_eq!((given, stops.is_stopped()), whole, "{stop}");
        }
    }
}
