//! Exact scores, against a scan that this file does itself.

use super::{House, vector};
use crate::domain::id::ChunkId;
use crate::domain::passage::Candidate;

/// Cosine similarity in double precision.
fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
    dot(a, b) / (dot(a, a).sqrt() * dot(b, b).sqrt())
}

fn check(found: &[Candidate], expected: &[(ChunkId, f64)]) {
    assert_eq!(found.len(), expected.len());
    for (found, (chunk, similarity)) in found.iter().zip(expected) {
        assert_eq!(found.chunk, *chunk);
        assert!((f64::from(found.score) - similarity).abs() < 1e-5, "{found:?} is not {similarity}");
    }
}

#[tokio::test]
async fn scores_are_those_of_a_scan_by_hand() {
    let house = House::new().await;
    let (store, generation) = (&house.store, house.generation);
    let question = vector("what is it?");
    let mut all: Vec<(ChunkId, f64)> = Vec::new();
    for number in 0..5 {
        let texts: Vec<String> = (0..20).map(|line| format!("document {number} line {line}")).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let source = house.ingested(&format!("{number}.pdf"), &texts).await.id;
        let stored = store.vectors_of(generation, source).await.expect("a read").expect("none is lacking");
        all.extend(stored.iter().map(|(chunk, vector)| (*chunk, cosine(&question, vector))));
    }
    let asked: Vec<ChunkId> = all.iter().rev().step_by(7).map(|(chunk, _)| *chunk).collect();
    let expected: Vec<_> = all.iter().rev().step_by(7).copied().collect();
    let scope = &house.scope;
    check(&store.similarities(scope, generation, question.clone(), asked).await.expect("a read"), &expected);

    all.sort_by(|a, b| b.1.total_cmp(&a.1));
    for k in [0, 1, 7, 100, 1_000] {
        let found = store.nearest_exact(scope, generation, question.clone(), k).await.expect("a read");
        check(&found, &all[..k.min(100)]);
    }
    assert!(store.nearest_exact(scope, generation, vec![1.0; 3], 5).await.is_err(), "other dimensions are no question");
    let nothing = store.nearest_exact(scope, generation, vec![0.0; super::DIMENSIONS], 5).await.expect("a read");
    assert!(nothing.is_empty(), "a vector without a direction is near nothing");
}
