//! Random models, held to schemas.

use serde_json::{Value, json};

use super::{Compiler, Constraint};
use crate::inference::sample::{Rules, Sampler};
use crate::inference::{Format, InferenceError, Sampling, Schema};

const END: u32 = 256;

/// Every byte, the end, a token that stands for nothing, and longer tokens, two of them alike.
fn compiler() -> Compiler {
    let mut tokens: Vec<Vec<u8>> = (0..=255).map(|byte| vec![byte]).collect();
    let longer =
        ["<end>", "", "{\"", "\":", "\",", "\"}", "true", "null", "  ", " the", "the", "the", "12", "é", "é\"", "]}"];
    tokens.extend(longer.iter().map(|text| text.as_bytes().to_vec()));
    tokens[257].clear();
    Compiler::new(tokens, &[END]).expect("a vocabulary")
}

fn text_of(token: u32) -> Vec<u8> {
    let longer =
        ["", "", "{\"", "\":", "\",", "\"}", "true", "null", "  ", " the", "the", "the", "12", "é", "é\"", "]}"];
    match u8::try_from(token) {
        Ok(byte) => vec![byte],
        Err(_) => longer[token as usize - 256].as_bytes().to_vec(),
    }
}

fn of(schema: &Value) -> Format {
    Format::Schema(Schema { name: "answer".to_owned(), schema: schema.clone(), strict: true })
}

/// What a model of chance writes under `constraint`, and whether it came to the end. It would like to end at once, and
/// else to close what is open, so that documents do not grow without end.
fn written(constraint: &mut Constraint, seed: u64) -> (Vec<u8>, bool) {
    let rules = Rules::of(&Sampling { seed: Some(seed), ..Sampling::default() }, 0);
    let mut sampler = Sampler::new(rules, &[]);
    let mut text = Vec::new();
    for _ in 0..3_000 {
        if constraint.is_done() {
            return (text, true);
        }
        let mut logits = vec![0.0_f32; 280];
        logits[END as usize] = 9.0;
        for closing in [b'"', b'}', b']'] {
            logits[closing as usize] = 4.0;
        }
        constraint.mask(&mut logits).expect("a mask");
        let token = sampler.choose(&mut logits).expect("something is allowed");
        constraint.accept(token).expect("it was allowed");
        if token == END {
            return (text, true);
        }
        text.extend(text_of(token));
    }
    (text, false)
}

/// Whether `schema` allows `value`: the keywords of this test's schemas, by their definitions.
fn allows(root: &Value, schema: &Value, value: &Value) -> bool {
    let is_type = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        _ => value.is_null(),
    };
    let each = |keyword: &str, of: &Value| match (keyword, of) {
        ("type", Value::String(name)) => is_type(name),
        ("type", Value::Array(names)) => names.iter().filter_map(Value::as_str).any(is_type),
        ("enum", Value::Array(values)) => values.contains(value),
        ("const", constant) => constant == value,
        ("anyOf", Value::Array(schemas)) => schemas.iter().any(|schema| allows(root, schema, value)),
        ("$ref", Value::String(to)) => allows(root, root.pointer(&to[1..]).expect("it is there"), value),
        ("minimum", of) => value.as_f64() >= of.as_f64(),
        ("maximum", of) => value.as_f64() <= of.as_f64(),
        ("minLength", of) => value.as_str().map(|text| text.chars().count() as u64) >= of.as_u64(),
        ("maxLength", of) => value.as_str().map(|text| text.chars().count() as u64) <= of.as_u64(),
        ("pattern", Value::String(pattern)) => {
            let pattern = fancy_regex::Regex::new(pattern).expect("a pattern");
            value.as_str().is_some_and(|text| pattern.is_match(text).expect("it is matched"))
        }
        ("minItems", of) => value.as_array().map(|items| items.len() as u64) >= of.as_u64(),
        ("maxItems", of) => value.as_array().map(|items| items.len() as u64) <= of.as_u64(),
        ("items", of) => value.as_array().is_some_and(|items| items.iter().all(|item| allows(root, of, item))),
        ("required", Value::Array(names)) => {
            names.iter().filter_map(Value::as_str).all(|name| value.get(name).is_some())
        }
        ("properties", Value::Object(named)) => {
            named.iter().all(|(name, of)| value.get(name).is_none_or(|value| allows(root, of, value)))
        }
        ("additionalProperties", of) => value.as_object().is_some_and(|pairs| {
            let known = |name: &String| schema["properties"].get(name).is_some();
            pairs.iter().all(|(name, value)| known(name) || (*of != json!(false) && allows(root, of, value)))
        }),
        ("$defs" | "description", _) => true,
        (keyword, _) => panic!("the test does not know `{keyword}`"),
    };
    schema.as_object().is_none_or(|keywords| keywords.iter().all(|(keyword, of)| each(keyword, of)))
}

#[test]
fn whatever_a_model_wants_it_writes_what_the_schema_allows() {
    let person = json!({
        "type": "object",
        "properties": { "name": { "type": "string", "maxLength": 8 }, "age": { "type": "integer" } },
        "required": ["name", "age"],
        "additionalProperties": false
    });
    let schemas = [
        json!({ "type": "object" }),
        person.clone(),
        json!({ "type": "object", "properties": { "who": person.clone(), "ok": { "type": "boolean" } }, "required": ["who"] }),
        json!({ "type": "array", "items": person, "minItems": 2, "maxItems": 3 }),
        json!({ "enum": ["red", "green", 3, null, { "a": [1] }] }),
        json!({ "const": { "fixed": "é" } }),
        json!({ "anyOf": [{ "type": "boolean" }, { "type": "array", "items": { "enum": [1, 2] }, "maxItems": 2 }] }),
        json!({ "type": "integer", "minimum": -3, "maximum": 1200 }),
        json!({ "type": "number", "minimum": 0, "maximum": 1.5 }),
        json!({ "type": "string", "pattern": "^[A-Z]{2}-[0-9]{3}$" }),
        json!({ "type": "string", "minLength": 5, "maxLength": 9 }),
        json!({ "type": ["null", "string"] }),
        json!({ "type": "object", "properties": { "a": { "type": "null" } }, "additionalProperties": { "type": "integer" }, "required": ["a", "b"] }),
        json!({
            "type": "object",
            "description": "A tree.",
            "properties": { "value": { "type": "integer" }, "left": { "$ref": "#/$defs/leaf" } },
            "required": ["value", "left"],
            "additionalProperties": false,
            "$defs": { "leaf": { "anyOf": [{ "type": "null" }, { "$ref": "#/$defs/word" }] }, "word": { "enum": ["w"] } }
        }),
    ];
    let compiler = compiler();
    for schema in schemas {
        let mut complete = 0;
        for seed in 0..30 {
            let mut constraint = compiler.constraint(&of(&schema)).expect("a schema");
            let (text, ended) = written(&mut constraint, seed);
            if ended {
                let text = String::from_utf8(text).expect("what is written is UTF-8");
                let value: Value =
                    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{schema}: {text}: {error}"));
                assert!(allows(&schema, &schema, &value), "{schema} does not allow {text}");
                complete += 1;
            }
        }
        assert!(complete >= 25, "{schema}: only {complete} of 30 came to an end");
    }
}

#[test]
fn any_json_is_an_object() {
    let compiler = compiler();
    for seed in 0..20 {
        let (text, ended) = written(&mut compiler.constraint(&Format::Json).expect("a constraint"), seed);
        if ended {
            let value: Value = serde_json::from_slice(&text).expect("it is JSON");
            assert!(value.is_object(), "{value}");
        }
    }
}

#[test]
fn the_end_comes_when_the_document_is_complete_and_not_before() {
    let schema = json!({ "type": "object", "properties": { "a": { "const": 1 } }, "required": ["a"], "additionalProperties": false });
    let mut constraint = compiler().constraint(&of(&schema)).expect("a schema");
    for byte in br#"{"a": 1}"# {
        assert!(!constraint.is_done());
        let mut logits = vec![1.0; 300];
        constraint.mask(&mut logits).expect("a mask");
        assert_eq!(logits[END as usize], f32::NEG_INFINITY, "the end before {}", char::from(*byte));
        assert_eq!(logits[257], f32::NEG_INFINITY, "a token without text before {}", char::from(*byte));
        assert_eq!(logits[usize::from(*byte)], 1.0, "{}", char::from(*byte));
        constraint.accept(u32::from(*byte)).expect("it was allowed");
    }
    let mut logits = vec![1.0; 300];
    constraint.mask(&mut logits).expect("a mask");
    let allowed: Vec<usize> = (0..300).filter(|&token| logits[token] == 1.0).collect();
    assert!(constraint.is_done() && allowed == [END as usize], "{allowed:?}");
}

#[test]
fn a_schema_that_cannot_be_followed_says_what_and_where() {
    let deep = (0..40).fold(json!({ "type": "null" }), |inner, _| json!({ "type": "array", "items": inner }));
    let cases = [
        (json!(true), "it is `true`"),
        (json!({ "properties": { "a": { "not": {} } } }), "`not` at `#/properties/a` is not supported"),
        (json!({ "type": "array", "items": { "uniqueItems": true } }), "`uniqueItems` at `#/items`"),
        (json!({ "anyOf": [{}, { "if": {} }] }), "`if` at `#/anyOf/1`"),
        (json!({ "properties": { "a": 3 } }), "at `#/properties/a` stands `3`"),
        (json!({ "$ref": "https://example.org/schema" }), "`$ref` at `#` is `\"https://example.org/schema\"`"),
        (json!({ "$ref": "#/$defs/nothing" }), "nothing"),
        (json!({ "type": "sequence" }), "Invalid type: sequence"),
        (json!({ "type": "string", "pattern": "(" }), ""),
        (json!({ "type": "string", "format": "no-such-format" }), "no-such-format"),
        (json!({ "type": "integer", "minimum": 3, "maximum": 2 }), ""),
        (json!({ "enum": vec!["x".repeat(1000); 100] }), "it has 1003"),
        (deep, "nested more than 32 levels"),
    ];
    let compiler = compiler();
    for (schema, expected) in cases {
        let error = compiler.constraint(&of(&schema)).err();
        let Some(InferenceError::Input(message)) = error else {
            panic!("{schema} gave {error:?}");
        };
        assert!(message.contains(expected) && message.len() < 700, "{schema}: {message}");
    }
}

#[test]
fn a_vocabulary_without_an_end_is_refused() {
    for ends in [&[][..], &[7]] {
        let error = Compiler::new(vec![b"a".to_vec()], ends).err();
        assert!(matches!(error, Some(InferenceError::Model(_))), "{error:?}");
    }
}
