//! The index of one account on disk: opened and checked, changed, and read as it was at the last change.
//!
//! Each commit carries the number of the last change it holds and how many chunks it left, with a checksum of both.
//! The engine returns from a commit before its folder is durable, so the folder is synced here; whatever a power cut
//! takes all the same is replayed from the store.

use std::fs;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};

use tantivy::directory::MmapDirectory;
use tantivy::indexer::{IndexWriterOptions, LogMergePolicy};
use tantivy::schema::IndexRecordOption;
use tantivy::{Index, IndexReader, IndexWriter, ReloadPolicy, Searcher};

use super::schema::{Fields, schema};
use super::scope::{Parts, View};
use crate::domain::account::Scope;
use crate::domain::chunk::StoredChunk;
use crate::domain::id::{Seq, SourceId};
use crate::limits;

/// The number of the way in which words become terms; indexes made in another way are rebuilt.
const FORMAT: u32 = 2;

/// Why an index is not used or not changed.
#[derive(Debug)]
pub enum Fault {
    Damaged(String),
    Engine(tantivy::TantivyError),
    Io(io::Error),
}

impl From<tantivy::TantivyError> for Fault {
    fn from(error: tantivy::TantivyError) -> Fault {
        Fault::Engine(error)
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Fault {
        Fault::Io(error)
    }
}

/// An open index.
pub struct AccountIndex {
    folder: PathBuf,
    index: Index,
    fields: Fields,
    reader: IndexReader,
    parts: Parts,
    last_seq: AtomicI64,
}

/// What changes an index, while it is open for that.
pub type Writer = IndexWriter;

impl AccountIndex {
    /// Makes an empty index in `folder`.
    pub fn create(folder: &Path) -> Result<AccountIndex, Fault> {
        fs::create_dir_all(folder)?;
        let index = Index::create_in_dir(folder, schema().0)?;
        sync_folder(folder)?;
        if let Some(parent) = folder.parent() {
            sync_folder(parent)?;
        }
        AccountIndex::of(folder, index, 0)
    }

    /// Opens the index in `folder` after checking all of it.
    pub fn open(folder: &Path) -> Result<AccountIndex, Fault> {
        remove_unfinished(folder)?;
        // The engine's files carry checksums, its list of files does not, and it panics on some that make no sense.
        panic::catch_unwind(AssertUnwindSafe(|| AccountIndex::open_checked(folder)))
            .unwrap_or_else(|_| Err(Fault::Damaged("its list of files makes no sense".to_owned())))
    }

    fn open_checked(folder: &Path) -> Result<AccountIndex, Fault> {
        let directory = MmapDirectory::open(folder).map_err(tantivy::TantivyError::from)?;
        let index = Index::open(directory)?;
        if index.schema() != schema().0 {
            return Err(Fault::Damaged("it has another schema".to_owned()));
        }
        let damaged = index.validate_checksum()?;
        if let Some(path) = damaged.iter().next() {
            return Err(Fault::Damaged(format!("the checksum of {} does not fit", path.display())));
        }
        let meta = index.load_metas()?;
        let (seq, chunks) = match meta.payload.as_deref() {
            Some(payload) => read_payload(payload).ok_or_else(|| Fault::Damaged("its payload is wrong".to_owned()))?,
            // So it is between its creation and its first commit.
            None => (0, 0),
        };
        let opened = AccountIndex::of(folder, index, seq)?;
        if opened.count() != chunks {
            let why = format!("it holds {} chunks where {chunks} were committed", opened.count());
            return Err(Fault::Damaged(why));
        }
        Ok(opened)
    }

    fn of(folder: &Path, index: Index, seq: Seq) -> Result<AccountIndex, Fault> {
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        Ok(AccountIndex {
            folder: folder.to_path_buf(),
            index,
            fields: schema().1,
            reader,
            parts: Parts::default(),
            last_seq: AtomicI64::new(seq),
        })
    }

    /// Opens the index for changes; there is one writer at a time.
    pub fn writer(&self) -> Result<Writer, Fault> {
        let options = IndexWriterOptions::builder()
            .num_worker_threads(1)
            .memory_budget_per_thread(limits::WORD_WRITER_BYTES)
            .num_merge_threads(1)
            .build();
        let writer: Writer = self.index.writer_with_options(options)?;
        let mut policy = LogMergePolicy::default();
        policy.set_del_docs_ratio_before_merge(0.5);
        writer.set_merge_policy(Box::new(policy));
        Ok(writer)
    }

    /// The largest change that the index holds.
    pub fn last_seq(&self) -> Seq {
        self.last_seq.load(Ordering::Acquire)
    }

    /// Chunks in the index.
    pub fn count(&self) -> u64 {
        self.reader.searcher().num_docs()
    }

    /// What `scope` may read.
    pub fn view(&self, scope: &Scope) -> tantivy::Result<View> {
        self.parts.view(self.reader.searcher(), self.fields, scope)
    }

    /// Commits the change `seq`: the chunks of `drops` and of the sources of `puts` go, `puts` come.
    pub fn apply(&self, writer: &mut Writer, seq: Seq, puts: &[StoredChunk], drops: &[SourceId]) -> Result<(), Fault> {
        let mut replaced: Vec<SourceId> = drops.iter().copied().chain(puts.iter().map(|put| put.source)).collect();
        replaced.sort_unstable();
        replaced.dedup();
        let searcher = self.reader.searcher();
        let mut chunks = searcher.num_docs();
        for source in replaced {
            chunks -= self.chunks_of(&searcher, source)?;
            writer.delete_term(self.fields.source_term(source));
        }
        for document in self.fields.documents(puts) {
            writer.add_document(document)?;
        }
        chunks += puts.len() as u64;
        let mut commit = writer.prepare_commit()?;
        commit.set_payload(&payload(seq, chunks));
        commit.commit()?;
        sync_folder(&self.folder)?;
        self.reader.reload()?;
        self.last_seq.store(seq, Ordering::Release);
        Ok(())
    }

    fn chunks_of(&self, searcher: &Searcher, source: SourceId) -> tantivy::Result<u64> {
        let term = self.fields.source_term(source);
        let mut count = 0;
        for segment in searcher.segment_readers() {
            let index = segment.inverted_index(self.fields.source)?;
            let Some(mut block) = index.read_block_postings(&term, IndexRecordOption::Basic)? else {
                continue;
            };
            while block.block_len() > 0 {
                count += block.docs().iter().filter(|document| !segment.is_deleted(**document)).count() as u64;
                block.advance();
            }
        }
        Ok(count)
    }
}

/// `1 7 120 89abcdef`: format, last change, chunks, and a checksum of those.
fn payload(seq: Seq, chunks: u64) -> String {
    let facts = format!("{FORMAT} {seq} {chunks}");
    format!("{facts} {:08x}", crc32fast::hash(facts.as_bytes()))
}

fn read_payload(text: &str) -> Option<(Seq, u64)> {
    let mut facts = text.split(' ').skip(1);
    let (seq, chunks) = (facts.next()?.parse().ok()?, facts.next()?.parse().ok()?);
    (payload(seq, chunks) == text).then_some((seq, chunks))
}

/// Removes what the engine was writing when the process died.
fn remove_unfinished(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(".tmp")) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}
