//! The command line: alone on a folder, or handed to the server that has it open.

use serde_json::Value;

use crate::appliance::{Appliance, folder, has_model, nosia, run, run_json};

#[test]
fn documents_go_in_and_answers_come_out_without_a_server() {
    if !has_model("commands") {
        return;
    }
    let (data, documents) = (folder(), folder());
    let write = |name: &str, text: &str| std::fs::write(documents.path().join(name), text).expect("written");
    write("harbour.md", "# Harbour rules\n\nBoats longer than nine metres moor at the outer pier.\n");
    write("bees.txt", "The bee hives are inspected on the first Sunday of May.\n");
    write("empty.txt", "");
    let folder = documents.path().to_string_lossy().into_owned();

    let ingested = run(data.path(), &["ingest", &folder]);
    let error = String::from_utf8_lossy(&ingested.stderr).into_owned();
    assert_eq!(ingested.status.code(), Some(1), "one of the files is empty: {error}");
    assert!(error.contains("empty.txt"), "{error}");
    let output = String::from_utf8_lossy(&ingested.stdout).into_owned();
    assert!(output.contains("2 of 2 files ready"), "{output}");

    let answered = run(data.path(), &["ask", "Where do boats longer than nine metres moor?"]);
    let answer = String::from_utf8_lossy(&answered.stdout).into_owned();
    assert!(answered.status.success(), "{answer}");
    assert!(answer.contains("outer pier") && answer.contains("[1] harbour.md"), "{answer}");

    let found = run_json(data.path(), &["search", "bee hives", "--json"]);
    assert_eq!(found["passages"][0]["file_name"], "bees.txt", "{found}");

    let set = documents.path().join("set.jsonl");
    let line = r#"{"id": "1", "question": "When are the bee hives inspected?", "cites": [{"source": "bees.txt"}], "answer": "first Sunday of May"}"#;
    std::fs::write(&set, format!("{line}\n")).expect("written");
    let report = run_json(data.path(), &["eval", &set.to_string_lossy(), "--json"]);
    assert_eq!((report["questions"].as_u64(), report["hit@1"].as_f64()), (Some(1), Some(1.0)), "{report}");
}

#[test]
fn a_running_server_takes_the_commands() {
    if !has_model("commands") {
        return;
    }
    let (data, documents) = (folder(), folder());
    let appliance = Appliance::start(data.path());
    let file = documents.path().join("ferry.md");
    std::fs::write(&file, "The last ferry leaves at twenty past nine in the evening.\n").expect("written");
    let ingested = run_json(data.path(), &["ingest", &file.to_string_lossy(), "--json"]);
    assert_eq!(ingested["sources"][0]["state"], "ready", "{ingested}");
    let answer = run_json(data.path(), &["ask", "When does the last ferry leave?", "--json"]);
    assert!(answer["answer"].to_string().contains("twenty past nine"), "{answer}");
    assert_eq!(appliance.stop(), Some(0));
}

#[test]
fn the_doctor_tries_what_a_reader_of_documents_can_do() {
    let data = folder();
    let found = run_json(data.path(), &["doctor", "--json"]);
    let rooms = found["rooms"].as_array().expect("a list");
    let reading = rooms.iter().find(|room| room["name"] == "reading").expect("the room");
    assert_eq!(reading["detail"], "documents are read in a process without files, network and programs", "{found}");
}

#[test]
fn speed_is_measured_on_made_data() {
    if !has_model("commands") {
        return;
    }
    let (data, kept) = (folder(), folder());
    let keep = kept.path().to_string_lossy().into_owned();
    let search = ["bench", "search", "--chunks", "1200", "--questions", "3", "--keep", &keep, "--json"];
    let measured = run_json(data.path(), &search);
    let number = |name: &str| measured[0][name].as_f64().unwrap_or_else(|| panic!("{name} in {measured}"));
    assert!(number("search_p50_ms") > 0.0 && number("search_p95_ms") >= number("search_p50_ms"), "{measured}");
    assert!(number("recall@10") >= 0.98, "{measured}");
    let appliance = Appliance::start(&kept.path().join("1200"));
    assert_eq!(appliance.stop(), Some(0), "what was kept is a data folder");

    let measured =
        run_json(data.path(), &["bench", "embed", "--tokens", "16,64", "--rounds", "1", "--json", "--show-texts"]);
    for (row, length) in [(0, 16.0), (1, 64.0)] {
        let number = |name: &str| measured[row][name].as_f64().unwrap_or_else(|| panic!("{name} in {measured}"));
        assert!(number("tokens") <= length && number("tokens") > length / 2.0, "{measured}");
        assert!(number("texts_per_s") > 0.0 && number("alone_p50_ms") > 0.0, "{measured}");
        assert!(number("texts_per_cpu_s") > 0.0, "{measured}");
        assert_eq!(measured[row]["texts"].as_array().map(Vec::len), Some(64), "{measured}");
    }
    let refused = run(data.path(), &["bench", "embed", "--tokens", "9999"]);
    let error = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && error.contains("9999") && error.contains("8 to 256"), "{error}");
}

#[test]
fn a_reader_who_leaves_early_is_no_fault() {
    let data = folder();
    for arguments in [&["config"][..], &["config", "--json"], &["--help"]] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = nosia(data.path()).args(arguments).stdout(writer).output().expect("the binary runs");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), error.as_str()), (Some(0), ""), "{arguments:?}");
    }
}

#[test]
fn misuse_is_told_apart_from_a_no() {
    let data = folder();
    let cases: [(&[&str], i32, &str); 4] = [
        (&["fly"], 2, "fly"),
        (&["ingest", "/no/such/file.pdf"], 2, "/no/such/file.pdf"),
        (&["eval", "/no/such/set.jsonl"], 2, "/no/such/set.jsonl"),
        (&["serve", "--listen", "nowhere"], 2, "nowhere"),
    ];
    for (arguments, code, named) in cases {
        let output = run(data.path(), arguments);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {error}");
        assert!(error.contains(named), "{arguments:?}: {error}");
    }
}

#[test]
fn every_setting_is_shown_with_its_origin() {
    let data = folder();
    let output = nosia(data.path())
        .args(["config", "--json"])
        .env("CHUNK_MAX_TOKENS", "300")
        .env("AI_API_KEY", "sk-very-secret")
        .env("RAILS_ENV", "production")
        .output()
        .expect("the binary runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!text.contains("sk-very-secret"), "a secret was printed");
    let rows: Value = serde_json::from_str(&text).expect("JSON");
    let row = |name: &str| {
        let rows = rows.as_array().expect("rows");
        rows.iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("no row {name}")).clone()
    };
    assert_eq!(row("CHUNK_MAX_TOKENS")["value"], "300");
    assert!(row("CHUNK_MAX_TOKENS")["origin"].to_string().contains("environment"));
    assert!(row("RAILS_ENV").is_object(), "names that mean nothing here are listed");
}
