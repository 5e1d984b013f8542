//! Queries that are asked often find their rows by an index, however many there are.

use super::House;
use crate::store::{builds, changes, listings, passages, sources, vectors, webpages, websites};

#[tokio::test]
async fn no_frequent_query_scans_a_table() {
    let house = House::new().await;
    let queries = [
        ("source", sources::SOURCE),
        ("page of sources", listings::PAGE),
        ("count of sources", listings::COUNT),
        ("page of sources by state", listings::PAGE_BY_STATE),
        ("count of sources by words", listings::COUNT_BY_WORDS),
        ("counts of sources", listings::COUNTS),
        ("page of what was not read", listings::PAGE_UNREAD),
        ("count of what was not read", listings::COUNT_UNREAD),
        ("parts", sources::PARTS),
        ("referenced", sources::REFERENCED),
        ("web site that is due", websites::DUE),
        ("next page of a web site", webpages::NEXT),
        ("changes by account", changes::CHANGES_BY_ACCOUNT),
        ("changes by collection", changes::CHANGES_BY_COLLECTION),
        ("stored passages", passages::STORED_PASSAGES),
        ("neighbours", passages::NEIGHBOURS),
        ("chunks that lack a vector", builds::LACKING),
        ("similarities", vectors::SIMILARITIES),
        ("nearest exact", vectors::NEAREST_EXACT),
    ];
    for (name, query) in queries {
        let steps = plan(&house, query).await;
        // A list that came with the query is read from end to end; a table is not.
        let harmless = |step: &str| step.contains("VIRTUAL TABLE") || step == "SCAN CONSTANT ROW";
        let scans: Vec<&String> = steps.iter().filter(|step| step.starts_with("SCAN ") && !harmless(step)).collect();
        assert!(!steps.is_empty() && scans.is_empty(), "{name} scans: {steps:#?}");
    }
}

#[tokio::test]
async fn the_check_sees_a_scan() {
    let house = House::new().await;
    let steps = plan(&house, "SELECT * FROM sources WHERE media_type = 'x'").await;
    assert_eq!(steps, ["SCAN sources"]);
}

#[tokio::test]
async fn listings_choose_their_rows_in_an_index() {
    let house = House::new().await;
    let newest = plan(&house, listings::PAGE).await;
    assert!(!newest.iter().any(|step| step.contains("TEMP B-TREE")), "nothing is sorted: {newest:#?}");
    let by_state = plan(&house, listings::PAGE_BY_STATE).await;
    let index = "SEARCH f USING COVERING INDEX sources_by_state (account=? AND state=?)";
    assert!(by_state.iter().any(|step| step == index), "{by_state:#?}");
    for count in [listings::COUNT, listings::COUNTS] {
        let steps = plan(&house, count).await;
        assert!(!steps.iter().any(|step| step.contains(" sources")), "no source is read: {steps:#?}");
    }
}

/// The steps of SQLite's plan for a query.
async fn plan(house: &House, query: &'static str) -> Vec<String> {
    let asked = house.store.read(move |rows| {
        let mut statement = rows.prepare(&format!("EXPLAIN QUERY PLAN {query}"))?;
        let nulls = vec![rusqlite::types::Null; statement.parameter_count()];
        let steps = statement.query_map(rusqlite::params_from_iter(nulls), |row| row.get("detail"))?;
        Ok(steps.collect::<rusqlite::Result<_>>()?)
    });
    asked.await.expect("the query is sound")
}
