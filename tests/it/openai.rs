//! The official Python client of OpenAI, unchanged, against `/v1`.

use std::path::Path;
use std::process::Command;

use crate::appliance::{Appliance, folder, has_model};

const TEXT: &str = "# Harbour rules\n\nA berth is given for one season. The fee is paid before the first of April.\n\n\
The spare key of the boathouse hangs in the harbour office, behind the tide tables. Whoever takes it signs the book.\n";

#[tokio::test]
async fn the_official_python_client_works_unchanged() {
    if !has_model("openai") {
        return;
    }
    let Some(python) = python() else {
        eprintln!(
            "openai: left out, no Python has the package (`pip install openai`; NOSIA_TEST_PYTHON names another)"
        );
        return;
    };
    let data = folder();
    let appliance = Appliance::start(data.path());
    let token = appliance.token(data.path());
    let id = appliance.add(&token, "harbour.md", TEXT.as_bytes()).await;
    assert_eq!(appliance.settled(&token, id).await["state"], "ready");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/openai_client.py");
    let output = Command::new(python).arg(script).args([&appliance.base, &token]).output().expect("Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A Python that can import the client.
fn python() -> Option<String> {
    let python = std::env::var("NOSIA_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let has_client = Command::new(&python).args(["-c", "import openai"]).output();
    has_client.is_ok_and(|output| output.status.success()).then_some(python)
}
