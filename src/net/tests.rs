//! The client against a real server on loopback.

use super::scripted::{Scripted, Step, answer, head, send};
use super::{Client, NetError, Policy, Rest, Waits};
use std::time::Duration;

fn impatient(policy: Policy) -> Client {
    Client::with_waits(policy, Waits { connect: Duration::from_secs(5), silence: Duration::from_millis(300) })
}

async fn body(client: &Client, url: &str) -> Result<String, NetError> {
    let response = client.get(url).await?;
    response.read(1 << 20).await.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

#[tokio::test]
async fn a_configured_endpoint_is_reached_by_address_and_by_name() {
    let server = Scripted::serve(vec![answer(200, "", "one"), answer(200, "", "two")]).await;
    let client = Client::new(Policy::Configured);
    assert_eq!(body(&client, &server.url("/a")).await.ok().as_deref(), Some("one"));
    let by_name = format!("http://localhost:{}/b", server.port());
    assert_eq!(body(&client, &by_name).await.ok().as_deref(), Some("two"));
    let heads: Vec<String> = server.received().into_iter().map(|request| request.head).collect();
    assert!(heads[0].starts_with("get /a http/1.1") && heads[1].contains("host: localhost"), "{heads:?}");
    assert!(heads[0].contains("user-agent: nosia/"), "{heads:?}");
}

#[tokio::test]
async fn a_public_request_is_kept_from_this_machine_however_it_is_written() {
    let server = Scripted::serve(vec![answer(200, "", "secret")]).await;
    let client = Client::new(Policy::Public);
    let port = server.port();
    for host in [
        "127.0.0.1",
        "localhost",
        "LOCALHOST",
        "127.1",
        "2130706433",
        "0x7f.1",
        "0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "user:password@127.0.0.1",
        "169.254.169.254",
    ] {
        let refused = client.get(&format!("http://{host}:{port}/")).await.err();
        assert!(matches!(refused, Some(NetError::Forbidden { .. })), "{host}: {refused:?}");
    }
    assert!(server.received().is_empty());
}

#[tokio::test]
async fn redirects_are_checked_at_every_hop() {
    let inside = Scripted::serve(vec![answer(200, "", "secret")]).await;
    let there = |url: &str| answer(302, &format!("Location: {url}\r\n"), "");
    let server = Scripted::serve(vec![there("/again"), answer(200, "", "same origin"), there(&inside.url("/"))]).await;
    let client = Client::new(Policy::Configured);
    assert_eq!(body(&client, &server.url("/")).await.ok().as_deref(), Some("same origin"));
    let elsewhere = client.get(&server.url("/")).await.map(|response| response.status()).ok();
    assert_eq!(elsewhere, Some(302), "a redirect to another origin is not followed");

    // No public server can be asked here, so the rule that it would meet is asked itself.
    let hop = |url: &str| super::check_literal(&Policy::Public, &url.parse().expect("a test address parses"));
    assert!(matches!(hop(&inside.url("/")), Err(NetError::Forbidden { .. })));
    assert!(hop("https://192.0.66.2/").is_ok());
    assert!(inside.received().is_empty());
}

#[tokio::test]
async fn the_rest_of_a_file_is_asked_for_by_its_tag() {
    let part = || answer(206, "Content-Range: bytes 4-7/8\r\n", "rest");
    let server = Scripted::serve(vec![part(), part(), part(), answer(200, "ETag: \"new\"\r\n", "all of it")]).await;
    let client = Client::new(Policy::Configured);
    let url = server.url("/file");
    for (etag, bearer) in [(Some("\"old\""), Some("hf_1")), (Some("W/\"old\""), None), (None, None), (None, None)] {
        let response = client.download(&url, bearer, Some(Rest { from: 4, etag })).await.expect("an answer");
        assert!(matches!(response.status(), 200 | 206));
    }
    let heads: Vec<String> = server.received().into_iter().map(|request| request.head).collect();
    assert!(heads.iter().all(|head| head.contains("range: bytes=4-\r\n")), "{heads:?}");
    assert!(heads[0].contains("if-range: \"old\"") && heads[0].contains("authorization: bearer hf_1"), "{heads:?}");
    assert!(heads[1..].iter().all(|head| !head.contains("if-range") && !head.contains("authorization")), "{heads:?}");
}

#[tokio::test]
async fn a_head_tells_length_and_redirect_without_following_elsewhere() {
    let elsewhere = "Location: http://192.0.2.1/blob?sig=1\r\nX-Linked-Size: 9\r\n";
    let scripts = vec![
        answer(302, elsewhere, ""),
        answer(302, "Location: ?x=1\r\n", ""),
        vec![head(200, "Content-Length: 77\r\n")],
    ];
    let server = Scripted::serve(scripts).await;
    let client = Client::new(Policy::Configured);
    let found = client.head(&server.url("/file"), None).await.expect("an answer");
    assert_eq!(found.redirect().as_deref(), Some("http://192.0.2.1/blob?sig=1"));
    assert_eq!(found.header("x-linked-size"), Some("9"));
    let found = client.head(&server.url("/file"), None).await.expect("a redirect within the server is followed");
    assert_eq!((found.status(), found.redirect(), found.content_length()), (200, None, Some(77)));
}

#[tokio::test]
async fn what_goes_wrong_is_told_apart() {
    let closed = Scripted::serve(Vec::new()).await.url("/");
    tokio::time::sleep(Duration::from_millis(50)).await;
    let server = Scripted::serve(vec![
        vec![Step::Hang],
        vec![head(200, ""), send("half"), Step::Hang],
        vec![head(200, "Content-Length: 100\r\n"), send("half")],
        vec![send("this is not HTTP\r\n\r\n")],
        answer(200, "", &"x".repeat(2 << 20)),
    ])
    .await;
    let client = impatient(Policy::Configured);
    let url = server.url("/");
    let check = |found: Result<String, NetError>, expected: fn(&NetError) -> bool| {
        let error = found.expect_err("nothing good comes of it");
        assert!(expected(&error), "{error:?}");
    };
    check(body(&client, &closed).await, |error| matches!(error, NetError::Connect(_)));
    check(body(&client, &url).await, |error| matches!(error, NetError::TimedOut));
    check(body(&client, &url).await, |error| matches!(error, NetError::TimedOut));
    check(body(&client, &url).await, |error| matches!(error, NetError::Broken(_)));
    check(body(&client, &url).await, |error| matches!(error, NetError::Broken(_)));
    check(body(&client, &url).await, |error| matches!(error, NetError::TooLarge { .. }));
    for wrong in ["", "models.example", "file:///etc/passwd", "ftp://example.org/"] {
        check(body(&client, wrong).await, |error| matches!(error, NetError::Address { .. }));
    }
    check(body(&client, "http://no-such-host.invalid/").await, |error| {
        matches!(error, NetError::Name { .. } | NetError::TimedOut)
    });
}

#[test]
fn there_are_roots_to_trust() {
    assert!(super::roots::certificates().len() > 20);
}
