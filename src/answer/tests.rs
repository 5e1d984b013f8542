//! What the tests of this room share, and its answers as a stream of pieces.

use futures_util::StreamExt as _;

use super::*;
use crate::domain::answer::{Doubt, Reason};
use crate::domain::extract::Span;
use crate::domain::id::SourceId;
use crate::inference::InferenceError;

/// A passage that begins 1,000 bytes into its source and supports an answer.
pub fn passage(source: i64, page: Option<u32>, text: &str) -> Passage {
    Passage {
        chunks: Vec::new(),
        source: SourceId(source),
        version: 1,
        title: format!("Source {source}"),
        file_name: format!("{source}.pdf"),
        headings: Vec::new(),
        page,
        span: Span { start: 1000, end: 1000 + text.len() },
        text: text.to_owned(),
        score: 1.0,
        similarity: 0.9,
        coverage: 1.0,
    }
}

fn question(text: &str) -> Question {
    Question::parse(text).expect("a question")
}

fn signed() -> Signed {
    Signed { model: "tiny".to_owned(), turns_left_out: 0 }
}

/// What a reader sees of `pieces`: text, `{n}` for a citation, and how it ended.
async fn seen(pieces: impl Stream<Item = Result<Piece, AnswerError>>) -> String {
    let piece = |piece| match piece {
        Ok(Piece::Waiting { place }) => format!("({place} in line)"),
        Ok(Piece::Passages(passages)) => format!("({} passages)", passages.len()),
        Ok(Piece::Text(text)) => text,
        Ok(Piece::Citation(citation)) => format!("{{{}}}", citation.number),
        Ok(Piece::Doubt(doubt)) => format!("<{}>", doubt.reason.as_str()),
        Ok(Piece::Done(outcome)) => format!("<{} by {}>", outcome.finish.as_str(), outcome.model),
        Err(AnswerError::Inference(error)) => format!("<{error}>"),
    };
    pieces.map(piece).collect::<Vec<_>>().await.concat()
}

#[tokio::test]
async fn a_generators_words_become_pieces() {
    let text = |text: &str| Ok(Generated::Text(text.to_owned()));
    let done = || Ok(Generated::Done { finish: Finish::Length, prompt_tokens: 1, completion_tokens: 2 });
    let cases = [
        (vec![text("Leave is "), text("paid [1"), text("].")], "Leave is paid {1}[1]."),
        (vec![text("Leave is paid [1][2]"), done()], "Leave is paid {1}[1]<length by tiny>"),
        (vec![text("Leave "), Err(InferenceError::Busy)], "Leave <BUSY>"),
        (vec![done()], "<length by tiny>"),
    ];
    for (words, expected) in cases {
        let writer = citation::Writer::new(&question("Is leave paid?"), vec![passage(1, None, "Leave is paid.")]);
        let pieces = generated(stream::iter(words), writer, signed(), |_| std::future::ready(Vec::new()));
        let expected = expected.replace("BUSY", &InferenceError::Busy.to_string());
        assert_eq!(seen(pieces).await, expected);
    }
}

#[tokio::test]
async fn doubts_come_before_the_end() {
    let words = vec![
        Ok(Generated::Text("Leave is unpaid in 2030 [1]. It is".to_owned())),
        Ok(Generated::Done { finish: Finish::Stop, prompt_tokens: 1, completion_tokens: 2 }),
    ];
    let writer = citation::Writer::new(&question("Is leave paid?"), vec![passage(1, None, "Leave is paid.")]);
    let late = Doubt { span: Span { start: 29, end: 34 }, reason: Reason::Meaning };
    let pieces = generated(stream::iter(words), writer, signed(), |_| async move { vec![Piece::Doubt(late)] });
    assert_eq!(seen(pieces).await, "Leave is unpaid in 2030 {1}[1].<number> It is<meaning><stop by tiny>");
}

#[tokio::test]
async fn a_refusal_names_what_is_nearest_in_the_readers_language() {
    let far = Passage { similarity: 0.1, coverage: 0.1, ..passage(1, Some(7), "The canteen opens at noon.") };
    let passages = vec![far.clone(), far.clone(), Passage { page: None, file_name: "b.md".to_owned(), ..far }];
    assert!(!supported(&passages));
    assert!(!supported(&[]));
    assert!(supported(&[passage(1, None, "x")]));
    let cases: [(&str, &[Passage], &str); 3] = [
        (
            "Who painted the Mona Lisa?",
            &passages,
            "Your documents do not seem to answer this.\n\nThe nearest passages found:\n\n- 1.pdf p. 7\n- b.md",
        ),
        (
            "Qui a peint la Joconde ?",
            &passages,
            "Vos documents ne semblent pas répondre à cette question.\n\nLes passages les plus proches :\n\n- 1.pdf p. 7\n- b.md",
        ),
        ("Who painted the Mona Lisa?", &[], "Your documents do not seem to answer this."),
    ];
    for (asked, passages, expected) in cases {
        let asked = question(asked);
        let words = |text: &str| text.split_whitespace().count();
        let refusal = || whole(abstain::refusal(&asked, passages), Finish::Refused, "tiny", &asked, &words);
        assert_eq!(seen(refusal()).await, format!("{expected}<refused by tiny>"));
        let last = refusal().collect::<Vec<_>>().await.pop();
        let Some(Ok(Piece::Done(outcome))) = last else { panic!("{last:?}") };
        let counted = (outcome.prompt_tokens as usize, outcome.completion_tokens as usize);
        assert_eq!(counted, (words(asked.text()), words(expected)));
    }
}
