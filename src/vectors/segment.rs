//! One scan segment: a folder of immutable files, each holding the changes after the one before it.
//!
//! The names are the manifest. A file holds the changes from one number to another, and the files of a sound segment
//! follow each other without a gap from 0. A merge writes one file in place of several neighbours and then removes
//! them; where a crash left both, the larger one stands and the others go. So at any moment the folder means one
//! thing, and if it does not, it is set aside whole and the caller rebuilds it from change 0.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use super::VectorsError;
use super::codes;
use super::file::{self, Changes, Fault, File, Group};
use super::scan::Stretch;
use crate::domain::id::{ChunkId, Seq, SourceId};
use crate::limits;

/// A segment that is read while one at a time changes it.
#[derive(Debug)]
pub struct Segment {
    folder: PathBuf,
    view: RwLock<Arc<View>>,
    /// Held by whoever changes the segment.
    changing: Mutex<()>,
}

/// What a segment held at one moment: readers keep theirs while files are merged beneath them.
#[derive(Debug, Default)]
pub struct View {
    /// Oldest first.
    members: Vec<Member>,
}

/// A file, and which of its rows later files left alive.
#[derive(Clone, Debug)]
struct Member {
    file: Arc<File>,
    /// Rows of dropped sources: the first of each range, and its end.
    dead: BTreeMap<usize, usize>,
    live: Vec<Range<usize>>,
}

impl Segment {
    /// The segment of `folder`, whether or not the folder exists yet. One that is not sound is set aside.
    pub fn open(folder: PathBuf) -> Result<Segment, VectorsError> {
        let view = match View::open(&folder) {
            Ok(view) => view,
            Err(Fault::Io(error)) if error.kind() == io::ErrorKind::NotFound => View::default(),
            Err(Fault::Io(error)) => return Err(VectorsError::io("open", &folder, error)),
            Err(Fault::Damaged(why)) => {
                tracing::warn!(folder = %folder.display(), why, "a scan segment is damaged and will be rebuilt");
                set_aside(&folder).map_err(|error| VectorsError::io("set aside", &folder, error))?;
                View::default()
            }
        };
        Ok(Segment { folder, view: RwLock::new(Arc::new(view)), changing: Mutex::new(()) })
    }

    /// What the segment holds now.
    pub fn view(&self) -> Arc<View> {
        Arc::clone(&self.view.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Commits the change `seq`: rows of `drops`, and older rows of the sources of `puts`, go; `puts` come.
    ///
    /// A change that the segment already holds is passed over.
    pub fn apply(
        &self,
        dimensions: usize,
        seq: Seq,
        puts: &[(ChunkId, SourceId, Vec<f32>)],
        drops: &[SourceId],
    ) -> Result<(), VectorsError> {
        let _changing = self.change();
        let view = self.view();
        if seq <= view.last_seq() {
            return Ok(());
        }
        if let Some(expected) = view.dimensions().filter(|expected| *expected != dimensions) {
            return Err(VectorsError::Dimensions { expected, found: dimensions });
        }
        let rows = Rows::of(dimensions, puts)?;
        let drops: BTreeSet<SourceId> = drops.iter().copied().collect();
        let changes = Changes { after: view.last_seq(), last: seq };
        fs::create_dir_all(&self.folder).map_err(|error| VectorsError::io("create", &self.folder, error))?;
        let file = File::write(&self.folder, changes, dimensions, rows.groups(), &drops)
            .map_err(|fault| VectorsError::fault("write to", &self.folder, fault))?;
        self.set_view(view.with(file));
        if let Err(error) = self.merge_due() {
            // The change itself is committed; the next one tries the merge again.
            tracing::warn!(%error, "a merge of scan files is put off");
        }
        Ok(())
    }

    /// Merges files as long as it is worth it.
    pub fn merge(&self) -> Result<(), VectorsError> {
        let _changing = self.change();
        self.merge_due()
    }

    /// Removes the segment's files.
    pub fn forget(&self) -> Result<(), VectorsError> {
        let _changing = self.change();
        self.set_view(View::default());
        // Under another name first: a crash half way through must not leave a part of a segment behind.
        let removed = name_beside(&self.folder, FORGOTTEN);
        let _ = fs::remove_dir_all(&removed);
        let gone = fs::rename(&self.folder, &removed).and_then(|()| fs::remove_dir_all(&removed));
        match gone {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(VectorsError::io("remove", &self.folder, error))
            }
            _ => Ok(()),
        }
    }

    fn change(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_view(&self, view: View) {
        *self.view.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(view);
    }

    fn merge_due(&self) -> Result<(), VectorsError> {
        loop {
            let view = self.view();
            let Some(run) = view.merge_due() else {
                return Ok(());
            };
            let merged = view
                .write_merged(&self.folder, run.clone())
                .map_err(|fault| VectorsError::fault("merge", &self.folder, fault))?;
            self.set_view(view.with_merged(run.clone(), merged));
            for member in &view.members[run] {
                // One that stays is superseded by its name, and goes when the segment is next opened.
                let _ = fs::remove_file(&member.file.path);
            }
        }
    }
}

impl View {
    /// Reads `folder`, removing what unfinished writes and merges left there.
    fn open(folder: &Path) -> Result<View, Fault> {
        let mut found = Vec::new();
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if let Some(changes) = Changes::of_name(&name) {
                found.push((changes, path));
            } else if name.ends_with(file::UNFINISHED) {
                fs::remove_file(&path)?;
            }
        }
        let (superseded, standing): (Vec<_>, Vec<_>) =
            found.iter().partition(|(changes, _)| found.iter().any(|(other, _)| other.supersede(*changes)));
        let mut files = Vec::new();
        for (_, path) in standing {
            files.push(File::open(path)?);
        }
        files.sort_by_key(|file| file.changes);
        let mut last = 0;
        for file in &files {
            if file.changes.after != last || file.dimensions != files[0].dimensions {
                return Err(Fault::Damaged("a file is missing or foreign"));
            }
            last = file.changes.last;
        }
        // Only now: what supersedes them is whole.
        for (_, path) in superseded {
            fs::remove_file(path)?;
        }
        Ok(View::of(files))
    }

    /// The view of `files`, oldest first: newer ones void rows of older ones.
    fn of(files: Vec<File>) -> View {
        let mut dropped = HashSet::new();
        let mut members = Vec::with_capacity(files.len());
        for file in files.into_iter().rev() {
            let mut member = Member::of(Arc::new(file));
            member.drop(&dropped);
            dropped.extend(member.file.drops());
            dropped.extend(member.file.sources().map(|(source, _)| source));
            members.push(member);
        }
        members.reverse();
        View { members }
    }

    /// This view with a newer file.
    fn with(&self, file: File) -> View {
        let dropped: HashSet<SourceId> = file.drops().chain(file.sources().map(|(source, _)| source)).collect();
        let mut members = self.members.clone();
        members.iter_mut().for_each(|member| member.drop(&dropped));
        members.push(Member::of(Arc::new(file)));
        View { members }
    }

    /// This view with one file in place of those of `run`, whose live rows it holds.
    fn with_merged(&self, run: Range<usize>, merged: File) -> View {
        let mut members = self.members.clone();
        members.splice(run, [Member::of(Arc::new(merged))]);
        View { members }
    }

    /// The largest change held; 0 for none.
    pub fn last_seq(&self) -> Seq {
        self.members.last().map_or(0, |member| member.file.changes.last)
    }

    /// The dimensions of the vectors, once there are any files.
    pub fn dimensions(&self) -> Option<usize> {
        self.members.first().map(|member| member.file.dimensions)
    }

    /// Live rows.
    pub fn count(&self) -> usize {
        self.members.iter().map(Member::count).sum()
    }

    /// The live rows, as the scan takes them.
    pub fn stretches(&self) -> impl Iterator<Item = Stretch<'_>> {
        self.members
            .iter()
            .flat_map(|member| member.live.iter().map(|rows| Stretch { file: &member.file, rows: rows.clone() }))
    }

    /// The neighbouring files that should become one: all, when more rows are dead than alive; otherwise the newest
    /// ones of a size, as soon as there are enough of them, so that a row is rewritten once for each size it grows to.
    fn merge_due(&self) -> Option<Range<usize>> {
        let all = 0..self.members.len();
        let rows: usize = self.members.iter().map(|member| member.file.rows).sum();
        let dead = rows - self.count();
        if dead > rows / 2 && dead > limits::SCAN_FILE_ROWS_SMALL {
            return Some(all);
        }
        let tiers: Vec<u32> = self.members.iter().map(Member::tier).collect();
        (0..=tiers.iter().copied().max()?).find_map(|tier| {
            let newest = tiers.iter().rev().take_while(|other| **other <= tier).count();
            (newest >= limits::SCAN_FILES_MERGED_MIN).then(|| all.end - newest..all.end)
        })
    }

    fn write_merged(&self, folder: &Path, run: Range<usize>) -> Result<File, Fault> {
        let members = &self.members[run.clone()];
        let (first, last) = (&members[0].file, &members[members.len() - 1].file);
        let changes = Changes { after: first.changes.after, last: last.changes.last };
        let mut groups: Vec<(SourceId, &Member, Range<usize>)> = Vec::new();
        for member in members {
            let live = member.file.sources().filter(|(_, rows)| !member.dead.contains_key(&rows.start));
            groups.extend(live.map(|(source, rows)| (source, member, rows)));
        }
        groups.sort_by_key(|(source, _, _)| *source);
        // Nothing is older than the first file, so nothing is left to drop.
        let older = run.start > 0;
        let drops: BTreeSet<SourceId> =
            if older { members.iter().flat_map(|member| member.file.drops()).collect() } else { BTreeSet::new() };
        let groups = groups.into_iter().map(|(source, member, rows)| Group {
            source,
            chunks: rows.clone().map(|row| member.file.chunk(row)).collect(),
            scales: member.file.scales(rows.clone()).collect(),
            codes: member.file.codes(rows),
        });
        File::write(folder, changes, first.dimensions, groups, &drops)
    }
}

impl Member {
    fn of(file: Arc<File>) -> Member {
        let mut member = Member { file, dead: BTreeMap::new(), live: Vec::new() };
        member.find_live();
        member
    }

    fn drop(&mut self, sources: &HashSet<SourceId>) {
        let before = self.dead.len();
        if sources.len() * 16 < self.file.rows {
            let dead = sources.iter().filter_map(|source| self.file.rows_of(*source));
            self.dead.extend(dead.map(|rows| (rows.start, rows.end)));
        } else {
            let dead = self.file.sources().filter(|(source, _)| sources.contains(source));
            self.dead.extend(dead.map(|(_, rows)| (rows.start, rows.end)));
        }
        if self.dead.len() > before {
            self.find_live();
        }
    }

    /// What lies between the dead rows is alive.
    fn find_live(&mut self) {
        self.live.clear();
        let mut from = 0;
        for (start, end) in &self.dead {
            if from < *start {
                self.live.push(from..*start);
            }
            from = *end;
        }
        if from < self.file.rows {
            self.live.push(from..self.file.rows);
        }
    }

    fn count(&self) -> usize {
        self.live.iter().map(ExactSizeIterator::len).sum()
    }

    /// The size class of the live rows: each is as many times the one before as there are files in a merge.
    fn tier(&self) -> u32 {
        let small = limits::SCAN_FILE_ROWS_SMALL;
        (self.count() / small).checked_ilog(limits::SCAN_FILES_MERGED_MIN).map_or(0, |tier| tier + 1)
    }
}

/// Quantised puts, ordered by source.
struct Rows {
    codes: Vec<u8>,
    stride: usize,
    sources: Vec<(SourceId, Range<usize>)>,
    chunks: Vec<ChunkId>,
    scales: Vec<f32>,
}

impl Rows {
    fn of(dimensions: usize, puts: &[(ChunkId, SourceId, Vec<f32>)]) -> Result<Rows, VectorsError> {
        if dimensions == 0 || dimensions > limits::EMBED_DIMENSIONS_MAX {
            return Err(VectorsError::Dimensions { expected: limits::EMBED_DIMENSIONS_MAX, found: dimensions });
        }
        let mut order: Vec<&(ChunkId, SourceId, Vec<f32>)> = puts.iter().collect();
        order.sort_by_key(|(chunk, source, _)| (*source, *chunk));
        let stride = codes::stride(dimensions);
        let (mut codes, mut scales) = (Vec::with_capacity(stride * puts.len()), Vec::with_capacity(puts.len()));
        for (chunk, _, vector) in &order {
            if vector.len() != dimensions {
                return Err(VectorsError::Dimensions { expected: dimensions, found: vector.len() });
            }
            scales.push(codes::quantise(vector, &mut codes).ok_or(VectorsError::NotFinite(*chunk))?);
        }
        let mut sources = Vec::new();
        let mut first = 0;
        for group in order.chunk_by(|a, b| a.1 == b.1) {
            sources.push((group[0].1, first..first + group.len()));
            first += group.len();
        }
        Ok(Rows { codes, stride, sources, chunks: order.iter().map(|put| put.0).collect(), scales })
    }

    fn groups(&self) -> impl Iterator<Item = Group<'_>> {
        self.sources.iter().map(|(source, rows)| Group {
            source: *source,
            chunks: self.chunks[rows.clone()].to_vec(),
            scales: self.scales[rows.clone()].to_vec(),
            codes: &self.codes[rows.start * self.stride..rows.end * self.stride],
        })
    }
}

/// What the names of folders about to be removed end with.
pub const FORGOTTEN: &str = ".forgotten";
/// What the names of folders set aside go on with, before a number.
const DAMAGED: &str = ".damaged-";

fn name_beside(folder: &Path, ending: &str) -> PathBuf {
    let mut name = folder.file_name().unwrap_or_default().to_os_string();
    name.push(ending);
    folder.with_file_name(name)
}

/// Renames `folder` out of the way, for the operator to look at. Of many, the last few are kept.
fn set_aside(folder: &Path) -> io::Result<()> {
    let number = (1..).find(|number| !name_beside(folder, &format!("{DAMAGED}{number}")).exists()).unwrap_or(1);
    if number > limits::DAMAGED_KEPT_MAX {
        for old in 1..number {
            let name = name_beside(folder, &format!("{DAMAGED}{old}"));
            match old {
                1 => fs::remove_dir_all(name)?,
                _ => fs::rename(name, name_beside(folder, &format!("{DAMAGED}{}", old - 1)))?,
            }
        }
    }
    fs::rename(folder, name_beside(folder, &format!("{DAMAGED}{}", number.min(limits::DAMAGED_KEPT_MAX))))
}
