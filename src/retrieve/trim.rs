//! As many passages as the budget takes.

use super::join::Joined;
use crate::domain::passage::Passage;

/// The first passages that have at most `tokens_max` tokens together; the very first is kept whatever its size.
pub fn to_budget(joined: Vec<Joined>, tokens_max: usize) -> Vec<Passage> {
    let mut tokens = 0;
    let fitting = joined.into_iter().enumerate().take_while(|(rank, next)| {
        tokens += next.tokens;
        *rank == 0 || tokens <= tokens_max
    });
    fitting.map(|(_, next)| next.passage).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::extract::Span;
    use crate::domain::id::SourceId;

    fn joined(tokens: usize) -> Joined {
        let passage = Passage {
            chunks: Vec::new(),
            source: SourceId(1),
            version: 1,
            title: String::new(),
            file_name: String::new(),
            headings: Vec::new(),
            page: None,
            span: Span { start: 0, end: 0 },
            text: String::new(),
            score: 0.0,
            similarity: 0.0,
            coverage: 0.0,
        };
        Joined { passage, tokens }
    }

    #[test]
    fn keeps_the_beginning_that_fits() {
        for (sizes, most, kept) in
            [(&[][..], 10, 0), (&[5, 5, 5], 10, 2), (&[5, 6, 1], 10, 1), (&[50, 1], 10, 1), (&[10], 10, 1)]
        {
            let fitting = to_budget(sizes.iter().map(|&size| joined(size)).collect(), most);
            assert_eq!(fitting.len(), kept, "{sizes:?} in {most}");
        }
    }
}
