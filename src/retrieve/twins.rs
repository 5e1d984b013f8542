//! Texts that stand in the documents twice: the better ranked one is enough.
//!
//! Near is very near here. Two plans described in the same sentences under different names, or two years of one price
//! list, are different answers; a copy with another line break is not.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::Scored;

/// The share of word triples in common from which two texts are the same text.
const SAME_SHARE: f32 = 0.9;

/// Drops each chunk that says the same as one ranked before it, numbers included.
pub fn drop(ranked: Vec<Scored>) -> Vec<Scored> {
    let mut kept: Vec<(Scored, Print)> = Vec::with_capacity(ranked.len());
    for chunk in ranked {
        let print = Print::of(&chunk.row.text);
        if !kept.iter().any(|(_, other)| print.is_twin_of(other)) {
            kept.push((chunk, print));
        }
    }
    kept.into_iter().map(|(chunk, _)| chunk).collect()
}

/// What of a text is compared.
struct Print {
    /// Hashes of all words in threes.
    triples: HashSet<u64>,
    /// Hash of the words that hold a digit, in order.
    numbers: u64,
}

impl Print {
    fn of(text: &str) -> Print {
        let lower = text.to_lowercase();
        let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
        let mut numbers = DefaultHasher::new();
        words.iter().filter(|word| word.contains(|c: char| c.is_numeric())).for_each(|word| word.hash(&mut numbers));
        let triples = words.windows(words.len().clamp(1, 3)).map(hash).collect();
        Print { triples, numbers: numbers.finish() }
    }

    fn is_twin_of(&self, other: &Print) -> bool {
        let (few, many) = match self.triples.len() <= other.triples.len() {
            true => (&self.triples, &other.triples),
            false => (&other.triples, &self.triples),
        };
        if self.numbers != other.numbers || (few.len() as f32) < SAME_SHARE * many.len() as f32 {
            return false;
        }
        let common = few.iter().filter(|triple| many.contains(triple)).count();
        common as f32 >= SAME_SHARE * (few.len() + many.len() - common) as f32
    }
}

fn hash(words: &[&str]) -> u64 {
    let mut hasher = DefaultHasher::new();
    words.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::Print;

    #[test]
    fn only_the_same_text_is_a_twin() {
        let long = "The plan covers the cost of ambulance transport to the nearest hospital that can treat the condition, \
                    as long as the transport is medically necessary and no other way of travel would be safe.";
        let cases = [
            (long.to_owned(), long.replace(' ', "\n"), true),
            (long.to_owned(), long.to_uppercase(), true),
            (long.to_owned(), long.replace("ambulance", "helicopter"), false),
            (format!("{long} It costs 20 euros."), format!("{long} It costs 25 euros."), false),
            ("Yes.".to_owned(), "yes".to_owned(), true),
            ("Yes.".to_owned(), "No.".to_owned(), false),
            (String::new(), "No.".to_owned(), false),
        ];
        for (one, other, expected) in cases {
            assert_eq!(Print::of(&one).is_twin_of(&Print::of(&other)), expected, "{one:?} {other:?}");
            assert_eq!(Print::of(&other).is_twin_of(&Print::of(&one)), expected, "{other:?} {one:?}");
        }
    }
}
