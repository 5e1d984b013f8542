//! Answers written on this machine, through the whole appliance, by a small network of random weights: the same request,
//! the same words, in the form that was asked for. What many at once are told is in `load`.

use serde_json::{Value, json};

use crate::appliance::{Appliance, folder, has_model, run};
use crate::models::GOOD;

/// A request for a few words about `text`, of no document.
fn asked(text: &str, more: Value) -> Value {
    let mut body = json!({
        "model": "Made-F32", "messages": [{ "role": "user", "content": text }], "max_tokens": 24, "temperature": 1,
        "seed": 7, "nosia": { "retrieval": false },
    });
    body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    body
}

async fn answer(appliance: &Appliance, token: &str, body: &Value) -> Value {
    appliance.post(token, "/v1/chat/completions", body).await.json().await.expect("JSON")
}

fn content(answer: &Value) -> &str {
    answer["choices"][0]["message"]["content"].as_str().unwrap_or_else(|| panic!("{answer}"))
}

#[tokio::test]
async fn a_model_on_this_machine_writes() {
    if !has_model("local") {
        return;
    }
    let (data, stick) = (folder(), folder());
    let file = stick.path().join("Made-F32.gguf");
    std::fs::write(&file, GOOD).expect("written");
    let appliance = Appliance::start(data.path());
    let token = appliance.token(data.path());
    for arguments in [["model", "add", &file.to_string_lossy()], ["model", "use", "Made-F32"]] {
        let output = run(data.path(), &arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let models: Value = appliance.get(&token, "/v1/models").await.json().await.expect("JSON");
    assert!(models.to_string().contains("Made-F32"), "chosen without a restart: {models}");

    let alone = answer(&appliance, &token, &asked("abc", json!({}))).await;
    assert_eq!(alone["model"], "Made-F32", "{alone}");
    assert!(alone["usage"]["prompt_tokens"].as_u64() > Some(3), "{alone}");
    assert!(!content(&alone).is_empty(), "{alone}");
    let other = answer(&appliance, &token, &asked("abc", json!({ "seed": 8 }))).await;
    assert_ne!(content(&alone), content(&other), "another seed");
    let again = answer(&appliance, &token, &asked("abc", json!({}))).await;
    assert_eq!(content(&again), content(&alone), "the same seed");

    let format = json!({ "type": "json_schema", "json_schema": { "name": "a", "schema": { "enum": ["yes", "no"] } } });
    let held = answer(&appliance, &token, &asked("abc", json!({ "response_format": format }))).await;
    assert!(["\"yes\"", "\"no\""].contains(&content(&held)), "{held}");

    let long = asked(&"abc ".repeat(400), json!({}));
    let refused = appliance.post(&token, "/v1/chat/completions", &long).await;
    assert!(refused.status().is_client_error(), "{}", refused.status());
    let reason = refused.text().await.expect("a body");
    assert!(reason.contains("LLM_NUM_CTX"), "{reason}");
    assert_eq!(appliance.stop(), Some(0));
}
