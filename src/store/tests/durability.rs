//! What survives: crashes, full disks, panics, full queues, and files that are not ours.

use std::fs;
use std::path::Path;
use std::sync::mpsc;

use rusqlite::Connection;

use super::{House, NOW, new_source};
use crate::domain::id::{AccountId, JobId, SourceId};
use crate::domain::job::Work;
use crate::limits;
use crate::store::migrate::MIGRATIONS;
use crate::store::{Created, Store, StoreError};

/// The schema of this release.
const KNOWN: u32 = MIGRATIONS.len() as u32;
/// The schema of a release that has two migrations more.
const LATER: u32 = KNOWN + 2;

#[tokio::test]
async fn acknowledged_rows_survive_a_process_that_ends_at_once() {
    let house = House::new().await;
    let source = house.ingested("a.pdf", &["one", "two"]).await;
    // What lies on disk now is what a killed process leaves: nothing was closed, nothing was written back.
    let crashed = tempfile::tempdir().expect("a temporary folder");
    for name in ["nosia.db", "nosia.db-wal"] {
        fs::copy(house.folder.path().join(name), crashed.path().join(name)).expect("the files are there");
    }
    let store = Store::open(&crashed.path().join("nosia.db")).expect("it opens again");
    assert_eq!(store.source(&house.scope, source.id).await.expect("a read"), Some(source));
    assert_eq!(store.integrity().await.expect("a read"), Vec::<String>::new());
}

#[tokio::test]
async fn a_store_dropped_without_being_closed_opens_again() {
    let House { folder, store, scope, .. } = House::new().await;
    let created = store.create_source(new_source(&scope, "a.pdf"), NOW).await.expect("a source");
    drop(store);
    let store = Store::open(&folder.path().join("nosia.db")).expect("it opens again");
    let again = store.create_source(new_source(&scope, "a.pdf"), NOW).await.expect("a source");
    let (Created::New(first), Created::Same(second)) = (created, again) else { panic!("it was there") };
    assert_eq!(first, second);
}

#[tokio::test]
async fn a_closed_store_leaves_one_file_and_says_that_it_is_closed() {
    let house = House::new().await;
    let adding: Vec<_> = (0..50).map(|number| new_source(&house.scope, &format!("{number}.pdf"))).collect();
    let store = house.store.clone();
    let sent = tokio::spawn(async move {
        futures_util::future::join_all(adding.into_iter().map(|source| store.create_source(source, NOW))).await
    });
    let added = sent.await.expect("no panic").into_iter().filter(Result::is_ok).count();
    house.store.close().await;
    house.store.close().await;
    let left: Vec<_> = fs::read_dir(house.folder.path()).expect("a folder").flatten().map(|f| f.file_name()).collect();
    assert_eq!(left, ["nosia.db"], "the log was written back");
    assert!(matches!(house.store.users().await, Err(StoreError::Closed)));
    assert!(matches!(house.store.end_session([1; 32]).await, Err(StoreError::Closed)));
    let store = Store::open(&house.folder.path().join("nosia.db")).expect("it opens again");
    assert_eq!(store.source_counts(&house.scope).await.expect("a read").total, added as u64);
}

#[tokio::test]
async fn a_later_schema_and_a_foreign_file_are_refused_untouched() {
    let make_later = |path: &Path| {
        let store = Store::open(path).expect("a new database opens");
        // Closed to the end: a writer that is still putting its log away would write after the file was looked at.
        let closing = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            runtime.block_on(store.close());
        });
        closing.join().expect("it closes");
        let file = Connection::open(path).expect("it opens");
        file.pragma_update(None, "user_version", 99).expect("it can be written");
    };
    let make_foreign = |path: &Path| {
        let file = Connection::open(path).expect("it opens");
        file.execute_batch("CREATE TABLE recipes (name TEXT)").expect("it can be written");
    };
    let make_garbage = |path: &Path| fs::write(path, "not a database, however long it is".repeat(99)).expect("a file");
    type Make<'a> = &'a dyn Fn(&Path);
    type Expected = fn(&StoreError) -> bool;
    let cases: [(&str, Make<'_>, Expected); 3] = [
        ("later", &make_later, |error| matches!(error, StoreError::NewerSchema { found: 99, known: KNOWN })),
        ("foreign", &make_foreign, |error| matches!(error, StoreError::Damaged(_))),
        ("garbage", &make_garbage, |error| matches!(error, StoreError::Damaged(_))),
    ];
    for (name, make, expected) in cases {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("nosia.db");
        make(&path);
        let before = fs::read(&path).expect("a file");
        let error = Store::open(&path).err().unwrap_or_else(|| panic!("{name}: it was opened"));
        assert!(expected(&error), "{name}: {error:?}");
        assert!(fs::read(&path).expect("a file") == before, "{name}: it was written to");
    }
}

#[tokio::test]
async fn a_later_schema_in_an_unfinished_log_is_refused_untouched() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("nosia.db");
    let store = Store::open(&path).expect("a new database opens");
    store.write(|rows| Ok(rows.pragma_update(None, "user_version", 99)?)).await.expect("a later release");
    let crashed = tempfile::tempdir().expect("a temporary folder");
    let files = ["nosia.db", "nosia.db-wal"];
    for name in files {
        fs::copy(folder.path().join(name), crashed.path().join(name)).expect("the files are there");
    }
    let read = || files.map(|name| fs::read(crashed.path().join(name)).expect("a file"));
    let before = read();
    let refused = Store::open(&crashed.path().join("nosia.db"));
    assert!(matches!(refused.err(), Some(StoreError::NewerSchema { found: 99, known: KNOWN })));
    assert!(read() == before);
}

#[tokio::test]
async fn a_migration_happens_whole_or_not_at_all_and_a_copy_is_kept() {
    let House { folder, store, .. } = House::new().await;
    store.close().await;
    let path = folder.path().join("nosia.db");
    let after = |more: &[&'static str]| [MIGRATIONS, more].concat();
    let broken = after(&["CREATE TABLE more (x TEXT); INSERT INTO nowhere VALUES (1)"]);
    let broken = Store::open_with(&path, &broken);
    assert!(matches!(broken.err(), Some(StoreError::Engine(_))));
    let copy = Store::open(&folder.path().join(format!("nosia.db.schema-{KNOWN}"))).expect("the copy is a database");
    assert_eq!(copy.accounts().await.expect("a read").len(), 1);

    let store = Store::open(&path).expect("the release before still opens it");
    store.close().await;
    let later = after(&["CREATE TABLE more (x TEXT)", "INSERT INTO more VALUES ('third')"]);
    let store = Store::open_with(&path, &later).expect("it is brought up to date");
    let more = store.read(|rows| Ok(rows.query_row("SELECT x FROM more", [], |row| row.get::<_, String>(0))?)).await;
    assert_eq!(more.expect("a read"), "third");
    assert_eq!(store.accounts().await.expect("a read").len(), 1);
    store.close().await;
    Store::open_with(&path, &later).expect("what was done is not done again").close().await;
    assert!(matches!(Store::open(&path).err(), Some(StoreError::NewerSchema { found: LATER, known: KNOWN })));
}

#[tokio::test]
async fn every_released_schema_is_brought_up_to_date_with_its_rows() {
    for released in 1..KNOWN {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("nosia.db");
        let old = Store::open_with(&path, &MIGRATIONS[..released as usize]).expect("an old database is made");
        let rows = "
            INSERT INTO accounts (id, name, created_at_ms) VALUES (1, 'A', 0);
            INSERT INTO collections (id, account, name, created_at_ms) VALUES (1, 1, 'General', 0);
            INSERT INTO sources (id, account, collection, kind, title, file_name, names, media_type, bytes, sha256,
                                 state, created_at_ms, updated_at_ms)
                VALUES (1, 1, 1, 'document', 'a', 'a.pdf', 'a', 'x', 1, zeroblob(32), 'waiting', 0, 0);
            INSERT INTO jobs (id, kind, source, not_before_ms, created_at_ms) VALUES (7, 'ingest', 1, 0, 0);
            INSERT INTO jobs (id, kind, source, not_before_ms, created_at_ms) VALUES (9, 'other', 1, 0, 0);
            DELETE FROM jobs WHERE id = 9;";
        old.write(move |connection| Ok(connection.execute_batch(rows)?)).await.expect("rows of that release");
        old.close().await;
        let store = Store::open(&path).expect("this release opens it");
        let job = store.claim_job(NOW).await.expect("a claim").expect("its job still waits");
        assert_eq!((job.id, job.work), (JobId(7), Work::Ingest(SourceId(1))), "from schema {released}");
        let scope = store.scope(AccountId(1)).await.expect("its account is there");
        let Created::New(source) = store.create_source(new_source(&scope, "b.pdf"), NOW).await.expect("a source")
        else {
            panic!("it is new")
        };
        let next = store.claim_job(NOW).await.expect("a claim").expect("a job");
        assert_eq!((next.work, next.id > JobId(9)), (Work::Ingest(source.id), true), "no number is given out twice");
        assert_eq!(store.integrity().await.expect("a read"), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_failed_write_undoes_itself_alone() {
    let house = House::new().await;
    let store = house.store.clone();
    let (entered, inside) = mpsc::channel();
    let (release, held) = mpsc::channel::<()>();
    // Holds the writer, so that the writes below wait and are committed together.
    let holding = tokio::spawn({
        let store = store.clone();
        async move {
            store
                .write(move |_| {
                    entered.send(()).expect("the test waits");
                    held.recv().expect("the test lets go");
                    Ok(())
                })
                .await
        }
    });
    tokio::task::spawn_blocking(move || inside.recv().expect("the writer runs")).await.expect("no panic");
    let insert = |name: &'static str, end: fn() -> crate::store::Result<()>| {
        let store = store.clone();
        tokio::spawn(async move {
            store
                .write(move |rows| {
                    rows.execute("INSERT INTO accounts (name, created_at_ms) VALUES (?1, 0)", [name])?;
                    end()
                })
                .await
        })
    };
    let good = insert("good", || Ok(()));
    let refused = insert("refused", || Err(StoreError::Conflict("row")));
    let panicked = insert("panicked", || panic!("as planned"));
    let last = insert("last", || Ok(()));
    tokio::task::yield_now().await;
    release.send(()).expect("the writer waits");
    holding.await.expect("no panic").expect("a write");
    good.await.expect("no panic").expect("a write");
    assert!(matches!(refused.await.expect("no panic"), Err(StoreError::Conflict("row"))));
    assert!(matches!(panicked.await.expect("no panic"), Err(StoreError::Engine(_))));
    last.await.expect("no panic").expect("a write");
    let names: Vec<String> =
        house.store.accounts().await.expect("a read").into_iter().map(|account| account.name).collect();
    assert_eq!(names, ["Northwind", "good", "last"]);
    let panicked = house.store.read(|_| -> crate::store::Result<()> { panic!("as planned") }).await;
    assert!(matches!(panicked, Err(StoreError::Engine(_))));
    house.store.users().await.expect("readers go on");
}

#[tokio::test]
async fn a_full_disk_is_told_and_outlived() {
    let house = House::new().await;
    house.ingested("a.pdf", &["one"]).await;
    let limit = |pages: i64| {
        let set = house
            .store
            .write(move |rows| Ok(rows.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?));
        async move { set.await.expect("a setting") }
    };
    // SQLite then answers as if the disk had no room for another page.
    limit(1).await;
    let big = "x".repeat(100_000);
    let refused = house.store.create_account(big.clone(), NOW).await;
    assert!(matches!(refused, Err(StoreError::DiskFull)), "{refused:?}");
    assert_eq!(house.store.accounts().await.expect("reads go on").len(), 1);
    limit(1 << 30).await;
    house.store.create_account(big, NOW).await.expect("there is room again");
    assert_eq!(house.store.integrity().await.expect("a read"), Vec::<String>::new());
}

#[tokio::test]
async fn a_full_queue_is_busy() {
    let house = House::new().await;
    let (release, held) = mpsc::channel::<()>();
    let (entered, inside) = mpsc::channel();
    let store = house.store.clone();
    let holding = tokio::spawn(async move {
        store
            .write(move |_| {
                entered.send(()).expect("the test waits");
                held.recv().expect("the test lets go");
                Ok(())
            })
            .await
    });
    tokio::task::spawn_blocking(move || inside.recv().expect("the writer runs")).await.expect("no panic");
    let mut waiting: Vec<_> =
        (0..=limits::WRITER_QUEUE_MAX).map(|_| Box::pin(house.store.end_session([1; 32]))).collect();
    let mut busy = 0;
    for write in &mut waiting {
        let polled = futures_util::poll!(write);
        busy += usize::from(matches!(polled, std::task::Poll::Ready(Err(StoreError::Busy))));
    }
    assert_eq!(busy, 1, "the one more than fit");
    house.store.users().await.expect("reads go on");
    release.send(()).expect("the writer waits");
    holding.await.expect("no panic").expect("a write");
    for write in waiting.into_iter().take(limits::WRITER_QUEUE_MAX) {
        write.await.expect("what waited is done");
    }
}

#[tokio::test]
async fn the_log_is_written_back_and_does_not_grow_without_end() {
    let house = House::new().await;
    let log = house.folder.path().join("nosia.db-wal");
    let page_bytes = 4_096 + 24;
    let text = "x".repeat(1_000_000);
    for number in 0..60 {
        house.store.create_account(format!("{number}{text}"), NOW).await.expect("a write");
    }
    let written = 60 * 1_000_000;
    let longest = u64::from(limits::CHECKPOINT_PAGES) * page_bytes + 2_000_000;
    let bytes = fs::metadata(log).expect("the log is there").len();
    assert!(bytes < longest && longest < written, "{bytes} bytes of log");
}

#[tokio::test]
async fn harm_in_the_file_is_found() {
    let house = House::new().await;
    for number in 0..50 {
        house.store.create_account("x".repeat(number * 20), NOW).await.expect("a write");
    }
    house.store.close().await;
    let path = house.folder.path().join("nosia.db");
    let mut bytes = fs::read(&path).expect("a file");
    // The header stays; a stretch of what follows does not.
    bytes[8 * 4_096..12 * 4_096].fill(0xee);
    fs::write(&path, bytes).expect("a file");
    let found = match Store::open(&path) {
        Ok(store) => store.integrity().await.map(|lines| lines.len()),
        Err(error) => Err(error),
    };
    assert!(matches!(found, Ok(1..) | Err(StoreError::Damaged(_))), "{found:?}");
}
