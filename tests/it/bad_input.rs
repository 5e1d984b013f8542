//! Bad input gets a clear error and loses nothing.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::appliance::{Appliance, folder, has_model};

#[tokio::test]
async fn bad_files_are_refused_or_failed_with_a_reason() {
    if !has_model("bad_input") {
        return;
    }
    let data = folder();
    let appliance = Appliance::start(data.path());
    let token = appliance.token(data.path());
    let refused: &[(&str, &[u8], &str)] = &[
        ("empty.txt", b"", "empty"),
        ("clip.pdf", b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\0\0\0!\xf9\x04\0\0\0\0\0", "GIF"),
        ("program.docx", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0>\0\x01\0\0\0", ""),
    ];
    for (name, bytes, named) in refused {
        let response = appliance.upload(&token, name, bytes).await;
        let status = response.status();
        let body = response.text().await.expect("text");
        assert_eq!(status, StatusCode::BAD_REQUEST, "{name}: {body}");
        assert!(body.to_lowercase().contains(&named.to_lowercase()), "{name}: {body}");
    }
    let failing: &[(&str, &[u8])] = &[
        ("photo.pdf", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01"),
        ("broken.pdf", b"%PDF-1.7\nthis is all there is"),
        ("broken.docx", b"PK\x03\x04not really a word document"),
    ];
    for (name, bytes) in failing {
        let response = appliance.upload(&token, name, bytes).await;
        if response.status() == StatusCode::BAD_REQUEST {
            continue;
        }
        let body: Value = response.json().await.expect("JSON");
        let id = body["sources"][0]["id"].as_i64().expect("a number");
        let source = appliance.settled(&token, id).await;
        assert_eq!(source["state"], "failed", "{name}: {source}");
        assert!(source["reason"].as_str().is_some_and(|reason| reason.len() > 15), "{name}: {source}");
    }
    let id = appliance.add(&token, "latin.txt", b"Le caf\xe9 ouvre \xe0 huit heures.\nDe f\xfcnf bis sieben.\n").await;
    let source = appliance.settled(&token, id).await;
    assert_eq!(source["state"], "ready", "invalid UTF-8 is read all the same: {source}");
    let lying = appliance.add(&token, "notes.pdf", b"These notes are plain text, whatever their name says.\n").await;
    assert_eq!(appliance.settled(&token, lying).await["state"], "ready", "the content decides, not the name");
}

#[tokio::test]
async fn bad_requests_are_told_what_is_wrong() {
    if !has_model("bad_input") {
        return;
    }
    let data = folder();
    let appliance = Appliance::start(data.path());
    let token = appliance.token(data.path());
    let message = |content: String| json!({ "model": "nosia", "messages": [{ "role": "user", "content": content }] });
    let cases = [
        (message("why ".repeat(25_000)), "characters"),
        (message(String::new()), "empty"),
        (json!({ "model": "nosia", "messages": [] }), "messages"),
        (json!({ "model": "nosia" }), "messages"),
        (
            json!({ "model": "nosia", "messages": [{ "role": "user", "content": "x" }], "temperature": 9 }),
            "temperature",
        ),
        (
            json!({ "model": "nosia", "messages": [{ "role": "user", "content": "x" }],
                    "response_format": { "type": "json_object" } }),
            "need a language model",
        ),
    ];
    for (body, named) in cases {
        let response = appliance.post(&token, "/v1/chat/completions", &body).await;
        let status = response.status();
        let error: Value = response.json().await.expect("JSON");
        assert_eq!(status, StatusCode::BAD_REQUEST, "{error}");
        let text = error["error"]["message"].as_str().unwrap_or_default().to_lowercase();
        assert!(text.contains(named), "{named}: {error}");
    }
}

#[tokio::test]
async fn an_upload_that_is_too_large_is_refused_and_leaves_nothing() {
    if !has_model("bad_input") {
        return;
    }
    let data = folder();
    let appliance = Appliance::start(data.path());
    let token = appliance.token(data.path());
    let border = "----nosia-test-border";
    let head = format!(
        "--{border}\r\nContent-Disposition: form-data; name=\"files\"; filename=\"huge.txt\"\r\nContent-Type: text/plain\r\n\r\n"
    );
    // 2 GB in pieces: never in memory here, and not to be taken in there.
    let piece = bytes::Bytes::from(vec![b'x'; 1 << 20]);
    let pieces = std::iter::once(bytes::Bytes::from(head)).chain(std::iter::repeat_n(piece, 2048));
    let body = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces.map(Ok::<_, std::io::Error>)));
    let request = appliance.client.post(format!("{}/api/v1/files", appliance.base)).bearer_auth(&token);
    let sent =
        request.header("content-type", format!("multipart/form-data; boundary={border}")).body(body).send().await;
    // The server may answer and close while the body is still on its way; either way nothing stays.
    if let Ok(response) = sent {
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }
    let sources: Value = appliance.get(&token, "/api/v1/sources").await.json().await.expect("JSON");
    assert_eq!(sources["total"], 0, "{sources}");
    let left: u64 = bytes_below(&data.path().join("blobs"));
    assert_eq!(left, 0, "the refused upload left {left} bytes");
}

#[tokio::test]
async fn a_full_disk_refuses_uploads_and_loses_nothing() {
    if !has_model("bad_input") {
        return;
    }
    let disk = folder();
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=96m", "nosia-test", &disk.path().to_string_lossy()])
        .output()
        .is_ok_and(|output| output.status.success());
    if !mounted {
        eprintln!("bad_input: left out, a small disk cannot be mounted here (root can)");
        return;
    }
    let unmount = Unmount(disk.path().to_owned());
    let data = disk.path().join("data");
    let appliance = Appliance::start(&data);
    let token = appliance.token(&data);
    appliance.ready(&token, "kept.md", b"The lighthouse keeper is called Ineke Post.\n").await;
    let ballast = disk.path().join("ballast");
    std::fs::write(&ballast, vec![0; 60 << 20]).expect("there is room for the ballast");
    let response = appliance.upload(&token, "more.md", b"This one does not fit.\n").await;
    let status = response.status();
    let body = response.text().await.expect("text");
    assert_eq!(status, StatusCode::INSUFFICIENT_STORAGE, "{body}");
    assert!(body.contains("disk"), "{body}");
    let search = json!({ "question": "Who keeps the lighthouse?", "limit": 3 });
    let found: Value = appliance.post(&token, "/api/v1/search", &search).await.json().await.expect("JSON");
    assert!(found.to_string().contains("Ineke Post"), "reading goes on: {found}");
    std::fs::remove_file(&ballast).expect("it is there");
    let id = appliance.add(&token, "more.md", b"This one fits again.\n").await;
    assert_eq!(appliance.settled(&token, id).await["state"], "ready", "and writing resumes by itself");
    drop(appliance);
    drop(unmount);
}

struct Unmount(std::path::PathBuf);

impl Drop for Unmount {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// The size of all files below `folder`.
fn bytes_below(folder: &std::path::Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let size = |entry: std::fs::DirEntry| match entry.path() {
        path if path.is_dir() => bytes_below(&path),
        path => path.metadata().map_or(0, |file| file.len()),
    };
    entries.flatten().map(size).sum()
}
