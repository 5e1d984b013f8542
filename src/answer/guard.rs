//! A second model, where one is set, asked whether the passages are relevant before an answer is written.
//!
//! It is asked as guard models are: for a risk, here that the context does not help, which it confirms or denies.

use std::time::Duration;

use futures_util::StreamExt as _;

use super::{AnswerError, fence};
use crate::domain::chat::{Speaker, Turn};
use crate::domain::passage::Passage;
use crate::domain::question::Question;
use crate::inference::{Generated, Generator, Reader, Sampling};
use crate::limits;

/// What it is told to do.
const TASK: &str = include_str!("../../assets/prompts/guard.txt");
/// The most tokens of its verdict: some wrap it in a few signs.
const TOKENS_MAX: u32 = 20;

/// Whether `guard` says that none of the passages helps with the question. A guard that cannot be asked, or says
/// neither yes nor no, is told in the log and holds nothing up.
pub async fn rejects(guard: &Generator, question: &Question, passages: &[Passage]) -> bool {
    let patience = Duration::from_secs(limits::GUARD_SECONDS_MAX);
    let why = match tokio::time::timeout(patience, said(guard, question, passages)).await {
        Ok(Ok(text)) => match verdict(&text) {
            Some(rejects) => return rejects,
            None => format!("it said neither yes nor no, but `{}`", text.trim()),
        },
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("it took more than {} seconds", limits::GUARD_SECONDS_MAX),
    };
    tracing::warn!(guard = guard.name(), why, "GUARD_MODEL did not judge; the answer is written without it");
    false
}

/// What the guard says.
async fn said(guard: &Generator, question: &Question, passages: &[Passage]) -> Result<String, AnswerError> {
    let context: String = (1..).zip(passages).map(|(number, passage)| fence::fenced(number, passage)).collect();
    let asked = format!("Context:\n{context}\nQuestion: {}\n\nYes or No:", question.text());
    let turn = |speaker, text: &str| Turn { speaker, text: text.trim_end().to_owned() };
    let sampling = Sampling { temperature: Some(0.0), max_tokens: Some(TOKENS_MAX), ..Sampling::default() };
    let words = guard
        .generate(vec![turn(Speaker::System, TASK), turn(Speaker::User, &asked)], sampling, Reader::default())
        .await?;
    let mut words = std::pin::pin!(words);
    let mut text = String::new();
    while let Some(generated) = words.next().await {
        if let Generated::Text(more) = generated? {
            text.push_str(&more);
        }
    }
    Ok(text)
}

/// Whether the first word of `text` that is a verdict confirms the risk: `Yes`, `1`, `<score> yes </score>`.
fn verdict(text: &str) -> Option<bool> {
    let words = text.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase);
    words.into_iter().find_map(|word| match word.as_str() {
        "yes" | "oui" | "1" => Some(true),
        "no" | "non" | "0" => Some(false),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::verdict;

    #[test]
    fn a_verdict_is_read_however_it_is_dressed() {
        for (text, expected) in [
            ("Yes", Some(true)),
            (" no.\n<confidence> High </confidence>", Some(false)),
            ("<score> yes </score>", Some(true)),
            ("Label: 0", Some(false)),
            ("**Oui**", Some(true)),
            ("", None),
            ("I cannot tell", None),
            ("Nothing", None),
        ] {
            assert_eq!(verdict(text), expected, "{text:?}");
        }
    }
}
