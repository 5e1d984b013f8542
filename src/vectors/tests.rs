//! The room as a whole, on real files: against a brute-force model, after damage, and after crashes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::codes::{Probe, quantise};
use super::{SegmentKey, Vectors, VectorsError, scan};
use crate::domain::id::{ChunkId, CollectionId, GenerationId, Seq, SourceId};
use crate::domain::passage::Candidate;
use crate::limits;

const KEY: SegmentKey = SegmentKey { generation: GenerationId(3), collection: CollectionId(5) };
const OTHER: SegmentKey = SegmentKey { generation: GenerationId(3), collection: CollectionId(6) };

type Put = (ChunkId, SourceId, Vec<f32>);

/// A random vector of length 1.
fn unit(random: &mut StdRng, dimensions: usize) -> Vec<f32> {
    near(random, &vec![0.0; dimensions], 1.0)
}

/// A vector of length 1 in the neighbourhood of `centre`.
fn near(random: &mut StdRng, centre: &[f32], spread: f32) -> Vec<f32> {
    // The sum of a few uniform numbers is normal enough.
    let normal = |random: &mut StdRng| (0..4).map(|_| random.random_range(-1.0_f32..1.0)).sum::<f32>();
    let vector: Vec<f32> = centre.iter().map(|value| value + spread * normal(random)).collect();
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    vector.iter().map(|value| value / length).collect()
}

/// What a segment should hold: each source's chunks with their quantised vectors.
#[derive(Default)]
struct Model {
    sources: BTreeMap<SourceId, Vec<(ChunkId, Vec<i8>, f32)>>,
    last_seq: Seq,
}

impl Model {
    fn apply(&mut self, seq: Seq, puts: &[Put], drops: &[SourceId]) {
        if seq <= self.last_seq {
            return;
        }
        self.last_seq = seq;
        let replaced: BTreeSet<SourceId> = puts.iter().map(|put| put.1).chain(drops.iter().copied()).collect();
        self.sources.retain(|source, _| !replaced.contains(source));
        for (chunk, source, vector) in puts {
            let (codes, scale) = quantised(vector);
            self.sources.entry(*source).or_default().push((*chunk, codes, scale));
        }
    }

    fn count(&self) -> usize {
        self.sources.values().map(Vec::len).sum()
    }

    fn nearest(&self, question: &[f32], k: usize) -> Vec<Candidate> {
        let (codes, scale) = quantised(question);
        let mut all: Vec<Candidate> = self
            .sources
            .values()
            .flatten()
            .map(|(chunk, row, row_scale)| {
                let product: i32 = row.iter().zip(&codes).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum();
                Candidate { chunk: *chunk, score: product as f32 * row_scale * scale }
            })
            .collect();
        all.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.chunk.cmp(&b.chunk)));
        all.truncate(k);
        all
    }
}

fn quantised(vector: &[f32]) -> (Vec<i8>, f32) {
    let mut codes = Vec::new();
    let scale = quantise(vector, &mut codes).expect("the vector is finite");
    (codes.iter().map(|code| *code as i8).collect(), scale)
}

fn check(vectors: &Vectors, model: &Model, question: &[f32]) {
    assert_eq!(vectors.last_seq(KEY), model.last_seq);
    assert_eq!(vectors.count(KEY), model.count());
    for k in [0, 1, 10, 10_000] {
        assert_eq!(vectors.nearest(&[KEY], question, k).expect("the scan works"), model.nearest(question, k));
    }
}

#[test]
fn random_changes_equal_a_brute_force_model() {
    for (seed, dimensions, steps) in [(1, 3, 150), (2, 64, 150), (3, 100, 100)] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut random = StdRng::seed_from_u64(seed);
        let mut vectors = Vectors::open(folder.path()).expect("it opens");
        let mut model = Model::default();
        let (mut seq, mut chunk) = (0, 0);
        for step in 0..steps {
            seq += random.random_range(1..5);
            // Now and then a change that was already applied, with other contents.
            let at = if step % 9 == 8 { seq - 20 } else { seq };
            let sources = random.random_range(0..4);
            let mut puts = Vec::new();
            for _ in 0..sources {
                let source = SourceId(random.random_range(1..40));
                for _ in 0..random.random_range(1..if step % 10 == 0 { 200 } else { 12 }) {
                    chunk += 1;
                    puts.push((ChunkId(chunk), source, unit(&mut random, dimensions)));
                }
            }
            let drops: Vec<SourceId> =
                (0..random.random_range(0..3)).map(|_| SourceId(random.random_range(1..40))).collect();
            vectors.apply(KEY, dimensions, at, &puts, &drops).expect("it applies");
            model.apply(at, &puts, &drops);
            if step % 7 == 0 {
                vectors = Vectors::open(folder.path()).expect("it reopens");
            }
            if step % 31 == 30 {
                vectors.merge().expect("it merges");
            }
            check(&vectors, &model, &unit(&mut random, dimensions));
        }
        let files = files_of(&folder.path().join(KEY.folder_name())).len();
        assert!(files < limits::SCAN_FILES_MERGED_MIN * 3, "{files} files after {steps} changes");
    }
}

#[test]
fn scans_of_several_segments_and_threads_agree() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let vectors = Vectors::open(folder.path()).expect("it opens");
    let mut random = StdRng::seed_from_u64(4);
    let mut model = Model::default();
    let rows = limits::SCAN_ROWS_PER_THREAD_MIN + 700;
    for (part, key) in [KEY, OTHER].into_iter().enumerate() {
        let puts: Vec<Put> = (0..rows)
            .map(|row| {
                let id = (part * rows + row) as i64;
                (ChunkId(id), SourceId(id / 10), unit(&mut random, 8))
            })
            .collect();
        vectors.apply(key, 8, 1, &puts, &[]).expect("it applies");
        model.apply(part as i64 + 1, &puts, &[]);
    }
    let question = unit(&mut random, 8);
    let expected = model.nearest(&question, 100);
    assert_eq!(vectors.nearest(&[KEY, OTHER], &question, 100).expect("it scans"), expected);
    let views = [KEY, OTHER].map(|key| vectors.view(key).expect("it exists"));
    let stretches: Vec<_> = views.iter().flat_map(|view| view.stretches()).collect();
    let probe = Probe::new(&question).expect("the question is finite");
    for threads in [1, 2, 3, 7] {
        assert_eq!(scan::nearest_with(&stretches, &probe, 100, threads), expected, "{threads} threads");
    }
    vectors.forget(OTHER).expect("it goes");
    assert_eq!((vectors.count(OTHER), vectors.last_seq(OTHER)), (0, 0));
    let reopened = Vectors::open(folder.path()).expect("it reopens");
    assert_eq!((reopened.count(OTHER), reopened.count(KEY)), (0, rows));
}

#[test]
fn candidates_hold_what_an_exact_search_finds() {
    let (dimensions, rows, questions) = (384, 6_000, 40);
    let mut random = StdRng::seed_from_u64(5);
    let centres: Vec<Vec<f32>> = (0..60).map(|_| unit(&mut random, dimensions)).collect();
    let spread = 0.6 / (dimensions as f32).sqrt();
    let puts: Vec<Put> = (0..rows)
        .map(|row| (ChunkId(row), SourceId(row), near(&mut random, &centres[row as usize % 60], spread)))
        .collect();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let vectors = Vectors::open(folder.path()).expect("it opens");
    vectors.apply(KEY, dimensions, 1, &puts, &[]).expect("it applies");
    let mut found = 0;
    for question in 0..questions {
        let question = near(&mut random, &centres[question % 60], spread);
        let mut exact: Vec<(f32, ChunkId)> =
            puts.iter().map(|put| (put.2.iter().zip(&question).map(|(a, b)| a * b).sum(), put.0)).collect();
        exact.sort_by(|a, b| b.0.total_cmp(&a.0));
        let candidates = vectors.nearest(&[KEY], &question, 100).expect("it scans");
        let chunks: BTreeSet<ChunkId> = candidates.iter().map(|candidate| candidate.chunk).collect();
        found += exact[..10].iter().filter(|(_, chunk)| chunks.contains(chunk)).count();
        for candidate in &candidates {
            let exact = exact.iter().find(|(_, chunk)| *chunk == candidate.chunk).expect("every chunk is scored").0;
            assert!((candidate.score - exact).abs() < 0.01, "{} for {exact}", candidate.score);
        }
    }
    let recall = found as f64 / (questions * 10) as f64;
    assert!(recall >= 0.98, "recall@10 of 100 candidates is {recall}");
}

#[test]
fn wrong_vectors_are_refused_and_change_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let vectors = Vectors::open(folder.path()).expect("it opens");
    let put = |vector: Vec<f32>| vec![(ChunkId(1), SourceId(1), vector)];
    vectors.apply(KEY, 2, 1, &put(vec![1.0, 0.0]), &[]).expect("it applies");
    let refused = [
        vectors.apply(KEY, 2, 2, &put(vec![1.0]), &[]),
        vectors.apply(KEY, 3, 2, &put(vec![1.0, 0.0, 0.0]), &[]),
        vectors.apply(KEY, 0, 2, &[], &[]),
        vectors.apply(OTHER, limits::EMBED_DIMENSIONS_MAX + 1, 2, &[], &[]),
        vectors.apply(KEY, 2, 2, &put(vec![f32::NAN, 0.0]), &[]),
        vectors.nearest(&[KEY], &[1.0], 1).map(|_| ()),
        vectors.nearest(&[KEY], &[1.0, f32::INFINITY], 1).map(|_| ()),
    ];
    for (case, result) in refused.into_iter().enumerate() {
        assert!(result.is_err(), "case {case} was accepted");
        assert!(!matches!(result, Err(VectorsError::Io { .. })), "case {case} is no fault of the disk");
    }
    assert_eq!((vectors.count(KEY), vectors.last_seq(KEY), vectors.last_seq(OTHER)), (1, 1, 0));
    assert_eq!(vectors.nearest(&[OTHER], &[1.0, 0.0], 5).expect("nothing is no error"), []);
}

fn files_of(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).expect("the folder exists").flatten().map(|entry| entry.path()).collect();
    files.sort();
    files
}

/// A segment of several files, among them merged ones and ones with drops only.
fn several_files(folder: &Path) -> Model {
    let vectors = Vectors::open(folder).expect("it opens");
    let (mut random, mut model) = (StdRng::seed_from_u64(6), Model::default());
    for seq in 1..=12 {
        let puts: Vec<Put> = (0..seq % 5)
            .map(|row| (ChunkId(seq * 10 + row), SourceId(seq * 10 + row / 2), unit(&mut random, 5)))
            .collect();
        let drops = [SourceId(seq * 10 - 10)];
        vectors.apply(KEY, 5, seq, &puts, &drops).expect("it applies");
        model.apply(seq, &puts, &drops);
    }
    model
}

#[test]
fn damage_anywhere_sets_the_segment_aside() {
    let sound = tempfile::tempdir().expect("a temporary folder");
    let model = several_files(sound.path());
    let names: Vec<PathBuf> = files_of(&sound.path().join(KEY.folder_name()));
    assert!(names.len() > 3);
    let mut random = StdRng::seed_from_u64(8);
    for (file, round) in names.iter().enumerate().flat_map(|(file, _)| (0..25).map(move |round| (file, round))) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let segment = folder.path().join(KEY.folder_name());
        fs::create_dir(&segment).expect("it is made");
        for name in &names {
            fs::copy(name, segment.join(name.file_name().expect("a file"))).expect("it is copied");
        }
        let target = segment.join(names[file].file_name().expect("a file"));
        let mut bytes = fs::read(&target).expect("it is read");
        let place = random.random_range(0..bytes.len());
        let newest = file == names.len() - 1;
        match round {
            // Without its newest file a segment is merely behind.
            0 if newest => continue,
            0 => fs::remove_file(&target).expect("it goes"),
            1 => fs::write(&target, []).expect("it is written"),
            2..10 => fs::write(&target, &bytes[..place]).expect("it is written"),
            10 => fs::write(&target, [&bytes[..], &[0]].concat()).expect("it is written"),
            _ => {
                bytes[place] ^= 1 << random.random_range(0..8);
                fs::write(&target, bytes).expect("it is written");
            }
        }
        let vectors = Vectors::open(folder.path()).expect("damage does not keep it from opening");
        assert_eq!((vectors.last_seq(KEY), vectors.count(KEY)), (0, 0), "file {file}, round {round}");
        assert!(folder.path().join(format!("{}.damaged-1", KEY.folder_name())).is_dir());
        if round > 1 {
            continue;
        }
        vectors.apply(KEY, 5, 20, &[(ChunkId(1), SourceId(1), unit(&mut random, 5))], &[]).expect("it is rebuilt");
        let reopened = Vectors::open(folder.path()).expect("it reopens");
        assert_eq!((reopened.last_seq(KEY), reopened.count(KEY)), (20, 1));
    }
    check(&Vectors::open(sound.path()).expect("it opens"), &model, &unit(&mut random, 5));
}

#[test]
fn only_the_last_few_damaged_segments_are_kept() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for round in 0..6 {
        several_files(folder.path());
        let segment = folder.path().join(KEY.folder_name());
        let file = files_of(&segment).remove(0);
        fs::write(file, format!("round {round}")).expect("it is written");
        assert_eq!(Vectors::open(folder.path()).expect("it opens").last_seq(KEY), 0);
        assert!(!segment.exists());
    }
    let kept = files_of(folder.path());
    assert_eq!(kept.len(), limits::DAMAGED_KEPT_MAX as usize, "{kept:?}");
    for (folder, round) in kept.iter().zip(3..) {
        let first = fs::read_to_string(files_of(folder).remove(0)).expect("it is text");
        assert_eq!(first, format!("round {round}"));
    }
}

#[test]
fn what_a_crash_leaves_behind_is_cleared() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let segment = folder.path().join(KEY.folder_name());
    let mut random = StdRng::seed_from_u64(9);
    let (vectors, mut model) = (Vectors::open(folder.path()).expect("it opens"), Model::default());
    let mut replaced = Vec::new();
    for seq in 1..=8 {
        let puts = [(ChunkId(seq), SourceId(seq % 3), unit(&mut random, 5))];
        replaced = if segment.exists() { files_of(&segment) } else { Vec::new() }
            .into_iter()
            .map(|path| (fs::read(&path).expect("it is read"), path))
            .collect();
        vectors.apply(KEY, 5, seq, &puts, &[]).expect("it applies");
        model.apply(seq, &puts, &[]);
    }
    assert_eq!(files_of(&segment).len(), 1, "the eighth change merged all");
    // Killed after the merged file got its name, before the others went; and in the middle of a write.
    for (bytes, path) in &replaced {
        fs::write(path, bytes).expect("it is written");
    }
    fs::write(segment.join(".tmpAbC123.unfinished"), b"half").expect("it is written");
    let forgotten = folder.path().join("9-9.forgotten");
    fs::create_dir(&forgotten).expect("it is made");
    check(&Vectors::open(folder.path()).expect("it opens"), &model, &unit(&mut random, 5));
    assert_eq!(files_of(&segment).len(), 1);
    assert!(!forgotten.exists());
}
