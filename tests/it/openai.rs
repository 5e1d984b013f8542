//! OpenAI's own Python client, unchanged, against the appliance.

use std::process::Command;

use crate::appliance::{Appliance, folder, has_model};

/// What a developer's first script does. Fails with Python's own words.
const SCRIPT: &str = r#"
import os
from openai import AuthenticationError, BadRequestError, OpenAI

base, token = os.environ["NOSIA"] + "/v1", os.environ["NOSIA_TOKEN"]
client = OpenAI(base_url=base, api_key=token)
assert "nosia" in [model.id for model in client.models.list()]
asked = [{"role": "user", "content": "Where does the spare key of the boathouse hang?"}]

whole = client.chat.completions.create(model="nosia", messages=asked)
assert "harbour office" in whole.choices[0].message.content, whole
assert whole.choices[0].finish_reason == "stop" and whole.usage.prompt_tokens > 0 and whole.usage.completion_tokens > 0, whole
assert whole.citations[0]["file_name"] == "keys.md", whole

stream = client.chat.completions.create(
    model="nosia", messages=asked, stream=True, stream_options={"include_usage": True})
chunks = list(stream)
text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
assert text == whole.choices[0].message.content, (text, whole)
assert chunks[-1].usage is not None, chunks[-1]

for encoding in ("float", "base64"):
    embedded = client.embeddings.create(
        model="all-MiniLM-L6-v2", input=["one text", "another"], encoding_format=encoding)
    assert len(embedded.data) == 2 and embedded.usage.total_tokens > 0, embedded
vector = client.embeddings.create(model="all-MiniLM-L6-v2", input="one text").data[0].embedding
assert len(vector) == 384 and abs(sum(x * x for x in vector) - 1) < 1e-3

try:
    OpenAI(base_url=base, api_key="nsk_wrong").models.list()
    raise SystemExit("a wrong key was taken")
except AuthenticationError:
    pass
try:
    client.chat.completions.create(model="nosia", messages=[])
    raise SystemExit("no messages were taken")
except BadRequestError as error:
    assert "messages" in str(error), error
"#;

#[tokio::test]
async fn the_official_python_client_works_unchanged() {
    let python = std::env::var("NOSIA_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let has_client = Command::new(&python).args(["-c", "import openai"]).output();
    if !has_client.is_ok_and(|output| output.status.success()) {
        eprintln!("openai: left out, {python} has no openai package");
        return;
    }
    if !has_model("openai") {
        return;
    }
    let data = folder();
    let appliance = Appliance::start(data.path());
    let token = appliance.token(data.path());
    let text = "# Keys\n\nThe spare key of the boathouse hangs in the harbour office, behind the tide tables.\n";
    appliance.ready(&token, "keys.md", text.as_bytes()).await;
    let base = appliance.base.clone();
    let ran = tokio::task::spawn_blocking(move || {
        Command::new(python).args(["-c", SCRIPT]).env("NOSIA", base).env("NOSIA_TOKEN", token).output()
    });
    let output = ran.await.expect("no panic").expect("python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
