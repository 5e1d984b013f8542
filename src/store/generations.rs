//! Generations: one for each embedding model that ever made vectors, of which one is asked.

use rusqlite::{OptionalExtension, params};

use super::Store;
use super::error::{Result, conflict};
use crate::domain::id::GenerationId;
use crate::domain::model::ModelIdentity;

const GENERATION: &str = "
    SELECT id FROM generations
    WHERE name = ?1 AND weights = ?2 AND dimensions = ?3 AND pooling = ?4 AND prefix = ?5";

const INSERT_GENERATION: &str = "
    INSERT INTO generations (name, weights, dimensions, pooling, prefix, created_at_ms)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

const ACTIVE_GENERATION: &str = "
    SELECT g.id, g.name, g.weights, g.dimensions, g.pooling, g.prefix
    FROM active_generation a JOIN generations g ON g.id = a.generation";

const ACTIVATE_GENERATION: &str = "
    INSERT INTO active_generation (one, generation) VALUES (1, ?1)
    ON CONFLICT (one) DO UPDATE SET generation = excluded.generation";

/// A source whose text made chunks has either all of their vectors in a generation or none of them.
macro_rules! without_vectors {
    ($start:literal, $end:literal) => {
        concat!(
            $start,
            "FROM sources s
             WHERE s.state IN ('ready', 'indexing') AND s.chunks > 0 AND NOT EXISTS (
                SELECT 1 FROM chunks c JOIN vectors v ON v.chunk = c.id AND v.generation = ?1 WHERE c.source = s.id)",
            $end
        )
    };
}

const SOURCES_WITHOUT_VECTORS: &str = without_vectors!("SELECT count(*) ", "");

const QUEUE_REINGEST: &str = without_vectors!(
    "INSERT INTO jobs (kind, source, not_before_ms, created_at_ms) SELECT 'ingest', s.id, ?2, ?2 ",
    " ON CONFLICT (source, kind) DO NOTHING"
);

impl Store {
    /// The generation of this model, made if there is none.
    pub async fn generation(&self, model: ModelIdentity, now_ms: i64) -> Result<GenerationId> {
        self.write(move |rows| {
            let ModelIdentity { name, weights, dimensions, pooling, prefix } = model;
            let dimensions = dimensions as i64;
            let known = rows
                .prepare_cached(GENERATION)?
                .query_row(params![name, weights, dimensions, pooling, prefix], |row| row.get(0))
                .optional()?;
            let id = match known {
                Some(id) => id,
                None => rows
                    .prepare_cached(INSERT_GENERATION)?
                    .insert(params![name, weights, dimensions, pooling, prefix, now_ms])?,
            };
            Ok(GenerationId(id))
        })
        .await
    }

    /// The generation that questions are asked of; `None` before the first is activated.
    pub async fn active_generation(&self) -> Result<Option<(GenerationId, ModelIdentity)>> {
        self.read(|rows| {
            let active = rows.prepare_cached(ACTIVE_GENERATION)?.query_row([], |row| {
                let model = ModelIdentity {
                    name: row.get("name")?,
                    weights: row.get("weights")?,
                    dimensions: row.get::<_, i64>("dimensions")? as usize,
                    pooling: row.get("pooling")?,
                    prefix: row.get("prefix")?,
                };
                Ok((GenerationId(row.get("id")?), model))
            });
            Ok(active.optional()?)
        })
        .await
    }

    /// Makes this the generation that questions are asked of. `Conflict("generation")` if it does not exist.
    pub async fn activate_generation(&self, id: GenerationId) -> Result<()> {
        self.write(move |rows| {
            rows.prepare_cached(ACTIVATE_GENERATION)?.execute([id.0]).map_err(conflict("generation"))?;
            Ok(())
        })
        .await
    }

    /// How many searchable sources have chunks but no vectors in this generation.
    pub async fn sources_without_vectors(&self, id: GenerationId) -> Result<u64> {
        self.read(move |rows| {
            let count: i64 = rows.prepare_cached(SOURCES_WITHOUT_VECTORS)?.query_row([id.0], |row| row.get(0))?;
            Ok(count as u64)
        })
        .await
    }

    /// Queues those sources to be read again, unless they are queued already; how many.
    pub async fn queue_reingest(&self, id: GenerationId, now_ms: i64) -> Result<u64> {
        self.write(move |rows| Ok(rows.prepare_cached(QUEUE_REINGEST)?.execute(params![id.0, now_ms])? as u64)).await
    }
}
