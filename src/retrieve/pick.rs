//! Ranked chunks become groups, each of which will be one passage: the best chunk left, with what lies around it on
//! its page. What is left of that page and of the pages beside it then counts a little less, so that the next
//! passage has a chance to come from elsewhere.

use super::Scored;
use crate::limits;

/// What a chunk's score is multiplied by each time a passage is taken from its page or the page beside.
///
/// Measured on the 100 questions named at [`super::nearby::LIFT`]: 0.9 brought the page or its neighbour among the
/// first five for one question more; 0.7 no more of them, and the very page for five fewer.
const AGAIN: f32 = 0.9;

/// Chunks that may be missing between two of a group; they are filled in later.
const HOLE_MAX: u32 = 1;

/// At most `groups_max` groups, best first. Each is led by its best chunk.
///
/// Asking for fewer gives the beginning of what asking for more gives.
pub fn diverse(mut ranked: Vec<Scored>, groups_max: usize) -> Vec<Vec<Scored>> {
    let mut groups = Vec::new();
    while groups.len() < groups_max && !ranked.is_empty() {
        let best = best_of(&ranked);
        let group = around(best, &mut ranked);
        for chunk in ranked.iter_mut().filter(|chunk| is_beside(chunk, &group[0])) {
            chunk.score *= AGAIN;
        }
        groups.push(group);
    }
    groups
}

/// The index of the best chunk; of equals, the first.
fn best_of(ranked: &[Scored]) -> usize {
    let best = (0..ranked.len()).rev().max_by(|&a, &b| ranked[a].score.total_cmp(&ranked[b].score));
    best.expect("only asked of what is not empty")
}

/// Takes the chunk at `best` and all that can be joined with it, the leader first.
fn around(best: usize, ranked: &mut Vec<Scored>) -> Vec<Scored> {
    let mut group = vec![ranked.remove(best)];
    let (mut first, mut last, mut tokens) = (group[0].row.ordinal, group[0].row.ordinal, group[0].row.tokens as usize);
    loop {
        let next = ranked.iter().position(|chunk| {
            let place = chunk.row.ordinal;
            let hole = if place < first { first - place - 1 } else { place.saturating_sub(last + 1) };
            // A hole is taken to be as large as the chunk behind it.
            let more = chunk.row.tokens as usize * (1 + hole as usize);
            hole <= HOLE_MAX && is_same_place(chunk, &group[0]) && tokens + more <= limits::PASSAGE_TOKENS_MAX
        });
        let Some(next) = next else { return group };
        let chunk = ranked.remove(next);
        let place = chunk.row.ordinal;
        let hole = if place < first { first - place - 1 } else { place.saturating_sub(last + 1) };
        tokens += chunk.row.tokens as usize * (1 + hole as usize);
        (first, last) = (first.min(place), last.max(place));
        group.push(chunk);
    }
}

/// Whether both lie on one page, or under one heading where the format has no pages.
fn is_same_place(a: &Scored, b: &Scored) -> bool {
    let (a, b) = (&a.row, &b.row);
    a.source == b.source && a.page == b.page && (a.page.is_some() || a.headings == b.headings)
}

/// Whether both lie on one page or on facing ones.
fn is_beside(a: &Scored, b: &Scored) -> bool {
    match (a.row.page, b.row.page) {
        (Some(page), Some(other)) => a.row.source == b.row.source && page.abs_diff(other) <= 1,
        _ => is_same_place(a, b),
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::domain::extract::Span;
    use crate::domain::id::{ChunkId, SourceId};
    use crate::store::StoredPassage;

    /// A chunk of 100 tokens whose text is its place.
    pub fn chunk(source: i64, ordinal: u32, page: u32, score: f32) -> Scored {
        let text = format!("Part {ordinal}.");
        let start = ordinal as usize * 20;
        let row = StoredPassage {
            chunk: ChunkId(source * 1000 + i64::from(ordinal)),
            ordinal,
            source: SourceId(source),
            version: 1,
            title: format!("Source {source}"),
            file_name: format!("{source}.pdf"),
            headings: Vec::new(),
            page: (page > 0).then_some(page),
            span: Span { start, end: start + text.len() },
            text,
            tokens: 100,
        };
        Scored { row, score, similarity: score }
    }

    fn check(given: &[(i64, u32, u32, f32)], expected: &[&[u32]]) {
        let chunks: Vec<Scored> = given.iter().map(|&(s, o, p, score)| chunk(s, o, p, score)).collect();
        let picked = |most| -> Vec<Vec<u32>> {
            let groups = diverse(chunks.clone(), most);
            groups.iter().map(|group| group.iter().map(|chunk| chunk.row.ordinal).collect()).collect()
        };
        assert_eq!(picked(10), expected, "{given:?}");
        for fewer in 0..expected.len() {
            assert_eq!(picked(fewer), expected[..fewer], "{given:?} cut to {fewer}");
        }
    }

    #[test]
    fn chunks_of_a_page_are_joined_and_its_surroundings_set_back() {
        check(&[], &[]);
        // The page's other chunk joins, over a hole of one.
        check(&[(1, 4, 2, 0.9), (1, 6, 2, 0.1)], &[&[4, 6]]);
        // Over a hole of two it stands alone.
        check(&[(1, 4, 2, 0.9), (1, 7, 2, 0.1)], &[&[4], &[7]]);
        // The next page is not joined, and falls behind another document.
        check(&[(1, 4, 2, 0.9), (1, 5, 3, 0.80), (2, 0, 7, 0.79)], &[&[4], &[0], &[5]]);
        // A page further on does not.
        check(&[(1, 4, 2, 0.9), (1, 5, 4, 0.80), (2, 0, 7, 0.79)], &[&[4], &[5], &[0]]);
        // A passage has a limit: six parts of 100 tokens do not fit.
        check(
            &[(1, 0, 1, 0.9), (1, 1, 1, 0.8), (1, 2, 1, 0.7), (1, 3, 1, 0.6), (1, 4, 1, 0.5), (1, 5, 1, 0.4)],
            &[&[0, 1, 2, 3, 4], &[5]],
        );
        // Without pages the headings tell what belongs together.
        check(&[(1, 0, 0, 0.9), (1, 1, 0, 0.8)], &[&[0, 1]]);
    }
}
