//! A follow-up made to stand alone, so that it can be searched for. By rule, without a model.

use super::words;
use crate::domain::chat::{Speaker, Turn};
use crate::domain::question::Question;

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

/// Words that only a follow-up begins with.
const OPENERS: &[&str] = &["and", "but", "so", "then", "also", "et", "mais", "donc", "alors", "sinon"];

/// `question` with what it leaves unsaid: the words of the questions before it, where it is short and points back.
pub fn standalone(question: &Question, history: &[Turn]) -> Question {
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
        assert_eq!(standalone(&question, &turns).text(), expected);
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
}
