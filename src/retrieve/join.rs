//! A group of chunks becomes one passage, word for word as the document has it.

use futures_util::future::try_join_all;

use super::{RetrieveError, Rooms, Scored};
use crate::domain::account::Scope;
use crate::domain::extract::Span;
use crate::domain::passage::Passage;
use crate::store::StoredPassage;

/// The most white space, in bytes, across which two chunks are joined.
const SPACE_BYTES_MAX: usize = 256;

/// A passage and how many tokens it has.
pub struct Joined {
    pub passage: Passage,
    pub tokens: usize,
}

/// Makes each group one passage: what is missing between its chunks is read from the store.
pub async fn fill(rooms: &Rooms, scope: &Scope, groups: Vec<Vec<Scored>>) -> Result<Vec<Joined>, RetrieveError> {
    try_join_all(groups.into_iter().map(|group| fill_one(rooms, scope, group))).await
}

async fn fill_one(rooms: &Rooms, scope: &Scope, group: Vec<Scored>) -> Result<Joined, RetrieveError> {
    let ordinals = || group.iter().map(|chunk| chunk.row.ordinal);
    let (first, last) = (ordinals().min().unwrap_or_default(), ordinals().max().unwrap_or_default());
    let mut rows: Vec<StoredPassage> = match (last - first) as usize + 1 == group.len() {
        true => group.iter().map(|chunk| chunk.row.clone()).collect(),
        false => rooms.store.neighbours(scope, group[0].row.source, first, last).await?,
    };
    rows.sort_by_key(|row| row.ordinal);
    Ok(joined(&group, &rows))
}

/// The passage of `group`, led by its first chunk, whose text is that of `rows`.
///
/// If the source was read anew between two queries its rows do not fit together; then the leader stands alone.
fn joined(group: &[Scored], rows: &[StoredPassage]) -> Joined {
    let leader = &group[0];
    let fitting = rows.iter().any(|row| row.chunk == leader.row.chunk).then(|| text_of(rows)).flatten();
    let (span, text, rows) = match fitting {
        Some((span, text)) => (span, text, rows),
        None => (leader.row.span, leader.row.text.clone(), std::slice::from_ref(&leader.row)),
    };
    let row = &leader.row;
    let passage = Passage {
        chunks: rows.iter().map(|row| row.chunk).collect(),
        source: row.source,
        version: row.version,
        title: row.title.clone(),
        file_name: row.file_name.clone(),
        headings: row.headings.clone(),
        page: row.page,
        span,
        text,
        score: leader.score,
        similarity: group.iter().map(|chunk| chunk.similarity).fold(f32::MIN, f32::max),
        coverage: 0.0,
    };
    Joined { passage, tokens: rows.iter().map(|row| row.tokens as usize).sum() }
}

/// Where `rows`, which follow one another, lie in their source, and their text there.
///
/// Between two chunks a document has white space and nothing else; it is put back in its length, so that an offset
/// into the text is an offset into the document. `None` where two rows overlap or are not neighbours.
fn text_of(rows: &[StoredPassage]) -> Option<(Span, String)> {
    let (first, last) = (rows.first()?, rows.last()?);
    let mut text = String::new();
    let mut end = first.span.start;
    for row in rows {
        let space = row.span.start.checked_sub(end)?;
        if row.version != first.version || space > SPACE_BYTES_MAX {
            return None;
        }
        text.extend(std::iter::repeat_n(if space == 1 { ' ' } else { '\n' }, space));
        text.push_str(&row.text);
        end = row.span.end;
    }
    Some((Span { start: first.span.start, end: last.span.end }, text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::retrieve::pick::tests::chunk;

    fn check(group: &[u32], rows: &[u32], expected: &str) {
        let group: Vec<Scored> = group.iter().map(|&place| chunk(1, place, 1, 0.5)).collect();
        let rows: Vec<StoredPassage> = rows.iter().map(|&place| chunk(1, place, 1, 0.5).row).collect();
        let Joined { passage, tokens } = joined(&group, &rows);
        let squeezed: Vec<&str> = passage.text.split_whitespace().collect();
        assert_eq!(squeezed.join(" "), expected, "{:?}", passage.text);
        assert_eq!(passage.text.len(), passage.span.end - passage.span.start);
        assert_eq!(tokens, passage.chunks.len() * 100);
    }

    #[test]
    fn a_passage_is_as_long_as_its_span() {
        check(&[3], &[3], "Part 3.");
        check(&[4, 3], &[3, 4], "Part 3. Part 4.");
        check(&[3, 5], &[3, 4, 5], "Part 3. Part 4. Part 5.");
        // The leader is gone from the store: it stands alone.
        check(&[3, 5], &[4, 5], "Part 3.");
        check(&[3, 5], &[], "Part 3.");
        // Rows out of order do not fit together.
        check(&[3, 5], &[5, 3], "Part 3.");
    }
}
