//! The templates against what Python's Jinja renders, and against templates that mean harm.

use minijinja::value::Value;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use super::{Rendering, Template};
use crate::domain::chat::{Speaker, Turn};
use crate::inference::InferenceError;

const GOLDEN: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/golden/chat_templates.json"));
/// 2026-03-01T14:05:09Z, as in `tests/data/chat_templates.py`.
const NOW_MS: i64 = 1_772_373_909_000;
const RENDERING: Rendering = Rendering { answer_begins: true, now_ms: NOW_MS, thinking: None };

fn golden() -> Json {
    serde_json::from_str(GOLDEN).expect("the golden file is JSON")
}

/// `json` as templates see it.
fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(value) => Value::from(*value),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Value::from(whole),
            None => Value::from(number.as_f64()),
        },
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => items.iter().map(value).collect(),
        Json::Object(pairs) => Value::from_pairs(pairs.iter().map(|(key, of_key)| (key.as_str(), value(of_key)))),
    }
}

/// What `source` renders with the variables of `context`.
fn rendered(source: &str, context: &Json) -> Result<String, InferenceError> {
    let variables = context.as_object().expect("a context is an object").iter();
    let template = Template::parse(source, "<s>", "</s>")?;
    template.render_variables(variables.map(|(name, json)| (name.as_str(), value(json))).collect(), NOW_MS)
}

fn turns(said: &[(Speaker, &str)]) -> Vec<Turn> {
    said.iter().map(|&(speaker, text)| Turn { speaker, text: text.to_owned() }).collect()
}

#[test]
fn small_templates_render_as_in_python() {
    let golden = golden();
    let mut faults = Vec::new();
    for case in golden["small"].as_array().expect("a list") {
        let source = case[0].as_str().expect("a source");
        let ours = rendered(source, &golden["small_context"]);
        if ours.as_deref().ok() != case[1].as_str() {
            faults.push(format!("{source}\n  Python: {}\n  here:   {ours:?}", case[1]));
        }
    }
    assert!(faults.is_empty(), "{} differ:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn real_templates_render_as_in_python() {
    let Some(data) = std::env::var_os("NOSIA_TEST_DATA") else {
        return println!("left out: the real chat templates, since NOSIA_TEST_DATA is not set");
    };
    let folder = std::path::Path::new(&data).join("models/chat-templates");
    let golden = golden();
    let (mut faults, mut compared) = (Vec::new(), 0);
    for real in golden["real"].as_array().expect("a list") {
        let file = real["file"].as_str().expect("a name");
        let source = std::fs::read_to_string(folder.join(file)).expect("NOSIA_TEST_DATA holds the template");
        if real["sha256"] != hex::encode(Sha256::digest(&source)) {
            println!("left out: {file} is not the one that the golden file was made from");
            continue;
        }
        for (name, expected) in real["results"].as_object().expect("an object") {
            let mut context = golden["conversations"][name].clone();
            for absent in ["tools", "documents"] {
                let context = context.as_object_mut().expect("a context is an object");
                context.entry(absent).or_insert(Json::Null);
            }
            compared += 1;
            let ours = rendered(&source, &context);
            if !agrees(&ours, expected) {
                faults.push(format!("{file}, {name}:\n  Python: {expected}\n  here:   {ours:?}"));
            }
        }
    }
    println!("{compared} renderings of real templates compared");
    assert!(faults.is_empty(), "{} differ:\n{}", faults.len(), faults.join("\n"));
}

/// Whether `ours` is what the golden file keeps: a text, the hash of one, or a refusal.
fn agrees(ours: &Result<String, InferenceError>, expected: &Json) -> bool {
    match (ours, expected["text"].as_str(), expected["refused"].as_str()) {
        (Ok(ours), Some(text), _) => ours == text,
        (Ok(ours), None, None) => {
            expected["sha256"] == hex::encode(Sha256::digest(ours)) && expected["bytes"] == ours.len()
        }
        (Err(InferenceError::Input(reason)), None, Some(refusal)) => reason.ends_with(refusal),
        _ => false,
    }
}

#[test]
fn turns_are_messages_and_options_are_variables() {
    let source = "{{ bos_token }}{% for m in messages %}[{{ m['role'] }}|{{ m.content }}]{% endfor %}\
        {{ tools is none }}{{ eos_token is defined }}{{ enable_thinking }}{{ strftime_now('%F') }}\
        {% if add_generation_prompt %}>{% endif %}";
    let template = Template::parse(source, "<s>", "").expect("it is a template");
    let turns = turns(&[(Speaker::System, "a"), (Speaker::User, "b"), (Speaker::Assistant, "c")]);
    let cases = [
        (RENDERING, "<s>[system|a][user|b][assistant|c]TrueFalse2026-03-01>"),
        (
            Rendering { answer_begins: false, thinking: Some(false), now_ms: 0 },
            "<s>[system|a][user|b][assistant|c]TrueFalseFalse1970-01-01",
        ),
    ];
    for (rendering, expected) in cases {
        assert_eq!(template.render(&turns, &rendering).as_deref(), Ok(expected), "{rendering:?}");
    }
}

#[test]
fn a_file_without_a_template_gets_chatml() {
    let turns = turns(&[(Speaker::System, "s"), (Speaker::User, "u")]);
    let expected = "<|im_start|>system\ns<|im_end|>\n<|im_start|>user\nu<|im_end|>\n<|im_start|>assistant\n";
    assert_eq!(Template::chatml().prompt(&turns, &RENDERING).as_deref(), Ok(expected));
}

#[test]
fn instructions_reach_a_model_that_knows_no_system_turn() {
    let each = "{% for m in messages %}{{ m.role[0] }}:{{ m.content }};{% endfor %}";
    let refuses =
        "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}".to_owned() + each;
    let drops = "{% for m in messages if m.role != 'system' %}{{ m.role[0] }}:{{ m.content }};{% endfor %}";
    let (s, u, a) = (Speaker::System, Speaker::User, Speaker::Assistant);
    type Case<'a> = (&'a str, &'a [(Speaker, &'a str)], &'a str);
    let cases: &[Case] = &[
        (each, &[(s, "1"), (u, "2")], "s:1;u:2;"),
        (&refuses, &[(s, "1"), (u, "2")], "u:1\n\n2;"),
        (&refuses, &[(u, "1"), (a, "2"), (s, "3"), (u, "4")], "u:1;a:2;s:3;u:4;"),
        (drops, &[(s, "1"), (u, "2"), (a, "3")], "u:1\n\n2;a:3;"),
        (drops, &[(s, "1"), (s, "2"), (u, "3"), (s, "4")], "u:1\n\n2\n\n3;u:4;"),
        (drops, &[(u, "1")], "u:1;"),
    ];
    for (source, said, expected) in cases {
        let template = Template::parse(source, "", "").expect("it is a template");
        assert_eq!(template.prompt(&turns(said), &RENDERING).as_deref(), Ok(*expected), "{source} {said:?}");
    }
    let refusal = Template::parse(&refuses, "", "").expect("it is a template").render(&turns(&[(s, "1")]), &RENDERING);
    assert_eq!(
        refusal,
        Err(InferenceError::Input("The model's chat template refuses this conversation: no system".to_owned()))
    );
}

#[test]
fn a_template_at_fault_says_where_and_why() {
    let cases = [
        ("a\n{% if %}", "on line 2: syntax error"),
        ("a\nb\n{{ messages[0].x.y }}", "on line 3: undefined value"),
        ("{{ messages|nothing }}", "on line 1: unknown filter: filter nothing is unknown"),
        ("{{ 'a'.nothing() }}", "on line 1: unknown method"),
        ("\n{{ nothing() }}", "on line 2: unknown function"),
        ("{{ 'x'.index('y') }}", "the substring is not found"),
        ("{{ messages|tojson(sorted=true) }}", "sorted"),
        ("{% include 'x' %}", "template not found"),
    ];
    for (source, expected) in cases {
        let user = turns(&[(Speaker::User, "?")]);
        let error = Template::parse(source, "", "").and_then(|template| template.render(&user, &RENDERING));
        let message = error.expect_err(source).to_string();
        assert!(message.contains(expected), "{source}: {message}");
    }
}

#[test]
fn a_template_that_means_harm_ends_with_an_error() {
    let cases = [
        "{% for i in range(99999) %}{% for j in range(99999) %}x{% endfor %}{% endfor %}".to_owned(),
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}".to_owned(),
        "{% set ns = namespace(s='a') %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}".to_owned(),
        "{{ 'a' * 999999999 }}".to_owned(),
        "{{ 'a'.center(999999999) }}".to_owned(),
        "{{ '{:999999999}'.format(1) }}".to_owned(),
        "{{ 'a'|indent(999999999, true) }}".to_owned(),
        "{% set ns = namespace() %}{% set ns.it = ns %}{{ ns }}".to_owned(),
        "{% set ns = namespace() %}{% set ns.it = [ns] %}{{ ns|tojson }}".to_owned(),
        "{% set ns = namespace(l=[]) %}{% for i in range(9999) %}{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l }}"
            .to_owned(),
        format!("{{{{ 1{} }}}}", "+1".repeat(60_000)),
        format!("{{{{ {}1 }}}}", "(".repeat(1_000)),
        "{% if true %}".repeat(9_000),
        " ".repeat(1 << 20),
    ];
    for source in cases {
        let user = turns(&[(Speaker::User, "?")]);
        let rendered = Template::parse(&source, "", "").and_then(|template| template.render(&user, &RENDERING));
        assert!(matches!(rendered, Err(InferenceError::Model(_))), "{:.80}: {rendered:.80?}", source);
    }
}
