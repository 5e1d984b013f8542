//! The dozen commands of the WebDriver protocol that the browser tests use, spoken to chromedriver.
//!
//! W3C, "WebDriver", section 6 (protocol) and 10 to 13 (navigation, elements, script): JSON over plain HTTP. The clients
//! on crates.io bring their own versions or features of crates that the product uses, so that a build for the tests
//! would not be the build that runs, nor share anything with it.

use std::time::{Duration, Instant};

use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::appliance::PATIENCE;

/// The name under which the protocol hands out elements.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
pub const ENTER: &str = "\u{e007}";
pub const ESCAPE: &str = "\u{e00c}";

/// What the driver answered in place of a value, in its words.
pub type Refused = String;

/// One open window.
#[derive(Clone)]
pub struct Window {
    client: Client,
    /// `http://127.0.0.1:PORT/session/ID`.
    session: String,
}

/// An element of a page.
#[derive(Clone)]
pub struct Element {
    window: Window,
    id: String,
}

impl Window {
    /// Opens a window of a browser with these capabilities, by the driver at `port`.
    pub async fn open(port: u16, capabilities: Value) -> Result<Window, Refused> {
        // Only the first of several tests in one process succeeds, and one is enough.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::new();
        let driver = format!("http://127.0.0.1:{port}/session");
        let asked = json!({ "capabilities": { "alwaysMatch": capabilities } });
        let opened = send(&client, Method::POST, &driver, Some(asked)).await?;
        let id = opened["sessionId"].as_str().ok_or_else(|| format!("no session in {opened}"))?;
        let window = Window { session: format!("{driver}/{id}"), client };
        let limits = json!({ "script": PATIENCE.as_millis() as u64, "pageLoad": PATIENCE.as_millis() as u64 });
        window.post("timeouts", limits).await?;
        Ok(window)
    }

    /// Ends the browser with its window.
    pub async fn close(&self) -> Result<(), Refused> {
        send(&self.client, Method::DELETE, &self.session, None).await.map(drop)
    }

    pub async fn go(&self, address: &str) -> Result<(), Refused> {
        self.post("url", json!({ "url": address })).await.map(drop)
    }

    pub async fn address(&self) -> Result<url::Url, Refused> {
        let address = text(self.get("url").await?)?;
        address.parse().map_err(|error| format!("{address}: {error}"))
    }

    pub async fn source(&self) -> Result<String, Refused> {
        text(self.get("source").await?)
    }

    /// Waits for the first element that `css` selects.
    pub async fn see(&self, css: &str) -> Result<Element, Refused> {
        let begun = Instant::now();
        loop {
            match self.post("element", json!({ "using": "css selector", "value": css })).await {
                Ok(found) => return Ok(Element { window: self.clone(), id: text(found[ELEMENT].clone())? }),
                Err(refused) if begun.elapsed() > PATIENCE => return Err(refused),
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// Runs a function's body; what it returns.
    pub async fn execute(&self, script: &str) -> Result<Value, Refused> {
        self.post("execute/sync", json!({ "script": script, "args": [] })).await
    }

    /// Runs a function's body with `arguments` and a last one more: the function to be called with what it returns.
    pub async fn execute_async(&self, script: &str, arguments: Vec<Value>) -> Result<Value, Refused> {
        self.post("execute/async", json!({ "script": script, "args": arguments })).await
    }

    async fn get(&self, what: &str) -> Result<Value, Refused> {
        send(&self.client, Method::GET, &format!("{}/{what}", self.session), None).await
    }

    async fn post(&self, what: &str, body: Value) -> Result<Value, Refused> {
        send(&self.client, Method::POST, &format!("{}/{what}", self.session), Some(body)).await
    }
}

impl Element {
    pub async fn click(&self) -> Result<(), Refused> {
        self.window.post(&format!("element/{}/click", self.id), json!({})).await.map(drop)
    }

    /// Types `keys`; into a field for files, the path of one.
    pub async fn send_keys(&self, keys: &str) -> Result<(), Refused> {
        self.window.post(&format!("element/{}/value", self.id), json!({ "text": keys })).await.map(drop)
    }

    /// The text that is seen.
    pub async fn text(&self) -> Result<String, Refused> {
        text(self.window.get(&format!("element/{}/text", self.id)).await?)
    }

    pub async fn attribute(&self, name: &str) -> Result<Option<String>, Refused> {
        let value = self.window.get(&format!("element/{}/attribute/{name}", self.id)).await?;
        if value.is_null() { Ok(None) } else { text(value).map(Some) }
    }
}

fn text(value: Value) -> Result<String, Refused> {
    value.as_str().map(str::to_owned).ok_or_else(|| format!("no text: {value}"))
}

async fn send(client: &Client, method: Method, address: &str, body: Option<Value>) -> Result<Value, Refused> {
    let mut request = client.request(method, address);
    if let Some(body) = body {
        request = request.json(&body);
    }
    let response = request.send().await.map_err(|error| error.to_string())?;
    let worked = response.status().is_success();
    let mut answer: Value = response.json().await.map_err(|error| error.to_string())?;
    let value = answer["value"].take();
    if worked { Ok(value) } else { Err(format!("{}: {}", value["error"], value["message"])) }
}
