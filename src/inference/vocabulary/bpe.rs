//! Byte-pair encoding: a text is cut into words, and the letters of a word are joined in the order of the merges.

use super::merge::{Join, Merger, NONE};
use super::pretokens::{self, Rule};
use super::splitter::Splitter;
use super::tokens::{self, SPACE_MARK, Spelling, Tokens};
use super::words::Words;
use crate::inference::gguf::Metadata;
use std::collections::{HashMap, HashSet};

/// The encoding of one vocabulary.
pub(super) struct Bpe {
    splitter: Splitter,
    /// Two neighbouring tokens to what they become, and how soon.
    merges: HashMap<(u32, u32), Join>,
    letters: Letters,
    /// Words that are tokens as they stand, where the merges are not asked.
    whole: HashMap<Box<str>, u32>,
    words: Words,
}

/// What a word is made of before anything is joined.
enum Letters {
    /// Its bytes, each with its token or [`NONE`].
    Bytes(Box<[u32; 256]>),
    /// Its characters, and the bytes of those that are no tokens.
    Characters { tokens: HashMap<char, u32>, bytes: Box<[Option<u32>; 256]> },
}

/// The spelling of the tokens under the pre-tokenizer `name`.
///
/// # Errors
/// There is no such pre-tokenizer.
pub(super) fn spelling(name: Option<&str>) -> Result<Spelling, String> {
    Ok(match pretokens::row(name)?.rule {
        Rule::Characters => Spelling::Marked,
        Rule::Merges | Rule::WholeWords | Rule::WholeWordsAndBos => Spelling::ByteLetters,
    })
}

/// Whether texts under the pre-tokenizer `name` begin with the BOS token unless the file says otherwise.
pub(super) fn adds_bos(name: Option<&str>) -> bool {
    pretokens::row(name).is_ok_and(|row| row.rule == Rule::WholeWordsAndBos)
}

impl Bpe {
    /// Reads the merges of the file, for the pre-tokenizer `name`.
    ///
    /// # Errors
    /// There are no merges, or one is not two tokens that make a third.
    pub(super) fn read(metadata: &Metadata, tokens: &Tokens, name: Option<&str>) -> Result<Bpe, String> {
        let row = pretokens::row(name)?;
        let by_text = tokens.by_text();
        let merges = merges(metadata, tokens, &by_text)?;
        let letters = match row.rule {
            Rule::Characters => {
                Letters::Characters { tokens: characters(&by_text), bytes: Box::new(tokens.of_bytes()) }
            }
            Rule::Merges | Rule::WholeWords | Rule::WholeWordsAndBos => {
                let of = |letter: char| by_text.get(letter.encode_utf8(&mut [0; 4]) as &str).copied().unwrap_or(NONE);
                Letters::Bytes(Box::new(tokens::letters_of_bytes().map(of)))
            }
        };
        let whole = match row.rule {
            Rule::Merges => HashMap::new(),
            Rule::WholeWords | Rule::WholeWordsAndBos => whole_words(tokens, &by_text, |_| true),
            Rule::Characters => whole_words(tokens, &by_text, |word| word.bytes().all(|byte| byte == b'\n')),
        };
        Ok(Bpe { splitter: Splitter::new(row), merges, letters, whole, words: Words::default() })
    }

    /// Adds the tokens of `text` to `found`.
    pub(super) fn encode(&self, text: &str, found: &mut Vec<u32>) {
        let marked;
        let text = match self.letters {
            Letters::Bytes(_) => text,
            Letters::Characters { .. } => {
                marked = text.replace(' ', SPACE_MARK.encode_utf8(&mut [0; 4]));
                &marked
            }
        };
        let mut merger = Merger::default();
        let mut kept = self.words.borrow();
        self.splitter.words(text, &mut |word| match self.whole.get(word) {
            Some(token) => found.push(*token),
            None => kept.take(word, found, |word, found| self.merge(word, &mut merger, found)),
        });
    }

    /// Joins the letters of one word.
    fn merge(&self, word: &str, merger: &mut Merger, found: &mut Vec<u32>) {
        merger.clear();
        match &self.letters {
            Letters::Bytes(tokens) => word.bytes().for_each(|byte| merger.push(1, tokens[usize::from(byte)])),
            Letters::Characters { tokens, .. } => {
                word.chars().for_each(|c| merger.push(c.len_utf8(), tokens.get(&c).copied().unwrap_or(NONE)));
            }
        }
        let join = |left: u32, right: u32| self.merges.get(&(left, right)).copied();
        merger.run(
            |left, right| join(left.token, right.token),
            |symbol| match &self.letters {
                _ if symbol.token != NONE => found.push(symbol.token),
                // A byte without a token is in no text that the model was trained on.
                Letters::Bytes(_) => {}
                Letters::Characters { bytes, .. } => {
                    let lost = &word.as_bytes()[symbol.start as usize..symbol.end as usize];
                    found.extend(lost.iter().filter_map(|byte| bytes[usize::from(*byte)]));
                }
            },
        );
    }
}

/// The merges of the file, ranked as they are listed. Those that no text may use, as they touch a control token, are
/// left out.
fn merges(
    metadata: &Metadata,
    tokens: &Tokens,
    by_text: &HashMap<&str, u32>,
) -> Result<HashMap<(u32, u32), Join>, String> {
    let lines = metadata.texts("tokenizer.ggml.merges").ok_or("it has no merges (tokenizer.ggml.merges)")?;
    let other = |token: u32| (!tokens.is_in_texts(token)).then(|| tokens.text(token));
    let others: HashSet<&str> = tokens.all().filter_map(other).collect();
    let mut merges = HashMap::with_capacity(lines.len());
    let mut joined = String::new();
    for (rank, line) in lines.iter().enumerate() {
        let (left, right) = parts(line).ok_or_else(|| format!("its merge {rank}, `{line}`, is not two tokens"))?;
        joined.clear();
        joined.extend([left, right]);
        let named = [left, right, joined.as_str()];
        if let [Some(left), Some(right), Some(token)] = named.map(|text| by_text.get(text).copied()) {
            merges.entry((left, right)).or_insert(Join { rank: rank as u32, token });
        } else if let Some(missing) =
            named.iter().find(|text| !by_text.contains_key(**text) && !others.contains(**text))
        {
            return Err(format!("its merge {rank}, `{line}`, names `{missing}`, which is no token of it"));
        }
    }
    Ok(merges)
}

/// The two tokens of a merge. The first may begin with a space of its own, so the one between them is looked for
/// behind its first letter.
fn parts(line: &str) -> Option<(&str, &str)> {
    let first = line.chars().next()?.len_utf8();
    let space = first + line[first..].find(' ')?;
    Some((&line[..space], &line[space + 1..]))
}

/// The tokens that are one character.
fn characters(by_text: &HashMap<&str, u32>) -> HashMap<char, u32> {
    let alone = |text: &str| {
        let mut characters = text.chars();
        characters.next().filter(|_| characters.next().is_none())
    };
    by_text.iter().filter_map(|(text, token)| Some((alone(text)?, *token))).collect()
}

/// The tokens that are whole characters and `fit`, by what they stand for.
fn whole_words(tokens: &Tokens, by_text: &HashMap<&str, u32>, fit: impl Fn(&str) -> bool) -> HashMap<Box<str>, u32> {
    let word = |token: u32| std::str::from_utf8(tokens.bytes(token)).ok().filter(|word| !word.is_empty() && fit(word));
    by_text.values().filter_map(|token| Some((word(*token)?.into(), *token))).collect()
}
