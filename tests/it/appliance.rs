//! One harness for all: starts, stops and kills the real binary, and speaks to it.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use reqwest::header::{CONTENT_TYPE, LOCATION};
use reqwest::{Client, Response, StatusCode};
use serde_json::Value;
use tempfile::TempDir;

/// The longest that anything in a test may take before it counts as hung.
pub const PATIENCE: Duration = Duration::from_secs(120);
pub const EMAIL: &str = "jo@example.org";
pub const PASSWORD: &str = "correct horse battery";

/// A running appliance. Dropped, it is killed.
pub struct Appliance {
    child: Child,
    /// `http://127.0.0.1:PORT`.
    pub base: String,
    /// The one-time link's path, as long as there is no administrator.
    pub link: Option<String>,
    pub client: Client,
}

/// A command of the binary on `data`, with nothing of this machine's environment but its path.
pub fn nosia(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nosia"));
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("NOSIA_MODELS", models()).env("NOSIA_DATA", data);
    command
}

/// Runs a command to its end.
pub fn run(data: &Path, arguments: &[&str]) -> Output {
    nosia(data).args(arguments).output().expect("the binary runs")
}

/// Runs a command that must succeed and print JSON.
pub fn run_json(data: &Path, arguments: &[&str]) -> Value {
    let output = run(data, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON on standard output")
}

/// The folder of models beside the sources, where `make model` puts them.
pub fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models")
}

/// Whether the embedding model is there; says what is left out if not.
pub fn has_model(test: &str) -> bool {
    let there = models().join("all-MiniLM-L6-v2/model.safetensors").exists();
    if !there {
        eprintln!("{test}: left out, the embedding model is not there (`make model` fetches it)");
    }
    there
}

/// A fresh data folder.
pub fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

impl Appliance {
    /// Starts on `data` and waits until it serves.
    pub fn start(data: &Path) -> Appliance {
        Appliance::start_with(data, &[])
    }

    /// As [`Appliance::start`], with more variables.
    pub fn start_with(data: &Path, variables: &[(&str, &str)]) -> Appliance {
        let mut command = nosia(data);
        command.args(["serve", "--listen", "127.0.0.1:0"]).envs(variables.iter().copied());
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("the binary starts");
        let stderr = child.stderr.take().expect("piped");
        let (sender, lines) = mpsc::channel();
        // Read to the end, or the child would block on a full pipe.
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let (mut base, mut link, mut seen) = (None, None, Vec::new());
        let begun = Instant::now();
        while base.is_none() || (link.is_none() && lines_may_follow(&seen)) {
            let Ok(line) = lines.recv_timeout(Duration::from_millis(500)) else {
                if base.is_some() {
                    break;
                }
                assert!(begun.elapsed() < PATIENCE, "it did not start:\n{}", seen.join("\n"));
                if let Ok(Some(status)) = child.try_wait() {
                    panic!("it ended with {status}:\n{}", seen.join("\n"));
                }
                continue;
            };
            if let Some(at) = line.strip_prefix("Nosia runs at ") {
                base = Some(at.trim().to_owned());
            }
            if let Some(at) = line.find("/setup/") {
                link = Some(line[at..].trim().to_owned());
            }
            seen.push(line);
        }
        let base = base.expect("checked by the loop");
        // Only the first of several tests in one process succeeds, and one is enough.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // While a test waits for a command nobody looks at its connections, and the server ends idle ones after a while.
        let idle = Duration::from_secs(2);
        let client = Client::builder().redirect(reqwest::redirect::Policy::none()).pool_idle_timeout(idle);
        let client = client.build().expect("a client");
        Appliance { child, base, link, client }
    }

    /// The memory that it has now, in bytes.
    pub fn resident_bytes(&self) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory is told");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
    }

    /// SIGKILL, at once.
    pub fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it can be waited for");
    }

    /// SIGTERM, and its exit code.
    pub fn stop(mut self) -> Option<i32> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it runs");
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                return status.code();
            }
            assert!(begun.elapsed() < PATIENCE, "it did not stop");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Makes the first administrator at the command line and an API token for them.
    pub fn token(&self, data: &Path) -> String {
        claim(data);
        let made = run_json(data, &["token", "create", EMAIL, "--name", "test", "--json"]);
        made["token"].as_str().expect("a token").to_owned()
    }

    /// GET as the holder of `token`.
    pub async fn get(&self, token: &str, path: &str) -> Response {
        let request = self.client.get(format!("{}{path}", self.base)).bearer_auth(token);
        request.send().await.expect("an answer")
    }

    /// POST of JSON as the holder of `token`.
    pub async fn post(&self, token: &str, path: &str, body: &Value) -> Response {
        let request = self.client.post(format!("{}{path}", self.base)).bearer_auth(token).json(body);
        request.send().await.expect("an answer")
    }

    /// DELETE as the holder of `token`.
    pub async fn delete(&self, token: &str, path: &str) -> Response {
        self.client.delete(format!("{}{path}", self.base)).bearer_auth(token).send().await.expect("an answer")
    }

    /// Uploads one file; the response as it came.
    pub async fn upload(&self, token: &str, name: &str, bytes: &[u8]) -> Response {
        let (content_type, body) = multipart(name, bytes);
        let request = self.client.post(format!("{}/api/v1/files", self.base)).bearer_auth(token);
        request.header(CONTENT_TYPE, content_type).body(body).send().await.expect("an answer")
    }

    /// Uploads one file that must be accepted; its source's number.
    pub async fn add(&self, token: &str, name: &str, bytes: &[u8]) -> i64 {
        let response = self.upload(token, name, bytes).await;
        let status = response.status();
        let body: Value = response.json().await.expect("JSON");
        assert_eq!(status, StatusCode::ACCEPTED, "{name}: {body}");
        body["sources"][0]["id"].as_i64().unwrap_or_else(|| panic!("no number in {body}"))
    }

    /// Uploads one file that must become ready; its source's number.
    pub async fn ready(&self, token: &str, name: &str, bytes: &[u8]) -> i64 {
        let id = self.add(token, name, bytes).await;
        let source = self.settled(token, id).await;
        assert_eq!(source["state"], "ready", "{source}");
        id
    }

    /// Waits until a source is ready or failed.
    pub async fn settled(&self, token: &str, source: i64) -> Value {
        let path = format!("/api/v1/sources/{source}");
        self.until(token, &path, |state| matches!(state["state"].as_str(), Some("ready" | "failed"))).await
    }

    /// Asks for `path` again and again until `holds` of what it says.
    pub async fn until(&self, token: &str, path: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let said: Value = self.get(token, path).await.json().await.expect("JSON");
            if holds(&said) {
                return said;
            }
            assert!(begun.elapsed() < PATIENCE, "{path} did not come to rest: {said}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Appliance {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes the first administrator at the command line; an appliance that has one already is left as it is.
pub fn claim(data: &Path) {
    let mut command = nosia(data);
    command.args(["init", "--email", EMAIL, "--name", "Jo"]).stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.stdout(Stdio::null()).spawn().expect("the binary runs");
    let mut stdin = child.stdin.take().expect("piped");
    std::io::Write::write_all(&mut stdin, format!("{PASSWORD}\n").as_bytes()).expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() || error.contains("already"), "{error}");
}

/// One file as a multipart form: its content type and body.
pub fn multipart(name: &str, bytes: &[u8]) -> (String, Vec<u8>) {
    let border = "----nosia-test-border";
    let mut body = format!(
        "--{border}\r\nContent-Disposition: form-data; name=\"files\"; filename=\"{name}\"\r\nContent-Type: application/octet-stream\r\n\r\n"
    )
    .into_bytes();
    body.extend_from_slice(bytes);
    body.extend_from_slice(format!("\r\n--{border}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={border}"), body)
}

/// Where a redirect points.
pub fn location(response: &Response) -> String {
    response.headers().get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

/// Whether the line with the one-time link may still come after the address's.
fn lines_may_follow(seen: &[String]) -> bool {
    !seen.last().is_some_and(|line| line.contains("/setup/"))
}
