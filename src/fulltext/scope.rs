//! The documents that a caller may read, and their statistics: nothing else in the index has a part in a score.
//!
//! Segments never change, so what was counted of one is kept until it is merged away or loses documents.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use tantivy::fieldnorm::FieldNormReader;
use tantivy::index::SegmentId;
use tantivy::{Opstamp, Searcher, SegmentReader};

use super::language::Language;
use super::schema::{COLLECTION, Fields, LANGUAGE};
use crate::domain::account::Scope;
use crate::domain::id::CollectionId;
use crate::limits;

/// The readable documents of one segment.
#[derive(Debug)]
pub struct Part {
    /// One bit a document; `None` if all of them are readable and alive.
    readable: Option<Vec<u64>>,
    documents: u64,
    body_terms: u64,
    head_terms: u64,
    languages: BTreeMap<Language, u64>,
}

impl Part {
    fn count(segment: &SegmentReader, fields: &Fields, scope: &ScopeKey) -> tantivy::Result<Part> {
        let collections = segment.fast_fields().i64(COLLECTION)?.first_or_default_col(0);
        let languages = segment.fast_fields().u64(LANGUAGE)?.first_or_default_col(0);
        let (body, head) = (segment.get_fieldnorms_reader(fields.body)?, segment.get_fieldnorms_reader(fields.head)?);
        let all = scope.0.is_none() && !segment.has_deletes();
        let mut part = Part {
            readable: (!all).then(|| vec![0; segment.max_doc().div_ceil(64) as usize]),
            documents: 0,
            body_terms: 0,
            head_terms: 0,
            languages: BTreeMap::new(),
        };
        let mut numbers: HashMap<u64, u64> = HashMap::new();
        for document in segment.doc_ids_alive() {
            if !scope.holds(CollectionId(collections.get_val(document))) {
                continue;
            }
            if let Some(bits) = &mut part.readable {
                bits[document as usize / 64] |= 1 << (document % 64);
            }
            part.documents += 1;
            part.body_terms += u64::from(body.fieldnorm(document));
            part.head_terms += u64::from(head.fieldnorm(document));
            *numbers.entry(languages.get_val(document)).or_default() += 1;
        }
        part.languages = numbers.into_iter().map(|(number, count)| (Language::of_number(number), count)).collect();
        Ok(part)
    }

    /// Whether the document may be read and is alive.
    pub fn holds(&self, document: u32) -> bool {
        self.readable.as_ref().is_none_or(|bits| bits[document as usize / 64] >> (document % 64) & 1 == 1)
    }

    /// Whether every document of the segment may be read and is alive.
    pub fn is_whole(&self) -> bool {
        self.readable.is_none()
    }
}

/// The readable documents of an index at one moment.
pub struct View {
    pub searcher: Searcher,
    pub fields: Fields,
    /// One for each segment of the searcher.
    pub parts: Vec<Arc<Part>>,
}

/// What the readable documents have in common.
#[derive(Debug)]
pub struct Statistics {
    pub documents: u64,
    /// Terms in the text of a document, on average.
    pub body_terms: f32,
    /// Terms in the title and headings of a document, on average.
    pub head_terms: f32,
    /// The languages of the documents, the most common one first.
    pub languages: Vec<Language>,
}

impl View {
    /// The statistics of the readable documents.
    pub fn statistics(&self) -> Statistics {
        let sum = |count: fn(&Part) -> u64| self.parts.iter().map(|part| count(part)).sum::<u64>();
        let documents = sum(|part| part.documents);
        let average = |terms: u64| terms as f32 / documents.max(1) as f32;
        let mut counts: BTreeMap<Language, u64> = BTreeMap::new();
        for (language, count) in self.parts.iter().flat_map(|part| &part.languages) {
            *counts.entry(*language).or_default() += count;
        }
        let mut languages: Vec<(Language, u64)> = counts.into_iter().collect();
        languages.sort_by_key(|(language, count)| (std::cmp::Reverse(*count), *language));
        Statistics {
            documents,
            body_terms: average(sum(|part| part.body_terms)),
            head_terms: average(sum(|part| part.head_terms)),
            languages: languages.into_iter().map(|(language, _)| language).collect(),
        }
    }

    /// The segments with their readable documents.
    pub fn segments(&self) -> impl Iterator<Item = (&SegmentReader, &Part)> {
        self.searcher.segment_readers().iter().zip(self.parts.iter().map(Arc::as_ref))
    }

    /// The lengths of a segment's documents, body first.
    pub fn lengths(&self, segment: &SegmentReader) -> tantivy::Result<(FieldNormReader, FieldNormReader)> {
        Ok((segment.get_fieldnorms_reader(self.fields.body)?, segment.get_fieldnorms_reader(self.fields.head)?))
    }
}

/// The collections that are read; `None` for all.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct ScopeKey(Option<Vec<CollectionId>>);

impl ScopeKey {
    fn of(scope: &Scope) -> ScopeKey {
        let mut collections = scope.collections.clone();
        collections.sort_unstable();
        ScopeKey((!scope.whole).then_some(collections))
    }

    fn holds(&self, collection: CollectionId) -> bool {
        self.0.as_ref().is_none_or(|collections| collections.binary_search(&collection).is_ok())
    }
}

/// A segment as it was after its last loss of documents.
type SegmentState = (SegmentId, Option<Opstamp>);

/// Parts that were counted before, by scope.
#[derive(Debug, Default)]
pub struct Parts(Mutex<HashMap<ScopeKey, HashMap<SegmentState, Arc<Part>>>>);

impl Parts {
    /// What `scope` may read of what `searcher` sees.
    pub fn view(&self, searcher: Searcher, fields: Fields, scope: &Scope) -> tantivy::Result<View> {
        let key = ScopeKey::of(scope);
        let known = self.lock().get(&key).cloned().unwrap_or_default();
        let mut current = HashMap::new();
        let mut parts = Vec::new();
        for segment in searcher.segment_readers() {
            let state = (segment.segment_id(), segment.delete_opstamp());
            let part = match known.get(&state) {
                Some(part) => Arc::clone(part),
                None => Arc::new(Part::count(segment, &fields, &key)?),
            };
            current.insert(state, Arc::clone(&part));
            parts.push(part);
        }
        let mut all = self.lock();
        if all.len() >= limits::SCOPES_COUNTED_MAX && !all.contains_key(&key) {
            all.clear();
        }
        all.insert(key, current);
        Ok(View { searcher, fields, parts })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<ScopeKey, HashMap<SegmentState, Arc<Part>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
