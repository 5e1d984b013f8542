//! Which of many strings a text begins with.

use super::merge::NONE;
use std::collections::HashMap;

/// A set of strings, each with a token, walked byte by byte.
#[derive(Default)]
pub(super) struct Trie {
    /// Node and next byte to the node after it; the root is node 0.
    edges: HashMap<(u32, u8), u32>,
    /// The token of the string that ends at a node, or [`NONE`]; the root, where only the empty string ends, is not
    /// in here.
    tokens: Vec<u32>,
}

impl Trie {
    /// Adds `text`, unless it is empty. Of two tokens with one text the first stays.
    pub(super) fn insert(&mut self, text: &[u8], token: u32) {
        let mut node = 0;
        for byte in text {
            let fresh = self.tokens.len() as u32 + 1;
            node = *self.edges.entry((node, *byte)).or_insert(fresh);
            if node == fresh {
                self.tokens.push(NONE);
            }
        }
        if let Some(place) = self.tokens.get_mut((node as usize).wrapping_sub(1)).filter(|place| **place == NONE) {
            *place = token;
        }
    }

    /// Every string of the set that `text` begins with, shortest first: its length in bytes and its token.
    pub(super) fn prefixes<'t>(&'t self, text: &'t [u8]) -> impl Iterator<Item = (usize, u32)> + 't {
        let mut node = 0;
        let ends = text.iter().enumerate().map_while(move |(at, byte)| {
            node = *self.edges.get(&(node, *byte))?;
            Some((at + 1, self.tokens[node as usize - 1]))
        });
        ends.filter(|(_, token)| *token != NONE)
    }

    /// The longest string of the set that `text` begins with.
    pub(super) fn longest(&self, text: &[u8]) -> Option<(usize, u32)> {
        self.prefixes(text).last()
    }
}

#[cfg(test)]
mod tests {
    use super::Trie;

    #[test]
    fn prefixes_are_found_shortest_first() {
        let mut trie = Trie::default();
        for (token, text) in ["<s>", "<", "<sep>", "a", "", "a"].iter().enumerate() {
            trie.insert(text.as_bytes(), token as u32);
        }
        let check = |text: &str, expected: &[(usize, u32)]| {
            assert_eq!(trie.prefixes(text.as_bytes()).collect::<Vec<_>>(), expected, "{text}");
            assert_eq!(trie.longest(text.as_bytes()), expected.last().copied(), "{text}");
        };
        check("", &[]);
        check("b<", &[]);
        check("<s", &[(1, 1)]);
        check("<s><s>", &[(1, 1), (3, 0)]);
        check("<sep>", &[(1, 1), (5, 2)]);
        check("aa", &[(1, 3)]);
    }
}
