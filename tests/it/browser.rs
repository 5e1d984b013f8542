//! The pages in a real browser: headless Chromium, driven through chromedriver, as a person uses them.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::appliance::{Appliance, EMAIL, PASSWORD, PATIENCE, claim, folder, has_model};
use crate::webdriver::{ENTER, ESCAPE, Element, Window};

const TITLE: &str = "harbour.md";
const TEXT: &str = "# Harbour rules\n\n## Berths\n\nA berth is given for one season. The fee is paid before the first of \
April.\n\n## Keys\n\nThe spare key of the boathouse hangs in the harbour office, behind the tide tables. Whoever takes \
it signs the book.\n\n## Speed\n\nNo boat goes faster than five knots inside the mole.\n";
const QUESTION: &str = "Where does the spare key of the boathouse hang?";
const ANSWER: &str = "harbour office";

/// A browser with a profile of its own. Dropped, it and its driver end.
struct Browser {
    page: Window,
    driver: Child,
    _profile: TempDir,
}

impl Browser {
    /// Starts one; `None`, and a line that says so, where Chromium or its driver or the model is not installed.
    async fn start(test: &str, with_script: bool) -> Option<Browser> {
        if !has_model(test) {
            return None;
        }
        let Some(mut driver) = driver() else {
            eprintln!("{test}: left out, chromium and chromedriver are not installed");
            return None;
        };
        let port = port(&mut driver);
        let profile = tempfile::tempdir().expect("a temporary folder");
        let page = match Window::open(port, capabilities(&profile, with_script)).await {
            Ok(page) => page,
            Err(error) => {
                let _ = driver.kill();
                panic!("chromium did not start: {error}");
            }
        };
        Some(Browser { page, driver, _profile: profile })
    }

    /// Waits for the first element that `css` selects.
    async fn see(&self, css: &str) -> Element {
        match self.page.see(css).await {
            Ok(element) => element,
            Err(error) => panic!("{css} did not appear: {error}\n{}", self.page.source().await.unwrap_or_default()),
        }
    }

    /// Waits until the script expression `condition` is true.
    async fn until(&self, condition: &str) {
        let begun = std::time::Instant::now();
        let script = format!("return Boolean({condition})");
        // The page may be on its way to another one, where the expression cannot be asked yet.
        while self.page.execute(&script).await.ok() != Some(json!(true)) {
            let source = self.page.source().await.unwrap_or_default();
            assert!(begun.elapsed() < PATIENCE, "never true: {condition}\n{source}");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }

    async fn go(&self, address: &str) {
        self.page.go(address).await.expect("the page loads");
    }

    async fn press(&self, css: &str) {
        self.see(css).await.click().await.unwrap_or_else(|error| panic!("{css} cannot be pressed: {error}"));
    }

    async fn fill(&self, css: &str, text: &str) {
        let field = self.see(css).await;
        field.send_keys(text).await.unwrap_or_else(|error| panic!("{css} cannot be filled: {error}"));
    }

    async fn text(&self, css: &str) -> String {
        self.see(css).await.text().await.expect("it has a text")
    }

    async fn path(&self) -> String {
        self.page.address().await.expect("it has an address").path().to_owned()
    }

    async fn sign_in(&self, appliance: &Appliance, password: &str) {
        self.go(&format!("{}/sign-in", appliance.base)).await;
        self.fill("#email", EMAIL).await;
        self.fill("#password", password).await;
        self.press("form button[type=submit]").await;
    }

    async fn end(self) {
        let _ = self.page.close().await;
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

fn driver() -> Option<Child> {
    let there = |name: &str| Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success());
    if !there("chromium") || !there("chromedriver") {
        return None;
    }
    let started = Command::new("chromedriver").arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    Some(started.expect("it is there"))
}

/// The port that the driver says it listens on. The rest of what it says is read and dropped.
fn port(driver: &mut Child) -> u16 {
    let mut lines = BufReader::new(driver.stdout.take().expect("piped")).lines().map_while(Result::ok);
    let port =
        lines.find_map(|line| line.split("started successfully on port ").nth(1)?.trim_end_matches('.').parse().ok());
    std::thread::spawn(move || lines.for_each(drop));
    port.expect("the driver says where it listens")
}

fn capabilities(profile: &TempDir, with_script: bool) -> Value {
    let mut arguments: Vec<String> = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--window-size=1400,900",
        "--accept-lang=en",
    ]
    .map(str::to_owned)
    .into();
    arguments.push(format!("--user-data-dir={}", profile.path().display()));
    let script = if with_script { 1 } else { 2 };
    let preferences = json!({ "profile.managed_default_content_settings.javascript": script });
    json!({ "goog:chromeOptions": { "args": arguments, "prefs": preferences } })
}

/// A file to upload, in a folder of its own.
fn file(name: &str, bytes: &[u8]) -> (TempDir, PathBuf) {
    let folder = folder();
    let path = folder.path().join(name);
    std::fs::File::create(&path).and_then(|mut file| file.write_all(bytes)).expect("it can be written");
    (folder, path)
}

#[tokio::test]
async fn from_the_one_time_link_to_a_highlighted_passage() {
    let Some(browser) = Browser::start("browser", true).await else { return };
    let data = folder();
    let appliance = Appliance::start(data.path());
    let link = appliance.link.clone().expect("a new appliance prints its link");

    browser.go(&format!("{}{link}", appliance.base)).await;
    browser.fill("#name", "Jo").await;
    browser.fill("#email", EMAIL).await;
    browser.fill("#password", PASSWORD).await;
    browser.press("form button[type=submit]").await;
    browser.see("#welcome").await;
    assert_eq!(browser.path().await, "/");

    browser.go(&format!("{}/sources", appliance.base)).await;
    let (_folder, path) = file(TITLE, TEXT.as_bytes());
    browser.fill("#files", &path.to_string_lossy()).await;
    browser.see(".row .state-name.is-ready").await;

    browser.go(&format!("{}/", appliance.base)).await;
    browser.fill("#question", QUESTION).await;
    browser.see("#question").await.send_keys(ENTER).await.expect("Enter is pressed");
    browser.see(".answer .tools:not([hidden])").await;
    assert!(browser.text(".answer .text").await.contains(ANSWER), "{}", browser.text(".answer").await);
    assert!(browser.path().await.starts_with("/chats/"), "the chat has an address of its own");

    browser.press("button.cite").await;
    browser.see("#panel mark").await;
    let panel = browser.text("#panel").await;
    assert!(panel.contains(TITLE) || panel.contains("Harbour rules"), "the document is named: {panel}");
    assert!(browser.text("#panel mark").await.contains(ANSWER), "the passage is highlighted: {panel}");
    let unmarked = "return document.querySelector('#panel .reading').textContent.length \
                    > [...document.querySelectorAll('#panel mark')].reduce((sum, mark) => sum + mark.textContent.length, 0)";
    assert_eq!(browser.page.execute(unmarked).await.expect("it runs"), json!(true), "in its surroundings");
    browser.see("#panel .close").await.send_keys(ESCAPE).await.expect("Escape is pressed");
    browser.until("document.getElementById('panel').hidden").await;

    let chat = browser.page.address().await.expect("it has an address");
    browser.go(&format!("{}/sources", appliance.base)).await;
    browser.press("[data-delete]").await;
    browser.press("dialog[open] button.danger").await;
    browser.see("#rows .empty").await;

    browser.go(chat.as_str()).await;
    assert!(browser.text(".answer .text").await.contains(ANSWER), "the conversation is kept");
    browser.press("button.cite").await;
    browser.see("#panel mark").await;
    assert!(browser.text("#panel mark").await.contains(ANSWER), "the quotation outlives its document");
    browser.end().await;
}

#[tokio::test]
async fn a_wrong_password_does_not_sign_in_and_signing_out_ends_the_session() {
    let Some(browser) = Browser::start("browser", true).await else { return };
    let data = folder();
    let appliance = Appliance::start(data.path());
    claim(data.path());

    browser.sign_in(&appliance, "not the password").await;
    browser.see(".notice.wrong").await;
    assert_eq!(browser.path().await, "/sign-in");

    browser.sign_in(&appliance, PASSWORD).await;
    browser.see("#welcome").await;
    browser.press(".sidebar form button").await;
    browser.see("#password").await;
    browser.go(&format!("{}/sources", appliance.base)).await;
    assert_eq!(browser.path().await, "/sign-in", "the session has ended");
    browser.end().await;
}

#[tokio::test]
async fn a_failed_source_says_why_and_can_be_tried_again() {
    let Some(browser) = Browser::start("browser", true).await else { return };
    let data = folder();
    let appliance = Appliance::start(data.path());
    claim(data.path());
    browser.sign_in(&appliance, PASSWORD).await;
    browser.see("#welcome").await;

    browser.go(&format!("{}/sources", appliance.base)).await;
    let (_folder, path) = file("broken.pdf", b"%PDF-1.7\nthis is all there is");
    browser.fill("#files", &path.to_string_lossy()).await;
    browser.see(".row .reason").await;
    let reason = browser.text(".row .reason").await;
    assert!(reason.len() > 15, "{reason}");
    // A mark on the old row: once it is gone, the page has been loaded anew by the retry.
    browser.page.execute("document.body.dataset.old = 'yes'").await.expect("it runs");
    browser.press(".row form button").await;
    browser.until("!document.body.dataset.old && location.pathname === '/sources'").await;
    browser.see(".row .reason").await;
    assert_eq!(browser.text(".row .reason").await, reason, "it failed again, for the same reason");
    browser.end().await;
}

#[tokio::test]
async fn the_main_job_works_without_script() {
    let Some(browser) = Browser::start("browser", false).await else { return };
    let data = folder();
    let appliance = Appliance::start(data.path());
    let token = appliance.token(data.path());
    browser.sign_in(&appliance, PASSWORD).await;
    browser.see("#welcome").await;

    browser.go(&format!("{}/sources", appliance.base)).await;
    let (_folder, path) = file(TITLE, TEXT.as_bytes());
    browser.fill("#files", &path.to_string_lossy()).await;
    browser.press("#upload-button").await;
    browser.see(".row").await;
    let id = browser.see(".row").await.attribute("id").await.expect("it answers").expect("a row has a number");
    let id = id.trim_start_matches("source-").parse().expect("a number");
    assert_eq!(appliance.settled(&token, id).await["state"], "ready");

    browser.go(&format!("{}/", appliance.base)).await;
    browser.fill("#question", QUESTION).await;
    browser.press("#send").await;
    browser.see(".answer .text").await;
    assert!(browser.text(".answer .text").await.contains(ANSWER));
    browser.press(".cited a").await;
    browser.see("#mark").await;
    assert!(browser.text(".reading").await.contains(ANSWER));
    assert_eq!(browser.path().await, format!("/sources/{id}"));
    browser.end().await;
}

/// What a model or a document wrote is shown as text whatever it is: no element that it names, no address but http.
#[tokio::test]
async fn markdown_can_not_become_markup() {
    let Some(browser) = Browser::start("browser", true).await else { return };
    let data = folder();
    let appliance = Appliance::start(data.path());
    browser.go(&format!("{}/sign-in", appliance.base)).await;
    let cases = [
        ("a **b** *c* `d` [1] [9]", "<p>a <strong>b</strong> <em>c</em> <code>d</code> <i>1</i> [9]</p>"),
        ("<img src=x onerror=alert(1)>", "<p>&lt;img src=x onerror=alert(1)&gt;</p>"),
        ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>"),
        ("![logo](https://evil.example/x.png?q=1)", "<p>![logo](https://evil.example/x.png?q=1)</p>"),
        ("![](data:image/png;base64,AAAA)", "<p>![](data:image/png;base64,AAAA)</p>"),
        (
            "![a](//evil.example/x) <img src=//evil.example/y>",
            "<p>![a](//evil.example/x) &lt;img src=//evil.example/y&gt;</p>",
        ),
        (
            "[**your** bank](https://evil.example/)",
            "<p><strong>your</strong> bank (<a href=\"https://evil.example/\" rel=\"noopener noreferrer nofollow\" target=\"_blank\">https://evil.example/</a>)</p>",
        ),
        ("[x](//evil.example) [y](data:text/html,z)", "<p>[x](//evil.example) [y](data:text/html,z)</p>"),
        ("`<b>` snake_case_name", "<p><code>&lt;b&gt;</code> snake_case_name</p>"),
        ("- a\n- b\n  - c\ngoes on", "<ul><li>a</li><li>b<ul><li>c\ngoes on</li></ul></li></ul>"),
        ("> q\n\n```\n<i>\n```", "<blockquote><p>q</p></blockquote><pre><code>&lt;i&gt;</code></pre>"),
        (
            "|a|\n|-|\n|[1]|",
            "<div class=\"table-scroll\"><table><thead><tr><th>a</th></tr></thead><tbody><tr><td><i>1</i></td></tr></tbody></table></div>",
        ),
    ];
    let script = "const [cases, done] = arguments; \
        const module = document.querySelector('script').src.replace('app.js', 'markdown.js'); \
        const mark = (number) => number === 1 ? Object.assign(document.createElement('i'), { textContent: 1 }) : null; \
        import(module).then(({ show }) => done(cases.map((text) => { \
            const shown = document.createElement('div'); show(shown, text, mark); return shown.innerHTML; \
        }))).catch((error) => done(String(error)))";
    let texts = cases.map(|(text, _)| text);
    let shown = browser.page.execute_async(script, vec![json!(texts)]).await.expect("the module loads");
    for (at, (text, html)) in cases.iter().enumerate() {
        assert_eq!(shown[at], *html, "{text:?} in {shown}");
    }
    browser.end().await;
}

/// A sentence that is not confirmed is underlined whatever Markdown stands around and in it, and nothing else is.
#[tokio::test]
async fn a_doubted_sentence_is_shown_through_any_markup() {
    let Some(browser) = Browser::start("browser", true).await else { return };
    let data = folder();
    let appliance = Appliance::start(data.path());
    browser.go(&format!("{}/sign-in", appliance.base)).await;
    const NOTE: &str = "<span class=\"sr-only\"> (no)</span>";
    // `{` and `}` stand where a doubt begins and ends; in what is expected, `[` and `]` for its underline.
    let cases = [
        ("a. {b.} c.", "<p>a. [b.]NOTE c.</p>"),
        ("{- a [1]}\n{- b}", "<ul><li>[a ]<i>1</i>NOTE</li><li>[b]NOTE</li></ul>"),
        ("**a. {b** c.}", "<p><strong>a. [b]</strong>[ c.]NOTE</p>"),
        ("{# a}", "<h2>[a]NOTE</h2>"),
        ("{See https://a.example/x}", "<p>[See ]<a href=\"https://a.example/x\">https://a.example/x</a>NOTE</p>"),
        (
            "|a|\n|-|\n{|b|}",
            "<div class=\"table-scroll\"><table><thead><tr><th>a</th></tr></thead><tbody><tr><td>[b]NOTE</td></tr></tbody></table></div>",
        ),
        ("\u{e001}a", "<p>\u{fffd}a</p>"),
    ];
    let script = "const [cases, done] = arguments; \
        const words = Object.assign(document.createElement('template'), { id: 't-words' }); \
        words.dataset.unconfirmed = 'no'; document.body.append(words); \
        const module = document.querySelector('script').src.replace('app.js', 'markdown.js'); \
        const mark = (number) => Object.assign(document.createElement('i'), { textContent: number }); \
        import(module).then(({ show }) => done(cases.map((text) => { \
            const doubts = []; let plain = ''; let start = 0; \
            for (const c of text) { \
                if (c === '{') start = plain.length; \
                else if (c === '}') doubts.unshift({ start, end: plain.length, why: 'w' }); \
                else plain += c; \
            } \
            const shown = document.createElement('div'); show(shown, plain, mark, doubts); \
            for (const link of shown.querySelectorAll('a')) { link.removeAttribute('rel'); link.removeAttribute('target'); } \
            return shown.innerHTML; \
        }))).catch((error) => done(String(error)))";
    let texts = cases.map(|(text, _)| text);
    let shown = browser.page.execute_async(script, vec![json!(texts)]).await.expect("the module loads");
    for (at, (text, html)) in cases.iter().enumerate() {
        let underlined = html.replace('[', "<span class=\"doubted\" title=\"w\">").replace(']', "</span>");
        assert_eq!(shown[at], underlined.replace("NOTE", NOTE), "{text:?} in {shown}");
    }
    browser.end().await;
}
