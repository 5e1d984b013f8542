//! Settings are made, changed and taken back, and outlive the process.

use super::{House, NOW, Store};

#[tokio::test]
async fn a_setting_is_kept_until_it_is_taken_back() {
    let House { folder, store, .. } = House::new().await;
    assert_eq!(store.setting("generator").await.expect("a read"), None);
    for (value, later) in [(Some("one"), 0), (Some("two"), 1), (None, 2), (None, 3), (Some("three"), 4)] {
        let value = value.map(str::to_owned);
        store.set_setting("generator", value.clone(), NOW + later).await.expect("a write");
        assert_eq!(store.setting("generator").await.expect("a read"), value);
        assert_eq!(store.setting("another").await.expect("a read"), None);
    }
    store.close().await;
    let store = Store::open(&folder.path().join("nosia.db")).expect("it opens again");
    assert_eq!(store.setting("generator").await.expect("a read").as_deref(), Some("three"));
}
