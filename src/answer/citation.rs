//! A generator's text as it streams by: its marks become citations, and each sentence is checked as it ends.

use std::collections::HashSet;

use super::meaning::Open;
use super::verify::{Evidence, Verdict};
use crate::domain::answer::{Citation, Doubt, Piece};
use crate::domain::extract::Span;
use crate::domain::passage::Passage;
use crate::domain::question::Question;

/// The most characters between `[` and `]` that may still be a mark: `[1, 2, 13]`.
const MARK_CHARS_MAX: usize = 24;

/// Turns text that arrives in arbitrary bits into pieces.
///
/// Marks that name no passage are dropped. A sentence that its passages do not bear out is followed by a
/// [`Piece::Doubt`]; for that the white space after a sentence is held back until it is clear that no mark follows.
pub struct Writer {
    passages: Vec<Passage>,
    evidence: Evidence,
    /// Numbers whose citation has been given.
    cited: HashSet<u32>,
    /// `[` and what came after it, while it may become a mark.
    mark: String,
    /// White space held back after a sentence's end.
    gap: String,
    /// The sentence so far, without marks.
    sentence: String,
    /// Where it begins in the answer's text.
    start: usize,
    /// The passages that the sentence names, by index.
    named: Vec<usize>,
    /// Whether the sentence has come to its end, as far as can be told.
    ended: bool,
    /// Sentences on which words were not enough.
    open: Vec<Open>,
    /// Bytes of the answer's text that are pieces already.
    written: usize,
    /// Text ready to go out.
    out: String,
    pieces: Vec<Piece>,
}

impl Writer {
    /// For an answer to `question` from `passages`, numbered from 1.
    pub fn new(question: &Question, passages: Vec<Passage>) -> Writer {
        Writer {
            evidence: Evidence::of(question, &passages),
            passages,
            cited: HashSet::new(),
            mark: String::new(),
            gap: String::new(),
            sentence: String::new(),
            start: 0,
            named: Vec::new(),
            ended: false,
            open: Vec::new(),
            written: 0,
            out: String::new(),
            pieces: Vec::new(),
        }
    }

    /// Takes more text and gives what can go out.
    pub fn push(&mut self, text: &str) -> Vec<Piece> {
        text.chars().for_each(|c| self.take(c));
        self.flush()
    }

    /// Gives the rest.
    pub fn finish(&mut self) -> Vec<Piece> {
        let unfinished = std::mem::take(&mut self.mark);
        unfinished.chars().for_each(|c| self.plain(c));
        self.close();
        self.out.push_str(self.gap.trim_end());
        self.gap.clear();
        self.flush()
    }

    /// What is left to be checked by meaning, and the passages to check it by.
    pub fn left_open(self) -> (Vec<Open>, Vec<Passage>) {
        (self.open, self.passages)
    }

    fn take(&mut self, c: char) {
        match (self.mark.is_empty(), c) {
            (true, '[') => self.mark.push(c),
            (true, c) => self.plain(c),
            (false, ']') => {
                let inner = self.mark.split_off(1);
                self.mark.clear();
                self.marked(&inner);
            }
            (false, c) if is_in_mark(c) && self.mark.len() <= MARK_CHARS_MAX => self.mark.push(c),
            (false, c) => {
                let no_mark = std::mem::take(&mut self.mark);
                no_mark.chars().for_each(|c| self.plain(c));
                self.take(c);
            }
        }
    }

    /// `inner` stood in brackets and may be numbers.
    fn marked(&mut self, inner: &str) {
        let numbers: Option<Vec<u32>> = inner.split(',').map(|number| number.trim().parse().ok()).collect();
        let Some(numbers) = numbers else {
            format!("[{inner}]").chars().for_each(|c| self.plain(c));
            return;
        };
        for number in numbers {
            let Some(index) = (number as usize).checked_sub(1).filter(|&index| index < self.passages.len()) else {
                continue;
            };
            let gap = std::mem::take(&mut self.gap);
            self.out.push_str(&gap);
            if self.cited.insert(number) {
                self.say();
                self.pieces.push(Piece::Citation(Citation::of(number, &self.passages[index])));
            }
            self.named.push(index);
            self.out.push_str(&format!("[{number}]"));
        }
    }

    fn plain(&mut self, c: char) {
        if c.is_whitespace() && (self.ended || c == '\n') {
            self.ended = true;
            self.gap.push(c);
            return;
        }
        if self.ended && (!self.gap.is_empty() || is_wide_end(self.sentence.chars().last())) {
            self.close();
        }
        let gap = std::mem::take(&mut self.gap);
        self.out.push_str(&gap);
        if self.sentence.is_empty() {
            self.start = self.written + self.out.len();
        }
        self.out.push(c);
        self.sentence.push(c);
        let closes = self.ended && matches!(c, '"' | '\'' | ')' | '»' | '”' | '’' | '*');
        self.ended = closes || matches!(c, '.' | '!' | '?' | '…') || is_wide_end(Some(c));
    }

    /// Ends the sentence, marks behind it included, and checks it.
    fn close(&mut self) {
        let (text, named) = (std::mem::take(&mut self.sentence), std::mem::take(&mut self.named));
        let span = Span { start: self.start, end: self.written + self.out.len() };
        self.ended = false;
        match self.evidence.judge(&text, &named) {
            Verdict::BorneOut => {}
            Verdict::Unclear(share) => self.open.push(Open { span, text, named, share }),
            Verdict::Unsupported(reason) => {
                self.say();
                self.pieces.push(Piece::Doubt(Doubt { span, reason }));
            }
        }
    }

    /// Makes a piece of the text that is ready.
    fn say(&mut self) {
        let text = std::mem::take(&mut self.out);
        self.written += text.len();
        self.pieces.extend((!text.is_empty()).then_some(Piece::Text(text)));
    }

    fn flush(&mut self) -> Vec<Piece> {
        self.say();
        std::mem::take(&mut self.pieces)
    }
}

fn is_in_mark(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, ',' | ' ')
}

/// Whether `c` ends a sentence in scripts that put no space after it.
fn is_wide_end(c: Option<char>) -> bool {
    matches!(c, Some('。' | '！' | '？'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::tests::passage;

    /// Feeds `bits` and gives the text that came out, with `{n}` where a citation was given, and `<reason: sentence>`
    /// where one was doubted.
    fn written(bits: &[&str]) -> String {
        let question = Question::parse("How many days of leave are there?").expect("a question");
        let passages = vec![
            passage(1, Some(7), "There are 20 days of leave. Ask Ms Lovelace."),
            passage(2, None, "Leave is paid in full."),
        ];
        let mut writer = Writer::new(&question, passages);
        let mut pieces: Vec<Piece> = bits.iter().flat_map(|bit| writer.push(bit)).collect();
        pieces.extend(writer.finish());
        let (mut text, mut plain) = (String::new(), String::new());
        for piece in pieces {
            match piece {
                Piece::Text(more) => {
                    text.push_str(&more);
                    plain.push_str(&more);
                }
                Piece::Citation(citation) => text.push_str(&format!("{{{}}}", citation.number)),
                Piece::Doubt(doubt) => {
                    text.push_str(&format!("<{}: {}>", doubt.reason.as_str(), doubt.span.of(&plain)));
                }
                other => panic!("{other:?}"),
            }
        }
        text
    }

    fn check(text: &str, expected: &str) {
        assert_eq!(written(&[text]), expected, "{text:?}");
        let letters: Vec<String> = text.chars().map(String::from).collect();
        let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
        assert_eq!(written(&letters), expected, "{text:?} letter by letter");
    }

    #[test]
    fn marks_become_citations_wherever_the_stream_is_cut() {
        check("", "");
        check("There are 20 days [1].", "There are 20 days {1}[1].");
        check("There are 20 days. [1] It is paid [2][1].", "There are 20 days. {1}[1] It is paid {2}[2][1].");
        check("20 days, paid [1, 2].", "20 days, paid {1}[1]{2}[2].");
        check("20 days [9] of leave [0].", "20 days  of leave .");
        check("A list [of things] and [", "A list [of things] and [");
        check("Leave is paid in full [", "Leave is paid in full [");
    }

    #[test]
    fn an_unsupported_sentence_is_told_with_its_place_and_its_marks() {
        check(
            "There are 25 days of leave [1].",
            "There are 25 days of leave {1}[1].<number: There are 25 days of leave [1].>",
        );
        check(
            "There are 25 days. [1] Leave is paid [2].",
            "There are 25 days. {1}[1]<number: There are 25 days. [1]> Leave is paid {2}[2].",
        );
        check(
            "Ask Ms Lovelace [1].\n\n- Ask Mr Babbage [1].\n",
            "Ask Ms Lovelace {1}[1].\n\n- Ask Mr Babbage [1].<name: - Ask Mr Babbage [1].>",
        );
        check("There are 20 days [12", "There are 20 days [12<number: There are 20 days [12>");
        check("Été: 20 days of leave [2].", "Été: 20 days of leave {2}[2].<number: Été: 20 days of leave [2].>");
    }

    #[test]
    fn what_words_cannot_decide_is_left_open() {
        let question = Question::parse("How many days of leave are there?").expect("a question");
        let mut writer = Writer::new(&question, vec![passage(1, None, "Leave is granted by the director alone.")]);
        let said = "The head of the firm allows every holiday [1]. It is granted.";
        let pieces: Vec<Piece> = writer.push(said).into_iter().chain(writer.finish()).collect();
        assert!(!pieces.iter().any(|piece| matches!(piece, Piece::Doubt(_))), "{pieces:?}");
        let (open, passages) = writer.left_open();
        let found: Vec<(&str, &[usize])> =
            open.iter().map(|open| (open.span.of(said), open.named.as_slice())).collect();
        assert_eq!(found, [("The head of the firm allows every holiday [1].", &[0][..])]);
        assert_eq!(passages.len(), 1);
    }
}
