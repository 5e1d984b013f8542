//! The known name that a misspelt one was probably meant to be.

/// The name nearest to `written`, unless all are so far away that naming one would only confuse.
pub fn nearest<'a>(written: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let lower = written.to_lowercase();
    let (distance, name) = known.map(|name| (distance(&lower, &name.to_lowercase()), name)).min()?;
    (distance <= written.chars().count().div_ceil(3)).then_some(name)
}

/// The number of characters to insert, delete or replace to get from `from` to `to` (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (at, c) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = at + 1;
        for (column, other) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(c != *other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_is_recognised_and_a_stranger_is_not() {
        let known = ["listen", "llm_model", "chunk_max_tokens"];
        for (written, expected) in [
            ("lisen", Some("listen")),
            ("LLM-model", Some("llm_model")),
            ("chunk_max_token", Some("chunk_max_tokens")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(written, known.into_iter()), expected, "{written}");
        }
    }
}
