//! Slow work, as rows: written with the fact that wants it, claimed with a lease, safe to run twice.

use super::id::{GenerationId, JobId, SourceId};

/// A claimed job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    pub id: JobId,
    pub work: Work,
    /// Tries begun, this one included.
    pub tries: u32,
}

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Read a source and make it searchable.
    Ingest(SourceId),
    /// Make the vectors that a generation lacks, and have questions asked of it.
    Build(GenerationId),
}
