//! Generations: one for each embedding model that ever made vectors, of which one is asked. How one comes to be is in
//! `builds`.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::error::{Result, StoreError, conflict};
use super::{Store, builds};
use crate::domain::id::GenerationId;
use crate::domain::model::ModelIdentity;
use crate::limits;

const GENERATION: &str = "
    SELECT id FROM generations
    WHERE name = ?1 AND weights = ?2 AND dimensions = ?3 AND pooling = ?4 AND prefix = ?5";

const INSERT_GENERATION: &str = "
    INSERT INTO generations (name, weights, dimensions, pooling, prefix, created_at_ms)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

const ACTIVE_GENERATION: &str = "
    SELECT g.id, g.name, g.weights, g.dimensions, g.pooling, g.prefix
    FROM active_generation a JOIN generations g ON g.id = a.generation";

const GENERATIONS: &str = "SELECT id, name, weights, dimensions, pooling, prefix FROM generations ORDER BY id";

pub(super) const ACTIVATE_GENERATION: &str = "
    INSERT INTO active_generation (one, generation) VALUES (1, ?1)
    ON CONFLICT (one) DO UPDATE SET generation = excluded.generation";

const DIMENSIONS: &str = "SELECT dimensions FROM generations WHERE id = ?1";

const DROP_VECTORS: &str = "
    DELETE FROM vectors WHERE rowid IN (
        SELECT rowid FROM vectors INDEXED BY vectors_scanned WHERE generation = ?1 LIMIT ?2)";

/// The active one stays, whoever asks.
const DROP_GENERATION: &str = "
    DELETE FROM generations WHERE id = ?1 AND id NOT IN (SELECT generation FROM active_generation)";

const DROP_COUNTS: &str = "DELETE FROM vector_counts WHERE generation = ?1";

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
            let active = rows
                .prepare_cached(ACTIVE_GENERATION)?
                .query_row([], |row| Ok((GenerationId(row.get("id")?), read_model(row)?)));
            Ok(active.optional()?)
        })
        .await
    }

    /// Every generation, oldest first.
    pub async fn generations(&self) -> Result<Vec<(GenerationId, ModelIdentity)>> {
        self.read(|rows| {
            let mut statement = rows.prepare_cached(GENERATIONS)?;
            let found = statement.query_map([], |row| Ok((GenerationId(row.get("id")?), read_model(row)?)))?;
            Ok(found.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    /// Makes this the generation that questions are asked of, whatever it lacks; [`Store::switch_generation`] asks for
    /// all. `Conflict("generation")` if it does not exist.
    pub async fn activate_generation(&self, id: GenerationId) -> Result<()> {
        self.write(move |rows| {
            rows.prepare_cached(ACTIVATE_GENERATION)?.execute([id.0]).map_err(conflict("generation"))?;
            Ok(())
        })
        .await
    }

    /// Removes a generation with its vectors and what was to build it; the vectors that it had. The active one is
    /// `Conflict("generation")`.
    ///
    /// Many vectors go in several transactions, so that others can write meanwhile; cut off between two of them, the
    /// generation is there and lacks some, and is removed by the next try.
    pub async fn drop_generation(&self, id: GenerationId) -> Result<u64> {
        let mut dropped = 0;
        loop {
            let count = self.write(move |rows| drop_some(rows, id)).await?;
            match count {
                0 => return Ok(dropped),
                more => dropped += more,
            }
        }
    }
}

/// Removes as many vectors as one transaction takes, and the generation where there were none left.
fn drop_some(rows: &Connection, id: GenerationId) -> Result<u64> {
    let active: Option<i64> = rows.prepare_cached(ACTIVE_GENERATION)?.query_row([], |row| row.get("id")).optional()?;
    if active == Some(id.0) {
        return Err(StoreError::Conflict("generation"));
    }
    builds::end(rows, Some(id))?;
    let most = i64::try_from(limits::VECTORS_DROPPED_AT_ONCE).unwrap_or(i64::MAX);
    let dropped = rows.prepare_cached(DROP_VECTORS)?.execute(params![id.0, most])?;
    if dropped == 0 {
        rows.prepare_cached(DROP_GENERATION)?.execute([id.0])?;
        rows.prepare_cached(DROP_COUNTS)?.execute([id.0])?;
    }
    Ok(dropped as u64)
}

/// The length of a generation's vectors. `Conflict("generation")` if it does not exist.
pub(super) fn dimensions(rows: &Connection, id: GenerationId) -> Result<usize> {
    let known: Option<i64> = rows.prepare_cached(DIMENSIONS)?.query_row([id.0], |row| row.get(0)).optional()?;
    known.map(|dimensions| dimensions as usize).ok_or(StoreError::Conflict("generation"))
}

/// Reads a model's identity from the columns of `generations`.
pub(super) fn read_model(row: &Row<'_>) -> rusqlite::Result<ModelIdentity> {
    Ok(ModelIdentity {
        name: row.get("name")?,
        weights: row.get("weights")?,
        dimensions: row.get::<_, i64>("dimensions")? as usize,
        pooling: row.get("pooling")?,
        prefix: row.get("prefix")?,
    })
}
