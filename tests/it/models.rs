//! Models brought by hand, at the command line: taken in, listed, shown, checked, chosen and removed.

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

use crate::appliance::{Appliance, folder, has_model, nosia, run, run_json};

/// A whole small generator, with vocabulary and chat template.
pub const GOOD: &[u8] = include_bytes!("../data/golden/decoders/llama.gguf");

/// A GGUF file of an unheard-of architecture.
pub fn stranger() -> Vec<u8> {
    let string = |text: &str| [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat();
    let head = [&b"GGUF"[..], &3u32.to_le_bytes(), &0u64.to_le_bytes(), &1u64.to_le_bytes()].concat();
    [head, string("general.architecture"), 8u32.to_le_bytes().to_vec(), string("mamba9")].concat()
}

/// The small generator as a file and, where there is one, a real file of random weights.
fn files(folder: &Path) -> Vec<PathBuf> {
    let made = folder.join("Made-F32.gguf");
    std::fs::write(&made, GOOD).expect("written");
    let real = std::env::var_os("NOSIA_TEST_DATA").map(PathBuf::from);
    let real = real.map(|data| data.join("models/llama-2-tiny-random/llama-2-tiny-random.gguf"));
    if real.is_none() {
        eprintln!("models: left out, the real file (NOSIA_TEST_DATA names the folder of test data)");
    }
    [made].into_iter().chain(real).collect()
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The row of the model `name` in the list.
fn row(data: &Path, name: &str) -> Value {
    let listed = run_json(data, &["model", "list", "--json"]);
    let rows = listed["models"].as_array().expect("rows");
    rows.iter().find(|row| row["name"] == name).cloned().unwrap_or(Value::Null)
}

#[test]
fn a_brought_model_comes_and_goes() {
    let stick = folder();
    for file in files(stick.path()) {
        let data = folder();
        let name = file.file_stem().expect("a name").to_string_lossy().into_owned();
        let added = run(data.path(), &["model", "add", &file.to_string_lossy()]);
        assert_eq!(added.status.code(), Some(0), "{}", told(&added));
        assert!(told(&added).contains(&format!("nosia model use {name}")), "{}", told(&added));
        let listed = row(data.path(), &name);
        let facts = (listed["state"].as_str(), listed["purpose"].as_str(), listed["architecture"].as_str());
        assert_eq!(facts, (Some("installed"), Some("generation"), Some("llama")), "{listed}");

        let shown = run_json(data.path(), &["model", "show", &name, "--json"]);
        assert_eq!(shown["files"][0]["bytes"].as_u64(), Some(file.metadata().expect("a file").len()), "{shown}");
        assert_eq!(shown["source"], file.to_string_lossy().as_ref(), "{shown}");
        let shown = run(data.path(), &["model", "show", &name.to_uppercase()]);
        assert!(told(&shown).contains("chat template") && told(&shown).contains("sha256"), "{}", told(&shown));
        let verified = run(data.path(), &["model", "verify", &name]);
        assert!(verified.status.success() && told(&verified).contains("as it was"), "{}", told(&verified));

        let used = run(data.path(), &["model", "use", &name]);
        assert_eq!(used.status.code(), Some(0), "{}", told(&used));
        assert_eq!(row(data.path(), &name)["state"], "in use");
        let refused = run(data.path(), &["model", "remove", &name]);
        assert!(refused.status.code() == Some(1) && told(&refused).contains("--force"), "{}", told(&refused));
        let removed = run(data.path(), &["model", "remove", &name, "--force"]);
        assert!(removed.status.success() && told(&removed).contains("free again"), "{}", told(&removed));
        assert_eq!(row(data.path(), &name), Value::Null);
        let listed = run(data.path(), &["model", "list"]);
        assert!(told(&listed).contains(&format!("{name} was chosen")), "{}", told(&listed));
        assert_eq!(std::fs::read_dir(data.path().join("models")).expect("a folder").count(), 0);
    }
}

#[test]
fn a_changed_byte_is_found() {
    let (data, stick) = (folder(), folder());
    let file = &files(stick.path())[0];
    assert!(run(data.path(), &["model", "add", &file.to_string_lossy()]).status.success());
    let kept = data.path().join("models/Made-F32.gguf");
    let mut bytes = std::fs::read(&kept).expect("a file");
    *bytes.last_mut().expect("some bytes") ^= 1;
    std::fs::write(&kept, bytes).expect("written");
    let verified = run(data.path(), &["model", "verify"]);
    assert!(verified.status.code() == Some(1) && told(&verified).contains("Made-F32: CHANGED"), "{}", told(&verified));
}

#[test]
fn what_cannot_be_used_is_refused_with_the_reason() {
    let (data, stick) = (folder(), folder());
    let write = |name: &str, bytes: &[u8]| {
        let path = stick.path().join(name);
        std::fs::write(&path, bytes).expect("written");
        path.to_string_lossy().into_owned()
    };
    let cases = [
        (write("text.gguf", b"a text"), 1, "does not begin with `GGUF`"),
        (write("cut.gguf", &GOOD[..GOOD.len() - 1]), 1, "cut short"),
        (write("new.gguf", &stranger()), 1, "supported are llama, granite, granitehybrid, qwen2"),
        (stick.path().to_string_lossy().into_owned(), 1, "has no config.json"),
        ("/no/such/file.gguf".to_owned(), 2, "no file or folder"),
        ("no-such-model".to_owned(), 2, "model list --catalog"),
    ];
    for (what, code, part) in cases {
        let output = run(data.path(), &["model", "add", &what]);
        assert_eq!(output.status.code(), Some(code), "{what}: {}", told(&output));
        assert!(told(&output).contains(part), "{what}: {}", told(&output));
    }
    for verb in ["show", "remove", "use", "verify"] {
        let output = run(data.path(), &["model", verb, "nothing"]);
        assert!(
            output.status.code() == Some(1) && told(&output).contains("not installed"),
            "{verb}: {}",
            told(&output)
        );
    }
}

#[test]
fn a_setting_made_elsewhere_is_stronger() {
    let (data, stick) = (folder(), folder());
    let file = &files(stick.path())[0];
    assert!(run(data.path(), &["model", "add", &file.to_string_lossy()]).status.success());
    let select = |variables: &[(&str, &str)], verb: &[&str]| {
        let mut command = nosia(data.path());
        command.args(["model"]).args(verb).envs(variables.iter().copied()).output().expect("the binary runs")
    };
    let url = "http://127.0.0.1:1/v1";
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str], i32, &'a str);
    let cases: [Case<'_>; 5] = [
        (&[("LLM_MODEL", "granite3.3:2b")], &["use", "Made-F32"], 1, "LLM_MODEL names granite3.3:2b (environment)"),
        (&[("LLM_MODEL", "m"), ("AI_BASE_URL", url)], &["use", "Made-F32"], 1, "written by m at http://127.0.0.1:1/v1"),
        (
            &[("LLM_MODEL", "granite3.3:2b")],
            &["list"],
            0,
            "granite3.3:2b was chosen to write them and is not installed",
        ),
        (&[("LLM_MODEL", "made-f32.gguf")], &["use", "Made-F32"], 0, "is in use"),
        (&[("LLM_MODEL", "made-f32.gguf")], &["list"], 0, "written on this machine by Made-F32"),
    ];
    for (variables, verb, code, part) in cases {
        let output = select(variables, verb);
        assert_eq!(output.status.code(), Some(code), "{variables:?} {verb:?}: {}", told(&output));
        assert!(told(&output).contains(part), "{variables:?} {verb:?}: {}", told(&output));
    }
}

#[test]
fn a_running_server_takes_a_model_in() {
    if !has_model("models") {
        return;
    }
    let (data, stick) = (folder(), folder());
    let appliance = Appliance::start_with(data.path(), &[("LLM_MODEL", "Made")]);
    let file = &files(stick.path())[0];
    let added = run_json(data.path(), &["model", "add", &file.to_string_lossy(), "--json"]);
    assert_eq!(added["name"], "Made-F32", "{added}");
    assert_eq!(std::fs::read(data.path().join("models/Made-F32.gguf")).ok(), std::fs::read(file).ok());
    let embedder = row(data.path(), "all-MiniLM-L6-v2");
    assert_eq!((embedder["state"].as_str(), embedder["removable"].as_bool()), (Some("in use"), Some(false)));
    let used = run(data.path(), &["model", "use", "all-MiniLM-L6-v2"]);
    assert!(used.status.success(), "it is in use already: {}", told(&used));
    let verified = run_json(data.path(), &["model", "verify", "--json"]);
    assert_eq!(verified["sound"], true, "{verified}");
    assert!(run(data.path(), &["model", "remove", "made-f32"]).status.success());
    assert_eq!(appliance.stop(), Some(0));
}
