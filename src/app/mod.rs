//! The hall: use cases, rights, and the order of things. The only place where the rooms meet.
//!
//! A door calls one function of a use case with the [`principal::Principal`] that its gate found, and gets a value or
//! an [`error::Error`]. Nothing here knows of HTTP, SQL, tensors or terminals.

pub mod ask;
pub mod bench;
pub mod chats;
pub mod command;
pub mod embed;
pub mod error;
pub mod eval;
pub mod extract_child;
pub mod folders;
pub mod health;
pub mod instructions;
pub mod models;
pub mod open;
pub mod passwords;
pub mod principal;
pub mod secret;
pub mod sign_in;
pub mod sources;
pub mod texts;
pub mod tokens;
pub mod users;
pub mod websites;
pub mod worker;

use std::fs::File;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, RwLock as Lock};

use tokio::sync::{Mutex as Gate, Notify, RwLock, Semaphore};

use crate::blobs::Blobs;
use crate::config::Settings;
use crate::domain::account::Scope;
use crate::fulltext::Fulltext;
use crate::inference::library::Library;
use crate::inference::{Generator, Sampling};
use crate::ingest::{self, Model};
use crate::limits;
use crate::net;
use crate::retrieve;
use crate::store::Store;
use crate::vectors::Vectors;
use error::{Error, Kind, Result};
use principal::Principal;

/// The opened appliance. Clones share it.
#[derive(Clone)]
pub struct App(Arc<Rooms>);

/// Every room, open, and what only the hall keeps.
pub struct Rooms {
    pub(crate) settings: Settings,
    pub(crate) store: Store,
    pub(crate) blobs: Blobs,
    vectors: Vectors,
    fulltext: Fulltext,
    /// What questions are compared by; replaced while they are asked.
    searching: Lock<models::embedder::Searching>,
    /// Held while that changes.
    changing: Gate<()>,
    /// What writes the answers; replaced while answers are written.
    writing: Lock<models::generator::Writing>,
    /// What ranks the best passages anew; replaced while questions are asked.
    reranking: Lock<models::reranker::Reranking>,
    /// What judges passages before an answer is written, where a model is set to.
    guard: Option<Generator>,
    /// The models on this machine.
    library: Library,
    /// For endpoints that the settings name.
    client: net::Client,
    /// For addresses that people and pages name.
    visitor: net::Visitor,
    reader: ingest::sandbox::Reader,
    ocr: ingest::ocr::Ocr,
    /// What a process that reads documents can still do and should not, as found at the start; or why none starts.
    reading: std::result::Result<Vec<ingest::sandbox::Door>, String>,
    data: PathBuf,
    passwords: passwords::Passwords,
    sign_ins: sign_in::SignIns,
    /// Wakes workers when a job has been written.
    work: Notify,
    /// Wakes the builder of vectors.
    build: Notify,
    /// Wakes the readers of web sites.
    visit: Notify,
    /// Wakes who keeps folders in step.
    watch: Notify,
    in_hand: worker::InHand,
    indexer: worker::Indexer,
    stages: worker::StageTotals,
    workers: Mutex<Option<worker::Workers>>,
    questions: Arc<Semaphore>,
    /// Held to read from a file's rename to its row, to write while an unreferenced file is removed.
    blob_gate: Arc<RwLock<()>>,
    /// Locked while this process owns the data folder.
    _lock: File,
}

impl Deref for App {
    type Target = Rooms;
    fn deref(&self) -> &Rooms {
        &self.0
    }
}

impl App {
    /// What `principal` may read.
    async fn scope(&self, principal: &Principal) -> Result<Scope> {
        Ok(self.store.scope(principal.account.id).await?)
    }

    /// Passes if the data folder's disk has room for more.
    fn must_have_space(&self) -> Result<()> {
        let free = self.disk_free_bytes().map_err(Error::internal)?;
        if free >= limits::DISK_FREE_BYTES_MIN {
            return Ok(());
        }
        let message = format!(
            "The disk is nearly full ({} MiB free, {} MiB needed): nothing was saved. Free some space and try again.",
            free >> 20,
            limits::DISK_FREE_BYTES_MIN >> 20
        );
        Err(Error::new(Kind::DiskFull, message))
    }

    /// Bytes that the data folder's disk still takes.
    fn disk_free_bytes(&self) -> std::io::Result<u64> {
        let disk = rustix::fs::statvfs(&self.data)?;
        Ok(disk.f_bavail * disk.f_frsize)
    }

    /// How a generator writes unless a request says otherwise.
    pub fn sampling(&self) -> Sampling {
        Sampling {
            temperature: Some(self.settings.llm_temperature),
            top_p: Some(self.settings.llm_top_p),
            top_k: Some(self.settings.llm_top_k),
            max_tokens: Some(self.settings.llm_max_tokens),
            ..Sampling::default()
        }
    }

    fn ingest_rooms(&self) -> ingest::Rooms {
        ingest::Rooms {
            store: self.store.clone(),
            blobs: self.blobs.clone(),
            vectors: self.vectors.clone(),
            fulltext: self.fulltext.clone(),
            model: self.searching().reading().cloned(),
            reader: self.reader.clone(),
            ocr: self.ocr.clone(),
            blob_gate: self.blob_gate.clone(),
        }
    }

    fn retrieve_rooms(&self) -> retrieve::Rooms {
        let searching = self.searching();
        let meaning = |Model { embedder, generation, .. }| retrieve::Meaning { embedder, generation };
        retrieve::Rooms {
            store: self.store.clone(),
            vectors: self.vectors.clone(),
            fulltext: self.fulltext.clone(),
            meaning: searching.active.map(meaning),
            stand_in: searching.building.map(|model| model.embedder),
            rereader: self.reranking().rereader,
        }
    }
}
