//! Which JSON schemas can be followed.

use serde_json::{Map, Value};

use crate::limits;

/// Keywords that restrict an answer and are followed.
const FOLLOWED: &[&str] = &[
    "anyOf",
    "oneOf",
    "allOf",
    "$ref",
    "const",
    "enum",
    "type",
    "items",
    "additionalItems",
    "prefixItems",
    "minItems",
    "maxItems",
    "properties",
    "additionalProperties",
    "patternProperties",
    "required",
    "minProperties",
    "maxProperties",
    "minLength",
    "maxLength",
    "pattern",
    "format",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
];

/// Keywords that restrict an answer and are not followed.
const NOT_FOLLOWED: &[&str] = &[
    "not",
    "if",
    "then",
    "else",
    "contains",
    "minContains",
    "maxContains",
    "uniqueItems",
    "propertyNames",
    "dependencies",
    "dependentRequired",
    "dependentSchemas",
    "unevaluatedItems",
    "unevaluatedProperties",
    "$dynamicRef",
    "$recursiveRef",
];

/// Whether `schema` can be followed, as far as its size and its keywords tell; otherwise what is wrong, and where.
pub(super) fn check(schema: &Value) -> Result<(), String> {
    let size = schema.to_string().len();
    if size > limits::SCHEMA_BYTES_MAX {
        return Err(format!("it has {size} bytes, and at most {} are read", limits::SCHEMA_BYTES_MAX));
    }
    match schema {
        Value::Object(_) => look(schema, "#", 0),
        other => Err(format!("it is {}, and must be an object of keywords", shown(other))),
    }
}

/// Looks at one schema, which stands at `path`.
fn look(schema: &Value, path: &str, depth: usize) -> Result<(), String> {
    if depth > limits::SCHEMA_DEPTH_MAX {
        return Err(format!("at `{path}` it is nested more than {} levels deep", limits::SCHEMA_DEPTH_MAX));
    }
    let keywords = match schema {
        Value::Bool(_) => return Ok(()),
        Value::Object(keywords) => keywords,
        other => return Err(format!("at `{path}` stands {}, which is no schema", shown(other))),
    };
    if let Some(keyword) = NOT_FOLLOWED.iter().find(|&&keyword| keywords.contains_key(keyword)) {
        return Err(format!("`{keyword}` at `{path}` is not supported. Supported are {}", FOLLOWED.join(", ")));
    }
    if let Some(elsewhere) = keywords.get("$ref").filter(|to| !to.as_str().is_some_and(|to| to.starts_with('#'))) {
        return Err(format!(
            "`$ref` at `{path}` is {}, and only parts of the same schema (`#/...`) are read",
            shown(elsewhere)
        ));
    }
    look_inside(keywords, path, depth + 1)
}

/// Looks at the schemas inside a schema.
fn look_inside(keywords: &Map<String, Value>, path: &str, depth: usize) -> Result<(), String> {
    for (keyword, value) in keywords {
        let path = format!("{path}/{keyword}");
        match (keyword.as_str(), value) {
            ("properties" | "patternProperties" | "$defs" | "definitions", Value::Object(named)) => {
                for (name, schema) in named {
                    look(schema, &format!("{path}/{name}"), depth)?;
                }
            }
            ("anyOf" | "oneOf" | "allOf" | "prefixItems" | "items", Value::Array(list)) => {
                for (at, schema) in list.iter().enumerate() {
                    look(schema, &format!("{path}/{at}"), depth)?;
                }
            }
            ("items" | "additionalItems" | "additionalProperties", schema) => look(schema, &path, depth)?,
            _ => {}
        }
    }
    Ok(())
}

/// The beginning of `value`, for a message.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    let mut short: String = text.chars().take(60).collect();
    if short.len() < text.len() {
        short.push_str("...");
    }
    format!("`{short}`")
}
