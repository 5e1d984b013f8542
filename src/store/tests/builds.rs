//! A generation built beside the one that is asked, and everything that can come between.

use super::{House, NOW, finished, model, new_source, vector};
use crate::domain::id::{ChunkId, GenerationId, JobId};
use crate::domain::job::Work;
use crate::domain::model::ModelIdentity;
use crate::limits;
use crate::store::{Created, Share, Store, StoreError, Switch};

/// A house with a few documents, and a second model.
async fn house() -> (House, GenerationId) {
    let house = House::new().await;
    house.store.activate_generation(house.generation).await.expect("a switch");
    house.ingested("a.pdf", &["one", "two", "three"]).await;
    house.ingested("b.pdf", &["four", "five"]).await;
    let second = house.store.generation(model("large"), NOW).await.expect("a generation");
    (house, second)
}

/// Claims the build of `generation`, which is expected to be the one that is due.
async fn claim(store: &Store, generation: GenerationId) -> JobId {
    let job = store.claim_build(NOW).await.expect("a claim").expect("a build is due");
    assert_eq!(job.work, Work::Build(generation));
    job.id
}

/// Makes vectors of at most `limit` chunks that the generation lacks; how many.
async fn make(store: &Store, job: JobId, generation: GenerationId, limit: usize) -> usize {
    let lacking = store.chunks_lacking(generation, ChunkId(0), limit).await.expect("a read");
    let vectors: Vec<_> = lacking.iter().map(|stored| (stored.id, vector(&stored.chunk.text))).collect();
    let count = vectors.len();
    assert!(store.put_vectors(job, generation, vectors, NOW).await.expect("a write"), "the job is there");
    count
}

async fn share(store: &Store, generation: GenerationId) -> (u64, u64) {
    let Share { done, total } = store.share(generation).await.expect("a read");
    (done, total)
}

async fn active(store: &Store) -> Option<GenerationId> {
    store.active_generation().await.expect("a read").map(|(id, _)| id)
}

#[tokio::test]
async fn a_generation_is_built_batch_by_batch_and_switched_in_one_row() {
    let (house, second) = house().await;
    let store = &house.store;
    assert_eq!((share(store, house.generation).await, share(store, second).await), ((5, 5), (0, 5)));
    store.begin_build(second, NOW).await.expect("a write");
    store.begin_build(second, NOW).await.expect("it is queued already");
    let told = store.builds().await.expect("a read");
    assert_eq!((told.len(), told[0].model.name.as_str(), told[0].share.done), (1, "large", 0));
    assert_eq!(store.claim_job(NOW).await.expect("a claim"), None, "no source is to be read");
    let job = claim(store, second).await;
    assert_eq!(make(store, job, second, 2).await, 2);
    assert_eq!(store.switch_generation(job, second).await.expect("an answer"), Switch::Lacking);
    assert_eq!(share(store, second).await, (2, 5));

    // The process ends here: the next one begins with what is lacking.
    store.release_jobs().await.expect("a write");
    let job = claim(store, second).await;
    assert_eq!(make(store, job, second, 10).await, 3);
    // A document comes in at the last moment, with vectors of the generation that is asked.
    let late = house.ingested("c.pdf", &["six"]).await.id;
    assert_eq!(store.switch_generation(job, second).await.expect("an answer"), Switch::Lacking);
    assert_eq!((active(store).await, make(store, job, second, 10).await), (Some(house.generation), 1));
    assert_eq!(store.switch_generation(job, second).await.expect("an answer"), Switch::Done);
    assert_eq!((active(store).await, store.builds().await.expect("a read").len()), (Some(second), 0));
    assert_eq!(store.vectors_of(second, late).await.expect("a read").map(|vectors| vectors.len()), Some(1));

    // And back, without a vector made.
    store.begin_build(house.generation, NOW).await.expect("a write");
    let job = claim(store, house.generation).await;
    assert_eq!(store.switch_generation(job, house.generation).await.expect("an answer"), Switch::Done);
    assert_eq!(active(store).await, Some(house.generation));
}

#[tokio::test]
async fn what_comes_after_a_switch_with_the_old_vectors_is_queued_for_the_new() {
    let (house, second) = house().await;
    let store = &house.store;
    let source = house.add("c.pdf").await.id;
    let reading = house.claim(source).await;
    store.begin_build(second, NOW).await.expect("a write");
    let job = claim(store, second).await;
    make(store, job, second, 10).await;
    assert_eq!(store.switch_generation(job, second).await.expect("an answer"), Switch::Done);
    // It was read with the old model all the while.
    house.finish(reading, source, &["six", "seven"]).await.expect("an end");
    assert_eq!(store.vectors_of(second, source).await.expect("a read"), None, "they are lacking");
    let job = claim(store, second).await;
    assert_eq!(make(store, job, second, 10).await, 2);
    assert_eq!(store.switch_generation(job, second).await.expect("an answer"), Switch::Done);
    assert_eq!(store.vectors_of(second, source).await.expect("a read").map(|vectors| vectors.len()), Some(2));
}

#[tokio::test]
async fn a_build_that_was_given_up_stores_and_switches_nothing() {
    let (house, second) = house().await;
    let store = &house.store;
    let third = store.generation(model("other"), NOW).await.expect("a generation");
    store.begin_build(second, NOW).await.expect("a write");
    let job = claim(store, second).await;
    make(store, job, second, 3).await;
    store.begin_build(third, NOW).await.expect("another is wanted instead");
    let late = store.chunks_lacking(second, ChunkId(0), 10).await.expect("a read");
    let vectors = late.iter().map(|stored| (stored.id, vector(&stored.chunk.text))).collect();
    assert!(!store.put_vectors(job, second, vectors, NOW).await.expect("an answer"), "its job is gone");
    assert_eq!(store.switch_generation(job, second).await.expect("an answer"), Switch::Cancelled);
    let builds: Vec<_> = store.builds().await.expect("a read").iter().map(|build| build.generation).collect();
    assert_eq!((builds, share(store, second).await), (vec![third], (3, 5)), "what was made stays");
    assert_eq!(store.end_builds().await.expect("a write"), 1);
    assert_eq!(store.claim_build(NOW).await.expect("a claim"), None);
    let nowhere = store.begin_build(GenerationId(99), NOW).await;
    assert!(matches!(nowhere, Err(StoreError::Conflict("generation"))));
}

#[tokio::test]
async fn chunks_that_went_take_no_vector_and_wrong_ones_are_refused() {
    let (house, second) = house().await;
    let store = &house.store;
    store.begin_build(second, NOW).await.expect("a write");
    let job = claim(store, second).await;
    let lacking = store.chunks_lacking(second, ChunkId(0), 10).await.expect("a read");
    let vectors: Vec<_> = lacking.iter().map(|stored| (stored.id, vector(&stored.chunk.text))).collect();
    let short: Vec<_> = lacking.iter().map(|stored| (stored.id, vec![1.0])).collect();
    assert!(matches!(store.put_vectors(job, second, short, NOW).await, Err(StoreError::Conflict("dimensions"))));
    store.delete_source(&house.scope, lacking[0].source, NOW).await.expect("an answer");
    for _ in 0..2 {
        assert!(store.put_vectors(job, second, vectors.clone(), NOW).await.expect("a write"), "twice does no harm");
        assert_eq!(share(store, second).await, (2, 2));
    }
    assert_eq!(store.switch_generation(job, second).await.expect("an answer"), Switch::Done);
}

#[tokio::test]
async fn a_build_that_stops_the_process_each_time_is_put_off() {
    let (house, second) = house().await;
    let store = &house.store;
    store.begin_build(second, NOW).await.expect("a write");
    for _ in 0..limits::JOB_TRIES_MAX {
        let job = claim(store, second).await;
        make(store, job, second, 1).await;
        store.release_jobs().await.expect("a write");
    }
    for _ in 0..limits::JOB_TRIES_MAX {
        claim(store, second).await;
        store.release_jobs().await.expect("a write");
    }
    assert_eq!(store.claim_build(NOW).await.expect("a claim"), None, "it made nothing so often");
    let told = store.builds().await.expect("a read");
    assert!(told[0].put_off.as_ref().is_some_and(|reason| reason.contains("stopped the appliance")), "{told:?}");
    let later = NOW + limits::BUILD_PUT_OFF_SECONDS * 1_000;
    assert!(store.claim_build(later).await.expect("a claim").is_some(), "it is tried again the next day");
    store.release_jobs().await.expect("a write");
    store.begin_build(second, NOW).await.expect("a write");
    claim(store, second).await;
}

#[tokio::test]
async fn a_generation_goes_with_its_vectors_unless_it_is_asked() {
    let (house, second) = house().await;
    let store = &house.store;
    let many: Vec<String> = (0..limits::VECTORS_DROPPED_AT_ONCE).map(|number| format!("line {number}")).collect();
    let source = house.add("many.pdf").await.id;
    let job = house.claim(source).await;
    let texts: Vec<&str> = many.iter().map(String::as_str).collect();
    store.finish_ingest(finished(job, source, second, &texts), NOW).await.expect("an end");
    store.begin_build(second, NOW).await.expect("a write");
    let job = claim(store, second).await;
    make(store, job, second, 10).await;
    let asked = store.drop_generation(house.generation).await;
    assert!(matches!(asked, Err(StoreError::Conflict("generation"))), "{asked:?}");
    let whole = many.len() as u64 + 5;
    assert_eq!(share(store, second).await, (whole, whole));
    assert_eq!(store.drop_generation(second).await.expect("a write"), whole);
    assert_eq!(share(store, second).await, (0, whole));
    assert_eq!(share(store, house.generation).await, (5, whole), "the others are untouched");
    assert!(!store.builds().await.expect("a read").iter().any(|build| build.generation == second));
    let left: Vec<ModelIdentity> =
        store.generations().await.expect("a read").into_iter().map(|(_, model)| model).collect();
    assert_eq!(left, [model("small")]);
    assert_eq!(store.integrity().await.expect("a read"), Vec::<String>::new());
}

#[tokio::test]
async fn vectors_that_are_built_stay_in_the_scope_of_their_chunks() {
    let (house, second) = house().await;
    let store = &house.store;
    let stranger = house.stranger().await;
    let Created::New(foreign) = store.create_source(new_source(&stranger, "c.pdf"), NOW).await.expect("an answer")
    else {
        panic!("it is new")
    };
    let reading = house.claim(foreign.id).await;
    house.finish(reading, foreign.id, &["six"]).await.expect("an end");
    store.begin_build(second, NOW).await.expect("a write");
    let job = claim(store, second).await;
    assert_eq!(make(store, job, second, 10).await, 6, "everybody's chunks are made");
    for (scope, count) in [(&house.scope, 5), (&stranger, 1)] {
        let near = store.nearest_exact(scope, second, vector("six"), 10).await.expect("a read");
        assert_eq!(near.len(), count, "and each is found by its own account alone");
        assert_eq!(store.vector_count(scope, second).await.expect("a read"), count as u64);
    }
}
