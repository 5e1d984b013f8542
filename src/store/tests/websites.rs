//! Web sites: their rounds, their pages, and the sources that follow them.

use super::{House, NOW, new_source};
use crate::domain::source::{Sha256, SourceState};
use crate::domain::website::{Every, Reach, WebPageState, WebsiteState};
use crate::store::{Content, Created, Followed, NewWebsite, PageToVisit, PageVisited, Round, RoundEnd};

const ROOT: &str = "https://a.example/";
const DAY_MS: i64 = 24 * 3600 * 1000;

/// A web site of `house` whose first round has begun.
async fn begun(house: &House, reach: Reach, pages_max: u32) -> Round {
    let (account, collection) = (house.account(), house.collection());
    let (url, every) = (ROOT.to_owned(), Every::Day);
    let new = NewWebsite { account, collection, url, reach, pages_max, every, added_by: None };
    let (website, existed) = house.store.create_website(new.clone(), NOW).await.expect("a web site");
    assert!(!existed && website.state == WebsiteState::Waiting);
    let (same, existed) = house.store.create_website(new, NOW).await.expect("the same web site");
    assert!(existed && same.id == website.id);
    let round = house.store.claim_website(NOW).await.expect("a claim").expect("it is due at once");
    assert_eq!((round.number, &round.website.state), (1, &WebsiteState::Reading));
    round
}

fn read(text: &str) -> PageVisited {
    let mut sha256 = [0; 32];
    sha256[..text.len()].copy_from_slice(text.as_bytes());
    let content = Content {
        file_name: format!("a.example/{text}"),
        media_type: "text/html".to_owned(),
        bytes: 9,
        sha256: Sha256(sha256),
    };
    PageVisited::Read { title: text.to_owned(), content, etag: Some("\"1\"".to_owned()), modified: None }
}

async fn next(house: &House, round: &Round) -> Option<PageToVisit> {
    house.store.next_page(round, NOW).await.expect("a look at the round")
}

async fn visited(house: &House, round: &Round, visited: PageVisited) -> Option<Followed> {
    let page = next(house, round).await.expect("a page waits");
    house.store.page_visited(round, page.id, visited, NOW).await.expect("the visit is stored")
}

/// The state of each page, in order.
async fn states(house: &House, round: &Round) -> Vec<WebPageState> {
    let pages = house.store.web_pages(&house.scope, round.website.id, 0, 100).await.expect("a listing");
    pages.expect("the web site is there").rows.into_iter().map(|page| page.state).collect()
}

async fn list(house: &House, round: &Round, depth: u32, urls: &[&str]) -> u32 {
    let urls = urls.iter().map(|&url| url.to_owned()).collect();
    house.store.list_pages(round, depth, urls).await.expect("pages are listed")
}

#[tokio::test]
async fn pages_are_visited_nearest_first_and_once_a_round() {
    let house = House::new().await;
    let round = begun(&house, Reach::Crawl { depth_max: 2 }, 10).await;
    list(&house, &round, 2, &["https://a.example/far"]).await;
    list(&house, &round, 0, &[ROOT]).await;
    list(&house, &round, 1, &["https://a.example/near", ROOT]).await;
    let mut urls = Vec::new();
    while let Some(page) = next(&house, &round).await {
        urls.push(page.url);
        let skipped = PageVisited::Skipped("It is not for us.".to_owned());
        house.store.page_visited(&round, page.id, skipped, NOW).await.expect("the visit is stored");
    }
    assert_eq!(urls, [ROOT, "https://a.example/near", "https://a.example/far"]);
    house.store.finish_website(&round, RoundEnd::Whole(Some("A note.".to_owned())), NOW).await.expect("it is finished");
    let website = house.store.website(&house.scope, round.website.id).await.expect("a read").expect("it is there");
    assert_eq!((website.state, website.note.as_deref()), (WebsiteState::Read, Some("A note.")));
    assert_eq!(website.due_at_ms, Some(NOW + DAY_MS));
    assert_eq!(house.store.claim_website(NOW + DAY_MS - 1).await.expect("a look"), None);
    let again = house.store.claim_website(NOW + DAY_MS).await.expect("a claim").expect("it is due");
    assert_eq!(again.number, 2);
    assert_eq!(next(&house, &again).await.map(|page| page.url).as_deref(), Some(ROOT));
}

#[tokio::test]
async fn a_round_that_broke_off_goes_on_where_it_was() {
    let house = House::new().await;
    let round = begun(&house, Reach::Crawl { depth_max: 1 }, 10).await;
    list(&house, &round, 0, &["https://a.example/1", "https://a.example/2"]).await;
    visited(&house, &round, PageVisited::Failed("Later.".to_owned())).await;
    assert_eq!(house.store.claim_website(NOW).await.expect("a look"), None, "it is leased");
    house.store.release_websites().await.expect("a start");
    let again = house.store.claim_website(NOW).await.expect("a claim").expect("it is free");
    assert_eq!(again.number, round.number);
    assert_eq!(next(&house, &again).await.map(|page| page.url).as_deref(), Some("https://a.example/2"));
}

#[tokio::test]
async fn a_source_follows_its_page() {
    let house = House::new().await;
    let Created::New(upload) = house.store.create_source(new_source(&house.scope, "one"), NOW).await.expect("a source")
    else {
        panic!("it is new")
    };
    let job = house.claim(upload.id).await;
    house.finish(job, upload.id, &["upload"]).await.expect("an ingest");

    let round = begun(&house, Reach::Page, 1).await;
    list(&house, &round, 0, &[ROOT]).await;
    let mut same_bytes = read("one");
    if let PageVisited::Read { content, .. } = &mut same_bytes {
        content.sha256 = upload.sha256;
    }
    let made = visited(&house, &round, same_bytes).await.expect("a source follows it");
    assert!(made.changed && made.source != upload.id, "an upload of the same bytes is another source");
    let job = house.claim(made.source).await;
    house.finish(job, made.source, &["first text"]).await.expect("an ingest");
    house.store.finish_website(&round, RoundEnd::Whole(None), NOW).await.expect("it is finished");

    // Unchanged: nothing is read.
    let round = house.store.claim_website(NOW + DAY_MS).await.expect("a claim").expect("it is due");
    assert_eq!(next(&house, &round).await.and_then(|page| page.etag).as_deref(), Some("\"1\""));
    assert_eq!(visited(&house, &round, PageVisited::Unchanged).await, None);
    assert_eq!(house.store.claim_job(NOW).await.expect("a look"), None);
    house.store.finish_website(&round, RoundEnd::Whole(None), NOW + DAY_MS).await.expect("it is finished");

    // Changed: read anew; the old text stays for those who cited it. The upload still has the old bytes.
    let round = house.store.claim_website(NOW + 2 * DAY_MS).await.expect("a claim").expect("it is due");
    let changed = visited(&house, &round, read("two")).await.expect("it has a source");
    assert_eq!(changed, Followed { source: made.source, changed: true, unreferenced: None });
    let job = house.claim(made.source).await;
    house.finish(job, made.source, &["second text"]).await.expect("an ingest");
    for (version, text) in [(Some(1), "first text"), (None, "second text")] {
        let read = house.store.text(&house.scope, made.source, version).await.expect("a read").expect("a text");
        assert_eq!(read.extract.markdown, text);
    }
    house.store.finish_website(&round, RoundEnd::Whole(None), NOW + 2 * DAY_MS).await.expect("it is finished");

    // Vanished: no longer searched, and still to be opened. Back: searched again.
    let round = house.store.claim_website(NOW + 3 * DAY_MS).await.expect("a claim").expect("it is due");
    visited(&house, &round, PageVisited::Gone("Not found (404).".to_owned())).await.expect("it has a source");
    assert_eq!(house.source(made.source).await.state, SourceState::Gone);
    assert!(house.store.chunks_of(made.source).await.expect("a read").is_empty());
    assert!(house.store.text(&house.scope, made.source, None).await.expect("a read").is_some());
    assert_eq!(states(&house, &round).await, [WebPageState::Gone { reason: "Not found (404).".to_owned() }]);
    house.store.finish_website(&round, RoundEnd::Whole(None), NOW + 3 * DAY_MS).await.expect("it is finished");
    let round = house.store.claim_website(NOW + 4 * DAY_MS).await.expect("a claim").expect("it is due");
    assert_eq!(next(&house, &round).await.and_then(|page| page.etag), None, "all of it is wanted");
    assert!(visited(&house, &round, read("two")).await.is_some_and(|back| back.changed));
    house.claim(made.source).await;

    // A job that began before a change says nothing any more.
    let stale = house.store.claim_job(NOW).await.expect("a look");
    assert_eq!(stale, None);
}

#[tokio::test]
async fn what_somebody_deleted_is_left_alone() {
    let house = House::new().await;
    let round = begun(&house, Reach::Crawl { depth_max: 1 }, 10).await;
    list(&house, &round, 0, &[ROOT]).await;
    let made = visited(&house, &round, read("one")).await.expect("a source follows it");
    house.store.delete_source(&house.scope, made.source, NOW).await.expect("it is deleted");
    house.store.finish_website(&round, RoundEnd::Whole(None), NOW).await.expect("it is finished");
    let round = house.store.claim_website(NOW + DAY_MS).await.expect("a claim").expect("it is due");
    list(&house, &round, 0, &[ROOT]).await;
    assert_eq!(next(&house, &round).await, None);
    assert_eq!(states(&house, &round).await, [WebPageState::Dropped]);
}

#[tokio::test]
async fn sites_without_end_have_one() {
    let house = House::new().await;
    let round = begun(&house, Reach::Crawl { depth_max: 1 }, 60).await;
    let days: Vec<String> = (0..200).map(|day| format!("https://a.example/calendar?day={day}")).collect();
    let left_out = list(&house, &round, 1, &days.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert_eq!((left_out, states(&house, &round).await.len()), (0, 50), "so many queries of one path");
    let pages: Vec<String> = (0..20).map(|page| format!("https://a.example/{page}")).collect();
    let left_out = list(&house, &round, 1, &pages.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert_eq!((left_out, states(&house, &round).await.len()), (10, 60), "so many pages in all");
}

#[tokio::test]
async fn a_site_map_that_no_longer_lists_a_page_retires_it() {
    let house = House::new().await;
    let round = begun(&house, Reach::Sitemap, 10).await;
    list(&house, &round, 0, &["https://a.example/1", "https://a.example/2"]).await;
    visited(&house, &round, read("one")).await;
    visited(&house, &round, read("two")).await;
    house.store.finish_website(&round, RoundEnd::Whole(None), NOW).await.expect("it is finished");
    let round = house.store.claim_website(NOW + DAY_MS).await.expect("a claim").expect("it is due");
    list(&house, &round, 0, &["https://a.example/2"]).await;
    house
        .store
        .finish_website(&round, RoundEnd::Failed("The site map could not be read.".to_owned()), NOW)
        .await
        .expect("finished");
    assert_eq!(states(&house, &round).await, [WebPageState::Read, WebPageState::Read], "a failure retires nothing");
    let round = house.store.claim_website(NOW + DAY_MS).await.expect("a claim").expect("it is due");
    list(&house, &round, 0, &["https://a.example/2"]).await;
    house.store.finish_website(&round, RoundEnd::Whole(None), NOW).await.expect("it is finished");
    assert!(matches!(states(&house, &round).await[..], [WebPageState::Gone { .. }, WebPageState::Read]));
}

#[tokio::test]
async fn a_web_site_goes_with_its_sources_step_by_step() {
    let house = House::new().await;
    let round = begun(&house, Reach::Crawl { depth_max: 1 }, 10).await;
    list(&house, &round, 0, &["https://a.example/1", "https://a.example/2", "https://a.example/3"]).await;
    for text in ["one", "two", "two"] {
        visited(&house, &round, read(text)).await.expect("a source follows it");
    }
    let stranger = house.stranger().await;
    let id = round.website.id;
    assert!(!house.store.leave_website(&stranger, id).await.expect("a look"));
    assert_eq!(house.store.clear_website(2, NOW).await.expect("a look"), None, "none is to go");
    assert!(house.store.leave_website(&house.scope, id).await.expect("it leaves"));
    assert_eq!(house.store.website(&house.scope, id).await.expect("a read"), None, "it is gone at once");
    assert_eq!(next(&house, &round).await, None, "it is not read any more");
    let first = house.store.clear_website(2, NOW).await.expect("a step").expect("sources are left");
    assert_eq!((first.account, first.sources.len(), first.unreferenced.len()), (house.account(), 2, 1));
    let last = house.store.clear_website(2, NOW).await.expect("a step").expect("sources are left");
    assert_eq!((last.sources.len(), last.unreferenced.len()), (1, 1));
    assert_eq!(house.store.clear_website(2, NOW).await.expect("a look"), None, "nothing is left");
    assert_eq!(house.store.website(&house.scope, id).await.expect("a read"), None);
    assert_eq!(house.store.source_counts(&house.scope).await.expect("counts").total, 0);
}

#[tokio::test]
async fn strangers_see_no_web_site() {
    let house = House::new().await;
    let round = begun(&house, Reach::Page, 1).await;
    list(&house, &round, 0, &[ROOT]).await;
    let (stranger, id) = (house.stranger().await, round.website.id);
    house.store.finish_website(&round, RoundEnd::Whole(None), NOW).await.expect("it is finished");
    assert_eq!(house.store.websites(&stranger).await.expect("a listing"), []);
    assert_eq!(house.store.website(&stranger, id).await.expect("a read"), None);
    assert_eq!(house.store.web_pages(&stranger, id, 0, 10).await.expect("a listing"), None);
    assert!(!house.store.read_website_again(&stranger, id, NOW).await.expect("a look"));
    assert!(!house.store.set_website_every(&stranger, id, Every::Never, NOW).await.expect("a look"));
    assert!(house.store.set_website_every(&house.scope, id, Every::Never, NOW).await.expect("a look"));
    assert_eq!(house.store.claim_website(i64::MAX).await.expect("a look"), None, "never is never");
    assert!(house.store.read_website_again(&house.scope, id, NOW).await.expect("a look"));
    assert!(house.store.claim_website(NOW).await.expect("a claim").is_some());
}

#[tokio::test]
async fn a_stopped_round_is_not_taken_up_by_the_next() {
    let house = House::new().await;
    let stranger = house.stranger().await;
    let round = begun(&house, Reach::Crawl { depth_max: 1 }, 10).await;
    let id = round.website.id;
    list(&house, &round, 0, &["https://a.example/1", "https://a.example/2"]).await;
    visited(&house, &round, read("one")).await;
    let stop = |scope, now_ms| house.store.stop_website(scope, id, "Stopped.".to_owned(), now_ms);
    assert!(!stop(&stranger, NOW).await.expect("a look"));
    assert!(stop(&house.scope, NOW).await.expect("it is stopped"));
    assert!(!stop(&house.scope, NOW).await.expect("it is stopped already"));
    assert_eq!(next(&house, &round).await, None, "the round has ended");
    let stopped = house.store.website(&house.scope, id).await.expect("a read").expect("it is there");
    let note = Some("Stopped.".to_owned());
    assert_eq!((stopped.state, stopped.note, stopped.due_at_ms), (WebsiteState::Read, note, Some(NOW + DAY_MS)));
    assert!(house.store.read_website_again(&house.scope, id, NOW).await.expect("it is due"));
    let second = house.store.claim_website(NOW).await.expect("a claim").expect("it is due");
    assert_eq!(next(&house, &round).await, None, "nor does the first go on in the second");
    house.store.finish_website(&round, RoundEnd::Whole(None), NOW).await.expect("nothing to finish");
    assert!(next(&house, &second).await.is_some(), "the second is not ended by the first");
}
