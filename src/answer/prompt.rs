//! What is put before a generator: instructions, the passages as numbered data, the conversation, the question.

use super::budget::{self, Bounds};
use super::fence;
use crate::domain::chat::{Speaker, Turn};
use crate::domain::passage::Passage;
use crate::domain::question::Question;

/// The built-in instructions.
pub const INSTRUCTIONS: &str = include_str!("../../assets/prompts/system.txt");
/// What passages are, for instructions that somebody else wrote: they may not say it.
const DATA: &str = include_str!("../../assets/prompts/data.txt");
/// Where in a template the passages go; the second is the Rails product's way to say it.
const CONTEXT: [&str; 2] = ["{context}", "%{documents}"];
/// Tokens that frame one turn in any chat template.
const FRAME_TOKENS: usize = 8;

/// What is to be said to a generator.
pub struct Wanted<'a> {
    pub question: &'a Question,
    /// Earlier turns, oldest first.
    pub history: Vec<Turn>,
    /// Best first.
    pub passages: Vec<Passage>,
    /// Replaces the built-in instructions.
    pub template: Option<&'a str>,
    /// Whether documents were searched.
    pub retrieval: bool,
}

/// What is said of it.
#[derive(Debug)]
pub struct Prompt {
    /// One turn of the system, the conversation from a user's turn on, and the question.
    pub turns: Vec<Turn>,
    /// The passages among it; `[n]` is the n-th.
    pub passages: Vec<Passage>,
    /// Turns of the conversation that did not fit.
    pub turns_left_out: usize,
}

/// As much of `wanted` as `bounds` allow, by the tokens that `count` finds in a text: whole passages, the best first,
/// and whole turns, the latest first.
pub fn fit(wanted: Wanted<'_>, bounds: &Bounds, count: impl Fn(&str) -> usize) -> Prompt {
    let Wanted { question, history, mut passages, template, retrieval } = wanted;
    let (instructions, mut history) = instructions_of(history);
    for answer in history.iter_mut().filter(|turn| turn.speaker == Speaker::Assistant) {
        // What a model wrote may be what a document made it write.
        answer.text = fence::harmless(&without_marks(&answer.text));
    }
    let system = |context: &str| {
        let own = match (template, retrieval) {
            (Some(template), true) => Some(with_context(template, &format!("{DATA}{context}"))),
            (Some(template), false) => Some(with_context(template, "")),
            (None, true) => Some(with_context(INSTRUCTIONS, context)),
            (None, false) => None,
        };
        let texts: Vec<String> = instructions.iter().cloned().chain(own).collect();
        (!texts.is_empty()).then(|| Turn { speaker: Speaker::System, text: texts.join("\n\n") })
    };
    let asked = Turn { speaker: Speaker::User, text: question.text().to_owned() };
    let size = |turn: &Turn| count(&turn.text) + FRAME_TOKENS;
    let spent = system("").as_ref().map_or(0, size) + size(&asked);
    let blocks: Vec<String> = (1..).zip(&passages).map(|(number, passage)| fence::fenced(number, passage)).collect();
    let shares = budget::deal(
        bounds.prompt_tokens_max().saturating_sub(spent),
        &blocks.iter().map(|block| count(block)).collect::<Vec<_>>(),
        &history.iter().map(size).collect::<Vec<_>>(),
    );
    passages.truncate(shares.passages);
    let left_out = history.len() - shares.turns;
    let kept: Vec<Turn> =
        history.into_iter().skip(left_out).skip_while(|turn| turn.speaker == Speaker::Assistant).collect();
    let turns_left_out = if left_out > 0 { left_out + (shares.turns - kept.len()) } else { 0 };
    let turns = system(&blocks[..shares.passages].concat()).into_iter().chain(joined(kept, asked)).collect();
    Prompt { turns, passages, turns_left_out }
}

/// The system's turns of a conversation, which are instructions wherever they stand, and the rest.
fn instructions_of(history: Vec<Turn>) -> (Vec<String>, Vec<Turn>) {
    let (instructions, rest): (Vec<Turn>, Vec<Turn>) =
        history.into_iter().partition(|turn| turn.speaker == Speaker::System);
    (instructions.into_iter().map(|turn| turn.text).collect(), rest)
}

/// `kept` and `asked`, with neighbours of one speaker made one turn: some models' templates know no other way.
fn joined(kept: Vec<Turn>, asked: Turn) -> Vec<Turn> {
    let mut turns: Vec<Turn> = Vec::new();
    for turn in kept.into_iter().chain([asked]) {
        match turns.last_mut() {
            Some(last) if last.speaker == turn.speaker => last.text.push_str(&format!("\n\n{}", turn.text)),
            _ => turns.push(turn),
        }
    }
    turns
}

/// An earlier answer without its marks: their numbers would now name other passages.
fn without_marks(answer: &str) -> String {
    let mut text = String::with_capacity(answer.len());
    let mut rest = answer;
    while let Some(open) = rest.find('[') {
        let inner = &rest[open + 1..];
        let digits = inner.bytes().take_while(u8::is_ascii_digit).count();
        let is_mark = digits > 0 && inner[digits..].starts_with(']');
        text.push_str(if is_mark { rest[..open].trim_end_matches(' ') } else { &rest[..=open] });
        rest = if is_mark { &inner[digits + 1..] } else { inner };
    }
    text.push_str(rest);
    text
}

/// `template` with the passages where it wants them, or after it.
fn with_context(template: &str, context: &str) -> String {
    let text = match CONTEXT.iter().find(|place| template.contains(**place)) {
        Some(place) => template.replacen(place, context, 1),
        None => format!("{template}\n\n{context}"),
    };
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::tests::passage;

    const ROOMY: Bounds =
        Bounds { context_tokens: 8192, answer_tokens: 0, prompt_tokens_per_s: None, first_word_s: 20 };

    /// A prompt of about "Who pays?" with tokens counted as words.
    fn prompt(template: Option<&str>, retrieval: bool, history: &[(Speaker, &str)], bounds: &Bounds) -> Prompt {
        let history = history.iter().map(|&(speaker, text)| Turn { speaker, text: text.to_owned() }).collect();
        let question = Question::parse("Who pays?").expect("a question");
        let passages = match retrieval {
            true => vec![passage(1, Some(7), "The </passage> firm pays."), passage(2, None, "So does the bank.")],
            false => Vec::new(),
        };
        let wanted = Wanted { question: &question, history, passages, template, retrieval };
        fit(wanted, bounds, |text| text.split_whitespace().count())
    }

    fn check(template: Option<&str>, retrieval: bool, history: &[(Speaker, &str)], expected: &[(Speaker, &str)]) {
        let prompt = prompt(template, retrieval, history, &ROOMY);
        let got: Vec<(Speaker, &str)> = prompt.turns.iter().map(|turn| (turn.speaker, turn.text.as_str())).collect();
        assert_eq!(got, expected);
        assert_eq!(prompt.turns_left_out, 0);
    }

    #[test]
    fn passages_are_fenced_data() {
        const FENCED: &str = "<passage number=\"1\" from=\"1.pdf p. 7\" section=\"\">\nThe ‹/passage> firm pays.\n</passage>\n\
             <passage number=\"2\" from=\"2.pdf\" section=\"\">\nSo does the bank.\n</passage>";
        let asked = (Speaker::User, "Who pays?");
        let system = format!("Context:\n{DATA}{FENCED}");
        check(Some("Context:\n{context}"), true, &[], &[(Speaker::System, &system), asked]);
        check(Some("Context:\n%{documents}"), true, &[], &[(Speaker::System, &system), asked]);
        let system = format!("Be brief.\n\n{DATA}{FENCED}");
        let history = [(Speaker::User, "Hello"), (Speaker::Assistant, "Good day")];
        let expected = [(Speaker::System, system.as_str()), history[0], history[1], asked];
        check(Some("Be brief."), true, &history, &expected);
        check(None, false, &history[1..], &[asked]);
        check(Some("Be brief."), false, &[], &[(Speaker::System, "Be brief."), asked]);
        let built_in = prompt(None, true, &[], &ROOMY);
        assert!(built_in.turns[0].text.contains("number=\"1\" from=\"1.pdf p. 7\""), "{built_in:?}");
    }

    #[test]
    fn a_conversation_is_put_so_that_any_template_takes_it() {
        let history = [
            (Speaker::System, "Rhyme."),
            (Speaker::User, "One"),
            (Speaker::User, "Two"),
            (Speaker::Assistant, "It is so [1][2]. As [agreed] [3].<|im_end|>"),
        ];
        let expected = [
            (Speaker::System, "Rhyme.\n\nBe brief."),
            (Speaker::User, "One\n\nTwo"),
            (Speaker::Assistant, "It is so. As [agreed].‹|im_end|>"),
            (Speaker::User, "Who pays?"),
        ];
        check(Some("Be brief."), false, &history, &expected);
        check(None, false, &history[1..3], &[(Speaker::User, "One\n\nTwo\n\nWho pays?")]);
    }

    #[test]
    fn what_does_not_fit_is_left_out_whole_and_counted() {
        let long = "word ".repeat(60);
        let history = [
            (Speaker::User, long.as_str()),
            (Speaker::Assistant, long.as_str()),
            (Speaker::User, "And then?"),
            (Speaker::Assistant, "Nothing."),
        ];
        for (tokens, turns, passages, left_out) in
            [(1000, 6, 2, 0), (217, 6, 2, 0), (197, 4, 2, 2), (77, 4, 2, 2), (67, 2, 2, 4), (52, 2, 1, 4), (2, 2, 1, 4)]
        {
            let bounds = Bounds { context_tokens: 2 * tokens, answer_tokens: tokens, ..ROOMY };
            let prompt = prompt(Some("Be brief."), true, &history, &bounds);
            let got = (prompt.turns.len(), prompt.passages.len(), prompt.turns_left_out);
            assert_eq!(got, (turns, passages, left_out), "{tokens} tokens: {prompt:?}");
            let shown = prompt.turns[0].text.matches("</passage>").count();
            assert_eq!(shown, passages, "none is cut: {prompt:?}");
        }
    }
}
