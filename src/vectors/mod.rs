//! A derived int8 copy of the vectors, scanned with SIMD within a scope.

use std::path::Path;

use crate::domain::id::{ChunkId, CollectionId, GenerationId, Seq, SourceId};
use crate::domain::passage::Candidate;

/// Names one scan segment: the vectors of one generation in one collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentKey {
    pub generation: GenerationId,
    pub collection: CollectionId,
}

/// Why a scan segment could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum VectorsError {
    #[error("a vector has {found} dimensions where {expected} are expected")]
    Dimensions { expected: usize, found: usize },
    #[error("the vector of chunk {0} holds a value that is not finite")]
    NotFinite(ChunkId),
    #[error("{what}: {source}")]
    Io { what: String, source: std::io::Error },
}

/// All scan segments of one folder. Cheap to clone.
#[derive(Clone)]
pub struct Vectors {}

impl Vectors {
    /// Opens every segment below `folder`, which is made if missing.
    pub fn open(_folder: &Path) -> Result<Vectors, VectorsError> {
        Ok(Vectors {})
    }

    /// The largest change that the segment holds; 0 for none.
    pub fn last_seq(&self, _key: SegmentKey) -> Seq {
        0
    }

    /// Removes the rows of `drops`, then adds `puts` (unit vectors), and commits both as `seq`.
    pub fn apply(
        &self,
        _key: SegmentKey,
        _dimensions: usize,
        _seq: Seq,
        _puts: &[(ChunkId, SourceId, Vec<f32>)],
        _drops: &[SourceId],
    ) -> Result<(), VectorsError> {
        Ok(())
    }

    /// The `k` chunks most similar to `question` in the segments, best first, by approximate cosine.
    pub fn nearest(&self, _keys: &[SegmentKey], _question: &[f32], _k: usize) -> Result<Vec<Candidate>, VectorsError> {
        Ok(Vec::new())
    }

    /// Removes the segment.
    pub fn forget(&self, _key: SegmentKey) -> Result<(), VectorsError> {
        Ok(())
    }

    /// Vectors in the segment.
    pub fn count(&self, _key: SegmentKey) -> usize {
        0
    }

    /// Merges whatever is worth merging in every segment.
    pub fn merge(&self) -> Result<(), VectorsError> {
        Ok(())
    }
}
