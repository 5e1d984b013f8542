//! Tokens of Rich Text: groups, control words and symbols, and bytes of text.
//!
//! Source: Rich Text Format Specification 1.9.1, "RTF Syntax".

/// The longest name of a control word that is one.
const NAME_MAX: usize = 32;

/// A token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// `{`
    Open,
    /// `}`
    Close,
    /// `\name` or `\name-12`
    Word(&'a str, Option<i32>),
    /// `\~` and the like, by the character after the backslash.
    Symbol(u8),
    /// A byte of text, in whatever code page holds; `\'e9` is one too.
    Byte(u8),
}

/// The tokens of a document, to its end: what breaks off there is left out.
pub(super) struct Tokens<'a> {
    rest: &'a [u8],
}

impl<'a> Tokens<'a> {
    pub fn of(bytes: &'a [u8]) -> Tokens<'a> {
        Tokens { rest: bytes }
    }

    /// Leaves out `count` bytes that are no tokens: those that follow `\bin`.
    pub fn leave_out(&mut self, count: usize) {
        self.rest = &self.rest[count.min(self.rest.len())..];
    }

    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(count.min(self.rest.len()));
        self.rest = rest;
        taken
    }

    /// What follows a backslash.
    fn control(&mut self) -> Option<Token<'a>> {
        let letters = self.rest.iter().take_while(|b| b.is_ascii_alphabetic()).count();
        if letters == 0 {
            let symbol = self.take(1).first().copied()?;
            if symbol != b'\'' {
                return Some(Token::Symbol(symbol));
            }
            let digits = std::str::from_utf8(self.take(2)).ok().and_then(|digits| u8::from_str_radix(digits, 16).ok());
            return Some(Token::Byte(digits.unwrap_or(b'?')));
        }
        let name = std::str::from_utf8(self.take(letters)).ok().filter(|name| name.len() <= NAME_MAX).unwrap_or("");
        let sign = usize::from(self.rest.first() == Some(&b'-'));
        let digits = self.rest[sign..].iter().take_while(|b| b.is_ascii_digit()).count();
        let number = match digits {
            0 => None,
            _ => std::str::from_utf8(self.take(sign + digits)).ok().map(|text| text.parse().unwrap_or(0)),
        };
        // The space that ends a control word belongs to it.
        if self.rest.first() == Some(&b' ') {
            self.take(1);
        }
        Some(Token::Word(name, number))
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            match self.take(1).first()? {
                b'{' => return Some(Token::Open),
                b'}' => return Some(Token::Close),
                b'\\' => return self.control(),
                b'\r' | b'\n' | 0 => {}
                &byte => return Some(Token::Byte(byte)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Token, Tokens};

    #[test]
    fn a_document_is_tokens() {
        use Token::{Byte, Close, Open, Symbol, Word};
        let tokens: Vec<Token> = Tokens::of(b"{\\rtf1\\b x\r\n\\'E9\\~\\u-10 ?}\\pard\\").collect();
        let expected = [
            Open,
            Word("rtf", Some(1)),
            Word("b", None),
            Byte(b'x'),
            Byte(0xe9),
            Symbol(b'~'),
            Word("u", Some(-10)),
            Byte(b'?'),
            Close,
            Word("pard", None),
        ];
        assert_eq!(tokens, expected);
        let mut binary = Tokens::of(b"\\bin3 {{{}");
        assert_eq!(binary.next(), Some(Word("bin", Some(3))));
        binary.leave_out(3);
        assert_eq!(binary.collect::<Vec<_>>(), [Close]);
    }
}
