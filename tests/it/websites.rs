//! Web sites: the real appliance before a server on this machine, round after round.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use actix_web::http::{StatusCode, header};
use actix_web::web::Data;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, rt, web};
use serde_json::{Value, json};

use crate::appliance::{Appliance, folder, has_model};

/// One address of the server.
#[derive(Clone)]
enum There {
    /// A page with this body; its entity tag is made of it.
    Page(String),
    /// As [`There::Page`], with another media type.
    Plain(String),
    LeadsTo(String),
}

/// A web server that notes what it is asked, as path and status.
#[derive(Default)]
struct Server {
    there: Mutex<HashMap<String, There>>,
    asked: Mutex<Vec<(String, u16)>>,
}

impl Server {
    fn put(&self, path: &str, there: There) {
        self.there.lock().expect("no panic").insert(path.to_owned(), there);
    }

    fn page(&self, path: &str, body: &str) {
        let title = path.trim_start_matches('/');
        self.put(path, There::Page(format!("<!doctype html><title>The {title}</title><main>{body}</main>")));
    }

    fn take(&self, path: &str) {
        self.there.lock().expect("no panic").remove(path);
    }

    /// What was asked since the last look.
    fn asked(&self) -> Vec<(String, u16)> {
        std::mem::take(&mut *self.asked.lock().expect("no panic"))
    }
}

/// Starts it on `host`; its port.
fn serve(server: &Arc<Server>, host: &'static str) -> u16 {
    let (sender, receiver) = std::sync::mpsc::channel();
    let server = Data::from(server.clone());
    std::thread::spawn(move || {
        rt::System::new().block_on(async {
            let app = move || App::new().app_data(server.clone()).default_service(web::to(answer));
            let bound = HttpServer::new(app).workers(1).disable_signals().bind((host, 0)).expect("a port");
            sender.send(bound.addrs()[0].port()).expect("the test waits");
            bound.run().await.expect("it serves");
        });
    });
    receiver.recv().expect("it starts")
}

async fn answer(server: Data<Server>, request: HttpRequest) -> HttpResponse {
    let there = server.there.lock().expect("no panic").get(request.path()).cloned();
    let known = request.headers().get(header::IF_NONE_MATCH).and_then(|tag| tag.to_str().ok());
    let response = match there {
        None => HttpResponse::NotFound().finish(),
        Some(There::LeadsTo(to)) => HttpResponse::MovedPermanently().insert_header((header::LOCATION, to)).finish(),
        Some(There::Page(body) | There::Plain(body)) if known == Some(&tag(&body)) => {
            HttpResponse::NotModified().finish()
        }
        Some(There::Page(body)) => HttpResponse::Ok()
            .insert_header((header::ETAG, tag(&body)))
            .content_type("text/html; charset=utf-8")
            .body(body),
        Some(There::Plain(body)) => HttpResponse::Ok().content_type("text/plain").body(body),
    };
    server.asked.lock().expect("no panic").push((request.path().to_owned(), response.status().as_u16()));
    response
}

fn tag(body: &str) -> String {
    let sum = body.bytes().fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    format!("\"{sum:x}\"")
}

/// Adds a web site; what the appliance says of it.
async fn add(appliance: &Appliance, token: &str, body: &Value) -> Value {
    let response = appliance.post(token, "/api/v1/websites", body).await;
    assert_eq!(response.status(), StatusCode::ACCEPTED.as_u16());
    response.json().await.expect("JSON")
}

/// Waits until a web site was read or failed, and its sources have come to rest.
async fn read(appliance: &Appliance, token: &str, id: &Value) -> Value {
    let path = format!("/api/v1/websites/{id}");
    let website = appliance.until(token, &path, |site| matches!(site["state"].as_str(), Some("read" | "failed"))).await;
    appliance.until(token, "/api/v1/sources/counts", |counts| counts["working"] == 0).await;
    website
}

/// The pages of a web site by their path: state, reason and source.
async fn pages(appliance: &Appliance, token: &str, id: &Value) -> HashMap<String, Value> {
    let path = format!("/api/v1/websites/{id}/pages");
    let listed: Value = appliance.get(token, &path).await.json().await.expect("JSON");
    let rows = listed["pages"].as_array().expect("a list").iter();
    let path_of = |page: &Value| {
        let url = page["url"].as_str().expect("an address");
        url.splitn(4, '/').nth(3).map(|path| format!("/{path}")).unwrap_or_default()
    };
    rows.map(|page| (path_of(page), page.clone())).collect()
}

async fn found(appliance: &Appliance, token: &str, question: &str) -> String {
    let body = json!({ "question": question, "limit": 1 });
    let found: Value = appliance.post(token, "/api/v1/search", &body).await.json().await.expect("JSON");
    found["passages"][0]["text"].to_string()
}

#[tokio::test]
async fn a_site_is_kept_in_step() {
    if !has_model("websites") {
        return;
    }
    let (server, elsewhere) = (Arc::<Server>::default(), Arc::<Server>::default());
    let (port, other) = (serve(&server, "127.0.0.1"), serve(&elsewhere, "127.0.0.1"));
    server.put("/robots.txt", There::Plain("User-agent: *\nDisallow: /private\n".to_owned()));
    let links = format!(
        "<p>The harbour of Selby opens in April.</p><a href='keys'>Keys</a> <a href='/tides'>Tides</a>
         <a href='/private/x'>Private</a> <a href='/old'>Old</a> <a href='http://127.0.0.1:{other}/'>Other</a>
         <a href='/rates.csv'>Rates</a> <a href=/slips>Slips</a> <a href='/lost'>Lost</a> <a href='mailto:x@a.example'>Mail</a>"
    );
    server.page("/", &links);
    server.page("/keys", "<p>The attic key hangs behind the barometer.</p><a href='/deep'>Deep</a>");
    server.page("/tides", "<p>The tide tables are printed by the almanac office.</p>");
    server.put("/slips", There::Page("<p>The slips are cleaned on Mondays.</p>".to_owned()));
    server.page("/private/x", "<p>The safe opens with 1234.</p>");
    server.page("/deep", "<p>Too deep to be read.</p>");
    server.put("/rates.csv", There::Plain("Berth,Price\nNorth pier,12 EUR\nSouth pier,9 EUR\n".to_owned()));
    server.put("/old", There::LeadsTo("/tides".to_owned()));
    let data = folder();
    let appliance = Appliance::start_with(data.path(), &[("WEB_ALLOWED_RANGES", "127.0.0.0/8")]);
    let token = appliance.token(data.path());
    let wish =
        json!({ "url": format!("http://127.0.0.1:{port}/"), "reach": "crawl", "depth_max": 1, "every": "daily" });
    let added = add(&appliance, &token, &wish).await;
    assert_eq!(add(&appliance, &token, &wish).await["existed"], true, "the same site twice is one");
    let id = &added["id"];
    let website = read(&appliance, &token, id).await;
    assert_eq!((&website["state"], &website["pages"], &website["note"]), (&json!("read"), &json!(5), &Value::Null));
    assert!(website["due_at"].is_string(), "{website}");
    let all = pages(&appliance, &token, id).await;
    let states = |all: &HashMap<String, Value>| {
        let mut states: Vec<_> = all.iter().map(|(path, page)| format!("{path} {}", page["state"])).collect();
        states.sort_unstable();
        states.join(", ").replace('"', "")
    };
    assert_eq!(
        states(&all),
        "/ read, /keys read, /lost failed, /old skipped, /private/x skipped, /rates.csv read, /slips read, /tides read"
    );
    assert!(all["/private/x"]["reason"].to_string().contains("robots.txt"), "{}", all["/private/x"]);
    let asked = server.asked();
    assert!(!asked.iter().any(|(path, _)| path == "/private/x" || path == "/deep"), "{asked:?}");
    assert_eq!(elsewhere.asked(), [], "another site is not visited");
    assert!(found(&appliance, &token, "Where does the attic key hang?").await.contains("barometer"));
    assert!(found(&appliance, &token, "What does a berth at the north pier cost?").await.contains("12 EUR"));
    let tides = &all["/tides"]["source"];
    let source: Value = appliance.get(&token, &format!("/api/v1/sources/{tides}")).await.json().await.expect("JSON");
    assert_eq!((&source["kind"], &source["title"]), (&json!("website"), &json!("The tides")), "{source}");

    // One page changes, one vanishes, one comes; all others are not even sent.
    server.page("/", "<p>The harbour of Selby opens in March.</p><a href='/keys'>K</a> <a href='/new'>New</a>");
    server.take("/tides");
    server.page("/new", "<p>Kayaks are let from the slipway.</p>");
    let again = appliance.post(&token, &format!("/api/v1/websites/{id}/read"), &json!({})).await;
    assert_eq!(again.status(), StatusCode::ACCEPTED.as_u16());
    let website = read(&appliance, &token, id).await;
    assert_eq!((&website["pages"], &website["gone_pages"]), (&json!(5), &json!(1)), "{website}");
    let asked = server.asked();
    assert!(asked.contains(&("/keys".to_owned(), 304)), "{asked:?}");
    assert!(found(&appliance, &token, "When does the harbour of Selby open?").await.contains("March"));
    assert!(found(&appliance, &token, "Where are kayaks let?").await.contains("slipway"));
    assert!(!found(&appliance, &token, "Who prints the tide tables?").await.contains("almanac"));
    let text: Value = appliance.get(&token, &format!("/api/v1/sources/{tides}/text")).await.json().await.expect("JSON");
    assert!(text["text"].to_string().contains("almanac"), "a citation of a vanished page still opens: {text}");

    assert!(appliance.delete(&token, &format!("/api/v1/websites/{id}")).await.status().is_success());
    assert_eq!(appliance.get(&token, &format!("/api/v1/websites/{id}")).await.status(), StatusCode::NOT_FOUND.as_u16());
    appliance.until(&token, "/api/v1/sources", |listed| listed["total"] == 0).await;
}

#[tokio::test]
async fn what_lies_inside_is_not_visited_unless_it_is_allowed() {
    let (outside, inside) = (Arc::<Server>::default(), Arc::<Server>::default());
    let (port, inner) = (serve(&outside, "127.0.0.1"), serve(&inside, "127.0.0.2"));
    inside.page("/", "<p>The metadata of this machine.</p>");
    outside.put("/away", There::LeadsTo(format!("http://127.0.0.2:{inner}/")));
    let data = folder();
    let strict = Appliance::start(data.path());
    let token = strict.token(data.path());
    let near = add(&strict, &token, &json!({ "url": format!("http://127.0.0.1:{port}/") })).await;
    let named = add(&strict, &token, &json!({ "url": format!("http://localhost:{port}/") })).await;
    for website in [&near, &named] {
        let website = read(&strict, &token, &website["id"]).await;
        assert_eq!(website["state"], "failed", "{website}");
        assert!(website["reason"].to_string().contains("WEB_ALLOWED_RANGES"), "{website}");
    }
    assert_eq!(outside.asked(), [], "nobody was asked");
    for (wish, field) in [
        (json!({ "url": "ftp://a.example/" }), "address of the web"),
        (json!({ "url": "https://a.example/", "reach": "all" }), "page, sitemap, crawl"),
        (json!({ "url": "https://a.example/", "every": "hour" }), "never, daily, weekly"),
        (json!({ "url": "https://a.example/", "pages_max": 0 }), "pages_max"),
        (json!({}), "`url` is missing"),
    ] {
        let refused = strict.post(&token, "/api/v1/websites", &wish).await;
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST.as_u16(), "{wish}");
        let said = refused.text().await.expect("a text");
        assert!(said.contains(field), "{wish}: {said}");
    }
    strict.stop();

    let open = Appliance::start_with(data.path(), &[("WEB_ALLOWED_RANGES", "127.0.0.1/32")]);
    let away = add(&open, &token, &json!({ "url": format!("http://127.0.0.1:{port}/away") })).await;
    let away = read(&open, &token, &away["id"]).await;
    assert_eq!(away["state"], "failed", "{away}");
    assert!(away["reason"].to_string().contains("127.0.0.2"), "{away}");
    assert!(outside.asked().iter().any(|(path, status)| path == "/away" && *status == 301));
    assert_eq!(inside.asked(), [], "a redirect leads nowhere inside");
}
