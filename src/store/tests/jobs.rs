//! Claims, leases and what becomes of jobs that do not end.

use std::collections::BTreeSet;

use super::{House, NOW};
use crate::domain::job::Work;
use crate::domain::source::SourceState;
use crate::limits;

const LEASE_MS: i64 = limits::JOB_LEASE_SECONDS * 1_000;

#[tokio::test(flavor = "multi_thread")]
async fn each_job_is_claimed_by_one() {
    let house = House::new().await;
    for number in 0..10 {
        house.add(&format!("{number}.pdf")).await;
    }
    let claiming: Vec<_> = (0..30)
        .map(|_| {
            let store = house.store.clone();
            tokio::spawn(async move { store.claim_job(NOW).await.expect("a claim") })
        })
        .collect();
    let mut claimed = Vec::new();
    for claim in claiming {
        claimed.extend(claim.await.expect("no panic").map(|job| job.id));
    }
    assert_eq!(claimed.len(), 10);
    assert_eq!(claimed.iter().collect::<BTreeSet<_>>().len(), 10);
    assert_eq!(house.store.job_counts().await.expect("a read"), (0, 10));
}

#[tokio::test]
async fn a_lease_runs_out_unless_renewed() {
    let house = House::new().await;
    let source = house.add("a.pdf").await.id;
    let job = house.claim(source).await;
    let claim = async |now_ms| house.store.claim_job(now_ms).await.expect("a claim");
    assert_eq!(claim(NOW + LEASE_MS - 1).await, None);
    house.store.renew_job(job, NOW + 1_000).await.expect("a renewal");
    assert_eq!(claim(NOW + LEASE_MS).await, None);
    let again = claim(NOW + LEASE_MS + 1_000).await.expect("the lease ran out");
    assert_eq!((again.id, again.tries), (job, 2));
}

#[tokio::test]
async fn a_job_put_off_waits_and_may_be_tried_any_number_of_times() {
    let house = House::new().await;
    let source = house.add("a.pdf").await.id;
    for tries in 1..=2 * limits::JOB_TRIES_MAX {
        let now_ms = NOW + i64::from(tries) * 1_000;
        let job = house.store.claim_job(now_ms).await.expect("a claim").expect("it is due");
        assert_eq!(job.tries, tries);
        house.store.set_progress(source, SourceState::Embedding { done: 0, total: 7 }).await.expect("progress");
        house.store.retry_job_later(job.id, now_ms + 1_000, "unreachable".to_owned()).await.expect("put off");
        assert_eq!(house.source(source).await.state, SourceState::Waiting);
        assert_eq!(house.store.claim_job(now_ms + 999).await.expect("a claim"), None);
    }
}

#[tokio::test]
async fn a_source_that_stops_the_appliance_each_time_is_given_up() {
    let house = House::new().await;
    let (bad, good) = (house.add("bad.pdf").await.id, house.add("good.pdf").await.id);
    for _ in 0..limits::JOB_TRIES_MAX {
        house.claim(bad).await;
        house.store.set_progress(bad, SourceState::Reading { done: 3, total: 4 }).await.expect("progress");
        assert_eq!(house.store.release_jobs().await.expect("a start"), 1);
        assert_eq!(house.source(bad).await.state, SourceState::Waiting);
    }
    let job = house.store.claim_job(NOW).await.expect("a claim").expect("the other one");
    assert_eq!(job.work, Work::Ingest(good));
    let SourceState::Failed { reason } = house.source(bad).await.state else { panic!("it was given up") };
    let tries = limits::JOB_TRIES_MAX;
    assert_eq!(reason, format!("This source was tried {tries} times and stopped the appliance each time."));
    assert_eq!(house.store.job_counts().await.expect("a read"), (0, 1));
    assert_eq!(house.store.release_jobs().await.expect("a start"), 1);
    assert_eq!(house.store.release_jobs().await.expect("a start"), 0);
}

#[tokio::test]
async fn a_job_handed_back_was_not_tried() {
    let house = House::new().await;
    let source = house.add("a.pdf").await.id;
    for _ in 0..2 * limits::JOB_TRIES_MAX {
        let job = house.claim(source).await;
        house.store.set_progress(source, SourceState::Reading { done: 3, total: 4 }).await.expect("progress");
        house.store.hand_back_job(job).await.expect("handed back");
        house.store.hand_back_job(job).await.expect("once is enough");
        assert_eq!(house.source(source).await.state, SourceState::Waiting);
    }
    let job = house.store.claim_job(NOW).await.expect("a claim").expect("it is due");
    assert_eq!(job.tries, 1);
}
