//! One immutable file of a scan segment: how it is written, checked and read. Knows nothing of its neighbours.
//!
//! Little-endian, in this order: a header of 64 bytes; the codes, one stride a row; a scale (`f32`) a row; a chunk id
//! (`i64`) a row; the sources, ascending, each with the number of its first row (`i64`, `u64`); the sources dropped
//! from older files (`i64`). Rows of one source stand together. The header ends with a CRC-32 of all else.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use memmap2::Mmap;

use super::codes;
use crate::domain::id::{ChunkId, Seq, SourceId};
use crate::limits;

const MAGIC: [u8; 8] = *b"nosiavec";
const FORMAT: u32 = 1;
const HEADER_BYTES: usize = 64;
const CRC_AT: usize = HEADER_BYTES - 4;
/// What the names of files begun but not finished end with.
pub const UNFINISHED: &str = ".unfinished";
const FINISHED: &str = ".scan";

/// The changes that a file holds: those after `after`, up to and including `last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Changes {
    pub after: Seq,
    pub last: Seq,
}

impl Changes {
    /// The name of the file that holds these changes.
    fn file_name(self) -> String {
        format!("{:020}-{:020}{FINISHED}", self.after, self.last)
    }

    /// The changes that a file's name promises; `None` if it is not the name of a finished file.
    pub fn of_name(name: &str) -> Option<Changes> {
        let (after, last) = name.strip_suffix(FINISHED)?.split_once('-')?;
        let changes = Changes { after: after.parse().ok()?, last: last.parse().ok()? };
        (changes.file_name() == name && changes.after < changes.last).then_some(changes)
    }

    /// Whether these are all of `other` and more.
    pub fn supersede(self, other: Changes) -> bool {
        self != other && self.after <= other.after && other.last <= self.last
    }
}

/// The rows of one source, to be written.
pub struct Group<'a> {
    pub source: SourceId,
    pub chunks: Vec<ChunkId>,
    pub scales: Vec<f32>,
    /// One stride a chunk.
    pub codes: &'a [u8],
}

/// A finished file, mapped and checked.
#[derive(Debug)]
pub struct File {
    pub path: PathBuf,
    pub changes: Changes,
    pub dimensions: usize,
    pub rows: usize,
    sources: usize,
    drops: usize,
    stride: usize,
    map: Mmap,
}

/// Why a file cannot be used: it is not what was written, or it cannot be read now.
#[derive(Debug)]
pub enum Fault {
    Damaged(&'static str),
    Io(io::Error),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Fault {
        Fault::Io(error)
    }
}

impl File {
    /// Writes `groups` (ascending by source) and `drops` as a new file of `folder`, durably, then opens it.
    ///
    /// Until it is complete it has another name, so that whatever has its own name is whole.
    pub fn write<'a>(
        folder: &Path,
        changes: Changes,
        dimensions: usize,
        groups: impl IntoIterator<Item = Group<'a>>,
        drops: &BTreeSet<SourceId>,
    ) -> Result<File, Fault> {
        let unfinished = tempfile::Builder::new().suffix(UNFINISHED).tempfile_in(folder)?;
        write_body(unfinished.as_file(), changes, dimensions, groups, drops)?;
        let path = folder.join(changes.file_name());
        unfinished.persist(&path).map_err(|error| error.error)?;
        sync_folder(folder)?;
        File::open(&path)
    }

    /// Maps the file at `path` and checks every byte of it.
    pub fn open(path: &Path) -> Result<File, Fault> {
        let file = fs::File::open(path)?;
        if file.metadata()?.len() < HEADER_BYTES as u64 {
            return Err(Fault::Damaged("it is shorter than its header"));
        }
        // SAFETY: files of this name are complete and only this room, whose folder this is, touches them: it never
        // changes or shortens one, it only removes it whole, which leaves the mapping valid.
        let map = unsafe { Mmap::map(&file)? };
        File::check(path.to_path_buf(), map)
    }

    fn check(path: PathBuf, map: Mmap) -> Result<File, Fault> {
        let (header, body) = map.split_at(HEADER_BYTES);
        if header[..8] != MAGIC || u32_at(header, 8) != FORMAT {
            return Err(Fault::Damaged("it is not of this format"));
        }
        let mut crc = crc32fast::Hasher::new();
        crc.update(body);
        crc.update(&header[..CRC_AT]);
        if crc.finalize() != u32_at(header, CRC_AT) {
            return Err(Fault::Damaged("its checksum does not fit"));
        }
        let count = |at: usize| usize::try_from(u64_at(header, at)).map_err(|_| Fault::Damaged("a count is too large"));
        let dimensions = u32_at(header, 12) as usize;
        let file = File {
            changes: Changes { after: i64_at(header, 16), last: i64_at(header, 24) },
            dimensions,
            rows: count(32)?,
            sources: count(40)?,
            drops: count(48)?,
            stride: codes::stride(dimensions),
            path,
            map,
        };
        if file.path.file_name().and_then(|name| name.to_str()).and_then(Changes::of_name) != Some(file.changes) {
            return Err(Fault::Damaged("it is not what its name says"));
        }
        if dimensions == 0 || dimensions > limits::EMBED_DIMENSIONS_MAX || file.length() != Some(file.map.len()) {
            return Err(Fault::Damaged("its length does not fit its header"));
        }
        Ok(file)
    }

    /// The bytes that a file with these counts has.
    fn length(&self) -> Option<usize> {
        let rows = self.rows.checked_mul(self.stride + 4 + 8)?;
        let lists = self.sources.checked_mul(16)?.checked_add(self.drops.checked_mul(8)?)?;
        rows.checked_add(lists)?.checked_add(HEADER_BYTES)
    }

    /// The codes of `rows`, one stride each.
    pub fn codes(&self, rows: Range<usize>) -> &[u8] {
        &self.map[HEADER_BYTES + rows.start * self.stride..HEADER_BYTES + rows.end * self.stride]
    }

    /// The factor by which the codes of each of `rows` are multiplied back.
    pub fn scales(&self, rows: Range<usize>) -> impl Iterator<Item = f32> {
        let start = HEADER_BYTES + self.rows * self.stride;
        let bytes = &self.map[start + rows.start * 4..start + rows.end * 4];
        bytes.as_chunks().0.iter().map(|scale| f32::from_le_bytes(*scale))
    }

    /// The chunk of `row`.
    pub fn chunk(&self, row: usize) -> ChunkId {
        ChunkId(i64_at(&self.map, HEADER_BYTES + self.rows * (self.stride + 4) + row * 8))
    }

    fn sources_at(&self) -> usize {
        HEADER_BYTES + self.rows * (self.stride + 4 + 8)
    }

    fn source(&self, index: usize) -> SourceId {
        SourceId(i64_at(&self.map, self.sources_at() + index * 16))
    }

    fn first_row(&self, index: usize) -> usize {
        if index == self.sources {
            return self.rows;
        }
        // The checksum holds, so this is what was written: at most `rows`.
        u64_at(&self.map, self.sources_at() + index * 16 + 8) as usize
    }

    /// The sources with rows in this file, ascending, each with its rows.
    pub fn sources(&self) -> impl Iterator<Item = (SourceId, Range<usize>)> {
        (0..self.sources).map(|index| (self.source(index), self.first_row(index)..self.first_row(index + 1)))
    }

    /// The rows of `source`, if it has any here.
    pub fn rows_of(&self, source: SourceId) -> Option<Range<usize>> {
        let (mut low, mut high) = (0, self.sources);
        while low < high {
            let middle = low.midpoint(high);
            if self.source(middle) < source {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        (low < self.sources && self.source(low) == source).then(|| self.first_row(low)..self.first_row(low + 1))
    }

    /// The sources whose rows in older files are void.
    pub fn drops(&self) -> impl Iterator<Item = SourceId> {
        let start = self.sources_at() + self.sources * 16;
        (0..self.drops).map(move |index| SourceId(i64_at(&self.map, start + index * 8)))
    }
}

/// Makes the names in `folder` durable.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

/// A writer that keeps the checksum of what went through it.
struct Summed<'a> {
    to: BufWriter<&'a fs::File>,
    crc: crc32fast::Hasher,
}

impl Summed<'_> {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.crc.update(bytes);
        self.to.write_all(bytes)
    }
}

fn write_body<'a>(
    file: &fs::File,
    changes: Changes,
    dimensions: usize,
    groups: impl IntoIterator<Item = Group<'a>>,
    drops: &BTreeSet<SourceId>,
) -> io::Result<()> {
    let mut body = Summed { to: BufWriter::with_capacity(1 << 20, file), crc: crc32fast::Hasher::new() };
    body.to.write_all(&[0; HEADER_BYTES])?;
    let (mut chunks, mut scales, mut sources) = (Vec::new(), Vec::new(), Vec::new());
    for group in groups {
        body.put(group.codes)?;
        sources.push((group.source, chunks.len() as u64));
        chunks.extend(group.chunks);
        scales.extend(group.scales);
    }
    for scale in &scales {
        body.put(&scale.to_le_bytes())?;
    }
    for chunk in &chunks {
        body.put(&chunk.0.to_le_bytes())?;
    }
    for (source, first_row) in &sources {
        body.put(&source.0.to_le_bytes())?;
        body.put(&first_row.to_le_bytes())?;
    }
    for source in drops {
        body.put(&source.0.to_le_bytes())?;
    }
    let counts = [chunks.len(), sources.len(), drops.len()].map(|count| count as u64);
    let mut header = [0; HEADER_BYTES];
    header[..8].copy_from_slice(&MAGIC);
    header[8..12].copy_from_slice(&FORMAT.to_le_bytes());
    header[12..16].copy_from_slice(&(dimensions as u32).to_le_bytes());
    header[16..24].copy_from_slice(&changes.after.to_le_bytes());
    header[24..32].copy_from_slice(&changes.last.to_le_bytes());
    for (at, count) in (32..).step_by(8).zip(counts) {
        header[at..at + 8].copy_from_slice(&count.to_le_bytes());
    }
    body.crc.update(&header[..CRC_AT]);
    header[CRC_AT..].copy_from_slice(&body.crc.finalize().to_le_bytes());
    body.to.flush()?;
    let mut file = file;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(&header)?;
    file.sync_all()
}

fn bytes_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("the slice is as long as the array")
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes_at(bytes, at))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes_at(bytes, at))
}

fn i64_at(bytes: &[u8], at: usize) -> i64 {
    i64::from_le_bytes(bytes_at(bytes, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_which_changes_a_file_holds() {
        let cases = [
            ("00000000000000000000-00000000000000000007.scan", Some((0, 7))),
            ("00000000000000000007-09223372036854775807.scan", Some((7, i64::MAX))),
            ("00000000000000000007-00000000000000000007.scan", None),
            ("0-7.scan", None),
            ("00000000000000000000-00000000000000000007.unfinished", None),
            ("00000000000000000000-99999999999999999999.scan", None),
            ("-0000000000000000001-00000000000000000007.scan", None),
            ("", None),
        ];
        for (name, expected) in cases {
            assert_eq!(Changes::of_name(name).map(|changes| (changes.after, changes.last)), expected, "{name}");
        }
    }
}
