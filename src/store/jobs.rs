//! Slow work as rows: claimed with a lease, safe to run twice, and gone when done.

use rusqlite::{Connection, OptionalExtension, params};

use super::error::Result;
use super::{Store, sources};
use crate::domain::id::{GenerationId, JobId, SourceId};
use crate::domain::job::{Job, Work};
use crate::domain::source::Source;
use crate::limits;

/// The kind of the jobs that read a source.
const INGEST: &str = "ingest";
/// The kind of those that build a generation.
pub(super) const BUILD: &str = "build";

const ENQUEUE_INGEST: &str = "
    INSERT INTO jobs (kind, source, not_before_ms, created_at_ms) VALUES ('ingest', ?1, ?2, ?2)
    ON CONFLICT (source, kind) DO NOTHING";

const RELEASE_JOBS: &str = "UPDATE jobs SET leased_until_ms = NULL WHERE leased_until_ms IS NOT NULL";

const SHOW_WAITING: &str = "
    UPDATE sources SET state = 'waiting', done = 0, total = 0
    WHERE id IN (SELECT source FROM jobs WHERE leased_until_ms IS NULL) AND state IN ('reading', 'embedding')";

const CLAIM_JOB: &str = "
    UPDATE jobs SET tries = tries + 1, silent_tries = silent_tries + 1, leased_until_ms = ?1 + ?2
    WHERE id = (
        SELECT id FROM jobs
        WHERE kind = ?3 AND not_before_ms <= ?1 AND (leased_until_ms IS NULL OR leased_until_ms <= ?1)
        ORDER BY id LIMIT 1)
    RETURNING id, source, generation, tries, silent_tries";

const RENEW_JOB: &str = "UPDATE jobs SET leased_until_ms = ?2 WHERE id = ?1 AND leased_until_ms IS NOT NULL";

const PUT_OFF_JOB: &str = "
    UPDATE jobs SET leased_until_ms = NULL, silent_tries = 0, not_before_ms = ?2, reason = ?3 WHERE id = ?1";

const HAND_BACK_JOB: &str = "
    UPDATE jobs SET leased_until_ms = NULL, tries = tries - 1, silent_tries = silent_tries - 1
    WHERE id = ?1 AND leased_until_ms IS NOT NULL";

const JOB_COUNTS: &str = "
    SELECT coalesce(sum(leased_until_ms IS NULL), 0), coalesce(sum(leased_until_ms IS NOT NULL), 0) FROM jobs";

const END_JOB: &str = "DELETE FROM jobs WHERE id = ?1";

const END_INGEST: &str = "DELETE FROM jobs WHERE source = ?1 AND kind = 'ingest'";

impl Store {
    /// Frees the jobs that a dead process held, with their sources shown as waiting; how many. Only for the start.
    pub async fn release_jobs(&self) -> Result<u32> {
        self.write(|rows| {
            let released = rows.prepare_cached(RELEASE_JOBS)?.execute([])?;
            rows.prepare_cached(SHOW_WAITING)?.execute([])?;
            Ok(u32::try_from(released).unwrap_or(u32::MAX))
        })
        .await
    }

    /// Claims the oldest source that is due to be read, for [`limits::JOB_LEASE_SECONDS`].
    ///
    /// A job that was claimed [`limits::JOB_TRIES_MAX`] times without a word since (each time the process died) is not
    /// given out again: its source is failed, and the next job is looked at.
    pub async fn claim_job(&self, now_ms: i64) -> Result<Option<Job>> {
        self.claim_kind(INGEST, now_ms).await
    }

    /// Claims the generation that is due to be built, as [`Store::claim_job`] does a source. One that stopped the
    /// appliance each time is put off for [`limits::BUILD_PUT_OFF_SECONDS`].
    pub async fn claim_build(&self, now_ms: i64) -> Result<Option<Job>> {
        self.claim_kind(BUILD, now_ms).await
    }

    async fn claim_kind(&self, kind: &'static str, now_ms: i64) -> Result<Option<Job>> {
        self.write(move |rows| {
            while let Some((job, silent_tries)) = claim(rows, kind, now_ms)? {
                if silent_tries <= limits::JOB_TRIES_MAX {
                    return Ok(Some(job));
                }
                give_up(rows, &job, now_ms)?;
            }
            Ok(None)
        })
        .await
    }

    /// Lengthens the lease of a claimed job.
    pub async fn renew_job(&self, id: JobId, now_ms: i64) -> Result<()> {
        self.write(move |rows| {
            rows.prepare_cached(RENEW_JOB)?.execute(params![id.0, lease_end(now_ms)])?;
            Ok(())
        })
        .await
    }

    /// Puts a claimed job off until `at_ms`, for a reason that is kept with it; its source is shown as waiting.
    pub async fn retry_job_later(&self, id: JobId, at_ms: i64, reason: String) -> Result<()> {
        self.write(move |rows| {
            rows.prepare_cached(PUT_OFF_JOB)?.execute(params![id.0, at_ms, reason])?;
            rows.prepare_cached(SHOW_WAITING)?.execute([])?;
            Ok(())
        })
        .await
    }

    /// Gives a claimed job back untried, as a worker does that is told to stop.
    pub async fn hand_back_job(&self, id: JobId) -> Result<()> {
        self.write(move |rows| {
            rows.prepare_cached(HAND_BACK_JOB)?.execute([id.0])?;
            rows.prepare_cached(SHOW_WAITING)?.execute([])?;
            Ok(())
        })
        .await
    }

    /// How many jobs wait, and how many are claimed.
    pub async fn job_counts(&self) -> Result<(u64, u64)> {
        self.read(|rows| {
            let (waiting, running): (i64, i64) =
                rows.prepare_cached(JOB_COUNTS)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok((waiting as u64, running as u64))
        })
        .await
    }

    /// The source that a job is about, whoever's it is; `None` if it was deleted. For the worker only.
    pub async fn source_of_job(&self, id: SourceId) -> Result<Option<Source>> {
        self.read(move |rows| sources::find_unscoped(rows, id)).await
    }

    /// Gives a source up with a reason that a person understands, and ends its job; one that has ended already says
    /// nothing of the source as it is now.
    pub async fn fail_ingest(&self, job: JobId, source: SourceId, reason: String, now_ms: i64) -> Result<()> {
        self.write(move |rows| {
            if end(rows, job)? {
                sources::set_failed(rows, source, &reason, now_ms)?;
            }
            Ok(())
        })
        .await
    }
}

/// Queues the reading of a source, unless it is queued already.
pub(super) fn enqueue_ingest(rows: &Connection, source: SourceId, now_ms: i64) -> Result<()> {
    rows.prepare_cached(ENQUEUE_INGEST)?.execute(params![source.0, now_ms])?;
    Ok(())
}

/// Ends the job that reads a source, if there is one.
pub(super) fn end_ingest(rows: &Connection, source: SourceId) -> Result<()> {
    rows.prepare_cached(END_INGEST)?.execute([source.0])?;
    Ok(())
}

/// Ends a job; false if it had ended already.
pub(super) fn end(rows: &Connection, id: JobId) -> Result<bool> {
    Ok(rows.prepare_cached(END_JOB)?.execute([id.0])? > 0)
}

fn claim(rows: &Connection, kind: &str, now_ms: i64) -> Result<Option<(Job, u32)>> {
    let mut statement = rows.prepare_cached(CLAIM_JOB)?;
    let claimed = statement.query_row(params![now_ms, limits::JOB_LEASE_SECONDS * 1_000, kind], |row| {
        let work = match row.get::<_, Option<i64>>("generation")? {
            Some(generation) => Work::Build(GenerationId(generation)),
            None => Work::Ingest(SourceId(row.get("source")?)),
        };
        Ok((Job { id: JobId(row.get("id")?), work, tries: row.get("tries")? }, row.get("silent_tries")?))
    });
    Ok(claimed.optional()?)
}

/// Takes a job that stopped the appliance again and again out of the way.
fn give_up(rows: &Connection, job: &Job, now_ms: i64) -> Result<()> {
    let stopped = format!("was tried {} times and stopped the appliance each time", limits::JOB_TRIES_MAX);
    match job.work {
        Work::Ingest(source) => {
            sources::set_failed(rows, source, &format!("This source {stopped}."), now_ms)?;
            end(rows, job.id)?;
        }
        Work::Build(_) => {
            let later = now_ms + limits::BUILD_PUT_OFF_SECONDS * 1_000;
            rows.prepare_cached(PUT_OFF_JOB)?.execute(params![job.id.0, later, format!("It {stopped}.")])?;
        }
    }
    Ok(())
}

pub(super) fn lease_end(now_ms: i64) -> i64 {
    now_ms + limits::JOB_LEASE_SECONDS * 1_000
}
