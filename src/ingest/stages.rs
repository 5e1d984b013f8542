//! Where the time of an ingest went.

use std::time::Instant;

/// Milliseconds spent in each stage.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stages {
    pub extract_ms: f64,
    /// Cutting into chunks, counting tokens included.
    pub chunk_ms: f64,
    pub embed_ms: f64,
    pub store_ms: f64,
    /// Both derived indexes; filled in by whoever has them follow.
    pub index_ms: f64,
}

impl Stages {
    /// The stages by name, in the order in which they happen.
    pub fn named(&self) -> [(&'static str, f64); 5] {
        [
            ("extract", self.extract_ms),
            ("chunk", self.chunk_ms),
            ("embed", self.embed_ms),
            ("store", self.store_ms),
            ("index", self.index_ms),
        ]
    }

    pub(super) fn extract(&mut self, started: Instant) -> Instant {
        end(&mut self.extract_ms, started)
    }

    pub(super) fn chunk(&mut self, started: Instant) -> Instant {
        end(&mut self.chunk_ms, started)
    }

    pub(super) fn embed(&mut self, started: Instant) -> Instant {
        end(&mut self.embed_ms, started)
    }

    pub(super) fn store(&mut self, started: Instant) -> Instant {
        end(&mut self.store_ms, started)
    }
}

impl std::ops::AddAssign for Stages {
    fn add_assign(&mut self, other: Stages) {
        self.extract_ms += other.extract_ms;
        self.chunk_ms += other.chunk_ms;
        self.embed_ms += other.embed_ms;
        self.store_ms += other.store_ms;
        self.index_ms += other.index_ms;
    }
}

/// Adds the time since `started` to a stage; when the next one started.
fn end(stage_ms: &mut f64, started: Instant) -> Instant {
    let now = Instant::now();
    *stage_ms += (now - started).as_secs_f64() * 1000.0;
    now
}
