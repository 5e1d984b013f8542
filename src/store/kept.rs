//! What a job has made so far and would be made again if the process died: gone when the job ends.

use std::collections::HashMap;

use rusqlite::params;

use super::error::Result;
use super::{Store, columns};
use crate::domain::id::{GenerationId, JobId};
use crate::domain::source::Sha256;

const KEEP: &str = "
    INSERT INTO kept_vectors (job, generation, text, vector)
    SELECT id, ?2, ?3, ?4 FROM jobs WHERE id = ?1
    ON CONFLICT (job, generation, text) DO NOTHING";

const KEPT: &str = "SELECT text, vector FROM kept_vectors WHERE job = ?1 AND generation = ?2";

const KEEP_TEXT: &str = "
    INSERT INTO kept_texts (job, page, text)
    SELECT id, ?2, ?3 FROM jobs WHERE id = ?1
    ON CONFLICT (job, page) DO UPDATE SET text = excluded.text";

const KEPT_TEXTS: &str = "SELECT page, text FROM kept_texts WHERE job = ?1";

impl Store {
    /// Keeps vectors with the hashes of the texts that they are of; nothing happens if the job is gone.
    pub async fn keep_vectors(
        &self,
        job: JobId,
        generation: GenerationId,
        vectors: Vec<(Sha256, Vec<f32>)>,
    ) -> Result<()> {
        self.write(move |rows| {
            let mut statement = rows.prepare_cached(KEEP)?;
            for (text, vector) in &vectors {
                statement.execute(params![job.0, generation.0, text.0, columns::vector(vector)])?;
            }
            Ok(())
        })
        .await
    }

    /// The vectors that earlier tries of the job kept.
    pub async fn kept_vectors(&self, job: JobId, generation: GenerationId) -> Result<HashMap<Sha256, Vec<f32>>> {
        self.read(move |rows| {
            let mut statement = rows.prepare_cached(KEPT)?;
            let kept = statement.query_map(params![job.0, generation.0], |row| {
                Ok((columns::read_sha256(row, "text")?, columns::read_vector(row, "vector")?))
            })?;
            Ok(kept.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    /// Keeps what was recognised of a page; nothing happens if the job is gone.
    pub async fn keep_text(&self, job: JobId, page: u32, text: String) -> Result<()> {
        self.write(move |rows| {
            rows.prepare_cached(KEEP_TEXT)?.execute(params![job.0, page, text])?;
            Ok(())
        })
        .await
    }

    /// The pages that earlier tries of the job kept.
    pub async fn kept_texts(&self, job: JobId) -> Result<HashMap<u32, String>> {
        self.read(move |rows| {
            let mut statement = rows.prepare_cached(KEPT_TEXTS)?;
            let kept = statement.query_map(params![job.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(kept.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }
}
