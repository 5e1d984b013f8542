//! The whole pipeline on real engines in a temporary folder; only the model and the reading process play scripts.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::{ExtractError, IngestError, Ingested, KEPT_FROM, Model, Rooms, chunk, hash, index, ingest, sandbox};
use crate::blobs::Blobs;
use crate::clock;
use crate::domain::account::{Account, Scope};
use crate::domain::chunk::ChunkRules;
use crate::domain::extract::Extract;
use crate::domain::id::GenerationId;
use crate::domain::job::Job;
use crate::domain::source::{Source, SourceKind, SourceState};
use crate::fulltext::Fulltext;
use crate::inference::{Embedder, Endpoint};
use crate::net::scripted::{Scripted, answer};
use crate::net::{Client, Policy, Waits};
use crate::store::{Created, NewSource, Store};
use crate::vectors::{SegmentKey, Vectors};

/// An appliance's engines, as many documents as are embedded in a test, and the child that reads each.
struct House {
    folder: tempfile::TempDir,
    rooms: Rooms,
    account: Account,
    _endpoint: Scripted,
}

const DOCUMENT: &str = "# Opening hours\n\nThe library opens at nine.";

impl House {
    /// With a child that runs `script`, and an endpoint that embeds one chunk for each request.
    async fn open(script: &str) -> House {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        let row = json!({"data": [{"index": 0, "embedding": [3.0, 4.0]}]}).to_string();
        let endpoint = Scripted::serve(vec![answer(200, "Content-Type: application/json\r\n", &row); 8]).await;
        let waits = Waits { connect: Duration::from_secs(5), silence: Duration::from_secs(30) };
        let named = Endpoint { base_url: endpoint.url("/v1"), api_key: None, model: "tiny".to_owned() };
        let embedder = Embedder::remote(Client::with_waits(Policy::Configured, waits), named, Some(2)).await;
        let embedder = embedder.expect("nothing is asked yet");
        let store = Store::open(&at("store.sqlite")).expect("a store");
        let account = store.create_account("A".to_owned(), 1).await.expect("an account");
        let generation = store.generation(embedder.identity().clone(), 1).await.expect("a generation");
        let rooms = Rooms {
            store,
            blobs: Blobs::open(&at("blobs")).expect("blobs"),
            vectors: Vectors::open(&at("vectors")).expect("vectors"),
            fulltext: Fulltext::open(&at("fulltext")).expect("fulltext"),
            model: Some(Model {
                embedder,
                generation,
                rules: ChunkRules { tokens_max: 256, tokens_min: 32, merge_peers: true },
            }),
            reader: sandbox::Reader { program: program(&at("child"), script) },
            ocr: super::ocr::Ocr::new(None),
            blob_gate: Arc::default(),
        };
        House { folder, rooms, account, _endpoint: endpoint }
    }

    /// The generation that documents are embedded for.
    fn generation(&self) -> GenerationId {
        self.rooms.model.as_ref().map(|model| model.generation).expect("it has a model")
    }

    async fn scope(&self) -> Scope {
        self.rooms.store.scope(self.account.id).await.expect("the account is there")
    }

    /// Adds a document and claims its job.
    async fn add(&self, text: &str) -> (Job, Source) {
        let mut incoming = self.rooms.blobs.receive().await.expect("there is room");
        incoming.write(text.as_bytes()).await.expect("there is room");
        let (sha256, bytes) = incoming.finish().await.expect("there is room");
        let new = NewSource {
            account: self.account.id,
            collection: self.scope().await.collections[0],
            kind: SourceKind::Document,
            title: "hours".to_owned(),
            file_name: "hours.md".to_owned(),
            media_type: "text/plain".to_owned(),
            bytes,
            sha256,
            added_by: None,
            parent: None,
        };
        let created = self.rooms.store.create_source(new, clock::now_ms()).await.expect("it is new");
        let Created::New(source) = created else { panic!("it is new") };
        let job = self.rooms.store.claim_job(clock::now_ms()).await.expect("the store works").expect("a job waits");
        (job, source)
    }

    async fn ingest(&self, job: &Job, source: &Source) -> Result<Option<Ingested>, IngestError> {
        ingest(&self.rooms, job, source, clock::now_ms).await
    }

    async fn state(&self, source: &Source) -> Option<Source> {
        self.rooms.store.source(&self.scope().await, source.id).await.expect("the store works")
    }

    async fn catch_up(&self, rooms: &Rooms) {
        index::catch_up(rooms, self.account.id, clock::now_ms()).await.expect("the engines work");
    }

    /// Chunks found by a word, and vectors in the segment.
    async fn found(&self, rooms: &Rooms, word: &str) -> (usize, usize) {
        let scope = self.scope().await;
        let key = SegmentKey { generation: self.generation(), collection: scope.collections[0] };
        (rooms.fulltext.search(&scope, word, 10).expect("the index works").len(), rooms.vectors.count(key))
    }
}

/// A program at `path` that runs `script`.
fn program(path: &Path, script: &str) -> std::path::PathBuf {
    std::fs::write(path, format!("#!/bin/sh\n{script}\n")).expect("the script is written");
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).expect("the script may be run");
    path.to_path_buf()
}

/// A child that reads the document as [`DOCUMENT`], entitled "Library".
fn reads() -> String {
    let read = json!({"outcome": {"read": {
        "title": "Library", "markdown": DOCUMENT, "pages": [], "notes": ["noted"], "media_type": "text/markdown"
    }}});
    format!("cat >/dev/null\ncat <<'END'\n{read}\nEND")
}

#[tokio::test]
async fn a_document_becomes_searchable_by_words_and_meaning() {
    let house = House::open(&reads()).await;
    let (job, source) = house.add("bytes").await;
    let done = house.ingest(&job, &source).await.expect("all engines work").expect("it is still there");
    assert_eq!((done.chunks, done.pages), (1, 0));
    assert!(done.stages.extract_ms > 0.0 && done.stages.embed_ms > 0.0);
    let stored = house.state(&source).await.expect("it is still there");
    assert_eq!((stored.state, stored.title.as_str()), (SourceState::Indexing, "Library"));
    assert_eq!(house.found(&house.rooms, "opens").await, (0, 0));
    house.catch_up(&house.rooms).await;
    assert_eq!(house.state(&source).await.map(|source| source.state), Some(SourceState::Ready));
    assert_eq!(house.found(&house.rooms, "opens").await, (1, 1));
    let again = house.ingest(&job, &source).await.expect("a job may be run twice").expect("it is still there");
    house.catch_up(&house.rooms).await;
    assert!(again.seq >= done.seq);
    assert_eq!(house.found(&house.rooms, "opens").await, (1, 1));
}

#[tokio::test]
async fn vectors_that_an_earlier_try_made_are_not_made_again() {
    let section = |number: usize| format!("# Section {number}\n\n{}\n\n", format!("Words of {number}. ").repeat(60));
    let markdown: String = (0..300).map(section).collect();
    let read = json!({"outcome": {"read": {
        "title": "Long", "markdown": markdown.trim_end(), "pages": [], "notes": [], "media_type": "text/markdown"
    }}});
    let house = House::open(&format!("cat >/dev/null\ncat <<'END'\n{read}\nEND")).await;
    let (job, source) = house.add("bytes").await;
    let model = house.rooms.model.clone().expect("it has a model");
    let count = |text: &str| model.embedder.count_tokens(text);
    let extract = Extract { markdown: markdown.trim_end().to_owned(), ..Extract::default() };
    let chunks = chunk::chunk(&extract, "Long", model.rules, &count);
    assert!(chunks.len() > KEPT_FROM, "{} chunks are not enough to be kept", chunks.len());
    let title = chunk::context_title("Long", model.rules, &count);
    let vectors = chunks.iter().map(|chunk| (hash(&chunk.embedded_text(title)), vec![0.6, 0.8])).collect();
    house.rooms.store.keep_vectors(job.id, model.generation, vectors).await.expect("the store works");
    // The endpoint would answer with one vector for sixty-four texts.
    let done = house.ingest(&job, &source).await.expect("nothing is asked").expect("it is still there");
    assert_eq!(done.chunks, chunks.len());
    let stored = house.rooms.store.vectors_of(model.generation, source.id).await.expect("a read").expect("all");
    assert!(stored.iter().all(|(_, vector)| *vector == [0.6, 0.8]));
}

#[tokio::test]
async fn indexes_that_are_lost_are_built_anew_and_deletions_follow() {
    let house = House::open(&reads()).await;
    let (job, source) = house.add("bytes").await;
    house.ingest(&job, &source).await.expect("all engines work");
    house.catch_up(&house.rooms).await;
    let lost = Rooms {
        vectors: Vectors::open(&house.folder.path().join("vectors2")).expect("vectors"),
        fulltext: Fulltext::open(&house.folder.path().join("fulltext2")).expect("fulltext"),
        ..house.rooms.clone()
    };
    tokio::join!(house.catch_up(&lost), house.catch_up(&lost));
    assert_eq!(house.found(&lost, "opens").await, (1, 1));
    let scope = house.scope().await;
    house.rooms.store.delete_source(&scope, source.id, clock::now_ms()).await.expect("the store works");
    house.catch_up(&lost).await;
    assert_eq!(house.found(&lost, "opens").await, (0, 0));
}

#[tokio::test]
async fn indexes_of_a_store_that_was_put_back_are_built_anew() {
    let house = House::open(&reads()).await;
    let (job, source) = house.add("bytes").await;
    house.ingest(&job, &source).await.expect("all engines work");
    let scope = house.scope().await;
    let key = SegmentKey { generation: house.generation(), collection: scope.collections[0] };
    let foreign = 1000;
    house.rooms.fulltext.apply(scope.account, foreign, &[], &[]).expect("the index works");
    house.rooms.vectors.apply(key, 2, foreign, &[], &[]).expect("the segment works");
    house.catch_up(&house.rooms).await;
    assert_eq!(house.found(&house.rooms, "opens").await, (1, 1));
    assert_eq!(house.state(&source).await.map(|source| source.state), Some(SourceState::Ready));
}

#[tokio::test]
async fn a_source_deleted_meanwhile_is_none() {
    let house = House::open(&reads()).await;
    let (job, source) = house.add("bytes").await;
    let scope = house.scope().await;
    house.rooms.store.delete_source(&scope, source.id, clock::now_ms()).await.expect("the store works");
    assert_eq!(house.ingest(&job, &source).await.expect("that is no error"), None);
}

#[tokio::test]
async fn faults_of_the_document_and_of_the_machine_are_told_apart() {
    let refused = json!({"outcome": {"refused": {"kind": "encrypted", "detail": ""}}});
    let house = House::open(&format!("cat >/dev/null\necho '{refused}'")).await;
    let (job, source) = house.add("bytes").await;
    let error = house.ingest(&job, &source).await.expect_err("it is encrypted");
    assert!(matches!(error, IngestError::Document(ExtractError::Encrypted)), "{error}");

    let model = house.rooms.model.clone().map(|model| Model { generation: GenerationId(99), ..model });
    let unknown = Rooms { model, ..house.rooms.clone() };
    let reading = sandbox::Reader { program: program(&house.folder.path().join("reads"), &reads()) };
    let unknown = Rooms { reader: reading, ..unknown };
    let error = ingest(&unknown, &job, &source, clock::now_ms).await.expect_err("there is no such generation");
    assert!(matches!(error, IngestError::Later(_)), "{error}");

    let nobody = sandbox::Reader { program: house.folder.path().join("missing") };
    let error =
        ingest(&Rooms { reader: nobody, ..unknown }, &job, &source, clock::now_ms).await.expect_err("no program");
    assert!(matches!(error, IngestError::Later(_)), "{error}");

    house.rooms.blobs.remove(source.sha256).await.expect("it is there");
    let error = house.ingest(&job, &source).await.expect_err("the original is gone");
    assert!(matches!(error, IngestError::Document(ExtractError::Stopped(_))), "{error}");
}
