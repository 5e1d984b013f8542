//! The tokens of a vocabulary as the file lists them: what each is called, what kind it is and what it stands for.

use crate::inference::gguf::Metadata;
use std::collections::HashMap;

/// What U+2581 is to SentencePiece: a space that can be seen.
pub(super) const SPACE_MARK: char = '\u{2581}';

/// What a token is for, by the numbers that the file gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A piece of text.
    Normal,
    /// Says that there is no token for something.
    Unknown,
    /// Steers the model: begin, end, whose turn it is. It stands for no text.
    Control,
    /// A piece of text that is found before anything else is.
    UserDefined,
    /// Stands for nothing, and is in no text.
    Unused,
    /// One byte, written as `<0x0A>`.
    Byte,
}

/// Strings in one piece of memory.
struct Strings {
    all: Vec<u8>,
    ends: Vec<usize>,
}

impl Strings {
    fn new() -> Strings {
        Strings { all: Vec::new(), ends: Vec::new() }
    }

    fn push(&mut self, bytes: impl IntoIterator<Item = u8>) {
        self.all.extend(bytes);
        self.ends.push(self.all.len());
    }

    fn get(&self, index: usize) -> &[u8] {
        let begin = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.all[begin..self.ends[index]]
    }
}

/// Every token of a vocabulary.
pub(super) struct Tokens {
    texts: Strings,
    bytes: Strings,
    kinds: Vec<Kind>,
}

/// How the texts of normal tokens are spelled in the file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    /// A visible letter for each byte, as GPT-2 has it.
    ByteLetters,
    /// As they are, with [`SPACE_MARK`] for a space.
    Marked,
}

impl Tokens {
    /// Reads the tokens and their kinds.
    ///
    /// # Errors
    /// There are none, or too many, or not as many kinds.
    pub(super) fn read(metadata: &Metadata, spelling: Spelling) -> Result<Tokens, String> {
        let texts = metadata.texts("tokenizer.ggml.tokens").filter(|texts| !texts.is_empty());
        let texts = texts.ok_or("it has no vocabulary (tokenizer.ggml.tokens)")?;
        if u32::try_from(texts.len()).is_err() {
            return Err(format!("its vocabulary of {} tokens makes no sense", texts.len()));
        }
        let kinds = kinds(metadata, texts.len())?;
        let letters = byte_letters();
        let mut tokens = Tokens { texts: Strings::new(), bytes: Strings::new(), kinds };
        for (text, kind) in texts.iter().zip(&tokens.kinds) {
            tokens.texts.push(text.bytes());
            match (kind, byte_named(text), spelling) {
                (Kind::Control | Kind::Unknown, _, _) => tokens.bytes.push([]),
                (Kind::Byte, Some(byte), _) => tokens.bytes.push([byte]),
                (Kind::UserDefined | Kind::Byte, _, _) => tokens.bytes.push(text.bytes()),
                (Kind::Normal | Kind::Unused, _, Spelling::ByteLetters) => {
                    tokens.bytes.push(unlettered(text, &letters))
                }
                (Kind::Normal | Kind::Unused, _, Spelling::Marked) => {
                    tokens.bytes.push(text.replace(SPACE_MARK, " ").bytes());
                }
            }
        }
        Ok(tokens)
    }

    pub(super) fn len(&self) -> usize {
        self.kinds.len()
    }

    /// As the file has it.
    pub(super) fn text(&self, token: u32) -> &str {
        std::str::from_utf8(self.texts.get(token as usize)).expect("it was pushed as a string")
    }

    /// What it stands for.
    pub(super) fn bytes(&self, token: u32) -> &[u8] {
        self.bytes.get(token as usize)
    }

    pub(super) fn kind(&self, token: u32) -> Kind {
        self.kinds[token as usize]
    }

    /// Makes `token` a control token, which stands for no text.
    pub(super) fn make_control(&mut self, token: u32) {
        self.kinds[token as usize] = Kind::Control;
    }

    /// Every token, in order.
    pub(super) fn all(&self) -> impl Iterator<Item = u32> + use<> {
        0..self.kinds.len() as u32
    }

    /// The tokens that a text may be made of, by their texts: neither control tokens nor single bytes, so that no
    /// text can spell them. Of two with one text the first counts.
    pub(super) fn by_text(&self) -> HashMap<&str, u32> {
        let mut found = HashMap::with_capacity(self.len());
        for token in self.all().filter(|token| self.is_in_texts(*token)) {
            found.entry(self.text(token)).or_insert(token);
        }
        found
    }

    /// Whether a text may be made of `token`.
    pub(super) fn is_in_texts(&self, token: u32) -> bool {
        matches!(self.kind(token), Kind::Normal | Kind::UserDefined | Kind::Unused)
    }

    /// The token of each byte by itself, where there is one.
    pub(super) fn of_bytes(&self) -> [Option<u32>; 256] {
        let mut found = [None; 256];
        for token in self.all() {
            if matches!(self.kind(token), Kind::Byte | Kind::Normal)
                && let Some(byte) = byte_named(self.text(token))
            {
                found[usize::from(byte)].get_or_insert(token);
            }
        }
        found
    }
}

/// The kind of each of `count` tokens.
fn kinds(metadata: &Metadata, count: usize) -> Result<Vec<Kind>, String> {
    let Some(numbers) = metadata.numbers("tokenizer.ggml.token_type") else {
        return Ok(vec![Kind::Normal; count]);
    };
    if numbers.len() != count {
        return Err(format!("it has {count} tokens, but {} token types", numbers.len()));
    }
    let kind = |number: &f64| match *number as i64 {
        2 => Kind::Unknown,
        3 => Kind::Control,
        4 => Kind::UserDefined,
        5 => Kind::Unused,
        6 => Kind::Byte,
        _ => Kind::Normal,
    };
    Ok(numbers.iter().map(kind).collect())
}

/// The byte that a token like `<0x0A>` is.
fn byte_named(text: &str) -> Option<u8> {
    let digits = text.strip_prefix("<0x")?.strip_suffix('>')?;
    u8::from_str_radix(digits, 16).ok().filter(|_| digits.len() == 2)
}

/// GPT-2's letter for each byte: itself where that is a visible letter of Latin-1, else the next one from U+0100 on.
pub(super) fn letters_of_bytes() -> [char; 256] {
    let mut others = '\u{100}'..;
    std::array::from_fn(|byte| match byte as u8 {
        visible @ (b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF) => char::from(visible),
        _ => others.next().expect("there are more characters than bytes"),
    })
}

/// The byte of each of GPT-2's letters.
fn byte_letters() -> HashMap<char, u8> {
    letters_of_bytes().into_iter().zip(0..=u8::MAX).collect()
}

/// The bytes that `text` spells in GPT-2's letters; a letter that is none of them stands for itself.
fn unlettered(text: &str, letters: &HashMap<char, u8>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for letter in text.chars() {
        match letters.get(&letter) {
            Some(byte) => bytes.push(*byte),
            None => bytes.extend(letter.encode_utf8(&mut [0; 4]).bytes()),
        }
    }
    bytes
}
