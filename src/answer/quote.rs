//! Answers without a generator: the best supporting sentences, word for word, each with its citation.
//!
//! A sentence is good if it means what the question means, holds its words, and stands in a passage that ranks high.
//! The best few are shown in reading order, document by document.

use std::collections::HashSet;

use super::AnswerError;
use super::sentence::{self, Kind, Sentence};
use super::words;
use crate::domain::answer::{Citation, Piece};
use crate::domain::extract::Span;
use crate::domain::passage::Passage;
use crate::domain::question::Question;
use crate::inference::{Embedder, Urgency};
use crate::limits;

/// Passages that sentences are taken from.
const PASSAGES_READ_MAX: usize = 5;
/// Quotations in one answer.
const QUOTES_MAX: usize = 4;
/// Characters of all quotations together, after which no more is added.
const QUOTED_CHARS_MAX: usize = 900;
/// Items of a list that follow the sentence which introduces it.
const ITEMS_MAX: usize = 8;
/// The share of the best sentence's score that another must reach.
const NEAR_BEST: f32 = 0.72;
/// The share of words in common from which two sentences say the same.
const SAME_SHARE: f32 = 0.75;
/// The fewest words of a sentence worth quoting alone.
const WORDS_MIN: usize = 3;
/// The weights of meaning, of the question's words, and of the passage's rank in a sentence's score.
const MEANING_WEIGHT: f32 = 0.6;
const WORDS_WEIGHT: f32 = 0.25;
const RANK_WEIGHT: f32 = 0.15;

/// A stretch of one passage that may be quoted.
struct Part {
    /// The rank of its passage, from 0.
    passage: usize,
    /// Where it lies in the passage's text.
    span: Span,
    sentences: Vec<Sentence>,
    keys: HashSet<String>,
    /// Higher is better; the first weighing is without meaning, to choose what is embedded.
    score: f32,
}

/// The answer in pieces, or nothing where no sentence can be quoted.
pub async fn compose(
    embedder: Option<&Embedder>,
    question: &Question,
    passages: &[Passage],
) -> Result<Option<Vec<Piece>>, AnswerError> {
    let mut parts = parts(passages);
    weigh_words(&mut parts, &words::keys(question.text()));
    if let Some(embedder) = embedder {
        weigh_meaning(&mut parts, embedder, question, passages).await?;
    }
    let chosen = in_reading_order(choose(parts));
    if chosen.is_empty() {
        return Ok(None);
    }
    Ok(Some(write(chosen, passages)))
}

/// What can be quoted of the best passages. A sentence that ends in a colon takes the list after it along.
fn parts(passages: &[Passage]) -> Vec<Part> {
    let mut parts = Vec::new();
    for (rank, passage) in passages.iter().take(PASSAGES_READ_MAX).enumerate() {
        let text = &passage.text;
        let mut sentences = sentence::split(text).into_iter().peekable();
        while let Some(first) = sentences.next() {
            let mut together = vec![first];
            let introduces = text[..together[0].span.end].ends_with([':', '\u{ff1a}']) && together[0].kind != Kind::Row;
            while introduces && together.len() <= ITEMS_MAX {
                let Some(item) = sentences.next_if(|next| next.kind == Kind::Item) else { break };
                together.push(item);
            }
            let span = Span { start: together[0].span.start, end: together[together.len() - 1].span.end };
            let words_count = span.of(text).split_whitespace().count();
            let says_something = together.len() > 1 || (together[0].kind != Kind::Heading && !introduces);
            if says_something && (words_count >= WORDS_MIN || !span.of(text).is_ascii()) {
                let keys = words::keys(span.of(text));
                parts.push(Part { passage: rank, span, sentences: together, keys, score: 0.0 });
            }
        }
    }
    parts
}

/// Scores by the question's words and the passage's rank, and keeps the few that are worth embedding.
fn weigh_words(parts: &mut Vec<Part>, wanted: &HashSet<String>) {
    for part in parts.iter_mut() {
        let rank = 1.0 - part.passage as f32 / PASSAGES_READ_MAX as f32;
        part.score = WORDS_WEIGHT * words::share(wanted, &part.keys) + RANK_WEIGHT * rank;
    }
    parts.sort_by(|a, b| b.score.total_cmp(&a.score));
    parts.truncate(limits::QUOTE_CANDIDATES_MAX);
}

/// Adds how near each part's meaning is to the question's.
async fn weigh_meaning(
    parts: &mut [Part],
    embedder: &Embedder,
    question: &Question,
    passages: &[Passage],
) -> Result<(), AnswerError> {
    let texts = parts.iter().map(|part| shown(part, &passages[part.passage])).collect();
    // Both stand in line at once, and are computed together.
    let (asked, vectors) = futures_util::try_join!(
        embedder.embed_question(question.text()),
        embedder.embed_passages(texts, Urgency::Question)
    )?;
    for (part, vector) in parts.iter_mut().zip(vectors) {
        let cosine: f32 = asked.iter().zip(&vector).map(|(a, b)| a * b).sum();
        part.score += MEANING_WEIGHT * cosine;
    }
    Ok(())
}

/// The best parts that each add something, best first.
fn choose(mut parts: Vec<Part>) -> Vec<Part> {
    parts.sort_by(|a, b| b.score.total_cmp(&a.score));
    let floor = parts.first().map_or(0.0, |best| best.score * NEAR_BEST);
    let mut chosen: Vec<Part> = Vec::new();
    let mut chars = 0;
    for part in parts {
        let says_it_again = chosen.iter().any(|other| words::likeness(&other.keys, &part.keys) >= SAME_SHARE);
        if chosen.len() == QUOTES_MAX || part.score < floor || chars >= QUOTED_CHARS_MAX {
            break;
        }
        if !says_it_again {
            chars += part.span.end - part.span.start;
            chosen.push(part);
        }
    }
    chosen
}

/// Passage by passage, best passage first, each from its beginning; what touches becomes one quotation.
fn in_reading_order(mut chosen: Vec<Part>) -> Vec<Part> {
    chosen.sort_by_key(|part| (part.passage, part.span));
    let mut joined: Vec<Part> = Vec::new();
    for part in chosen {
        match joined.last_mut() {
            Some(last) if last.passage == part.passage && touches(last, &part) => {
                last.span.end = part.span.end;
                last.sentences.extend(part.sentences);
            }
            _ => joined.push(part),
        }
    }
    joined
}

/// Whether at most a line break stands between two parts of one passage.
fn touches(before: &Part, after: &Part) -> bool {
    after.span.start.saturating_sub(before.span.end) <= 2
}

/// The text with its marks and the citations behind them.
fn write(parts: Vec<Part>, passages: &[Passage]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut source = None;
    for (number, part) in (1..).zip(&parts) {
        let passage = &passages[part.passage];
        let space = match source.replace(passage.source) {
            None => "",
            Some(before) if before == passage.source && is_prose(part) => " ",
            Some(_) => "\n\n",
        };
        pieces.push(Piece::Citation(citation(number, part, passage)));
        pieces.push(Piece::Text(format!("{space}{} [{number}]", shown(part, passage))));
    }
    pieces
}

fn is_prose(part: &Part) -> bool {
    part.sentences.iter().all(|sentence| sentence.kind == Kind::Prose)
}

/// A part as it is shown: prose in one line, list items and rows each on their own.
fn shown(part: &Part, passage: &Passage) -> String {
    let mut text = String::new();
    for sentence in &part.sentences {
        let plain = sentence::shown(sentence.span.of(&passage.text), sentence.kind);
        match (text.is_empty(), sentence.kind) {
            (true, _) => {}
            (false, Kind::Prose) => text.push(' '),
            (false, Kind::Item) => text.push_str("\n- "),
            (false, Kind::Row | Kind::Heading) => text.push('\n'),
        }
        text.push_str(&plain);
    }
    text
}

/// The citation of a part: exactly the document's text at its span.
fn citation(number: u32, part: &Part, passage: &Passage) -> Citation {
    let start = passage.span.start;
    Citation {
        span: Span { start: start + part.span.start, end: start + part.span.end },
        quote: part.span.of(&passage.text).to_owned(),
        ..Citation::of(number, passage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::tests::passage;

    const LEAVE: &str = "# Leave\n\nEvery employee has 20 days of paid leave a year. It is asked for in the portal [3]. \
                         Leave may be refused:\n\n- in the month of an inventory,\n- while a colleague is ill.\n\nThe \
                         canteen opens at noon.";
    const TABLE: &str = "| Years | Days of leave |\n|---|---|\n| 5 | 22 |";

    /// What is answered where only the words of the question count.
    fn answered(question: &str, texts: &[&str]) -> (String, Vec<Citation>) {
        let passages: Vec<Passage> = (1..).zip(texts).map(|(source, text)| passage(source, Some(7), text)).collect();
        let mut parts = parts(&passages);
        weigh_words(&mut parts, &words::keys(question));
        let (mut text, mut citations) = (String::new(), Vec::new());
        for piece in write(in_reading_order(choose(parts)), &passages) {
            match piece {
                Piece::Text(more) => text.push_str(&more),
                Piece::Citation(citation) => citations.push(citation),
                other => panic!("only what is said is written here, not {other:?}"),
            }
        }
        (text, citations)
    }

    fn check(question: &str, texts: &[&str], expected: &str) {
        let (text, citations) = answered(question, texts);
        assert_eq!(text, expected, "{question:?}");
        for (number, citation) in (1..).zip(&citations) {
            assert_eq!((citation.number, citation.page), (number, Some(7)));
            let document = texts[citation.source.0 as usize - 1];
            let span = Span { start: citation.span.start - 1000, end: citation.span.end - 1000 };
            assert_eq!(span.of(document), citation.quote);
            assert!(!citation.quote.is_empty());
        }
    }

    #[test]
    fn the_sentences_that_hold_the_question_are_quoted() {
        check(
            "How many days of paid leave does an employee have a year?",
            &[LEAVE, TABLE],
            "Every employee has 20 days of paid leave a year. [1]",
        );
        check(
            "When may leave be refused in the month of an inventory?",
            &[LEAVE],
            "Leave may be refused:\n- in the month of an inventory,\n- while a colleague is ill. [1]",
        );
        check("Where is it asked for, in the portal?", &[LEAVE], "It is asked for in the portal (3). [1]");
        check(
            "Which years, 22 days?",
            &["The canteen opens at noon.", "| Firm years | 22 days |"],
            "Firm years · 22 days [1]",
        );
        check("Anything", &["# Only a heading", ""], "");
    }

    #[test]
    fn the_same_sentence_is_not_quoted_twice() {
        let copy = "Every employee has 20 days of paid leave each year!";
        let (text, citations) = answered("Days of paid leave of every employee a year?", &[copy, LEAVE]);
        assert_eq!((text.as_str(), citations.len()), ("Every employee has 20 days of paid leave each year! [1]", 1));
    }
}
