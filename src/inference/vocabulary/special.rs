//! Tokens that are found in a text before anything else is, and tokens that end an answer.

use super::Special;
use super::tokens::{Kind, Tokens};
use super::trie::Trie;
use crate::inference::gguf::Metadata;

/// What ends an answer or a turn in one family of models or another; files seldom name more than one.
const ENDS: &[&str] = &[
    "</s>",
    "<eos>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|return|>",
    "<|call|>",
    "<|calls|>",
    "<|flush|>",
    "<end_of_turn>",
    "<turn|>",
    "<|tool_response>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<end_of_utterance>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "[EOS]",
    "<｜end▁of▁sentence｜>",
    "[e~[",
];
/// Keys of the tokens that the file itself says are an end: of text, of a turn, of a message, of code filled in.
const END_KEYS: &[&str] = &[
    "tokenizer.ggml.eos_token_id",
    "tokenizer.ggml.eot_token_id",
    "tokenizer.ggml.eom_token_id",
    "tokenizer.ggml.fim_pad_token_id",
    "tokenizer.ggml.fim_rep_token_id",
    "tokenizer.ggml.fim_sep_token_id",
];
/// Where all of these are, `<|end|>` ends a part of an answer and not the answer.
const PARTED: &[&[&str]] = &[&["<|return|>", "<|call|>", "<|end|>"], &["<|calls|>", "<|flush|>", "<|end|>"]];
/// Where this is, or where the file calls `</s>` a piece of text, that is a mark of HTML.
const HTML: &str = "<|tool_response>";

/// The tokens that end an answer, sorted; those that are so by their text become control tokens, whatever the file
/// calls them.
///
/// # Errors
/// A token that the file names is beyond its vocabulary.
pub(super) fn ends(metadata: &Metadata, tokens: &mut Tokens) -> Result<Vec<u32>, String> {
    let by_text: Vec<(u32, &'static str)> = {
        let end = |token: u32| Some((token, *ENDS.iter().find(|end| **end == tokens.text(token))?));
        tokens.all().filter_map(end).collect()
    };
    let has = |text: &str| by_text.iter().any(|(_, end)| *end == text);
    let parted = PARTED.iter().any(|all| all.iter().all(|end| has(end)));
    let html = has(HTML);
    let mut ends = Vec::new();
    for (token, end) in by_text {
        let is_text = html || tokens.kind(token) == Kind::Normal;
        if (end == "<|end|>" && parted) || (end == "</s>" && is_text) {
            continue;
        }
        tokens.make_control(token);
        ends.push(token);
    }
    for key in END_KEYS {
        ends.extend(named(metadata, tokens, key)?);
    }
    ends.sort_unstable();
    ends.dedup();
    Ok(ends)
}

/// The token that the file names at `key`.
///
/// # Errors
/// It is beyond the vocabulary.
pub(super) fn named(metadata: &Metadata, tokens: &Tokens, key: &str) -> Result<Option<u32>, String> {
    if metadata.get(key).is_none() {
        return Ok(None);
    }
    let number = metadata.u64(key).ok_or_else(|| format!("its {key} is no number of a token"))?;
    match u32::try_from(number).ok().filter(|token| (*token as usize) < tokens.len()) {
        Some(token) => Ok(Some(token)),
        None => Err(format!("its {key} is {number}, beyond its vocabulary of {} tokens", tokens.len())),
    }
}

/// A part of a text.
pub(super) enum Fragment<'t> {
    Text(&'t str),
    Token(u32),
}

/// Finds special tokens in texts.
pub(super) struct Finder {
    /// Every token that is not simply text.
    parsed: Trie,
    /// Those that are found even in text that nobody vouches for.
    user_defined: Trie,
    /// Tokens that take in the white space before or after them.
    strips_before: Vec<u32>,
    strips_after: Vec<u32>,
}

impl Finder {
    pub(super) fn new(metadata: &Metadata, tokens: &Tokens) -> Finder {
        let mut finder = Finder {
            parsed: Trie::default(),
            user_defined: Trie::default(),
            strips_before: strips_before(metadata, tokens),
            strips_after: strips_after(metadata, tokens),
        };
        for token in tokens.all() {
            let text = tokens.text(token).as_bytes();
            match tokens.kind(token) {
                Kind::Control | Kind::Unknown => finder.parsed.insert(text, token),
                Kind::UserDefined => {
                    finder.parsed.insert(text, token);
                    finder.user_defined.insert(text, token);
                }
                Kind::Normal | Kind::Unused | Kind::Byte => {}
            }
        }
        finder
    }

    /// Hands the parts of `text` to `found`, from left to right; of several tokens at one place the longest counts.
    pub(super) fn fragments<'t>(&self, text: &'t str, special: Special, mut found: impl FnMut(Fragment<'t>)) {
        let tokens = match special {
            Special::Parsed => &self.parsed,
            Special::Plain => &self.user_defined,
        };
        let (mut begin, mut at) = (0, 0);
        while at < text.len() {
            let Some((length, token)) = tokens.longest(&text.as_bytes()[at..]) else {
                at += 1;
                continue;
            };
            let mut before = &text[begin..at];
            if self.strips_before.contains(&token) {
                before = before.trim_end();
            }
            if !before.is_empty() {
                found(Fragment::Text(before));
            }
            found(Fragment::Token(token));
            at += length;
            if self.strips_after.contains(&token) {
                at = text.len() - text[at..].trim_start().len();
            }
            begin = at;
        }
        if begin < text.len() {
            found(Fragment::Text(&text[begin..]));
        }
    }
}

/// Masks stand for a word with the space before it. Files do not say so; the models are known by name.
fn strips_before(metadata: &Metadata, tokens: &Tokens) -> Vec<u32> {
    let pre = metadata.text("tokenizer.ggml.pre").unwrap_or_default();
    let architecture = metadata.text("general.architecture").unwrap_or_default();
    let mask = match (pre, architecture) {
        ("jina-v2-de" | "jina-v2-es" | "jina-v2-code", _) | (_, "nomic-bert-moe" | "jina-bert-v3") => "<mask>",
        ("modern-bert", _) | (_, "modern-bert") => "[MASK]",
        _ => return Vec::new(),
    };
    tokens.all().filter(|token| tokens.text(*token) == mask).collect()
}

/// Phi-3's special tokens take in the line end that its template puts behind them. Files do not say so either.
fn strips_after(metadata: &Metadata, tokens: &Tokens) -> Vec<u32> {
    let name = metadata.text("general.name").unwrap_or_default().to_lowercase();
    if !name.contains("phi-3") && !name.contains("phi3") {
        return Vec::new();
    }
    let special = |token: &u32| {
        matches!(tokens.kind(*token), Kind::Control | Kind::Unknown | Kind::UserDefined)
            && !["<unk>", "<s>", "<|endoftext|>"].contains(&tokens.text(*token))
    };
    tokens.all().filter(special).collect()
}
