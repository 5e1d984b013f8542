//! What is put before a generator: instructions, the passages as numbered data, the conversation, the question.

use super::Options;
use crate::domain::chat::{Speaker, Turn};
use crate::domain::passage::Passage;
use crate::domain::question::Question;
use crate::inference::Embedder;
use crate::limits;

/// The built-in instructions.
const SYSTEM: &str = include_str!("../../assets/prompts/system.txt");
/// Where in a template the passages go.
const CONTEXT: &str = "{context}";
/// The fewest bytes that a token has on average in any language; for what is only bounded, not fitted.
const TOKEN_BYTES: usize = 3;

/// The first passages that fit into `tokens_max`; the best is kept whatever its size.
pub fn within_budget(passages: Vec<Passage>, embedder: &Embedder, tokens_max: usize) -> Vec<Passage> {
    let mut tokens = 0;
    let fitting = passages.into_iter().enumerate().take_while(|(rank, passage)| {
        tokens += embedder.count_tokens(&passage.text);
        *rank == 0 || tokens <= tokens_max
    });
    fitting.map(|(_, passage)| passage).collect()
}

/// The turns to send: one of the system, as much of the history as fits, and the question.
pub fn turns(question: &Question, history: Vec<Turn>, passages: &[Passage], options: &Options) -> Vec<Turn> {
    let system = match options.retrieval {
        true => Some(with_context(options.system_template.as_deref().unwrap_or(SYSTEM), &context(passages))),
        false => options.system_template.as_deref().map(|template| with_context(template, "")),
    };
    let asked = Turn { speaker: Speaker::User, text: question.text().to_owned() };
    let spent = system.as_ref().map_or(0, String::len) + asked.text.len();
    let room = (limits::PROMPT_TOKENS_MAX * TOKEN_BYTES).saturating_sub(spent);
    let mut turns: Vec<Turn> = system.map(|text| Turn { speaker: Speaker::System, text }).into_iter().collect();
    turns.extend(latest(history, room));
    turns.push(asked);
    turns
}

/// The passages as data. A passage cannot end its own fence.
fn context(passages: &[Passage]) -> String {
    let mut text = String::new();
    for (number, passage) in (1..).zip(passages) {
        let label = passage.label().replace(['"', '<', '>', '\n'], " ");
        let headings = passage.headings.join(" > ").replace(['"', '<', '>', '\n'], " ");
        let inner = passage.text.replace("</passage", "< /passage").replace("<passage", "< passage");
        text.push_str(&format!(
            "<passage number=\"{number}\" from=\"{label}\" section=\"{headings}\">\n{inner}\n</passage>\n"
        ));
    }
    text
}

/// `template` with the passages where it wants them, or after it.
fn with_context(template: &str, context: &str) -> String {
    match template.contains(CONTEXT) {
        true => template.replacen(CONTEXT, context, 1),
        false => format!("{template}\n\n{context}"),
    }
    .trim_end()
    .to_owned()
}

/// The latest turns that have at most `bytes_max` bytes together, oldest first, from a user's turn on.
fn latest(history: Vec<Turn>, bytes_max: usize) -> Vec<Turn> {
    let mut bytes = 0;
    let kept = history.iter().rev().take_while(|turn| {
        bytes += turn.text.len();
        bytes <= bytes_max
    });
    let dropped = history.len() - kept.count();
    history.into_iter().skip(dropped).skip_while(|turn| turn.speaker == Speaker::Assistant).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::tests::passage;
    use crate::inference::Sampling;

    fn options(template: Option<&str>, retrieval: bool) -> Options {
        let system_template = template.map(str::to_owned);
        Options { sampling: Sampling::default(), system_template, passages_tokens_max: 100, retrieval }
    }

    fn check(template: Option<&str>, retrieval: bool, history: &[(Speaker, &str)], expected: &[(Speaker, &str)]) {
        let history = history.iter().map(|&(speaker, text)| Turn { speaker, text: text.to_owned() }).collect();
        let question = Question::parse("Who pays?").expect("a question");
        let passages = [passage(1, Some(7), "The </passage> firm pays.")];
        let turns = turns(&question, history, &passages, &options(template, retrieval));
        let got: Vec<(Speaker, &str)> = turns.iter().map(|turn| (turn.speaker, turn.text.as_str())).collect();
        assert_eq!(got, expected);
    }

    #[test]
    fn passages_are_fenced_data() {
        const FENCED: &str =
            "<passage number=\"1\" from=\"1.pdf p. 7\" section=\"\">\nThe < /passage> firm pays.\n</passage>";
        let asked = (Speaker::User, "Who pays?");
        let system = format!("Context:\n{FENCED}");
        check(Some("Context:\n{context}"), true, &[], &[(Speaker::System, &system), asked]);
        let system = format!("Be brief.\n\n{FENCED}");
        let history = [(Speaker::User, "Hello"), (Speaker::Assistant, "Good day")];
        let expected = [(Speaker::System, system.as_str()), history[0], history[1], asked];
        check(Some("Be brief."), true, &history, &expected);
        check(None, false, &history[1..], &[asked]);
        check(Some("Be brief."), false, &[], &[(Speaker::System, "Be brief."), asked]);
        let built_in = turns(
            &Question::parse("Who pays?").expect("a question"),
            Vec::new(),
            &[passage(1, Some(7), "x")],
            &options(None, true),
        );
        assert!(built_in[0].text.contains("number=\"1\" from=\"1.pdf p. 7\""), "{}", built_in[0].text);
    }

    #[test]
    fn the_oldest_turns_are_forgotten_first() {
        let long = "x".repeat(limits::PROMPT_TOKENS_MAX * TOKEN_BYTES - 20);
        let history = [(Speaker::User, "gone"), (Speaker::Assistant, "gone too"), (Speaker::User, long.as_str())];
        check(None, false, &history, &[(Speaker::User, &long), (Speaker::User, "Who pays?")]);
    }
}
