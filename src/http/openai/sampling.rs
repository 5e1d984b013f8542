//! How an answer is to be written, as OpenAI's clients say it.
//!
//! Beside OpenAI's own fields there are those of vLLM and llama.cpp: `top_k`, `min_p` and `repetition_penalty`, which
//! may be called `repeat_penalty`.

use std::ops::RangeInclusive;

use serde_json::Value;

use crate::app::ask::{Format, Sampling, Schema};
use crate::http::body::Fields;
use crate::http::error::Failure;
use crate::limits;

/// How to write: what the request says, and for the rest `otherwise`.
pub fn read(fields: &Fields, otherwise: Sampling) -> Result<Sampling, Failure> {
    let number = |name: &str, range: RangeInclusive<f64>| -> Result<Option<f32>, Failure> {
        Ok(fields.number(name, range)?.map(|number| number as f32))
    };
    let whole = |name: &str, most: u32| -> Result<Option<u32>, Failure> {
        Ok(fields.whole(name, 1..=i64::from(most))?.and_then(|number| u32::try_from(number).ok()))
    };
    let repeat_penalty = match number("repetition_penalty", 0.1..=10.0)? {
        Some(penalty) => Some(penalty),
        None => number("repeat_penalty", 0.1..=10.0)?,
    };
    let max_tokens = match whole("max_completion_tokens", u32::MAX)? {
        Some(tokens) => Some(tokens),
        None => whole("max_tokens", u32::MAX)?,
    };
    Ok(Sampling {
        temperature: number("temperature", 0.0..=2.0)?.or(otherwise.temperature),
        top_k: whole("top_k", 1_000)?.or(otherwise.top_k),
        top_p: number("top_p", 0.0..=1.0)?.or(otherwise.top_p),
        min_p: number("min_p", 0.0..=1.0)?.or(otherwise.min_p),
        repeat_penalty: repeat_penalty.or(otherwise.repeat_penalty),
        frequency_penalty: number("frequency_penalty", -2.0..=2.0)?.or(otherwise.frequency_penalty),
        presence_penalty: number("presence_penalty", -2.0..=2.0)?.or(otherwise.presence_penalty),
        max_tokens: max_tokens.or(otherwise.max_tokens),
        stop: read_stops(fields)?.unwrap_or(otherwise.stop),
        seed: fields.whole("seed", i64::MIN..=i64::MAX)?.map(i64::cast_unsigned).or(otherwise.seed),
        format: read_format(fields)?.unwrap_or(otherwise.format),
    })
}

fn read_stops(fields: &Fields) -> Result<Option<Vec<String>>, Failure> {
    let (most, longest) = (limits::STOPS_MAX, limits::STOP_BYTES_MAX);
    let wrong =
        || fields.wrong("stop", &format!("a string or a list of at most {most}, each of at most {longest} bytes"));
    let stops = match fields.get("stop") {
        None => return Ok(None),
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(list)) if list.len() <= most && list.iter().all(Value::is_string) => {
            list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        }
        Some(_) => return Err(wrong()),
    };
    if stops.iter().any(|stop| stop.len() > longest) { Err(wrong()) } else { Ok(Some(stops)) }
}

/// `response_format`; `Some(None)` for plain text, asked for by name.
fn read_format(fields: &Fields) -> Result<Option<Option<Format>>, Failure> {
    let Some(format) = fields.get("response_format") else {
        return Ok(None);
    };
    let format = Fields::of("response_format", format)?;
    Ok(Some(match format.text("type")? {
        "text" => None,
        "json_object" => Some(Format::Json),
        "json_schema" => Some(Format::Schema(read_schema(&format)?)),
        _ => return Err(format.wrong("type", "one of `text`, `json_object`, `json_schema`")),
    }))
}

fn read_schema(format: &Fields) -> Result<Schema, Failure> {
    let asked = match format.get("json_schema") {
        Some(asked) => Fields::of("response_format.json_schema", asked)?,
        None => return Err(format.wrong("json_schema", "an object with a `schema`")),
    };
    let schema = match asked.get("schema") {
        Some(schema @ Value::Object(_)) => schema.clone(),
        _ => return Err(asked.wrong("schema", "a JSON schema, which is an object")),
    };
    let (length, most) = (schema.to_string().len(), limits::SCHEMA_BYTES_MAX);
    if length > most {
        let message = format!("`response_format.json_schema.schema` has {length} bytes, and at most {most} are read.");
        return Err(Failure::field("response_format.json_schema.schema", message));
    }
    let name = asked.text_if_any("name")?.unwrap_or("answer").to_owned();
    Ok(Schema { name, schema, strict: asked.flag("strict", false)? })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::read;
    use crate::app::ask::{Format, Sampling, Schema};
    use crate::http::body::Fields;

    fn set_here() -> Sampling {
        Sampling { temperature: Some(0.1), top_k: Some(40), max_tokens: Some(512), ..Sampling::default() }
    }

    #[test]
    fn what_a_request_says_goes_before_what_is_set_here() {
        let schema = Schema { name: "person".to_owned(), schema: json!({ "type": "object" }), strict: true };
        let unnamed = Schema { name: "answer".to_owned(), strict: false, ..schema.clone() };
        let cases = [
            (json!({}), set_here()),
            (json!({ "temperature": null, "response_format": { "type": "text" } }), set_here()),
            (
                json!({ "temperature": 0, "top_k": 5, "top_p": 0.5, "min_p": 0.05, "max_tokens": 7, "seed": -1,
                        "frequency_penalty": 1, "presence_penalty": -2, "repetition_penalty": 1.5, "stop": "x" }),
                Sampling {
                    temperature: Some(0.0),
                    top_k: Some(5),
                    top_p: Some(0.5),
                    min_p: Some(0.05),
                    repeat_penalty: Some(1.5),
                    frequency_penalty: Some(1.0),
                    presence_penalty: Some(-2.0),
                    max_tokens: Some(7),
                    stop: vec!["x".to_owned()],
                    seed: Some(u64::MAX),
                    format: None,
                },
            ),
            (
                json!({ "max_completion_tokens": 8, "max_tokens": 7, "stop": ["a", "b"], "repeat_penalty": 2 }),
                Sampling {
                    max_tokens: Some(8),
                    stop: vec!["a".to_owned(), "b".to_owned()],
                    repeat_penalty: Some(2.0),
                    ..set_here()
                },
            ),
            (
                json!({ "response_format": { "type": "json_object" } }),
                Sampling { format: Some(Format::Json), ..set_here() },
            ),
            (
                json!({ "response_format": { "type": "json_schema", "json_schema":
                    { "name": "person", "schema": { "type": "object" }, "strict": true } } }),
                Sampling { format: Some(Format::Schema(schema)), ..set_here() },
            ),
            (
                json!({ "response_format": { "type": "json_schema", "json_schema": { "schema": { "type": "object" } } } }),
                Sampling { format: Some(Format::Schema(unnamed)), ..set_here() },
            ),
        ];
        for (request, expected) in cases {
            let fields = Fields::parse(request.to_string().as_bytes()).expect("an object");
            assert_eq!(read(&fields, set_here()).ok(), Some(expected), "{request}");
        }
    }

    #[test]
    fn what_is_out_of_range_is_refused_by_name() {
        let schema = |schema: Value| json!({ "response_format": { "type": "json_schema", "json_schema": schema } });
        let cases = [
            (json!({ "frequency_penalty": 2.5 }), "frequency_penalty", "from -2 to 2"),
            (json!({ "presence_penalty": "1" }), "presence_penalty", "from -2 to 2"),
            (json!({ "min_p": 1.1 }), "min_p", "from 0 to 1"),
            (json!({ "repetition_penalty": 0 }), "repetition_penalty", "from 0.1 to 10"),
            (json!({ "repeat_penalty": 11 }), "repeat_penalty", "from 0.1 to 10"),
            (json!({ "top_k": 0 }), "top_k", "from 1 to 1000"),
            (json!({ "stop": ["a", "b", "c", "d", "e"] }), "stop", "at most 4"),
            (json!({ "stop": "x".repeat(2_000) }), "stop", "at most 1000 bytes"),
            (json!({ "response_format": "json" }), "response_format", "must be an object"),
            (json!({ "response_format": {} }), "response_format.type", "is missing"),
            (json!({ "response_format": { "type": "yaml" } }), "response_format.type", "`json_schema`"),
            (json!({ "response_format": { "type": "json_schema" } }), "response_format.json_schema", "is missing"),
            (schema(json!({ "name": "x" })), "response_format.json_schema.schema", "is missing"),
            (schema(json!({ "schema": true })), "response_format.json_schema.schema", "must be a JSON schema"),
            (schema(json!({ "schema": {}, "name": 3 })), "response_format.json_schema.name", "a string"),
            (schema(json!({ "schema": {}, "strict": "yes" })), "response_format.json_schema.strict", "true or false"),
            (
                schema(json!({ "schema": { "enum": ["x".repeat(70_000)] } })),
                "response_format.json_schema.schema",
                "at most 65536",
            ),
        ];
        for (request, field, message) in cases {
            let fields = Fields::parse(request.to_string().as_bytes()).expect("an object");
            let failure = read(&fields, set_here()).expect_err("refused");
            assert_eq!(failure.field.as_deref(), Some(field), "{request}");
            assert!(failure.message.contains(message), "{request}: {}", failure.message);
        }
    }
}
