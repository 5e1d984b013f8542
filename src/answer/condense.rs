//! A follow-up made to stand alone, so that it can be searched for: by the generator, where there is one and it is quick,
//! or else by rule.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::StreamExt as _;

use super::{AnswerError, words};
use crate::domain::answer::Finish;
use crate::domain::chat::{Speaker, Turn};
use crate::domain::question::Question;
use crate::inference::{Generated, Generator, Reader, Sampling};
use crate::limits;

/// What a generator is told to do.
const TASK: &str = include_str!("../../assets/prompts/condense.txt");
/// Earlier turns that it is shown at most, and how much of each.
const TURNS_SHOWN_MAX: usize = 6;
const TURN_CHARS_MAX: usize = 300;
/// The most tokens of what it writes.
const TOKENS_MAX: u32 = 64;
/// The longest rewritten question; a longer one is no question.
const CONDENSED_CHARS_MAX: usize = 400;
/// The share of a rewritten question's words that the conversation must have, and of the question's own words that it
/// must keep: otherwise it is an answer, or a question about something else.
const WORDS_SHARE_MIN: f32 = 0.5;

/// A question of more words than this is taken to say what it is about.
const FOLLOW_UP_WORDS_MAX: usize = 12;
/// The fewest words with a meaning of their own that a question needs to stand alone.
const CONTENT_WORDS_MIN: usize = 2;
/// Earlier questions that are gone back to at most.
const TURNS_BACK_MAX: usize = 3;

/// Words that point back, without accents.
const POINTERS: &[&str] = &[
    "it", "its", "they", "them", "their", "this", "that", "these", "those", "he", "she", "his", "her", "one", "ones",
    "there", "same", "else", "instead", "il", "ils", "elle", "elles", "lui", "leur", "leurs", "cela", "ca", "celui",
    "celle", "ceux", "celles", "ce", "cette", "ces", "son", "sa", "ses", "meme",
];

/// Words that stand for others as pointers do, and that a question may hold without being a follow-up.
const STAND_INS: &[&str] = &["other", "others", "another", "first", "last", "autre", "autres", "premier", "dernier"];

/// Words that only a follow-up begins with.
const OPENERS: &[&str] = &["and", "but", "so", "then", "also", "et", "mais", "donc", "alors", "sinon"];

/// `question` with what it leaves unsaid, where it is short and points back. The generator is asked first; if it is not
/// ready within [`limits::CONDENSE_MS_MAX`], fails, or does not write the question, the rule decides.
pub async fn standalone(generator: Option<&Generator>, question: &Question, history: &[Turn]) -> Question {
    let asks = is_follow_up(question.text()) && history.iter().any(|turn| turn.speaker == Speaker::User);
    if let Some(generator) = generator.filter(|generator| asks && is_quick(generator, question, history)) {
        let patience = Duration::from_millis(limits::CONDENSE_MS_MAX);
        match tokio::time::timeout(patience, rewritten(generator, question, history)).await {
            Ok(Ok(text)) => match accepted(&text, question, history) {
                Some(condensed) => return condensed,
                None => tracing::debug!("the generator did not rewrite a follow-up"),
            },
            Ok(Err(error)) => tracing::warn!(%error, "a follow-up was made to stand alone by rule"),
            Err(_) => tracing::debug!("the generator took too long to rewrite a follow-up"),
        }
    }
    by_rule(question, history)
}

/// Whether the generator reads the conversation in time, as far as is known.
fn is_quick(generator: &Generator, question: &Question, history: &[Turn]) -> bool {
    let tokens = || task(question, history).iter().map(|turn| generator.count_tokens(&turn.text)).sum::<usize>();
    let seconds_max = Duration::from_millis(limits::CONDENSE_MS_MAX).as_secs_f32();
    generator.prompt_tokens_per_s().is_none_or(|speed| tokens() as f32 <= speed * seconds_max)
}

/// The task, and the conversation with the question at its end.
fn task(question: &Question, history: &[Turn]) -> [Turn; 2] {
    let mut text = String::new();
    let shown = history.iter().filter(|turn| turn.speaker != Speaker::System).collect::<Vec<_>>();
    for turn in &shown[shown.len().saturating_sub(TURNS_SHOWN_MAX)..] {
        let line: String = turn.text.split_whitespace().collect::<Vec<_>>().join(" ");
        let line: String = line.chars().take(TURN_CHARS_MAX).collect();
        text.push_str(&format!("{}: {line}\n", turn.speaker.as_str()));
    }
    text.push_str(&format!("\nLast question: {}\nRewritten:", question.text()));
    [Turn { speaker: Speaker::System, text: TASK.trim_end().to_owned() }, Turn { speaker: Speaker::User, text }]
}

/// What the generator writes of it; empty if it did not come to an end.
async fn rewritten(generator: &Generator, question: &Question, history: &[Turn]) -> Result<String, AnswerError> {
    let sampling = Sampling { temperature: Some(0.0), max_tokens: Some(TOKENS_MAX), ..Sampling::default() };
    let words = generator.generate(task(question, history).into(), sampling, Reader::default()).await?;
    let mut words = std::pin::pin!(words);
    let mut text = String::new();
    while let Some(generated) = words.next().await {
        match generated? {
            Generated::Text(more) => text.push_str(&more),
            Generated::Done { finish: Finish::Stop, .. } => return Ok(text),
            Generated::Waiting { .. } => {}
            Generated::Done { .. } => return Ok(String::new()),
        }
    }
    Ok(String::new())
}

/// `text` as the question that it rewrites, if that is what it is.
fn accepted(text: &str, question: &Question, history: &[Turn]) -> Option<Question> {
    let line = text.trim().trim_matches(['"', '“', '”', '«', '»', ' ', '\u{a0}']);
    if line.is_empty() || line.contains(['\n', '<']) || line.chars().count() > CONDENSED_CHARS_MAX {
        return None;
    }
    let own: HashSet<String> = words::content(question.text())
        .into_iter()
        .filter(|(word, _)| !stands_in(&words::fold(word)))
        .map(|(_, key)| key)
        .collect();
    let new = words::keys(line);
    let known = history.iter().flat_map(|turn| words::keys(&turn.text)).chain(own.iter().cloned()).collect();
    let keeps = own.is_empty() || words::share(&own, &new) >= WORDS_SHARE_MIN;
    let stays = words::share(&new, &known) >= WORDS_SHARE_MIN;
    (keeps && stays).then(|| Question::parse(line).ok()).flatten()
}

/// Whether a folded word means something else than itself, which a rewritten question names instead.
fn stands_in(word: &str) -> bool {
    [POINTERS, STAND_INS, OPENERS].iter().any(|words| words.contains(&word))
}

/// `question` with the words of the questions before it.
fn by_rule(question: &Question, history: &[Turn]) -> Question {
    let mut text = question.text().to_owned();
    let earlier = history.iter().rev().filter(|turn| turn.speaker == Speaker::User).map(|turn| turn.text.as_str());
    let mut last = question.text();
    for before in earlier.take(TURNS_BACK_MAX) {
        if !is_follow_up(last) {
            break;
        }
        let known = words::keys(&text);
        let missing: Vec<&str> =
            words::content(before).into_iter().filter(|(_, key)| !known.contains(key)).map(|(word, _)| word).collect();
        if !missing.is_empty() {
            text = format!("{text} ({})", missing.join(" "));
        }
        last = before;
    }
    // Only an overlong earlier turn can make it too long; then the question goes on as it came.
    Question::parse(&text).unwrap_or_else(|_| question.clone())
}

/// Whether `text` is short and leaves unsaid what it is about.
fn is_follow_up(text: &str) -> bool {
    let all: Vec<String> =
        text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(words::fold).collect();
    if all.len() > FOLLOW_UP_WORDS_MAX {
        return false;
    }
    let opens = all.first().is_some_and(|first| OPENERS.contains(&first.as_str()));
    let about = all.get(..2).is_some_and(|first| first[0] == "what" && first[1] == "about");
    let points = all.iter().any(|word| POINTERS.contains(&word.as_str()));
    opens || about || points || words::content(text).len() < CONTENT_WORDS_MIN
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(history: &[&str], question: &str, expected: &str) {
        let turns: Vec<Turn> = history
            .iter()
            .flat_map(|text| {
                [
                    Turn { speaker: Speaker::User, text: (*text).to_owned() },
                    Turn { speaker: Speaker::Assistant, text: "An answer about zebras.".to_owned() },
                ]
            })
            .collect();
        let question = Question::parse(question).expect("a question");
        assert_eq!(by_rule(&question, &turns).text(), expected);
    }

    #[test]
    fn follow_ups_get_the_words_they_leave_out() {
        let leave = "How many days of parental leave do employees get?";
        check(&[], "And for it?", "And for it?");
        check(&[leave], "Is it paid?", "Is it paid? (many days parental leave employees get)");
        check(&[leave], "And in Germany?", "And in Germany? (many days parental leave employees get)");
        check(&[leave], "Why?", "Why? (many days parental leave employees get)");
        check(&[leave, "Is it paid?"], "By whom?", "By whom? (paid) (many days parental leave employees get)");
        check(&[leave], "Who approves travel expenses?", "Who approves travel expenses?");
        check(&["Combien de jours de congé parental ?"], "Est-il payé ?", "Est-il payé ? (jours congé parental)");
        check(&[&"long word ".repeat(900)], "Is it?", "Is it?");
    }

    #[test]
    fn what_a_generator_writes_is_taken_only_as_the_question() {
        let said = |speaker, text: &str| Turn { speaker, text: text.to_owned() };
        let history = [
            said(Speaker::User, "How many days of parental leave do employees get?"),
            said(Speaker::Assistant, "Twenty days [1], in France."),
        ];
        let question = Question::parse("And in Germany?").expect("a question");
        let good = "How many days of parental leave do employees get in Germany?";
        let overlong = format!("{good} {}", "Germany ".repeat(99));
        for (text, expected) in [
            (good, Some(good)),
            (
                "\n \"How many days of parental leave are there in Germany?\" ",
                Some("How many days of parental leave are there in Germany?"),
            ),
            ("", None),
            ("Germany grants fourteen weeks around birth plus generous subsidised allowances.", None),
            ("How many days of parental leave do employees get?", None),
            ("<think> The user asks about parental leave in Germany", None),
            ("How many days of leave in Germany?\n\nThirty days.", None),
            (overlong.as_str(), None),
        ] {
            let found = accepted(text, &question, &history);
            assert_eq!(found.as_ref().map(Question::text), expected, "{text:?}");
        }
        let question = Question::parse("And that other one?").expect("a question");
        assert_eq!(accepted(good, &question, &history).as_ref().map(Question::text), Some(good));
    }

    #[test]
    fn a_generator_is_shown_the_end_of_the_conversation() {
        let history: Vec<Turn> = (0..10)
            .map(|number| Turn {
                speaker: if number % 2 == 0 { Speaker::User } else { Speaker::Assistant },
                text: format!("turn {number}\n{}", "x ".repeat(500)),
            })
            .collect();
        let [_, asked] = task(&Question::parse("Why?").expect("a question"), &history);
        assert!(
            asked.text.starts_with("user: turn 4 x") && asked.text.contains("assistant: turn 9 x"),
            "{}",
            asked.text
        );
        assert!(asked.text.ends_with("\nLast question: Why?\nRewritten:") && asked.text.len() < 2500, "{}", asked.text);
    }
}
