//! A derived int8 copy of the vectors, scanned with SIMD within a scope. It is not the truth: what it finds is scored
//! again, exactly, in the store.
//!
//! The way of a vector: quantised ([`codes`]), written with others into an immutable file ([`file`]), which is one
//! of a [`segment`]; then [`scan`]ned, multiplied by the processor's best instructions ([`dot`]).

mod codes;
mod dot;
mod file;
mod scan;
mod segment;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use crate::domain::id::{ChunkId, CollectionId, GenerationId, Seq, SourceId};
use crate::domain::passage::Candidate;
use segment::{Segment, View};

/// Names one scan segment: the vectors of one generation in one collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentKey {
    pub generation: GenerationId,
    pub collection: CollectionId,
}

impl SegmentKey {
    fn folder_name(self) -> String {
        format!("{}-{}", self.generation, self.collection)
    }

    fn of_folder_name(name: &str) -> Option<SegmentKey> {
        let (generation, collection) = name.split_once('-')?;
        let key = SegmentKey { generation: generation.parse().ok()?, collection: collection.parse().ok()? };
        (key.folder_name() == name).then_some(key)
    }
}

/// Why a scan segment could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum VectorsError {
    #[error("a vector has {found} dimensions where {expected} are expected")]
    Dimensions { expected: usize, found: usize },
    #[error("the vector of chunk {0} holds a value that is not finite")]
    NotFinite(ChunkId),
    #[error("the question's vector holds a value that is not finite")]
    QuestionNotFinite,
    #[error("{what}: {source}")]
    Io { what: String, source: io::Error },
}

impl VectorsError {
    fn io(verb: &str, path: &Path, source: io::Error) -> VectorsError {
        VectorsError::Io { what: format!("could not {verb} {}", path.display()), source }
    }

    fn fault(verb: &str, path: &Path, fault: file::Fault) -> VectorsError {
        let source = match fault {
            file::Fault::Io(error) => error,
            file::Fault::Damaged(why) => io::Error::new(io::ErrorKind::InvalidData, why),
        };
        VectorsError::io(verb, path, source)
    }
}

/// All scan segments of one folder. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Vectors {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    segments: RwLock<HashMap<SegmentKey, Arc<Segment>>>,
}

impl Vectors {
    /// Opens every segment below `folder`, which is made if missing.
    ///
    /// A segment that is damaged is renamed to `*.damaged-N` and starts empty; that is not an error.
    pub fn open(folder: &Path) -> Result<Vectors, VectorsError> {
        let failed = |error| VectorsError::io("open", folder, error);
        fs::create_dir_all(folder).map_err(failed)?;
        let mut segments = HashMap::new();
        for entry in fs::read_dir(folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if let Some(key) = SegmentKey::of_folder_name(&name) {
                segments.insert(key, Arc::new(Segment::open(path)?));
            } else if name.ends_with(segment::FORGOTTEN) {
                fs::remove_dir_all(&path).map_err(failed)?;
            }
        }
        Ok(Vectors { inner: Arc::new(Inner { folder: folder.to_path_buf(), segments: RwLock::new(segments) }) })
    }

    /// The largest change that the segment holds; 0 for none.
    pub fn last_seq(&self, key: SegmentKey) -> Seq {
        self.view(key).map_or(0, |view| view.last_seq())
    }

    /// Removes the rows of `drops` and of every source in `puts`, then adds `puts` (unit vectors), durably, as `seq`.
    ///
    /// A `seq` that the segment already holds changes nothing, so a replay is harmless.
    pub fn apply(
        &self,
        key: SegmentKey,
        dimensions: usize,
        seq: Seq,
        puts: &[(ChunkId, SourceId, Vec<f32>)],
        drops: &[SourceId],
    ) -> Result<(), VectorsError> {
        self.segment(key)?.apply(dimensions, seq, puts, drops)
    }

    /// The `k` chunks most similar to `question` in the segments, best first, by approximate cosine.
    ///
    /// Large scans run on several threads; segments that do not exist are empty.
    pub fn nearest(&self, keys: &[SegmentKey], question: &[f32], k: usize) -> Result<Vec<Candidate>, VectorsError> {
        let views: Vec<Arc<View>> = keys.iter().filter_map(|key| self.view(*key)).collect();
        let dimensions = views.iter().filter_map(|view| view.dimensions());
        if let Some(expected) = dimensions.into_iter().find(|dimensions| *dimensions != question.len()) {
            return Err(VectorsError::Dimensions { expected, found: question.len() });
        }
        let probe = codes::Probe::new(question).ok_or(VectorsError::QuestionNotFinite)?;
        let stretches: Vec<scan::Stretch<'_>> = views.iter().flat_map(|view| view.stretches()).collect();
        Ok(scan::nearest(&stretches, &probe, k))
    }

    /// Removes the segment; its next `last_seq` is 0.
    pub fn forget(&self, key: SegmentKey) -> Result<(), VectorsError> {
        match self.known(key) {
            Some(segment) => segment.forget(),
            None => Ok(()),
        }
    }

    /// Removes every segment of a generation that is not among `known`.
    pub fn keep_only(&self, known: &[GenerationId]) -> Result<(), VectorsError> {
        let segments = self.inner.segments.read().unwrap_or_else(PoisonError::into_inner);
        let strangers: Vec<SegmentKey> =
            segments.keys().filter(|key| !known.contains(&key.generation)).copied().collect();
        drop(segments);
        strangers.into_iter().try_for_each(|key| self.forget(key))
    }

    /// Vectors in the segment.
    pub fn count(&self, key: SegmentKey) -> usize {
        self.view(key).map_or(0, |view| view.count())
    }

    /// Merges whatever is worth merging in every segment. Changes do so too: this is for after an interrupted one.
    pub fn merge(&self) -> Result<(), VectorsError> {
        let segments: Vec<Arc<Segment>> =
            self.inner.segments.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        segments.iter().try_for_each(|segment| segment.merge())
    }

    fn known(&self, key: SegmentKey) -> Option<Arc<Segment>> {
        self.inner.segments.read().unwrap_or_else(PoisonError::into_inner).get(&key).cloned()
    }

    fn view(&self, key: SegmentKey) -> Option<Arc<View>> {
        self.known(key).map(|segment| segment.view())
    }

    /// The segment, made if it is new.
    fn segment(&self, key: SegmentKey) -> Result<Arc<Segment>, VectorsError> {
        if let Some(segment) = self.known(key) {
            return Ok(segment);
        }
        let mut segments = self.inner.segments.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(segment) = segments.get(&key) {
            return Ok(Arc::clone(segment));
        }
        let segment = Arc::new(Segment::open(self.inner.folder.join(key.folder_name()))?);
        segments.insert(key, Arc::clone(&segment));
        Ok(segment)
    }
}
