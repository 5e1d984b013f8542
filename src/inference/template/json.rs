//! `tojson` as transformers has it: what Python's `json.dumps` writes.
//!
//! Nothing is escaped for HTML and letters of any script stay as they are; what stands between items is a comma and
//! a space, and a colon and a space. Models were trained on these very bytes.

use std::fmt::Write;

use minijinja::value::{Kwargs, Rest, Value, ValueKind, ValueOrKwargs};
use minijinja::{Error, ErrorKind, State};

use super::methods::invalid;

/// How deep a value may be nested. A namespace may hold itself.
const DEPTH_MAX: usize = 100;
/// The widest indentation, in spaces.
const INDENT_MAX: i64 = 1000;

/// How the text is laid out.
struct Layout {
    ascii: bool,
    /// What one level is indented with; `None` puts everything on one line.
    indent: Option<String>,
    between_items: String,
    after_key: String,
    sorted: bool,
}

/// The filter `tojson(ensure_ascii=false, indent=none, separators=none, sort_keys=false)`.
pub(super) fn filter(state: &State, arguments: Rest<ValueOrKwargs>) -> Result<String, Error> {
    let mut arguments: Vec<Value> = arguments.0.into_iter().map(ValueOrKwargs::into_value).collect();
    let named = match arguments.last() {
        Some(last) if last.is_kwargs() => Kwargs::try_from(arguments.pop().unwrap_or_default())?,
        _ => Kwargs::from_iter(std::iter::empty::<(&str, Value)>()),
    };
    let mut given = arguments.into_iter();
    let value = given.next().ok_or_else(|| Error::from(ErrorKind::MissingArgument))?;
    let mut argument = |name: &str| -> Result<Option<Value>, Error> {
        let value = match given.next() {
            Some(value) => Some(value),
            None if named.has(name) => Some(named.get::<Value>(name)?),
            None => None,
        };
        Ok(value.filter(|value| !value.is_none() && !value.is_undefined()))
    };
    let ascii = argument("ensure_ascii")?.is_some_and(|value| value.is_true());
    let indent = argument("indent")?.map(|value| one_level(&value)).transpose()?;
    let separators = argument("separators")?.map(|value| two_texts(&value)).transpose()?;
    let sorted = argument("sort_keys")?.is_some_and(|value| value.is_true());
    named.assert_all_used()?;
    let between_items = if indent.is_some() { "," } else { ", " };
    let (between_items, after_key) = separators.unwrap_or_else(|| (between_items.to_owned(), ": ".to_owned()));
    let mut out = String::new();
    write_value(&mut out, &value, &Layout { ascii, indent, between_items, after_key, sorted }, 0)?;
    // The steps in here are not counted, so what they wrote is.
    state.consume_fuel(out.len() as u64 / 4)?;
    Ok(out)
}

/// What one level of indentation is: a number of spaces, or a text.
pub(super) fn one_level(value: &Value) -> Result<String, Error> {
    match (value.as_str(), value.as_i64()) {
        (Some(text), _) => Ok(text.to_owned()),
        (None, Some(width)) if width <= INDENT_MAX => Ok(" ".repeat(usize::try_from(width).unwrap_or(0))),
        (None, Some(_)) => Err(invalid(format!("the indentation is {INDENT_MAX} at most"))),
        (None, None) => Err(invalid("the indentation must be a number or a string")),
    }
}

fn two_texts(value: &Value) -> Result<(String, String), Error> {
    let texts: Vec<Value> = value.try_iter()?.collect();
    match &texts[..] {
        [items, keys] => match (items.as_str(), keys.as_str()) {
            (Some(items), Some(keys)) => Ok((items.to_owned(), keys.to_owned())),
            _ => Err(invalid("separators must be strings")),
        },
        _ => Err(invalid("there are two separators")),
    }
}

fn write_value(out: &mut String, value: &Value, layout: &Layout, depth: usize) -> Result<(), Error> {
    if depth > DEPTH_MAX {
        return Err(invalid("the value is nested too deeply for JSON, or holds itself"));
    }
    match value.kind() {
        ValueKind::None => out.push_str("null"),
        ValueKind::Bool => out.push_str(if value.is_true() { "true" } else { "false" }),
        ValueKind::Number => out.push_str(&number(value)),
        ValueKind::String => write_text(out, value.as_str().unwrap_or_default(), layout.ascii),
        ValueKind::Seq | ValueKind::Iterable => {
            let items = value.try_iter()?.checked().collect::<Result<Vec<_>, _>>()?;
            write_items(out, '[', ']', &items, layout, depth, |out, item| write_value(out, item, layout, depth + 1))?;
        }
        ValueKind::Map => {
            let mut keys = value.try_iter()?.checked().collect::<Result<Vec<_>, _>>()?;
            if layout.sorted {
                keys.sort();
            }
            write_items(out, '{', '}', &keys, layout, depth, |out, key| {
                write_text(out, &key_text(key)?, layout.ascii);
                out.push_str(&layout.after_key);
                write_value(out, &value.get_item(key)?, layout, depth + 1)
            })?;
        }
        kind => return Err(invalid(format!("a value of the kind {kind} cannot be written as JSON"))),
    }
    Ok(())
}

/// Writes `items` between `open` and `close`, each by `write`.
fn write_items(
    out: &mut String,
    open: char,
    close: char,
    items: &[Value],
    layout: &Layout,
    depth: usize,
    mut write: impl FnMut(&mut String, &Value) -> Result<(), Error>,
) -> Result<(), Error> {
    let new_line = |out: &mut String, depth: usize| {
        if let Some(level) = &layout.indent {
            out.push('\n');
            (0..depth).for_each(|_| out.push_str(level));
        }
    };
    out.push(open);
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push_str(&layout.between_items);
        }
        new_line(out, depth + 1);
        write(out, item)?;
    }
    if !items.is_empty() {
        new_line(out, depth);
    }
    out.push(close);
    Ok(())
}

/// A number as Python writes it: `1.0`, `1e+16`, `NaN`.
fn number(value: &Value) -> String {
    if value.is_integer() {
        return value.to_string();
    }
    match f64::try_from(value.clone()) {
        Ok(number) if number.is_nan() => "NaN".to_owned(),
        Ok(number) if number.is_infinite() => if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned(),
        Ok(number) => float_text(number),
        Err(_) => value.to_string(),
    }
}

/// A number as Python writes it.
///
/// Python and this language both write the fewest digits that read back as the same number, and change to an exponent
/// at the same sizes; they differ in how an exponent looks.
fn float_text(number: f64) -> String {
    let text = format!("{number:?}");
    let Some((digits, exponent)) = text.split_once('e') else {
        return text;
    };
    let (sign, exponent) = exponent.strip_prefix('-').map_or(("+", exponent), |exponent| ("-", exponent));
    format!("{}e{sign}{exponent:0>2}", digits.strip_suffix(".0").unwrap_or(digits))
}

/// A key as text; Python's own names for what is no string.
fn key_text(key: &Value) -> Result<String, Error> {
    match key.kind() {
        ValueKind::String => Ok(key.as_str().unwrap_or_default().to_owned()),
        ValueKind::Bool => Ok(if key.is_true() { "true" } else { "false" }.to_owned()),
        ValueKind::None => Ok("null".to_owned()),
        ValueKind::Number => Ok(number(key)),
        kind => Err(invalid(format!("a value of the kind {kind} cannot be a key in JSON"))),
    }
}

fn write_text(out: &mut String, text: &str, ascii: bool) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if c < ' ' || (ascii && c > '~') => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}").expect("a string takes what is written");
                }
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
