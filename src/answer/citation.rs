//! A generator's text as it streams by: its marks become citations, and each sentence is checked as it ends.

use std::collections::HashSet;

use super::language::Language;
use super::verify::Evidence;
use crate::domain::answer::{Citation, Piece};
use crate::domain::passage::Passage;
use crate::domain::question::Question;

/// The most characters between `[` and `]` that may still be a mark: `[1, 2, 13]`.
const MARK_CHARS_MAX: usize = 24;

/// Turns text that arrives in arbitrary bits into pieces.
///
/// Marks that name no passage are dropped. A sentence that its passages do not bear out is followed by a note that
/// says so; for that the white space after a sentence is held back until it is clear that no mark follows.
pub struct Writer {
    passages: Vec<Passage>,
    evidence: Evidence,
    note: &'static str,
    /// Numbers whose citation has been given.
    cited: HashSet<u32>,
    /// `[` and what came after it, while it may become a mark.
    mark: String,
    /// White space held back after a sentence's end.
    gap: String,
    /// The sentence so far, without marks.
    sentence: String,
    /// The passages that the sentence names, by index.
    named: Vec<usize>,
    /// Whether the sentence has come to its end, as far as can be told.
    ended: bool,
    /// Text ready to go out.
    out: String,
    pieces: Vec<Piece>,
}

impl Writer {
    /// For an answer to `question` from `passages`, numbered from 1.
    pub fn new(question: &Question, passages: Vec<Passage>) -> Writer {
        Writer {
            evidence: Evidence::of(question, &passages),
            note: Language::of(question.text()).texts().unconfirmed.trim_end(),
            passages,
            cited: HashSet::new(),
            mark: String::new(),
            gap: String::new(),
            sentence: String::new(),
            named: Vec::new(),
            ended: false,
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
                let text = std::mem::take(&mut self.out);
                self.pieces.extend((!text.is_empty()).then_some(Piece::Text(text)));
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
        self.out.push(c);
        self.sentence.push(c);
        let closes = self.ended && matches!(c, '"' | '\'' | ')' | '»' | '”' | '’' | '*');
        self.ended = closes || matches!(c, '.' | '!' | '?' | '…') || is_wide_end(Some(c));
    }

    /// Ends the sentence: checks it, and says so where its passages do not bear it out.
    fn close(&mut self) {
        let (sentence, named) = (std::mem::take(&mut self.sentence), std::mem::take(&mut self.named));
        self.ended = false;
        if !self.evidence.bears_out(&sentence, &named) {
            self.out.push_str(&format!(" {}", self.note));
        }
    }

    fn flush(&mut self) -> Vec<Piece> {
        let text = std::mem::take(&mut self.out);
        self.pieces.extend((!text.is_empty()).then_some(Piece::Text(text)));
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

    /// Feeds `bits` and gives the text that came out, with `{n}` where a citation was given.
    fn written(bits: &[&str]) -> String {
        let question = Question::parse("How many days of leave are there?").expect("a question");
        let passages = vec![
            passage(1, Some(7), "There are 20 days of leave. Ask Ms Lovelace."),
            passage(2, None, "Leave is paid in full."),
        ];
        let mut writer = Writer::new(&question, passages);
        let mut pieces: Vec<Piece> = bits.iter().flat_map(|bit| writer.push(bit)).collect();
        pieces.extend(writer.finish());
        let mut text = String::new();
        for piece in pieces {
            match piece {
                Piece::Text(more) => text.push_str(&more),
                Piece::Citation(citation) => text.push_str(&format!("{{{}}}", citation.number)),
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
    fn an_unsupported_sentence_says_so() {
        const NOTE: &str = "(not confirmed by the cited passage)";
        check("There are 25 days of leave [1].", &format!("There are 25 days of leave {{1}}[1]. {NOTE}"));
        check(
            "There are 25 days. [1] Leave is paid [2].",
            &format!("There are 25 days. {{1}}[1] {NOTE} Leave is paid {{2}}[2]."),
        );
        check(
            "Ask Ms Lovelace [1].\nAsk Mr Babbage [1].",
            &format!("Ask Ms Lovelace {{1}}[1].\nAsk Mr Babbage [1]. {NOTE}"),
        );
        check("There are 20 days [12", &format!("There are 20 days [12 {NOTE}"));
        check("There are 20 days of leave [2].", &format!("There are 20 days of leave {{2}}[2]. {NOTE}"));
    }
}
