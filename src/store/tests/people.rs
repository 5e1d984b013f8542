//! People, accounts, sessions and tokens.

use super::{House, NOW, person};
use crate::domain::account::{COLLECTION_GENERAL, Role};
use crate::limits;
use crate::store::{Claimed, NewToken, Store, StoreError};

const DAY_MS: i64 = 24 * 3600 * 1_000;

#[tokio::test]
async fn the_appliance_is_claimed_once_and_only_with_the_latest_link() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = Store::open(&folder.path().join("nosia.db")).expect("a new database opens");
    let claim = |link, now_ms| store.claim(link, person("ada@example.org"), "Northwind".to_owned(), now_ms);
    assert!(!store.is_claimed().await.expect("a read"));
    assert_eq!(claim(Some([1; 32]), NOW).await.expect("an answer"), Claimed::BadLink, "there is no link yet");

    store.put_setup_link([1; 32], NOW + 10).await.expect("a link");
    store.put_setup_link([2; 32], NOW + 10).await.expect("a later link");
    for (link, now_ms, valid) in [([1; 32], NOW, false), ([2; 32], NOW, true), ([2; 32], NOW + 10, false)] {
        assert_eq!(store.setup_link_valid(link, now_ms).await.expect("a read"), valid);
        if !valid {
            assert_eq!(claim(Some(link), now_ms).await.expect("an answer"), Claimed::BadLink);
        }
    }
    let racing = tokio::join!(claim(Some([2; 32]), NOW), claim(Some([2; 32]), NOW), claim(None, NOW));
    let (first, second, third) = racing;
    let Claimed::Done(user, account) = first.expect("an answer") else { panic!("the first one claims it") };
    assert_eq!(second.expect("an answer"), Claimed::AlreadyClaimed);
    assert_eq!(third.expect("an answer"), Claimed::AlreadyClaimed);

    assert!(store.is_claimed().await.expect("a read"));
    assert!(!store.setup_link_valid([2; 32], NOW).await.expect("a read"), "a used link is no link");
    let found = store.user(user).await.expect("a read").expect("the user is there");
    assert!(found.administrator, "whoever claims the appliance administers it");
    let memberships = store.memberships(user).await.expect("a read");
    assert_eq!(memberships.len(), 1);
    assert_eq!(
        (memberships[0].0.id, memberships[0].0.name.as_str(), memberships[0].1),
        (account, "Northwind", Role::Owner)
    );
    let collections = store.collections(account).await.expect("a read");
    assert_eq!(collections.iter().map(|found| found.name.as_str()).collect::<Vec<_>>(), [COLLECTION_GENERAL]);
    let scope = store.scope(account).await.expect("a scope");
    assert_eq!((scope.collections, scope.whole), (vec![collections[0].id], true));
}

#[tokio::test]
async fn a_claim_takes_the_account_that_the_command_line_has_filled() {
    let house = House::new().await;
    let claimed = house.store.claim(None, person("ada@example.org"), "Another".to_owned(), NOW).await;
    let Claimed::Done(_, account) = claimed.expect("an answer") else { panic!("nobody was first") };
    assert_eq!(account, house.account());
    assert_eq!(house.store.accounts().await.expect("a read").len(), 1);
}

#[tokio::test]
async fn addresses_are_one_in_every_case() {
    let house = House::new().await;
    let create = |email, account| house.store.create_user(person(email), account, Role::Reader, NOW);
    let ada = create("Ada@Example.org", house.account()).await.expect("a user");
    let cases = [("ada@example.org", "email"), (" ADA@EXAMPLE.ORG", "email")];
    for (email, taken) in cases {
        let refused = create(email, house.account()).await;
        assert!(matches!(refused, Err(StoreError::Conflict(what)) if what == taken), "{email}: {refused:?}");
    }
    let nowhere = create("bob@example.org", crate::domain::id::AccountId(99)).await;
    assert!(matches!(nowhere, Err(StoreError::Conflict("account"))), "{nowhere:?}");
    assert_eq!(house.store.users().await.expect("a read").len(), 1, "a refused user leaves nothing");

    let (found, hash) =
        house.store.user_with_password("aDa@example.ORG".to_owned()).await.expect("a read").expect("ada is there");
    assert_eq!((found.id, found.email.as_str(), hash.as_str()), (ada, "Ada@Example.org", "$argon2id$"));
    assert_eq!(house.store.user_with_password("nobody".to_owned()).await.expect("a read"), None);
}

#[tokio::test]
async fn sessions_end_when_unused_when_old_and_when_told() {
    let house = House::new().await;
    let store = &house.store;
    let ada = store.create_user(person("ada@example.org"), house.account(), Role::Editor, NOW).await.expect("a user");
    let idle_ms = limits::SESSION_IDLE_SECONDS_MAX * 1_000;
    let whole_ms = limits::SESSION_SECONDS_MAX * 1_000;
    store.create_session([1; 32], ada, house.account(), NOW).await.expect("a session");
    let alive = async |hash, now_ms| {
        let found = store.session(hash, now_ms).await.expect("a read").is_some();
        uses_are_noted(store).await;
        found
    };

    let caller = store.session([1; 32], NOW).await.expect("a read").expect("the session lives");
    assert_eq!((caller.user.id, caller.account.id, caller.role), (ada, house.account(), Role::Editor));
    assert!(!alive([2; 32], NOW).await);
    assert!(alive([1; 32], NOW + idle_ms - 1).await, "and this notes the use");
    assert!(alive([1; 32], NOW + idle_ms).await, "since it was used meanwhile");
    let mut now_ms = NOW + idle_ms;
    while now_ms + 13 * DAY_MS < NOW + whole_ms {
        now_ms += 13 * DAY_MS;
        assert!(alive([1; 32], now_ms).await);
    }
    assert!(alive([1; 32], NOW + whole_ms - 1).await);
    assert!(!alive([1; 32], NOW + whole_ms).await, "however much it was used");

    store.create_session([3; 32], ada, house.account(), NOW).await.expect("a session");
    assert!(!alive([3; 32], NOW + idle_ms).await, "unused for as long as that");
    store.end_session([3; 32]).await.expect("an end");
    assert!(!alive([3; 32], NOW).await);
    store.end_session([3; 32]).await.expect("ending it again is harmless");

    store.create_session([4; 32], ada, house.account(), NOW).await.expect("a session");
    store.set_password(ada, "new".to_owned()).await.expect("a new password");
    assert!(!alive([4; 32], NOW).await, "a new password ends the sessions");
    assert_eq!(store.user_with_password("ada@example.org".to_owned()).await.expect("a read").expect("ada").1, "new");
    let nobody = store.set_password(crate::domain::id::UserId(99), "new".to_owned()).await;
    assert!(matches!(nobody, Err(StoreError::Conflict("user"))));
}

#[tokio::test]
async fn tokens_name_their_caller_until_expired_or_revoked() {
    let house = House::new().await;
    let store = &house.store;
    let ada = store.create_user(person("ada@example.org"), house.account(), Role::Owner, NOW).await.expect("a user");
    let bob = store.create_user(person("bob@example.org"), house.account(), Role::Reader, NOW).await.expect("a user");
    let token = |hash, expires_at_ms| NewToken {
        hash,
        user: ada,
        account: house.account(),
        name: "scripts".to_owned(),
        prefix: "nosia_ab".to_owned(),
        expires_at_ms,
    };
    let lasting = store.create_token(token([1; 32], None), NOW).await.expect("a token");
    store.create_token(token([2; 32], Some(NOW + 5)), NOW).await.expect("a token");
    let twice = store.create_token(token([1; 32], None), NOW).await;
    assert!(matches!(twice, Err(StoreError::Conflict("token"))));

    let found = async |hash, now_ms| store.token(hash, now_ms).await.expect("a read");
    let (_, caller) = found([1; 32], NOW + DAY_MS).await.expect("it never expires");
    assert_eq!((caller.user.id, caller.role), (ada, Role::Owner));
    assert!(found([2; 32], NOW + 4).await.is_some());
    assert!(found([2; 32], NOW + 5).await.is_none());
    assert!(found([3; 32], NOW).await.is_none());

    uses_are_noted(store).await;
    let listed = store.tokens(house.account(), ada).await.expect("a read");
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[1].used_at_ms, Some(NOW + DAY_MS), "its use was noted");
    assert!(store.tokens(house.account(), bob).await.expect("a read").is_empty());
    assert!(!store.revoke_token(house.account(), bob, lasting.id).await.expect("a write"), "it is not bob's");
    assert!(store.revoke_token(house.account(), ada, lasting.id).await.expect("a write"));
    assert!(!store.revoke_token(house.account(), ada, lasting.id).await.expect("a write"));
    assert!(found([1; 32], NOW).await.is_none());
}

/// Uses are noted by the writer in its own time; what is written after them waits for them.
async fn uses_are_noted(store: &Store) {
    store.end_session([0xff; 32]).await.expect("there is no such session");
}
