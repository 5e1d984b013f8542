//! Adding, listing, retrying and deleting sources.

use super::{House, NOW, finished, new_source};
use crate::domain::account::Scope;
use crate::domain::answer::Citation;
use crate::domain::chat::{Speaker, Turn};

use crate::domain::extract::{Span, Unit, Unread};
use crate::domain::id::{CollectionId, SourceId};
use crate::domain::source::{SourceKind, SourceState};
use crate::store::{Created, NewMessage, NewSource, SourceCounts, SourceFilter, StoreError, UnreadPages};

fn all() -> SourceFilter {
    SourceFilter { words: None, state: None, kind: None, offset: 0, limit: 50 }
}

#[tokio::test]
async fn the_same_bytes_in_one_collection_are_one_source() {
    let house = House::new().await;
    let source = house.add("a.pdf").await;
    assert_eq!((source.state.clone(), source.version, source.created_at_ms), (SourceState::Waiting, 1, NOW));
    let renamed = NewSource { file_name: "b.pdf".to_owned(), ..new_source(&house.scope, "a.pdf") };
    let again = house.store.create_source(renamed.clone(), NOW + 1).await.expect("an answer");
    assert_eq!(again, Created::Same(source.clone()));
    assert_eq!(house.store.job_counts().await.expect("a read"), (1, 0), "the same source is not read twice");

    let elsewhere = NewSource { collection: house.shelf("Legal").await, ..renamed.clone() };
    let Created::New(other) = house.store.create_source(elsewhere, NOW).await.expect("an answer") else {
        panic!("another collection has a source of its own")
    };
    assert_ne!(other.id, source.id);
    let nowhere = NewSource { collection: CollectionId(99), ..renamed.clone() };
    let foreign = NewSource { collection: house.stranger().await.collections[0], ..renamed };
    for refused in [nowhere, foreign] {
        let answer = house.store.create_source(refused, NOW).await;
        assert!(matches!(answer, Err(StoreError::Conflict("collection"))), "{answer:?}");
    }
}

#[tokio::test]
async fn many_at_once_add_one() {
    let house = House::new().await;
    let adding: Vec<_> = (0..20)
        .map(|_| {
            let (store, source) = (house.store.clone(), new_source(&house.scope, "a.pdf"));
            tokio::spawn(async move { store.create_source(source, NOW).await.expect("an answer") })
        })
        .collect();
    let mut new = 0;
    for added in adding {
        new += usize::from(matches!(added.await.expect("no panic"), Created::New(_)));
    }
    assert_eq!(new, 1);
}

#[tokio::test]
async fn a_listing_narrows_by_words_state_and_kind() {
    let house = House::new().await;
    let names = ["Été à la Mer.pdf", "100% cotton.pdf", "100 cottons.pdf", "under_score.pdf", "underXscore.pdf"];
    for name in names {
        house.add(name).await;
    }
    let text = NewSource { kind: SourceKind::Text, ..new_source(&house.scope, "note") };
    house.store.create_source(text, NOW).await.expect("a text");
    let job = house.claim(SourceId(1)).await;
    house.store.fail_ingest(job, SourceId(1), "unreadable".to_owned(), NOW).await.expect("a failure");
    house.store.set_progress(SourceId(2), SourceState::Reading { done: 1, total: 9 }).await.expect("progress");

    let words = |words: &str| SourceFilter { words: Some(words.to_owned()), ..all() };
    let state = |state: &str| SourceFilter { state: Some(state.to_owned()), ..all() };
    let kind = |kind| SourceFilter { kind: Some(kind), ..all() };
    let page = |offset, limit| SourceFilter { offset, limit, ..all() };
    let cases: Vec<(&str, SourceFilter, &[i64], u64)> = vec![
        ("all, newest first", all(), &[6, 5, 4, 3, 2, 1], 6),
        ("a page", page(1, 2), &[5, 4], 6),
        ("past the end", page(10, 2), &[], 6),
        ("blank words are none", words("  "), &[6, 5, 4, 3, 2, 1], 6),
        ("without accents", words("ete MER"), &[1], 1),
        ("with accents", words("ÉTÉ"), &[1], 1),
        ("a percent sign is itself", words("100%"), &[2], 1),
        ("an underscore is itself", words("under_"), &[4], 1),
        ("every word must occur", words("cotton 100"), &[3, 2], 2),
        ("no such word", words("cotton wool"), &[], 0),
        ("quotes are themselves", words("\"'"), &[], 0),
        ("failed", state("failed"), &[1], 1),
        ("reading", state("reading"), &[2], 1),
        ("working", state("working"), &[6, 5, 4, 3, 2], 5),
        ("no such state", state("lost"), &[], 0),
        ("texts", kind(SourceKind::Text), &[6], 1),
        ("words and state", SourceFilter { state: Some("waiting".to_owned()), ..words("100") }, &[3], 1),
        ("words, a page", SourceFilter { offset: 1, limit: 1, ..words("pdf") }, &[4], 5),
    ];
    for (name, filter, ids, total) in cases {
        let page = house.store.sources(&house.scope, filter).await.expect("a read");
        assert_eq!(page.rows.iter().map(|source| source.id.0).collect::<Vec<_>>(), ids, "{name}");
        assert_eq!(page.total, total, "{name}");
    }
    let counts = async || house.store.source_counts(&house.scope).await.expect("a read");
    assert_eq!(counts().await, SourceCounts { total: 6, ready: 0, failed: 1, working: 5, unread: 1, gone: 0 });
    house.store.delete_source(&house.scope, SourceId(1), NOW).await.expect("an answer");
    let job = house.claim(SourceId(2)).await;
    let seq = house.finish(job, SourceId(2), &["one"]).await.expect("an end").expect("it is there");
    house.store.mark_ready(house.account(), seq, NOW).await.expect("a write");
    assert_eq!(counts().await, SourceCounts { total: 5, ready: 1, failed: 0, working: 4, unread: 0, gone: 0 });
}

#[tokio::test]
async fn what_was_not_read_is_listed_with_its_pages() {
    let house = House::new().await;
    let (whole, partly) = (house.add("whole.pdf").await.id, house.add("partly scanned.pdf").await.id);
    let job = house.claim(whole).await;
    house.finish(job, whole, &["one", "two"]).await.expect("an end");
    let unread = vec![Unread { page: 2, reason: "It holds only a picture.".to_owned() }];
    let job = house.claim(partly).await;
    let mut end = finished(job, partly, house.generation, &["one", ""]);
    end.extract.unread.clone_from(&unread);
    house.store.finish_ingest(end, NOW).await.expect("an end");
    let failed = house.add("scanned failure.pdf").await.id;
    let job = house.claim(failed).await;
    house.store.fail_ingest(job, failed, "unreadable".to_owned(), NOW).await.expect("a failure");

    let listed = async |words: Option<&str>| {
        let filter = SourceFilter { state: Some("unread".to_owned()), words: words.map(str::to_owned), ..all() };
        let page = house.store.sources(&house.scope, filter).await.expect("a read");
        (page.rows.iter().map(|source| (source.id, source.unread)).collect::<Vec<_>>(), page.total)
    };
    assert_eq!(listed(None).await, (vec![(failed, 0), (partly, 1)], 2));
    assert_eq!(listed(Some("partly")).await, (vec![(partly, 1)], 1));
    assert_eq!(listed(Some("whole")).await, (vec![], 0));
    let counts = house.store.source_counts(&house.scope).await.expect("a read");
    assert_eq!((counts.failed, counts.unread), (1, 2));
    let all = [whole, partly, failed];
    let pages = house.store.unread_pages(&house.scope, &all).await.expect("a read");
    assert_eq!(pages, [UnreadPages { source: partly, unit: Unit::Page, pages: unread }]);
    assert_eq!(house.store.unread_pages(&house.stranger().await, &all).await.expect("a read"), []);
}

#[tokio::test]
async fn a_source_that_is_stopped_stays_failed_whatever_its_worker_brings() {
    let house = House::new().await;
    let id = house.add("a.pdf").await.id;
    let job = house.claim(id).await;
    let stop =
        async |scope: &Scope| house.store.stop_source(scope, id, "stopped".to_owned(), NOW).await.expect("an answer");
    assert!(!stop(&house.stranger().await).await, "it is another's");
    assert!(stop(&house.scope).await);
    assert!(!stop(&house.scope).await, "it is stopped already");
    assert_eq!(house.finish(job, id, &["late"]).await.expect("no error"), None);
    let stopped = SourceState::Failed { reason: "stopped".to_owned() };
    assert_eq!(house.source(id).await.state, stopped);
    assert_eq!(house.store.claim_job(NOW).await.expect("a claim"), None);
    assert!(house.store.retry_source(&house.scope, id, NOW).await.expect("an answer"));
    let job = house.claim(id).await;
    assert!(house.finish(job, id, &["again"]).await.expect("an end").is_some());
    assert!(!stop(&house.scope).await, "it is read");
}

#[tokio::test]
async fn a_failed_source_is_queued_again_once() {
    let house = House::new().await;
    let id = house.add("a.pdf").await.id;
    let retry = async || house.store.retry_source(&house.scope, id, NOW).await.expect("an answer");
    assert!(!retry().await, "it has not failed");
    let job = house.claim(id).await;
    house.store.fail_ingest(job, id, "unreadable".to_owned(), NOW).await.expect("a failure");
    assert_eq!(house.source(id).await.state, SourceState::Failed { reason: "unreadable".to_owned() });
    assert_eq!(house.store.job_counts().await.expect("a read"), (0, 0));
    assert!(retry().await);
    assert!(!retry().await, "it waits already");
    assert_eq!(house.store.job_counts().await.expect("a read"), (1, 0));
    assert_eq!(house.source(id).await.state, SourceState::Waiting);
    assert_eq!(house.store.claim_job(NOW).await.expect("a claim").expect("a job").tries, 1, "tries begin anew");
    assert!(!house.store.retry_source(&house.scope, SourceId(99), NOW).await.expect("an answer"));
}

#[tokio::test]
async fn a_deleted_source_takes_all_but_its_quotations() {
    let house = House::new().await;
    let store = &house.store;
    let source = house.ingested("a.pdf", &["one", "two"]).await;
    let twin = NewSource { collection: house.shelf("Legal").await, ..new_source(&house.scope, "a.pdf") };
    let Created::New(twin) = store.create_source(twin, NOW).await.expect("an answer") else { panic!("a new one") };
    let whole = store.scope(house.account()).await.expect("a scope");
    let user = store
        .create_user(super::person("ada@example.org"), house.account(), crate::domain::account::Role::Owner, NOW)
        .await
        .expect("a user");
    let chat = store.create_chat(house.account(), user, "Leave".to_owned(), NOW).await.expect("a chat");
    let citation = Citation {
        number: 1,
        source: source.id,
        version: 1,
        title: "Handbook".to_owned(),
        file_name: "a.pdf".to_owned(),
        page: Some(1),
        span: Span { start: 0, end: 3 },
        quote: "one".to_owned(),
    };
    let turn = Turn { speaker: Speaker::Assistant, text: "[1]".to_owned() };
    let said = NewMessage { citations: vec![citation.clone()], ..NewMessage::plain(turn) };
    store.append_message(chat.id, said, NOW).await.expect("a message");

    let deleted = store.delete_source(&whole, source.id, NOW).await.expect("an answer").expect("it was there");
    assert_eq!(deleted.unreferenced, [], "its twin has the same original");
    assert!(store.referenced(source.sha256).await.expect("a read"));
    assert_eq!(deleted.seq, store.last_seq(house.account()).await.expect("a read"));
    assert_eq!(store.source(&whole, source.id).await.expect("a read"), None);
    assert_eq!(store.text(&whole, source.id, None).await.expect("a read"), None);
    assert!(store.chunks_of(source.id).await.expect("a read").is_empty());
    assert_eq!(store.vectors_of(house.generation, source.id).await.expect("a read"), Some(Vec::new()));
    assert_eq!(store.vector_count(&whole, house.generation).await.expect("a read"), 0);
    assert_eq!(store.delete_source(&whole, source.id, NOW).await.expect("an answer"), None);
    let messages = store.messages(house.account(), user, chat.id).await.expect("a read");
    assert_eq!(messages[0].citations, [citation]);

    assert_eq!(store.job_counts().await.expect("a read"), (1, 0));
    let deleted = store.delete_source(&whole, twin.id, NOW).await.expect("an answer").expect("it was there");
    assert_eq!(deleted.unreferenced, [source.sha256]);
    assert!(!store.referenced(source.sha256).await.expect("a read"));
    assert_eq!(store.job_counts().await.expect("a read"), (0, 0), "its job went with it");
    let Created::New(anew) = store.create_source(new_source(&house.scope, "a.pdf"), NOW).await.expect("an answer")
    else {
        panic!("a new one")
    };
    assert!(anew.id > twin.id, "numbers are never given out twice");
}
