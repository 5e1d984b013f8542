//! A template's source, as the engine takes it: the same template, with what Jinja has and the engine has not put into
//! other words. Lines stay where they are, so that an error names the right one.

use minijinja::value::{Value, ValueKind};
use minijinja::{Error, State};

use super::methods::invalid;

/// The filter that looks at what is put into a namespace.
pub(super) const STORED: &str = "stored";

/// How deep the values in a namespace may be nested.
const DEPTH_MAX: usize = 64;

/// The most bytes of one tag that are not in quotes: what the engine takes to compile an expression grows with the
/// square of its length.
const CODE_BYTES_MAX: usize = 4096;

/// `source` as the engine takes it.
///
/// Python reads every kind of line end as a line feed. The tag `generation`, which marks the assistant's words for
/// training, becomes a scope of its own, which is all that it does to the text. After `raw`, unlike after other tags,
/// the line end stays. And a value is looked at before it is put into a namespace. The error says what is too long.
pub(super) fn prepared(source: &str) -> Result<String, String> {
    let source = source.replace("\r\n", "\n").replace('\r', "\n");
    let mut prepared = String::with_capacity(source.len());
    let mut rest = source.as_str();
    while let Some(at) = rest.find('{') {
        prepared.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = match rest.as_bytes().get(1) {
            Some(b'#') => Some(rest.find("#}").map_or(rest.len(), |at| at + "#}".len())),
            Some(b'{') => end_of_code(rest, "}}"),
            Some(b'%') => end_of_code(rest, "%}"),
            _ => Some(1),
        };
        let end = end.ok_or_else(|| {
            let line = prepared.matches('\n').count() + 1;
            format!("the tag on line {line} has more than {CODE_BYTES_MAX} bytes of code")
        })?;
        let (code, after) = rest.split_at(end);
        rest = after;
        let is_raw = match code.starts_with("{%") {
            true => push_tag(&mut prepared, code),
            false => {
                prepared.push_str(code);
                false
            }
        };
        if is_raw {
            let end = end_of_raw(rest);
            prepared.push_str(&rest[..end]);
            rest = &rest[end..];
        }
    }
    prepared.push_str(rest);
    Ok(prepared)
}

/// Where the code at the start of `text` ends, after `close`; what stands in quotes does not end it. `None` for code
/// that is too long.
fn end_of_code(text: &str, close: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut at, mut quote, mut length) = (2, None, 0);
    while at < bytes.len() {
        length += usize::from(quote.is_none());
        if length > CODE_BYTES_MAX {
            return None;
        }
        match (quote, bytes[at]) {
            (Some(_), b'\\') => at += 1,
            (Some(open), byte) if byte == open => quote = None,
            (None, byte @ (b'"' | b'\'')) => quote = Some(byte),
            (None, _) if bytes[at..].starts_with(close.as_bytes()) => return Some(at + close.len()),
            _ => {}
        }
        at += 1;
    }
    Some(text.len())
}

/// Where the tag `endraw` begins.
fn end_of_raw(text: &str) -> usize {
    let is_end = |at: usize| {
        let tag = text[at + "{%".len()..].trim_start_matches(['-', '+']);
        tag.trim_start().starts_with("endraw")
    };
    text.match_indices("{%").map(|(at, _)| at).find(|&at| is_end(at)).unwrap_or(text.len())
}

/// Writes one tag in the engine's words; whether it is `raw`.
fn push_tag(prepared: &mut String, tag: &str) -> bool {
    let inner = tag.trim_start_matches("{%").trim_end_matches("%}").trim_matches(['-', '+']).trim();
    match inner.split(char::is_whitespace).next().unwrap_or_default() {
        "generation" if inner == "generation" => prepared.push_str(&tag.replacen("generation", "with", 1)),
        "endgeneration" if inner == "endgeneration" => prepared.push_str(&tag.replacen("generation", "with", 1)),
        "raw" if tag.ends_with("-%}") || tag.ends_with("+%}") => prepared.push_str(tag),
        "raw" => {
            prepared.push_str(tag.trim_end_matches("%}"));
            prepared.push_str("+%}");
        }
        "set" => push_set(prepared, tag),
        _ => prepared.push_str(tag),
    }
    inner == "raw"
}

/// Writes a `set`; the value for an attribute, which only a namespace takes, goes through [`STORED`].
fn push_set(prepared: &mut String, tag: &str) {
    let close = ["-%}", "+%}", "%}"].into_iter().find(|close| tag.ends_with(close)).unwrap_or_default();
    let body = &tag[..tag.len() - close.len()];
    match body.split_once('=') {
        Some((target, value)) if target.contains('.') && !target.contains(['|', '"', '\'']) => {
            prepared.push_str(&format!("{target}=({value})|{STORED}{close}"));
        }
        _ => prepared.push_str(tag),
    }
}

/// The filter [`STORED`]: `value`, unless it is a namespace, holds one, or is nested without end.
///
/// A namespace is the only value that can be changed, hence the only one that can come to hold itself; printing or
/// comparing it would then never end.
pub(super) fn stored(state: &State, value: &Value) -> Result<Value, Error> {
    look(state, value, 0)?;
    Ok(value.clone())
}

fn look(state: &State, value: &Value, depth: usize) -> Result<(), Error> {
    let Some(object) = value.as_object() else {
        return Ok(());
    };
    if depth > DEPTH_MAX || object.type_name().ends_with("::Namespace") {
        return Err(invalid("what is put into a namespace holds one, or is too deep"));
    }
    let is_map = value.kind() == ValueKind::Map;
    if is_map || value.kind() == ValueKind::Seq {
        state.consume_fuel(1 + value.len().unwrap_or(0) as u64 / 4)?;
        for item in value.try_iter()?.checked() {
            let item = item?;
            look(state, &if is_map { value.get_item(&item)? } else { item }, depth + 1)?;
        }
    }
    Ok(())
}
