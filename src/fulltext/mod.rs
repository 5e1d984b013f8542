//! The derived word index: one tantivy index per account. It is not the truth: whatever it lost, or whatever of it is
//! damaged, is indexed again from the store.
//!
//! The way of a text: cut into [`words`], which become terms of its [`language`], which are the fields of a document
//! ([`schema`]) in an account's [`index`]. The way of a question: its words ([`question`]) are looked up among the
//! documents of a [`scope`], which are then [`score`]d; [`coverage`] says how much of a question a text speaks of.

mod coverage;
mod index;
mod language;
mod question;
mod schema;
mod scope;
mod score;
#[cfg(test)]
mod tests;
mod words;

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use crate::domain::account::Scope;
use crate::domain::chunk::StoredChunk;
use crate::domain::id::{AccountId, Seq, SourceId};
use crate::domain::passage::Candidate;
use crate::limits;
use index::{AccountIndex, Fault, Writer};

/// Why a word index could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum FulltextError {
    #[error("{what}: {source}")]
    Io { what: String, source: io::Error },
    #[error("the word index of account {account}: {source}")]
    Engine { account: AccountId, source: Box<dyn std::error::Error + Send + Sync> },
}

impl FulltextError {
    fn engine(account: AccountId, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> FulltextError {
        FulltextError::Engine { account, source: source.into() }
    }

    fn fault(account: AccountId, fault: Fault) -> FulltextError {
        match fault {
            Fault::Damaged(why) => FulltextError::engine(account, why),
            Fault::Engine(error) => FulltextError::engine(account, error),
            Fault::Io(error) => FulltextError::engine(account, error),
        }
    }
}

/// The word indexes of all accounts below one folder. Cheap to clone.
#[derive(Clone)]
pub struct Fulltext {
    inner: Arc<Inner>,
}

struct Inner {
    folder: PathBuf,
    accounts: Mutex<HashMap<AccountId, Arc<Account>>>,
    /// The accounts open for changes, the least recently changed one first.
    changed: Mutex<Vec<Arc<Account>>>,
}

/// The place of one account's index, whether or not there is one.
struct Account {
    id: AccountId,
    folder: PathBuf,
    opened: RwLock<Option<Arc<AccountIndex>>>,
    /// Held by whoever changes the index.
    writer: Mutex<Option<Writer>>,
}

impl Fulltext {
    /// Remembers `folder`, which is made if missing; each account's index is opened when it is first named.
    pub fn open(folder: &Path) -> Result<Fulltext, FulltextError> {
        let failed = |source| FulltextError::Io { what: format!("could not open {}", folder.display()), source };
        fs::create_dir_all(folder).map_err(failed)?;
        for entry in fs::read_dir(folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.extension().is_some_and(|extension| extension == FORGOTTEN) {
                fs::remove_dir_all(path).map_err(failed)?;
            }
        }
        let inner = Inner { folder: folder.to_path_buf(), accounts: Mutex::default(), changed: Mutex::default() };
        Ok(Fulltext { inner: Arc::new(inner) })
    }

    /// The largest change that the account's index holds; 0 for none.
    ///
    /// An index that is damaged is renamed to `*.damaged-N` and starts empty; that is not an error.
    pub fn last_seq(&self, account: AccountId) -> Result<Seq, FulltextError> {
        Ok(self.account(account).index()?.map_or(0, |index| index.last_seq()))
    }

    /// Removes the chunks of `drops` and of every source in `puts`, adds `puts`, and commits both as `seq`.
    ///
    /// A `seq` that the index already holds changes nothing, so a replay is harmless.
    pub fn apply(
        &self,
        account: AccountId,
        seq: Seq,
        puts: &[StoredChunk],
        drops: &[SourceId],
    ) -> Result<(), FulltextError> {
        let account = self.account(account);
        self.close_writers_beside(&account);
        account.apply(seq, puts, drops)
    }

    /// The `k` chunks of the scope that match the question's words best (BM25), best first.
    ///
    /// Only the scope's documents have a part in the scores. Any text is a question.
    pub fn search(&self, scope: &Scope, question: &str, k: usize) -> Result<Vec<Candidate>, FulltextError> {
        let Some(index) = self.account(scope.account).index()? else {
            return Ok(Vec::new());
        };
        let search = || {
            let view = index.view(scope)?;
            let statistics = view.statistics();
            let asked = question::asked(question, &statistics);
            score::best(&view, &statistics, &asked, k.min(limits::CANDIDATES_MAX))
        };
        search().map_err(|error| FulltextError::engine(scope.account, error))
    }

    /// For each text, the idf-weighted share of the question's words that it holds, 0 to 1.
    ///
    /// Stop words do not count; words that no document of the scope holds count most.
    pub fn coverage(&self, scope: &Scope, question: &str, texts: &[&str]) -> Result<Vec<f32>, FulltextError> {
        let Some(index) = self.account(scope.account).index()? else {
            return Ok(vec![0.0; texts.len()]);
        };
        let weigh = || {
            let view = index.view(scope)?;
            let statistics = view.statistics();
            let asked = question::asked(question, &statistics);
            coverage::shares(&view, &statistics, &asked, texts)
        };
        weigh().map_err(|error| FulltextError::engine(scope.account, error))
    }

    /// The languages of the scope's texts, as far as they are told, as ISO 639-3 codes, the most common one first.
    pub fn languages(&self, scope: &Scope) -> Result<Vec<String>, FulltextError> {
        let Some(index) = self.account(scope.account).index()? else {
            return Ok(Vec::new());
        };
        let view = index.view(scope).map_err(|error| FulltextError::engine(scope.account, error))?;
        let languages =
            view.statistics().languages.iter().map(|language| language.code().to_owned()).collect::<Vec<_>>();
        Ok(languages.into_iter().filter(|code| !code.is_empty()).collect())
    }

    /// Chunks in the account's index.
    pub fn count(&self, account: AccountId) -> Result<u64, FulltextError> {
        Ok(self.account(account).index()?.map_or(0, |index| index.count()))
    }

    /// Removes the account's index; its next `last_seq` is 0.
    pub fn forget(&self, account: AccountId) -> Result<(), FulltextError> {
        self.account(account).forget()
    }

    fn account(&self, id: AccountId) -> Arc<Account> {
        let mut accounts = lock(&self.inner.accounts);
        let account = accounts.entry(id).or_insert_with(|| {
            let folder = self.inner.folder.join(id.to_string());
            Arc::new(Account { id, folder, opened: RwLock::default(), writer: Mutex::default() })
        });
        Arc::clone(account)
    }

    /// Makes room for the writer of `account`: each one holds threads and memory.
    fn close_writers_beside(&self, account: &Arc<Account>) {
        let mut changed = lock(&self.inner.changed);
        changed.retain(|other| other.id != account.id);
        changed.push(Arc::clone(account));
        if changed.len() > limits::WORD_WRITERS_MAX {
            let idle = changed.remove(0);
            drop(changed);
            idle.close_writer();
        }
    }
}

impl Account {
    /// The index, opened if it was not; `None` if there is none.
    fn index(&self) -> Result<Option<Arc<AccountIndex>>, FulltextError> {
        if let Some(index) = &*self.opened.read().unwrap_or_else(PoisonError::into_inner) {
            return Ok(Some(Arc::clone(index)));
        }
        let mut opened = self.opened.write().unwrap_or_else(PoisonError::into_inner);
        if opened.is_none() && self.folder.is_dir() {
            match AccountIndex::open(&self.folder) {
                Ok(index) => *opened = Some(Arc::new(index)),
                Err(fault) => {
                    let why = FulltextError::fault(self.id, fault);
                    tracing::warn!(folder = %self.folder.display(), %why, "a word index is damaged and will be rebuilt");
                    set_aside(&self.folder).map_err(|error| self.io("set aside", error))?;
                }
            }
        }
        Ok(opened.clone())
    }

    fn index_or_new(&self) -> Result<Arc<AccountIndex>, FulltextError> {
        if let Some(index) = self.index()? {
            return Ok(index);
        }
        let mut opened = self.opened.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = &*opened {
            return Ok(Arc::clone(index));
        }
        let index = AccountIndex::create(&self.folder).map_err(|fault| FulltextError::fault(self.id, fault))?;
        Ok(Arc::clone(opened.insert(Arc::new(index))))
    }

    fn apply(&self, seq: Seq, puts: &[StoredChunk], drops: &[SourceId]) -> Result<(), FulltextError> {
        let mut writer = lock(&self.writer);
        let index = self.index_or_new()?;
        if seq <= index.last_seq() {
            return Ok(());
        }
        let applied = self.apply_with(&index, &mut writer, seq, puts, drops);
        if applied.is_err() {
            // What is half done must not come with the next commit, and whether the folder is sound has to be seen
            // anew: both are opened again by the next caller.
            self.close(&mut writer);
            *self.opened.write().unwrap_or_else(PoisonError::into_inner) = None;
        }
        applied.map_err(|fault| FulltextError::fault(self.id, fault))
    }

    fn apply_with(
        &self,
        index: &AccountIndex,
        writer: &mut Option<Writer>,
        seq: Seq,
        puts: &[StoredChunk],
        drops: &[SourceId],
    ) -> Result<(), Fault> {
        let writer = match writer {
            Some(writer) => writer,
            None => writer.insert(index.writer()?),
        };
        index.apply(writer, seq, puts, drops)
    }

    fn close_writer(&self) {
        self.close(&mut lock(&self.writer));
    }

    /// Ends a writer with the merges that it has begun: whoever opens the index next would see their files half written
    /// or half removed, and take it for damaged.
    fn close(&self, writer: &mut Option<Writer>) {
        if let Some(writer) = writer.take()
            && let Err(error) = writer.wait_merging_threads()
        {
            // Merges only save time; what was committed stays as it is.
            tracing::warn!(account = %self.id, %error, "a merge of the word index failed");
        }
    }

    fn forget(&self) -> Result<(), FulltextError> {
        let mut writer = lock(&self.writer);
        self.close(&mut writer);
        *self.opened.write().unwrap_or_else(PoisonError::into_inner) = None;
        // Under another name first: a crash half way through must not leave a part of an index behind.
        let removed = self.folder.with_extension(FORGOTTEN);
        let _ = fs::remove_dir_all(&removed);
        let gone = fs::rename(&self.folder, &removed).and_then(|()| fs::remove_dir_all(&removed));
        match gone {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.io("remove", error)),
            _ => Ok(()),
        }
    }

    fn io(&self, verb: &str, source: io::Error) -> FulltextError {
        FulltextError::Io { what: format!("could not {verb} {}", self.folder.display()), source }
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.close_writer();
    }
}

/// What the names of folders about to be removed end with.
const FORGOTTEN: &str = "forgotten";

/// Renames `folder` out of the way, for the operator to look at. Of many, the last few are kept.
fn set_aside(folder: &Path) -> io::Result<()> {
    let name = |number: u32| folder.with_extension(format!("damaged-{number}"));
    let free = (1..=limits::DAMAGED_KEPT_MAX).find(|number| !name(*number).exists());
    let number = free.unwrap_or(limits::DAMAGED_KEPT_MAX);
    if free.is_none() {
        fs::remove_dir_all(name(1))?;
        for old in 2..=limits::DAMAGED_KEPT_MAX {
            fs::rename(name(old), name(old - 1))?;
        }
    }
    fs::rename(folder, name(number))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
