//! What lies outside of a scope is not found by any read.

use super::{House, NOW, vector};
use crate::domain::account::Scope;
use crate::domain::id::ChunkId;
use crate::store::{SourceCounts, SourceFilter};

#[tokio::test]
async fn no_read_leaves_its_scope() {
    let house = House::new().await;
    let (store, generation) = (&house.store, house.generation);
    let source = house.ingested("secret.pdf", &["one", "two"]).await;
    let chunks: Vec<ChunkId> = store.chunks_of(source.id).await.expect("a read").iter().map(|chunk| chunk.id).collect();
    let legal = house.shelf("Legal").await;
    let stranger = house.stranger().await;
    let scopes = [
        ("its own", house.scope.clone(), true),
        ("another account", stranger.clone(), false),
        (
            "another account that names the collection",
            Scope { account: stranger.account, ..house.scope.clone() },
            false,
        ),
        ("another collection", Scope { collections: vec![legal], whole: false, ..house.scope.clone() }, false),
        ("no collection", Scope { collections: Vec::new(), ..house.scope.clone() }, false),
    ];
    for (name, scope, inside) in &scopes {
        let some = |count: usize| if *inside { count } else { 0 };
        let question = vector("one");
        let words = Some("secret".to_owned());
        for words in [None, words] {
            let filter = SourceFilter { words, state: None, kind: None, offset: 0, limit: 10 };
            let page = store.sources(scope, filter).await.expect("a read");
            assert_eq!((page.rows.len(), page.total), (some(1), some(1) as u64), "{name}");
        }
        let counts = store.source_counts(scope).await.expect("a read");
        assert_eq!(counts, SourceCounts { total: some(1) as u64, working: some(1) as u64, ..counts }, "{name}");
        assert_eq!(store.source(scope, source.id).await.expect("a read").is_some(), *inside, "{name}");
        assert_eq!(store.text(scope, source.id, Some(1)).await.expect("a read").is_some(), *inside, "{name}");
        let passages = store.stored_passages(scope, chunks.clone()).await.expect("a read");
        assert_eq!(passages.len(), some(2), "{name}");
        let neighbours = store.neighbours(scope, source.id, 0, 9).await.expect("a read");
        assert_eq!(neighbours.len(), some(2), "{name}");
        let scored = store.similarities(scope, generation, question.clone(), chunks.clone()).await.expect("a read");
        assert_eq!(scored.len(), some(2), "{name}");
        let nearest = store.nearest_exact(scope, generation, question, 10).await.expect("a read");
        assert_eq!(nearest.len(), some(2), "{name}");
        assert_eq!(store.vector_count(scope, generation).await.expect("a read"), some(2) as u64, "{name}");
        if !inside {
            assert!(!store.retry_source(scope, source.id, NOW).await.expect("an answer"), "{name}");
            assert_eq!(store.delete_source(scope, source.id, NOW).await.expect("an answer"), None, "{name}");
        }
    }
}

#[tokio::test]
async fn passages_come_in_the_order_asked_and_neighbours_in_that_of_the_text() {
    let house = House::new().await;
    let source = house.ingested("a.pdf", &["one", "two", "three", "four"]).await;
    let ids: Vec<ChunkId> =
        house.store.chunks_of(source.id).await.expect("a read").iter().map(|chunk| chunk.id).collect();
    let asked = vec![ids[2], ChunkId(99), ids[0], ids[3]];
    let passages = house.store.stored_passages(&house.scope, asked).await.expect("a read");
    assert_eq!(passages.iter().map(|found| found.text.as_str()).collect::<Vec<_>>(), ["three", "one", "four"]);
    let found = &passages[0];
    assert_eq!((found.ordinal, found.source, found.version, found.tokens), (2, source.id, 1, 3));
    assert_eq!((found.title.as_str(), found.file_name.as_str(), found.page), ("Handbook", "a.pdf", Some(3)));
    assert_eq!(found.headings, ["Rules", "“Leave”"]);
    assert_eq!((found.span.start, found.span.end), (6, 11));

    let cases = [((1, 2), vec!["two", "three"]), ((3, 9), vec!["four"]), ((4, 9), vec![]), ((2, 1), vec![])];
    for ((first, last), texts) in cases {
        let found = house.store.neighbours(&house.scope, source.id, first, last).await.expect("a read");
        assert_eq!(found.iter().map(|found| found.text.as_str()).collect::<Vec<_>>(), texts, "{first} to {last}");
    }
}
