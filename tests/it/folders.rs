//! Folders of the server: the real appliance, and files that come, change and go under its eyes.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::{Value, json};

use crate::appliance::{Appliance, folder, has_model};

async fn listed(appliance: &Appliance, token: &str, path: &str) -> Value {
    appliance.get(token, path).await.json().await.expect("JSON")
}

/// Asks for a look, and waits until it shows what `holds`, with all sources at rest.
async fn looked(appliance: &Appliance, token: &str, id: &Value, holds: impl Fn(&Value) -> bool) -> Value {
    appliance.post(token, &format!("/api/v1/folders/{id}/read"), &json!({})).await;
    let folder = appliance.until(token, &format!("/api/v1/folders/{id}"), holds).await;
    appliance.until(token, "/api/v1/sources/counts", |counts| counts["working"] == 0).await;
    folder
}

async fn found(appliance: &Appliance, token: &str, question: &str) -> String {
    let body = json!({ "question": question, "limit": 1 });
    let found: Value = appliance.post(token, "/api/v1/search", &body).await.json().await.expect("JSON");
    found["passages"][0]["text"].to_string()
}

fn zip(path: &Path, name: &str, text: &str) {
    use std::io::Write as _;
    let mut zip = zip::ZipWriter::new(fs::File::create(path).expect("a file"));
    zip.start_file(name, zip::write::SimpleFileOptions::default()).expect("room");
    zip.write_all(text.as_bytes()).expect("room");
    zip.finish().expect("room");
}

#[tokio::test]
async fn a_folder_is_kept_in_step() {
    if !has_model("folders") {
        return;
    }
    let (data, place) = (folder(), folder());
    let at = |name: &str| place.path().join(name);
    fs::create_dir_all(at("open/museum/deep")).expect("a folder");
    fs::write(at("secret.md"), "The safe of the museum opens with 1234.").expect("a file");
    fs::write(at("open/museum/hours.md"), "The museum of Selby opens at ten.").expect("a file");
    fs::write(at("open/museum/deep/rules.txt"), "Umbrellas are left at the cloakroom.").expect("a file");
    fs::write(at("open/museum/film.avi"), b"RIFF\0\0\0\0AVI LIST").expect("a file");
    zip(&at("open/museum/shop.zip"), "prices.txt", "A catalogue costs twelve euros.");
    symlink(at("secret.md"), at("open/museum/link.md")).expect("a link");
    let open = at("open").display().to_string();
    let appliance = Appliance::start_with(data.path(), &[("FOLDERS_ALLOWED", &open)]);
    let token = appliance.token(data.path());

    for path in [at(""), at("open/none"), data.path().to_owned(), "museum".into()] {
        let refused = appliance.post(&token, "/api/v1/folders", &json!({ "path": path })).await;
        assert_eq!(refused.status(), 400, "{}", path.display());
    }
    let wish = json!({ "path": at("open/museum") });
    let added = appliance.post(&token, "/api/v1/folders", &wish).await;
    assert_eq!(added.status(), 202);
    let added: Value = added.json().await.expect("JSON");
    let again: Value = appliance.post(&token, "/api/v1/folders", &wish).await.json().await.expect("JSON");
    assert_eq!((&again["id"], &again["existed"]), (&added["id"], &json!(true)), "the same folder twice is one");
    let id = &added["id"];
    let folder = looked(&appliance, &token, id, |folder| folder["files"] == 3).await;
    assert_eq!((&folder["failed_files"], &folder["gone_files"]), (&json!(1), &json!(0)), "{folder}");
    assert!(folder["note"].to_string().contains("1 symbolic link"), "{folder}");
    assert!(found(&appliance, &token, "When does the museum of Selby open?").await.contains("ten"));
    assert!(found(&appliance, &token, "Where are umbrellas left?").await.contains("cloakroom"));
    assert!(found(&appliance, &token, "What does a catalogue cost?").await.contains("twelve"));
    assert!(!found(&appliance, &token, "What does the safe open with?").await.contains("1234"));
    let files = listed(&appliance, &token, &format!("/api/v1/folders/{id}/files")).await;
    let states: Vec<String> = files["files"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|file| {
            format!("{} {}", file["path"].as_str().unwrap_or_default(), file["state"].as_str().unwrap_or_default())
        })
        .collect();
    assert_eq!(states, ["deep/rules.txt read", "film.avi failed", "hours.md read", "shop.zip read"]);
    let source = |path: &str| {
        let file = files["files"].as_array().and_then(|files| files.iter().find(|file| file["path"] == path));
        file.map(|file| file["source"].clone()).unwrap_or_default()
    };

    let shop = format!("/api/v1/sources/{}", source("shop.zip"));
    let before = listed(&appliance, &token, &shop).await;

    // One file changes, one vanishes, and what lies in an archive is another thing now.
    fs::write(at("open/museum/hours.md"), "The museum of Selby opens at eleven.").expect("a file");
    fs::remove_file(at("open/museum/deep/rules.txt")).expect("it is there");
    zip(&at("open/museum/shop.zip"), "prices.txt", "A catalogue costs fifteen euros.");
    looked(&appliance, &token, id, |folder| folder["gone_files"] == 1).await;
    let hours = format!("/api/v1/sources/{}", source("hours.md"));
    appliance.until(&token, &hours, |source| source["version"] == 2 && source["state"] == "ready").await;
    appliance.until(&token, &shop, |source| source["sha256"] != before["sha256"] && source["state"] == "ready").await;
    appliance.until(&token, "/api/v1/sources/counts", |counts| counts["working"] == 0).await;
    assert!(found(&appliance, &token, "When does the museum of Selby open?").await.contains("eleven"));
    assert!(found(&appliance, &token, "What does a catalogue cost?").await.contains("fifteen"));
    assert!(!found(&appliance, &token, "Where are umbrellas left?").await.contains("cloakroom"));
    let old = listed(&appliance, &token, &format!("{hours}/text?version=1")).await;
    assert!(old["text"].to_string().contains("ten"), "a citation of the old text still opens: {old}");
    let rules = format!("/api/v1/sources/{}/text", source("deep/rules.txt"));
    assert!(listed(&appliance, &token, &rules).await["text"].to_string().contains("Umbrellas"));

    // A disk that is not mounted is an empty folder.
    fs::rename(at("open/museum"), at("away")).expect("it is there");
    fs::create_dir(at("open/museum")).expect("a folder");
    let folder = looked(&appliance, &token, id, |folder| folder["state"] == "failed").await;
    assert!(folder["reason"].to_string().contains("may not be mounted"), "{folder}");
    assert!(found(&appliance, &token, "When does the museum of Selby open?").await.contains("eleven"));
    fs::remove_dir(at("open/museum")).expect("it is there");
    fs::rename(at("away"), at("open/museum")).expect("it is there");
    looked(&appliance, &token, id, |folder| folder["state"] == "read").await;

    // What somebody deleted here is left alone.
    assert!(appliance.delete(&token, &hours).await.status().is_success());
    looked(&appliance, &token, id, |folder| folder["state"] == "read" && folder["files"] == 1).await;

    assert!(appliance.delete(&token, &format!("/api/v1/folders/{id}")).await.status().is_success());
    assert_eq!(appliance.get(&token, &format!("/api/v1/folders/{id}")).await.status(), 404);
    appliance.until(&token, "/api/v1/sources", |listed| listed["total"] == 0).await;
    assert!(at("open/museum/hours.md").is_file(), "the files themselves are not touched");
}

#[tokio::test]
async fn no_folder_is_open_unless_the_administrator_says_so() {
    let (data, place) = (folder(), folder());
    let appliance = Appliance::start(data.path());
    let token = appliance.token(data.path());
    let refused = appliance.post(&token, "/api/v1/folders", &json!({ "path": place.path() })).await;
    assert_eq!(refused.status(), 403);
    assert!(refused.text().await.expect("a body").contains("FOLDERS_ALLOWED"));
}
