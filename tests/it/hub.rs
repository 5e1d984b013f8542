//! Models from a hub: the real command before a server that speaks as a hub does, with a storage on another port.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data, Path as InPath};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, rt};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio_stream::wrappers::ReceiverStream;

use crate::appliance::{PATIENCE, folder, nosia, run, run_json};
use crate::models::{GOOD, stranger};

const TOKEN: &str = "hf_the-token";
/// The entity tag that the storage gives, which is none of the hub's.
const STORAGE_TAG: &str = "\"storage-tag\"";

/// How the storage answers a request.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Whole,
    /// Closes the connection after so many bytes.
    CutAfter(usize),
    /// Says nothing more after so many bytes.
    HangAfter(usize),
}

/// What was asked of hub or storage.
#[derive(Clone, Debug)]
struct Asked {
    host: &'static str,
    method: String,
    path: String,
    headers: HashMap<String, String>,
    /// Bytes of a file that were offered.
    bytes: usize,
}

/// The files of the hub, how it behaves, and what it was asked.
#[derive(Default)]
struct Hub {
    files: HashMap<String, Vec<u8>>,
    /// Said of every file instead of its own.
    sha256: Option<String>,
    /// How the next requests to the storage are answered; all others whole.
    ways: Mutex<Vec<Way>>,
    asked: Mutex<Vec<Asked>>,
    storage: Mutex<String>,
}

impl Hub {
    fn asked(&self, host: &str) -> Vec<Asked> {
        self.asked.lock().expect("no panic").iter().filter(|asked| asked.host == host).cloned().collect()
    }

    fn note(&self, host: &'static str, request: &HttpRequest, bytes: usize) {
        let text = |value: &actix_web::http::header::HeaderValue| value.to_str().unwrap_or_default().to_owned();
        let headers = request.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        let (method, path) = (request.method().to_string(), request.path().to_owned());
        self.asked.lock().expect("no panic").push(Asked { host, method, path, headers, bytes });
    }
}

/// Starts hub and storage; the hub's address.
fn serve(hub: &Arc<Hub>) -> String {
    let of_hub = start(hub, |config| {
        config.service(list).service(resolve);
    });
    *hub.storage.lock().expect("no panic") = start(hub, |config| {
        config.service(blob);
    });
    of_hub
}

fn start(hub: &Arc<Hub>, routes: fn(&mut actix_web::web::ServiceConfig)) -> String {
    let data = Data::from(Arc::clone(hub));
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        rt::System::new().block_on(async move {
            let app = move || App::new().app_data(data.clone()).configure(routes);
            let server = HttpServer::new(app).workers(1).disable_signals().bind("127.0.0.1:0").expect("a free port");
            sender.send(server.addrs()[0]).expect("it is awaited");
            server.run().await.expect("it serves");
        });
    });
    format!("http://{}", receiver.recv().expect("it starts"))
}

#[actix_web::get("/api/models/{owner}/{repository}")]
async fn list(hub: Data<Hub>, repository: InPath<(String, String)>, request: HttpRequest) -> HttpResponse {
    hub.note("hub", &request, 0);
    match repository.1.as_str() {
        "gated" => HttpResponse::Unauthorized().json(json!({ "error": "Access to this model is restricted." })),
        "nowhere" => HttpResponse::NotFound().json(json!({ "error": "Repository not found" })),
        _ => {
            let sibling = |(name, bytes): (&String, &Vec<u8>)| json!({ "rfilename": name, "size": bytes.len() });
            HttpResponse::Ok().json(json!({ "siblings": hub.files.iter().map(sibling).collect::<Vec<_>>() }))
        }
    }
}

#[actix_web::route("/{owner}/{repository}/resolve/{revision}/{file:.*}", method = "GET", method = "HEAD")]
async fn resolve(hub: Data<Hub>, path: InPath<(String, String, String, String)>, request: HttpRequest) -> HttpResponse {
    hub.note("hub", &request, 0);
    let (_, repository, _, file) = path.into_inner();
    if repository == "gated" {
        // An answer to HEAD has no body to give the reason in.
        let mut refusal = HttpResponse::Unauthorized();
        return refusal.insert_header(("X-Error-Message", "Access to this model is restricted.")).finish();
    }
    let Some(bytes) = hub.files.get(&file) else { return HttpResponse::NotFound().finish() };
    let sha256 = hub.sha256.clone().unwrap_or_else(|| hex::encode(Sha256::digest(bytes)));
    HttpResponse::Found()
        .insert_header(("Location", format!("{}/blob/{file}", hub.storage.lock().expect("no panic"))))
        .insert_header(("X-Repo-Commit", "c0ffee"))
        .insert_header(("X-Linked-Size", bytes.len().to_string()))
        .insert_header(("X-Linked-Etag", format!("\"{sha256}\"")))
        .finish()
}

#[actix_web::get("/blob/{file:.*}")]
async fn blob(hub: Data<Hub>, file: InPath<String>, request: HttpRequest) -> HttpResponse {
    let all = hub.files[file.as_str()].clone();
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let range = header("range").and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
    let same = header("if-range").is_none_or(|tag| tag == STORAGE_TAG);
    let from: usize = range.filter(|_| same).unwrap_or(0);
    hub.note("storage", &request, all.len() - from);
    let way = hub.ways.lock().expect("no panic").pop().unwrap_or(Way::Whole);
    let (sender, receiver) = tokio::sync::mpsc::channel::<Result<Bytes, std::io::Error>>(1);
    let rest = Bytes::from(all[from..].to_vec());
    let length = rest.len() as u64;
    rt::spawn(async move {
        let sent = match way {
            Way::Whole => rest,
            Way::CutAfter(bytes) | Way::HangAfter(bytes) => rest.slice(..bytes),
        };
        let _ = sender.send(Ok(sent)).await;
        match way {
            Way::Whole => {}
            Way::CutAfter(_) => {
                let _ = sender.send(Err(std::io::Error::other("cut"))).await;
            }
            Way::HangAfter(_) => sender.closed().await,
        }
    });
    let status = if from > 0 { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    let mut response = HttpResponse::build(status);
    response.insert_header(("ETag", STORAGE_TAG)).no_chunking(length);
    if from > 0 {
        response.insert_header(("Content-Range", format!("bytes {from}-{}/{}", all.len() - 1, all.len())));
    }
    response.streaming(ReceiverStream::new(receiver))
}

/// A hub whose files are all the same small generator.
fn hub_of(names: &[&str]) -> Arc<Hub> {
    let files = names.iter().map(|name| ((*name).to_owned(), GOOD.to_vec()));
    Arc::new(Hub { files: files.collect(), ..Hub::default() })
}

/// Runs `nosia model add` of `what` before the hub at `address`.
fn add(data: &Path, address: &str, what: &str) -> Output {
    let mut command = nosia(data);
    command.args(["model", "add", what]).env("HF_ENDPOINT", address).env("HF_TOKEN", TOKEN);
    command.output().expect("the binary runs")
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// What lies in the folder that models are taken in to, by name.
fn lying(data: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(data.join("models")).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_model_is_fetched_and_the_token_stays_with_the_hub() {
    let (data, hub) = (folder(), hub_of(&["Tiny-Q8_0.gguf", "README.md"]));
    let address = serve(&hub);
    let output = add(data.path(), &address, "hf:some/Tiny-GGUF");
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    assert!(told(&output).contains("Fetching hf:some/Tiny-GGUF/Tiny-Q8_0.gguf"), "{}", told(&output));
    assert!(!told(&output).contains(TOKEN), "{}", told(&output));
    assert_eq!(lying(data.path()), ["Tiny-Q8_0.gguf", "Tiny-Q8_0.gguf.json"]);
    assert_eq!(std::fs::read(data.path().join("models/Tiny-Q8_0.gguf")).expect("a file"), hub.files["Tiny-Q8_0.gguf"]);
    let bearer = format!("Bearer {TOKEN}");
    assert!(hub.asked("hub").iter().all(|asked| asked.headers.get("authorization") == Some(&bearer)));
    let storage = hub.asked("storage");
    assert!(storage.len() == 1 && !storage[0].headers.contains_key("authorization"), "{storage:?}");
    let last = hub.asked("hub").pop().expect("it was asked");
    assert_eq!((last.method.as_str(), last.path.contains("/resolve/c0ffee/")), ("GET", true), "{last:?}");

    let shown = run_json(data.path(), &["model", "show", "tiny-q8_0", "--json"]);
    assert_eq!((&shown["source"], &shown["commit"]), (&json!("hf:some/Tiny-GGUF/Tiny-Q8_0.gguf"), &json!("c0ffee")));
    let sha256 = hex::encode(Sha256::digest(&hub.files["Tiny-Q8_0.gguf"]));
    assert_eq!(shown["files"][0]["sha256"], sha256.as_str(), "{shown}");
    let again = add(data.path(), &address, "hf:some/Tiny-GGUF");
    assert!(again.status.code() == Some(1) && told(&again).contains("installed already"), "{}", told(&again));
}

#[test]
fn a_cut_costs_nothing_but_the_rest() {
    let (data, hub) = (folder(), hub_of(&["a.gguf"]));
    let whole = hub.files["a.gguf"].len();
    *hub.ways.lock().expect("no panic") = vec![Way::CutAfter(whole / 4), Way::CutAfter(whole / 2)];
    let output = add(data.path(), &serve(&hub), "hf:some/model/a.gguf");
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    assert_eq!(std::fs::read(data.path().join("models/a.gguf")).expect("a file"), hub.files["a.gguf"]);
    let storage = hub.asked("storage");
    let offered: Vec<usize> = storage.iter().map(|asked| asked.bytes).collect();
    assert_eq!(offered, [whole, whole - whole / 2, whole - whole / 2 - whole / 4], "{storage:?}");
    let tags: Vec<_> = storage.iter().map(|asked| asked.headers.get("if-range").map(String::as_str)).collect();
    assert_eq!(tags, [None, Some(STORAGE_TAG), Some(STORAGE_TAG)]);
}

#[test]
fn a_stopped_download_goes_on_with_the_same_command() {
    let (data, hub) = (folder(), hub_of(&["a.gguf"]));
    let whole = hub.files["a.gguf"].len();
    *hub.ways.lock().expect("no panic") = vec![Way::HangAfter(whole / 2)];
    let address = serve(&hub);
    let mut command = nosia(data.path());
    command.args(["model", "add", "hf:some/model/a.gguf"]).env("HF_ENDPOINT", &address);
    let mut child = command.stderr(Stdio::piped()).spawn().expect("the binary runs");
    let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
    let begun = Instant::now();
    // A line that counts says that bytes have come; what was counted is written when the next ones come, or never.
    while !lines.next().expect("more is said").expect("a line").contains('%') {
        assert!(begun.elapsed() < PATIENCE, "no progress was told");
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it runs");
    let rest: Vec<String> = lines.map_while(Result::ok).collect();
    assert_eq!(child.wait().expect("it ends").code(), Some(1));
    assert!(rest.join("\n").contains("the same command goes on from there"), "{rest:?}");
    assert_eq!(lying(data.path()), ["a.gguf.part", "a.gguf.part.json"]);
    let listed = run_json(data.path(), &["model", "list", "--json"]);
    let here = listed["unfinished"][0]["bytes"].as_u64().expect("its bytes") as usize;
    assert_eq!(listed["unfinished"][0]["name"], "a", "{listed}");

    let output = add(data.path(), &address, "hf:some/model/a.gguf");
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    assert_eq!(std::fs::read(data.path().join("models/a.gguf")).expect("a file"), hub.files["a.gguf"]);
    let offered: Vec<usize> = hub.asked("storage").iter().map(|asked| asked.bytes).collect();
    assert_eq!(offered, [whole, whole - here]);
    assert!(here > 0, "what came was kept");
}

#[test]
fn damage_is_not_kept() {
    let (data, mut hub) = (folder(), hub_of(&["a.gguf"]));
    Arc::get_mut(&mut hub).expect("not shared yet").sha256 = Some("0".repeat(64));
    let output = add(data.path(), &serve(&hub), "hf:some/model/a.gguf");
    assert_eq!(output.status.code(), Some(1));
    assert!(told(&output).contains("came damaged"), "{}", told(&output));
    assert_eq!(lying(data.path()), Vec::<String>::new());

    let (data, mut hub) = (folder(), Hub::default());
    hub.files.insert("a.gguf".to_owned(), stranger());
    let output = add(data.path(), &serve(&Arc::new(hub)), "hf:some/model/a.gguf");
    assert!(told(&output).contains("`mamba9`, which is not supported"), "{}", told(&output));
    assert!(!lying(data.path()).contains(&"a.gguf".to_owned()));
}

#[test]
fn what_a_hub_says_is_explained() {
    let (data, hub) = (folder(), hub_of(&["a-Q4_0.gguf", "a-Q8_0.gguf", "b-00001-of-00002.gguf"]));
    let address = serve(&hub);
    let nobody = "http://127.0.0.1:1";
    for (address, what, parts) in [
        (address.as_str(), "hf:some/gated/a.gguf", &["HF_TOKEN", "status 401", "restricted"][..]),
        (&address, "hf:some/gated", &["HF_TOKEN", "status 401"]),
        (&address, "hf:some/nowhere", &["There is no", "Check the name"]),
        (&address, "hf:some/model/c.gguf", &["has no file c.gguf"]),
        (&address, "hf:some/model/b-00001-of-00002.gguf", &["parts are not supported"]),
        (&address, "hf:some/model", &["has 2 files to choose from", "hf:some/model/a-Q", "a-Q8_0.gguf"]),
        (&address, "hf:some", &["hf:OWNER/REPO"]),
        (nobody, "hf:some/model/c.gguf", &["cannot be reached", "on another machine", "nosia model add FILE"]),
    ] {
        let output = add(data.path(), address, what);
        assert_eq!(output.status.code(), Some(1), "{what}: {}", told(&output));
        for part in parts {
            assert!(told(&output).contains(part), "{what}: {part:?} is not in {}", told(&output));
        }
        assert!(!told(&output).contains(TOKEN), "{what}: {}", told(&output));
    }
    assert_eq!(lying(data.path()), Vec::<String>::new());
}

#[test]
fn a_name_of_the_catalog_is_enough() {
    let (data, hub) = (folder(), hub_of(&["granite-3.3-2b-instruct-Q4_K_M.gguf"]));
    let output = add(data.path(), &serve(&hub), "granite3.3:2b");
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    let asked = hub.asked("hub");
    assert!(asked[0].path.starts_with("/ibm-granite/granite-3.3-2b-instruct-GGUF/resolve/"), "{asked:?}");
    let listed = run_json(data.path(), &["model", "list", "--json"]);
    let names = |field: &str| -> Vec<String> {
        let rows = listed[field].as_array().expect("rows").iter();
        rows.filter_map(|row| row["name"].as_str().map(str::to_owned)).collect()
    };
    assert!(names("models").contains(&"granite-3.3-2b-instruct-Q4_K_M".to_owned()), "{listed}");
    assert!(!names("catalog").contains(&"granite-3.3-2b-instruct".to_owned()), "{listed}");
    let removed = run(data.path(), &["model", "remove", "granite-3.3-2b-instruct"]);
    assert_eq!(removed.status.code(), Some(0), "{}", told(&removed));
}
