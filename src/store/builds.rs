//! How a generation is built beside the one that is asked: what it lacks is made batch by batch, and when it lacks
//! nothing, one row makes it the one that is asked.

use rusqlite::{Connection, OptionalExtension, params};

use super::chunks::select_chunks;
use super::error::{Result, StoreError};
use super::{Store, chunks, columns, generations, jobs};
use crate::domain::chunk::StoredChunk;
use crate::domain::id::{ChunkId, GenerationId, JobId};
use crate::domain::model::ModelIdentity;

/// How much of all chunks a generation has vectors of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    pub done: u64,
    pub total: u64,
}

impl Share {
    /// Whether nothing is lacking.
    pub fn is_whole(self) -> bool {
        self.done >= self.total
    }
}

/// A generation on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Build {
    pub generation: GenerationId,
    pub model: ModelIdentity,
    pub share: Share,
    /// Why nothing is made at present, if so.
    pub put_off: Option<String>,
}

/// What came of asking for a switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// Questions are asked of it from now on, and its job has ended.
    Done,
    /// Chunks have come that it lacks.
    Lacking,
    /// Its job is gone: somebody has thought better of it.
    Cancelled,
}

const BEGIN: &str = "
    INSERT INTO jobs (kind, generation, not_before_ms, created_at_ms) VALUES (?1, ?2, ?3, ?3)
    ON CONFLICT (generation, kind) DO UPDATE SET not_before_ms = min(not_before_ms, excluded.not_before_ms)";

const END: &str = "DELETE FROM jobs WHERE kind = ?1 AND (?2 IS NULL OR generation = ?2)";

const END_OTHERS: &str = "DELETE FROM jobs WHERE kind = ?1 AND generation <> ?2";

const BUILDS: &str = "
    SELECT g.id, g.name, g.weights, g.dimensions, g.pooling, g.prefix, j.reason
    FROM jobs j JOIN generations g ON g.id = j.generation WHERE j.kind = ?1 ORDER BY j.id";

const IS_RUNNING: &str = "SELECT EXISTS (SELECT 1 FROM jobs WHERE id = ?1 AND generation = ?2)";

const KEEP: &str = "UPDATE jobs SET leased_until_ms = ?2, silent_tries = 0, tries = 1, reason = NULL WHERE id = ?1";

const ACTIVE: &str = "SELECT generation FROM active_generation";

// The index of chunks by source is the smallest one, and counted without reading a chunk.
const SHARE: &str = "
    SELECT (SELECT coalesce(sum(count), 0) FROM vector_counts WHERE generation = ?1) AS done,
           (SELECT count(*) FROM chunks) AS total";

pub(super) const LACKING: &str = select_chunks!(
    "WHERE c.id > ?2 AND NOT EXISTS (SELECT 1 FROM vectors v WHERE v.chunk = c.id AND v.generation = ?1)
     ORDER BY c.id LIMIT ?3"
);

/// A chunk that went meanwhile takes no vector.
const PUT_VECTOR: &str = "
    INSERT INTO vectors (generation, collection, chunk, vector)
    SELECT ?1, s.collection, c.id, ?3 FROM chunks c JOIN sources s ON s.id = c.source WHERE c.id = ?2
    ON CONFLICT (chunk, generation) DO UPDATE SET vector = excluded.vector";

impl Store {
    /// Queues the building of this generation, and of no other: at most one is wanted at a time. One that is queued
    /// already goes on, at once if it was put off. `Conflict("generation")` if it does not exist.
    pub async fn begin_build(&self, id: GenerationId, now_ms: i64) -> Result<()> {
        self.write(move |rows| {
            rows.prepare_cached(END_OTHERS)?.execute(params![jobs::BUILD, id.0])?;
            begin(rows, id, now_ms)
        })
        .await
    }

    /// Gives up whatever is built; how many there were. Vectors that were made stay, for another time.
    pub async fn end_builds(&self) -> Result<u64> {
        self.write(|rows| end(rows, None)).await
    }

    /// The generations that are built.
    pub async fn builds(&self) -> Result<Vec<Build>> {
        self.read(|rows| {
            let mut statement = rows.prepare_cached(BUILDS)?;
            let found = statement.query_map([jobs::BUILD], |row| {
                let (generation, model) = (GenerationId(row.get("id")?), generations::read_model(row)?);
                Ok(Build { generation, model, share: Share::default(), put_off: row.get("reason")? })
            })?;
            let mut builds = found.collect::<rusqlite::Result<Vec<_>>>()?;
            for build in &mut builds {
                build.share = share(rows, build.generation)?;
            }
            Ok(builds)
        })
        .await
    }

    /// How much of all chunks, whoever's they are, has its vector in this generation. Counted, not read.
    pub async fn share(&self, id: GenerationId) -> Result<Share> {
        self.read(move |rows| share(rows, id)).await
    }

    /// The first `limit` chunks after `after` that lack their vector in this generation, whoever's they are.
    pub async fn chunks_lacking(&self, id: GenerationId, after: ChunkId, limit: usize) -> Result<Vec<StoredChunk>> {
        self.read(move |rows| {
            let mut statement = rows.prepare_cached(LACKING)?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let found = statement.query_map(params![id.0, after.0, limit], chunks::read)?;
            Ok(found.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    /// Stores vectors that `job` made for its generation, those of chunks that are gone left out, and lengthens its
    /// lease; `false`, and nothing stored, if the job is gone. Safe to run twice. `Conflict("dimensions")` if one is not
    /// of the generation.
    pub async fn put_vectors(
        &self,
        job: JobId,
        generation: GenerationId,
        vectors: Vec<(ChunkId, Vec<f32>)>,
        now_ms: i64,
    ) -> Result<bool> {
        self.write(move |rows| {
            if !is_running(rows, job, generation)? {
                return Ok(false);
            }
            let dimensions = generations::dimensions(rows, generation)?;
            if vectors.iter().any(|(_, vector)| vector.len() != dimensions) {
                return Err(StoreError::Conflict("dimensions"));
            }
            let mut statement = rows.prepare_cached(PUT_VECTOR)?;
            for (chunk, vector) in &vectors {
                statement.execute(params![generation.0, chunk.0, columns::vector(vector)])?;
            }
            rows.prepare_cached(KEEP)?.execute(params![job.0, jobs::lease_end(now_ms)])?;
            Ok(true)
        })
        .await
    }

    /// Has questions asked of the generation that `job` built, if it lacks nothing, and ends the job: one row changes.
    pub async fn switch_generation(&self, job: JobId, generation: GenerationId) -> Result<Switch> {
        self.write(move |rows| {
            if !is_running(rows, job, generation)? {
                return Ok(Switch::Cancelled);
            }
            if !share(rows, generation)?.is_whole() {
                return Ok(Switch::Lacking);
            }
            rows.prepare_cached(generations::ACTIVATE_GENERATION)?.execute([generation.0])?;
            jobs::end(rows, job)?;
            Ok(Switch::Done)
        })
        .await
    }

    /// Ends a build's job without a switch, as where its model is not at hand.
    pub async fn end_build(&self, id: GenerationId) -> Result<()> {
        self.write(move |rows| end(rows, Some(id)).map(drop)).await
    }
}

/// Queues what the active generation lacks, if vectors were just made for another.
pub(super) fn enqueue_for_active(rows: &Connection, made: GenerationId, now_ms: i64) -> Result<()> {
    let active: Option<i64> = rows.prepare_cached(ACTIVE)?.query_row([], |row| row.get(0)).optional()?;
    match active.filter(|active| *active != made.0) {
        Some(active) => begin(rows, GenerationId(active), now_ms),
        None => Ok(()),
    }
}

/// Ends the building of one generation, or of all; how many.
pub(super) fn end(rows: &Connection, id: Option<GenerationId>) -> Result<u64> {
    Ok(rows.prepare_cached(END)?.execute(params![jobs::BUILD, id.map(|id| id.0)])? as u64)
}

fn begin(rows: &Connection, id: GenerationId, now_ms: i64) -> Result<()> {
    let begun = rows.prepare_cached(BEGIN)?.execute(params![jobs::BUILD, id.0, now_ms]);
    begun.map(drop).map_err(super::error::conflict("generation"))
}

fn is_running(rows: &Connection, job: JobId, generation: GenerationId) -> Result<bool> {
    Ok(rows.prepare_cached(IS_RUNNING)?.query_row([job.0, generation.0], |row| row.get(0))?)
}

fn share(rows: &Connection, id: GenerationId) -> Result<Share> {
    let counted = rows.prepare_cached(SHARE)?.query_row([id.0], |row| {
        Ok(Share { done: row.get::<_, i64>("done")? as u64, total: row.get::<_, i64>("total")? as u64 })
    });
    Ok(counted?)
}
