//! Vectors as ground truth: 32-bit floats, scored exactly by sqlite-vec.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, params};

use super::Store;
use super::columns;
use super::error::Result;
use crate::domain::account::Scope;
use crate::domain::id::{ChunkId, GenerationId, SourceId};
use crate::domain::passage::Candidate;

const VECTORS: &str = "
    SELECT c.id, v.vector FROM chunks c LEFT JOIN vectors v ON v.chunk = c.id AND v.generation = ?1
    WHERE c.source = ?2 ORDER BY c.ordinal";

// CROSS JOIN keeps the order: for each chunk asked about, its one vector is looked up. A vector of length zero has no
// direction, hence no similarity, and is left out.
pub(super) const SIMILARITIES: &str = "
    SELECT v.chunk, 1.0 - vec_distance_cosine(v.vector, ?4) AS similarity
    FROM json_each(?5) asked CROSS JOIN vectors v ON v.chunk = asked.value AND v.generation = ?3
    WHERE v.collection IN (
        SELECT id FROM collections WHERE account = ?1 AND id IN (SELECT value FROM json_each(?2)))
      AND similarity IS NOT NULL
    ORDER BY asked.key";

pub(super) const NEAREST_EXACT: &str = "
    SELECT v.chunk, 1.0 - vec_distance_cosine(v.vector, ?4) AS similarity
    FROM vectors v INDEXED BY vectors_scanned
    WHERE v.generation = ?3 AND v.collection IN (
        SELECT id FROM collections WHERE account = ?1 AND id IN (SELECT value FROM json_each(?2)))
      AND similarity IS NOT NULL
    ORDER BY similarity DESC, v.chunk LIMIT ?5";

const VECTOR_COUNT: &str = "
    SELECT coalesce(sum(count), 0) FROM vector_counts
    WHERE generation = ?3 AND collection IN (
        SELECT id FROM collections WHERE account = ?1 AND id IN (SELECT value FROM json_each(?2)))";

impl Store {
    /// The vectors of a source in one generation, in the order of its chunks, whoever's it is: for the derived index.
    /// `None` as long as any of its chunks lacks its vector.
    pub async fn vectors_of(
        &self,
        generation: GenerationId,
        source: SourceId,
    ) -> Result<Option<Vec<(ChunkId, Vec<f32>)>>> {
        self.read(move |rows| {
            let mut statement = rows.prepare_cached(VECTORS)?;
            let mut found = statement.query([generation.0, source.0])?;
            let mut vectors = Vec::new();
            while let Some(row) = found.next()? {
                if row.get_ref("vector")? == ValueRef::Null {
                    return Ok(None);
                }
                vectors.push((ChunkId(row.get("id")?), columns::read_vector(row, "vector")?));
            }
            Ok(Some(vectors))
        })
        .await
    }

    /// The exact cosine similarity of the question to each of these chunks, in the order asked; those outside of the
    /// scope, or without a vector in this generation, are left out.
    pub async fn similarities(
        &self,
        scope: &Scope,
        generation: GenerationId,
        question: Vec<f32>,
        chunks: Vec<ChunkId>,
    ) -> Result<Vec<Candidate>> {
        let scope = scope.clone();
        self.read(move |rows| scored(rows, SIMILARITIES, &scope, generation, &question, &columns::chunks(&chunks)))
            .await
    }

    /// The `k` chunks of the scope nearest to the question by exact cosine, best first. Reads every vector of the scope.
    pub async fn nearest_exact(
        &self,
        scope: &Scope,
        generation: GenerationId,
        question: Vec<f32>,
        k: usize,
    ) -> Result<Vec<Candidate>> {
        let scope = scope.clone();
        self.read(move |rows| {
            scored(rows, NEAREST_EXACT, &scope, generation, &question, &i64::try_from(k).unwrap_or(i64::MAX))
        })
        .await
    }

    /// How many vectors the scope has in this generation. Kept as a counter, so this is cheap.
    pub async fn vector_count(&self, scope: &Scope, generation: GenerationId) -> Result<u64> {
        let scope = scope.clone();
        self.read(move |rows| {
            let asked = params![scope.account.0, columns::collections(&scope), generation.0];
            let count: i64 = rows.prepare_cached(VECTOR_COUNT)?.query_row(asked, |row| row.get(0))?;
            Ok(count as u64)
        })
        .await
    }
}

/// Runs a query that scores vectors: `?1` account, `?2` collections, `?3` generation, `?4` the question, `?5` `which`.
fn scored(
    rows: &Connection,
    query: &'static str,
    scope: &Scope,
    generation: GenerationId,
    question: &[f32],
    which: &dyn rusqlite::ToSql,
) -> Result<Vec<Candidate>> {
    let mut statement = rows.prepare_cached(query)?;
    let (collections, question) = (columns::collections(scope), columns::vector(question));
    let found = statement.query_map(params![scope.account.0, collections, generation.0, question, which], candidate)?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

fn candidate(row: &Row<'_>) -> rusqlite::Result<Candidate> {
    Ok(Candidate { chunk: ChunkId(row.get("chunk")?), score: row.get::<_, f64>("similarity")? as f32 })
}
