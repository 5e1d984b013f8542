//! The words of a document, by which a hyphen at a line's end is kept or taken out.

use std::collections::HashSet;

use super::line::Line;

/// The document's own vocabulary, in lower case.
#[derive(Default)]
pub(super) struct Words {
    /// Words and compounds (`in-network`) that stand within lines.
    whole: HashSet<String>,
    /// Whether most lines that end in a hyphen end in one that the word has anyway, as word processors leave it.
    hyphens_are_own: bool,
}

impl Words {
    pub fn of(pages: &[Vec<Line>]) -> Words {
        let mut whole = HashSet::new();
        for line in pages.iter().flatten() {
            let words: Vec<&str> = line.text.split(' ').collect();
            // The last word of a line may be the first part of one.
            let complete = words.len() - usize::from(words.last().is_some_and(|word| word.ends_with('-')));
            whole.extend(words[..complete].iter().map(|word| bare(word)).filter(|word| !word.is_empty()));
        }
        let mut words = Words { whole, hyphens_are_own: false };
        let (mut own, mut added) = (0usize, 0usize);
        for pair in pages.iter().flat_map(|page| page.windows(2)) {
            let Some(stem) = pair[0].text.strip_suffix('-') else { continue };
            let (left, right) = (bare(last_word(stem)), bare(first_word(&pair[1].text)));
            own += usize::from(words.whole.contains(&format!("{left}-{right}")));
            added += usize::from(words.whole.contains(&format!("{left}{right}")));
        }
        words.hyphens_are_own = own > added;
        words
    }

    /// `first`, which ends in a hyphen, and `second` as they are written when no line ends between them.
    pub fn joined(&self, first: &str, second: &str) -> String {
        let stem = first.trim_end_matches(['-', '\u{2010}', '\u{ad}']);
        if first.ends_with('\u{ad}') {
            return format!("{stem}{second}");
        }
        let (left, right) = (bare(last_word(stem)), bare(first_word(second)));
        let knows = |word: &str| self.whole.contains(word);
        let compound = format!("{left}-{right}");
        let keeps = knows(&compound)
            || left.contains('-')
            || !left.chars().all(char::is_alphabetic)
            || (!knows(&format!("{left}{right}")) && (self.hyphens_are_own || (knows(&left) && knows(&right))));
        match keeps {
            true => format!("{first}{second}"),
            false => format!("{stem}{second}"),
        }
    }
}

fn last_word(text: &str) -> &str {
    text.rsplit(' ').next().unwrap_or_default()
}

fn first_word(text: &str) -> &str {
    text.split(' ').next().unwrap_or_default()
}

/// A word in lower case without the marks around it.
fn bare(word: &str) -> String {
    word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::Words;

    #[test]
    fn hyphens_are_kept_where_the_document_has_them() {
        let known = ["in-network", "network", "in", "well", "known", "representation"];
        let words = Words { whole: known.map(str::to_owned).into_iter().collect(), hyphens_are_own: false };
        let cases = [
            ("an in-", "network doctor", "an in-network doctor"),
            ("no represen-", "tation, sir", "no representation, sir"),
            ("well-", "known", "well-known"),
            ("out-of-", "pocket", "out-of-pocket"),
            ("hyphe-", "nated", "hyphenated"),
            ("soft\u{ad}", "ware", "software"),
            ("2024-", "2025", "2024-2025"),
        ];
        for (first, second, joined) in cases {
            assert_eq!(words.joined(first, second), joined);
        }
    }
}
