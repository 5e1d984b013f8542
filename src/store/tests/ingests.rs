//! What a finished job leaves, and the sequence that the derived indexes follow.

use super::{House, NOW, finished, model, new_source};
use crate::domain::extract::Extract;
use crate::domain::id::{GenerationId, Seq, SourceId};
use crate::domain::source::{Sha256, SourceKind, SourceState};
use crate::store::{ChangeKind, Created, Finished, NewSource, StoreError};

#[tokio::test]
async fn vectors_and_texts_are_kept_for_as_long_as_their_job() {
    let house = House::new().await;
    let id = house.add("a.pdf").await.id;
    let job = house.claim(id).await;
    let one = (Sha256([1; 32]), vec![0.5; 8]);
    let keep = async |vectors| house.store.keep_vectors(job, house.generation, vectors).await.expect("a write");
    let kept = async |generation| house.store.kept_vectors(job, generation).await.expect("a read");
    keep(vec![one.clone()]).await;
    keep(vec![one.clone(), (Sha256([2; 32]), vec![0.25; 8])]).await;
    assert_eq!(kept(house.generation).await.get(&one.0), Some(&one.1));
    assert_eq!((kept(house.generation).await.len(), kept(GenerationId(99)).await.len()), (2, 0));
    let keep_text = async |page, text: &str| house.store.keep_text(job, page, text.to_owned()).await.expect("a write");
    keep_text(7, "first").await;
    keep_text(7, "again").await;
    let texts = async || house.store.kept_texts(job).await.expect("a read");
    assert_eq!(texts().await, [(7, "again".to_owned())].into());
    house.finish(job, id, &["text"]).await.expect("an end");
    keep(vec![one]).await;
    keep_text(8, "late").await;
    assert!(kept(house.generation).await.is_empty() && texts().await.is_empty(), "the job has ended");
}

#[tokio::test]
async fn a_finished_source_is_read_back_and_ready_once_indexed() {
    let house = House::new().await;
    let store = &house.store;
    let id = house.add("a.pdf").await.id;
    let job = house.claim(id).await;
    store.set_progress(id, SourceState::Reading { done: 1, total: 2 }).await.expect("progress");
    assert_eq!(house.source(id).await.state, SourceState::Reading { done: 1, total: 2 });
    assert_eq!(store.text(&house.scope, id, None).await.expect("a read"), None, "nothing is read yet");
    let end = finished(job, id, house.generation, &["First. ", "Second."]);
    let seq = store.finish_ingest(end.clone(), NOW + 5).await.expect("an end").expect("it is there");

    let source = house.source(id).await;
    assert_eq!(source.state, SourceState::Indexing);
    assert_eq!((source.title.as_str(), source.file_name.as_str()), ("Handbook", "a.pdf"));
    assert_eq!((source.media_type.as_str(), source.version, source.pages, source.chunks), ("application/pdf", 1, 2, 2));
    assert_eq!(source.updated_at_ms, NOW + 5);
    let text = store.text(&house.scope, id, None).await.expect("a read").expect("a text");
    assert_eq!((text.version, text.source), (1, source));
    assert_eq!(text.extract, Extract { title: None, ..end.extract });
    let stored = store.chunks_of(id).await.expect("a read");
    let vectors = store.vectors_of(house.generation, id).await.expect("a read").expect("none is lacking");
    for ((stored, kept), (chunk, vector)) in stored.iter().zip(&vectors).zip(&end.chunks) {
        assert_eq!((&stored.chunk, stored.title.as_str(), stored.id), (chunk, "Handbook", kept.0));
        assert_eq!(&kept.1, vector);
    }
    assert_eq!((stored.len(), vectors.len()), (2, 2));

    store.set_progress(id, SourceState::Reading { done: 2, total: 2 }).await.expect("late progress is harmless");
    assert_eq!(store.mark_ready(house.account(), seq - 1, NOW).await.expect("a write"), 0);
    assert_eq!(house.source(id).await.state, SourceState::Indexing);
    assert_eq!(store.mark_ready(house.account(), seq, NOW).await.expect("a write"), 1);
    assert_eq!(store.mark_ready(house.account(), seq, NOW).await.expect("a write"), 0);
    assert_eq!(house.source(id).await.state, SourceState::Ready);
    let refused = store.set_progress(id, SourceState::Ready).await;
    assert!(matches!(refused, Err(StoreError::Conflict("state"))));
}

#[tokio::test]
async fn a_title_that_a_person_gave_stays() {
    let house = House::new().await;
    let text = NewSource { kind: SourceKind::Text, ..new_source(&house.scope, "My note") };
    let Created::New(source) = house.store.create_source(text, NOW).await.expect("an answer") else { panic!("new") };
    let job = house.claim(source.id).await;
    house.finish(job, source.id, &["one"]).await.expect("an end");
    assert_eq!(house.source(source.id).await.title, "My note");
}

#[tokio::test]
async fn ending_a_job_twice_changes_nothing_the_second_time() {
    let house = House::new().await;
    let id = house.add("a.pdf").await.id;
    let job = house.claim(id).await;
    let first = house.finish(job, id, &["one", "two"]).await.expect("an end");
    let chunks = house.store.chunks_of(id).await.expect("a read");
    let second = house.finish(job, id, &["one", "two"]).await.expect("an end");
    assert_eq!(first, second);
    assert_eq!(house.store.chunks_of(id).await.expect("a read"), chunks);
    assert_eq!(house.store.vector_count(&house.scope, house.generation).await.expect("a read"), 2);
}

#[tokio::test]
async fn a_source_deleted_while_it_is_read_stays_deleted() {
    let house = House::new().await;
    let id = house.add("a.pdf").await.id;
    let job = house.claim(id).await;
    let dropped = house.store.delete_source(&house.scope, id, NOW).await.expect("an answer").expect("it was there");
    house.store.set_progress(id, SourceState::Reading { done: 1, total: 2 }).await.expect("harmless");
    house.store.renew_job(job, NOW).await.expect("harmless");
    assert_eq!(house.store.source_of_job(id).await.expect("a read"), None);
    assert_eq!(house.finish(job, id, &["one"]).await.expect("an answer"), None);
    house.store.fail_ingest(job, id, "gone".to_owned(), NOW).await.expect("harmless");
    assert_eq!(house.store.last_seq(house.account()).await.expect("a read"), dropped.seq);
    assert_eq!(house.store.vector_count(&house.scope, house.generation).await.expect("a read"), 0);
}

#[tokio::test]
async fn a_refused_end_leaves_everything_as_it_was() {
    let house = House::new().await;
    let id = house.add("a.pdf").await.id;
    let job = house.claim(id).await;
    let mut short = finished(job, id, house.generation, &["one", "two"]);
    short.chunks[1].1.pop();
    let unknown = Finished { generation: GenerationId(99), ..finished(job, id, house.generation, &["one"]) };
    for (end, what) in [(short, "dimensions"), (unknown, "generation")] {
        let refused = house.store.finish_ingest(end, NOW).await;
        assert!(matches!(refused, Err(StoreError::Conflict(found)) if found == what), "{refused:?}");
    }
    assert_eq!(house.store.job_counts().await.expect("a read"), (0, 1), "the job has not ended");
    assert!(house.store.chunks_of(id).await.expect("a read").is_empty());
    assert_eq!(house.store.last_seq(house.account()).await.expect("a read"), 0);
}

#[tokio::test]
async fn another_text_is_another_version_and_the_old_one_still_opens() {
    let house = House::new().await;
    let id = house.ingested("a.pdf", &["one", "two"]).await.id;
    let before = house.store.chunks_of(id).await.expect("a read");
    reingest(&house, id, house.generation, &["one", "three", "four"]).await;
    let source = house.source(id).await;
    assert_eq!((source.version, source.chunks, source.pages), (2, 3, 3));
    let after = house.store.chunks_of(id).await.expect("a read");
    assert!(after.iter().all(|new| before.iter().all(|old| new.id > old.id)), "no number is given to a second chunk");
    assert_eq!(house.store.vector_count(&house.scope, house.generation).await.expect("a read"), 3);
    for (version, markdown) in [(None, Some("onethreefour")), (Some(1), Some("onetwo")), (Some(3), None)] {
        let text = house.store.text(&house.scope, id, version).await.expect("a read");
        assert_eq!(text.map(|text| text.extract.markdown).as_deref(), markdown, "version {version:?}");
    }
}

#[tokio::test]
async fn another_model_is_built_beside_the_first() {
    let house = House::new().await;
    let store = &house.store;
    assert_eq!(store.active_generation().await.expect("a read"), None);
    store.activate_generation(house.generation).await.expect("a switch");
    let id = house.ingested("a.pdf", &["one", "two"]).await.id;
    house.add("waiting.pdf").await;
    let seq = store.last_seq(house.account()).await.expect("a read");
    store.mark_ready(house.account(), seq, NOW).await.expect("a write");
    let chunks = store.chunks_of(id).await.expect("a read");

    let second = store.generation(model("large"), NOW).await.expect("a generation");
    assert_ne!(second, house.generation);
    assert_eq!(store.generation(model("large"), NOW).await.expect("a generation"), second, "found, not made again");
    assert_eq!(store.vectors_of(second, id).await.expect("a read"), None, "the chunks have none of it");

    let waiting = store.claim_job(NOW).await.expect("a claim").expect("the waiting one is due");
    assert_eq!(waiting.tries, 1);
    reingest(&house, id, second, &["one", "two"]).await;
    assert!(house.store.last_seq(house.account()).await.expect("a read") > seq, "its vectors are a change to follow");
    assert_eq!(store.chunks_of(id).await.expect("a read"), chunks, "the chunks keep their numbers");
    assert_eq!(house.source(id).await.version, 1, "the text is the same");
    for generation in [house.generation, second] {
        assert_eq!(store.vector_count(&house.scope, generation).await.expect("a read"), 2);
        assert_eq!(store.vectors_of(generation, id).await.expect("a read").map(|vectors| vectors.len()), Some(2));
    }
    for generation in [second, house.generation] {
        store.activate_generation(generation).await.expect("a switch, and back");
        assert_eq!(store.active_generation().await.expect("a read").expect("one is active").0, generation);
    }
    let nowhere = store.activate_generation(GenerationId(99)).await;
    assert!(matches!(nowhere, Err(StoreError::Conflict("generation"))));
}

#[tokio::test]
async fn changes_are_told_in_order_and_a_put_without_a_future_as_a_drop() {
    let house = House::new().await;
    let store = &house.store;
    let a = house.ingested("a.pdf", &["one"]).await;
    let b = house.ingested("b.pdf", &["two"]).await;
    reingest(&house, a.id, house.generation, &["three"]).await;
    let stranger = house.stranger().await;
    let Created::New(foreign) = store.create_source(new_source(&stranger, "c.pdf"), NOW).await.expect("an answer")
    else {
        panic!("new")
    };
    let job = house.claim(foreign.id).await;
    house.finish(job, foreign.id, &["four"]).await.expect("an end");
    store.delete_source(&house.scope, b.id, NOW).await.expect("an answer");

    use ChangeKind::{Drop, Put};
    let ours = [(1, a.id, Drop), (2, b.id, Drop), (3, a.id, Put), (5, b.id, Drop)];
    let cases: [(Seq, usize, &[Told]); 5] =
        [(0, 10, &ours), (0, 2, &ours[..2]), (2, 10, &ours[2..]), (5, 10, &[]), (3, 0, &[])];
    for (after, limit, expected) in cases {
        let by_account = store.changes_by_account(house.account(), after, limit).await.expect("a read");
        let by_collection = store.changes_by_collection(house.collection(), after, limit).await.expect("a read");
        assert_eq!(by_account, by_collection);
        let told: Vec<_> = by_account.iter().map(|change| (change.seq, change.source, change.kind)).collect();
        assert_eq!(told, expected, "{limit} after {after}");
    }
    assert_eq!(store.last_seq(house.account()).await.expect("a read"), 5);
    assert_eq!(store.last_seq(stranger.account).await.expect("a read"), 4);
    assert_eq!(store.changes_by_account(stranger.account, 0, 10).await.expect("a read").len(), 1);
    let untouched = store.mark_ready(house.account(), 5, NOW).await.expect("a write");
    assert_eq!(untouched, 1, "a; b is gone and c belongs to another account");
}

/// What a change says, whichever collection it is in.
type Told = (Seq, SourceId, ChangeKind);

/// Reads a source anew, as if its job had been queued again.
async fn reingest(house: &House, id: SourceId, generation: GenerationId, texts: &[&str]) {
    let queued = house.store.write(move |rows| crate::store::jobs::enqueue_ingest(rows, id, NOW));
    queued.await.expect("a job");
    let job = house.claim(id).await;
    let end = finished(job, id, generation, texts);
    house.store.finish_ingest(end, NOW).await.expect("an end").expect("it is there");
}
