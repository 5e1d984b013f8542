//! The store on a real file in a temporary folder, and what its tests put in.

mod people;
mod sources;
mod jobs;
mod ingests;
mod builds;
mod scopes;
mod vectors;
mod chats;
mod settings;
mod websites;
mod durability;
mod plans;

use tempfile::TempDir;

use super::{Created, Finished, NewPerson, NewSource, Result, Store};
use crate::domain::account::Scope;
use crate::domain::chunk::Chunk;
use crate::domain::extract::{Extract, PageSpan, Span};
use crate::domain::id::{AccountId, CollectionId, GenerationId, JobId, Seq, SourceId};
use crate::domain::job::Work;
use crate::domain::model::ModelIdentity;
use crate::domain::source::{Sha256, Source, SourceKind};

/// Some moment.
const NOW: i64 = 1_772_373_909_999;
/// The dimensions of the vectors that tests put in.
const DIMENSIONS: usize = 8;

/// A store with one account and one generation.
struct House {
    folder: TempDir,
    store: Store,
    scope: Scope,
    generation: GenerationId,
}

impl House {
    async fn new() -> House {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = Store::open(&folder.path().join("nosia.db")).expect("a new database opens");
        let account = store.create_account("Northwind".to_owned(), NOW).await.expect("an account");
        let scope = store.scope(account.id).await.expect("a scope");
        let generation = store.generation(model("small"), NOW).await.expect("a generation");
        House { folder, store, scope, generation }
    }

    fn account(&self) -> AccountId {
        self.scope.account
    }

    fn collection(&self) -> CollectionId {
        self.scope.collections[0]
    }

    /// Another account's scope.
    async fn stranger(&self) -> Scope {
        let account = self.store.create_account("Contoso".to_owned(), NOW).await.expect("an account");
        self.store.scope(account.id).await.expect("a scope")
    }

    /// Another collection of the account.
    async fn shelf(&self, name: &'static str) -> CollectionId {
        let account = self.account();
        let added = self.store.write(move |rows| {
            let row = (account.0, name, NOW);
            rows.execute("INSERT INTO collections (account, name, created_at_ms) VALUES (?1, ?2, ?3)", row)?;
            Ok(CollectionId(rows.last_insert_rowid()))
        });
        added.await.expect("a collection")
    }

    /// Adds a document to General.
    async fn add(&self, name: &str) -> Source {
        let created = self.store.create_source(new_source(&self.scope, name), NOW).await.expect("a source");
        let Created::New(source) = created else { panic!("{name} was there already") };
        source
    }

    /// Claims the oldest job, which is expected to be about `source`.
    async fn claim(&self, source: SourceId) -> JobId {
        let job = self.store.claim_job(NOW).await.expect("a claim").expect("a job is due");
        assert_eq!(job.work, Work::Ingest(source));
        job.id
    }

    /// Adds a document to General and ingests it.
    async fn ingested(&self, name: &str, texts: &[&str]) -> Source {
        let source = self.add(name).await;
        let job = self.claim(source.id).await;
        self.finish(job, source.id, texts).await.expect("an ingest").expect("the source is there");
        self.source(source.id).await
    }

    async fn finish(&self, job: JobId, source: SourceId, texts: &[&str]) -> Result<Option<Seq>> {
        self.store.finish_ingest(finished(job, source, self.generation, texts), NOW).await
    }

    async fn source(&self, id: SourceId) -> Source {
        self.store.source(&self.scope, id).await.expect("a read").expect("the source is there")
    }
}

fn model(name: &str) -> ModelIdentity {
    ModelIdentity {
        name: name.to_owned(),
        weights: "00ff".to_owned(),
        dimensions: DIMENSIONS,
        pooling: "mean".to_owned(),
        prefix: String::new(),
    }
}

fn person(email: &str) -> NewPerson {
    NewPerson {
        email: email.to_owned(),
        name: "Ada".to_owned(),
        password_hash: "$argon2id$".to_owned(),
        administrator: false,
    }
}

/// A document whose bytes differ from those of every other name.
fn new_source(scope: &Scope, name: &str) -> NewSource {
    let mut sha256 = [0_u8; 32];
    for (at, byte) in name.bytes().enumerate() {
        sha256[at % 32] = byte.wrapping_add(sha256[at % 32].rotate_left(3));
    }
    NewSource {
        account: scope.account,
        collection: scope.collections[0],
        kind: SourceKind::Document,
        title: name.to_owned(),
        file_name: name.to_owned(),
        media_type: "application/octet-stream".to_owned(),
        bytes: name.len() as u64,
        sha256: Sha256(sha256),
        added_by: None,
        parent: None,
    }
}

/// A job's end: one chunk and one page for each text.
fn finished(job: JobId, source: SourceId, generation: GenerationId, texts: &[&str]) -> Finished {
    let mut extract = Extract { title: Some("Handbook".to_owned()), ..Extract::default() };
    extract.notes.push("page 9 holds only an image".to_owned());
    let mut chunks = Vec::new();
    for (number, text) in (1u32..).zip(texts) {
        let start = extract.markdown.len();
        extract.markdown.push_str(text);
        let span = Span { start, end: extract.markdown.len() };
        extract.pages.push(PageSpan { number, span });
        let headings = vec!["Rules".to_owned(), "“Leave”".to_owned()];
        let chunk = Chunk { headings, page: Some(number), span, text: (*text).to_owned(), tokens: 3 };
        chunks.push((chunk, vector(text)));
    }
    let media_type = "application/pdf".to_owned();
    Finished { job, source, extract, media_type, generation, chunks }
}

/// A vector of no particular direction, always the same for the same text.
fn vector(text: &str) -> Vec<f32> {
    let mut state =
        text.bytes().fold(0x9e37_79b9_u32, |state, byte| (state ^ u32::from(byte)).wrapping_mul(16_777_619));
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..DIMENSIONS).map(next).collect()
}
