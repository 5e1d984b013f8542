//! Jinja's filters where the engine's own take other arguments or fail where Jinja's fall back.

use minijinja::value::{Kwargs, Value, ValueKind};
use minijinja::{Error, State};

use super::methods::invalid;
use super::text;

/// `trim(chars=none)`: without `chars`, what Python counts as space.
pub(super) fn trim(value: &Value, chars: Option<String>, named: Kwargs) -> Result<String, Error> {
    let chars = chars.or(named.get("chars")?);
    named.assert_all_used()?;
    Ok(text::stripped(&value.to_string(), chars.as_deref(), (true, true)).to_owned())
}

/// `default(default_value='', boolean=false)`.
pub(super) fn default(
    value: &Value,
    instead: Option<Value>,
    if_false: Option<Value>,
    named: Kwargs,
) -> Result<Value, Error> {
    let instead = instead.or(named.get("default_value")?).unwrap_or_else(|| Value::from(""));
    let if_false = if_false.or(named.get("boolean")?).is_some_and(|given| given.is_true());
    named.assert_all_used()?;
    Ok(if value.is_undefined() || (if_false && !value.is_true()) { instead } else { value.clone() })
}

/// `int(default=0, base=10)`: what is no number gives the default, where the engine's own filter fails.
pub(super) fn int(
    state: &State,
    value: &Value,
    default: Option<Value>,
    base: Option<u32>,
    named: Kwargs,
) -> Result<Value, Error> {
    let default = default.or_else(|| (!named.has("default")).then(|| Value::from(0)));
    minijinja::filters::int(state, value, default, base, named)
}

/// `float(default=0.0)`, likewise.
pub(super) fn float(state: &State, value: &Value, default: Option<Value>, named: Kwargs) -> Result<Value, Error> {
    let default = default.or_else(|| (!named.has("default")).then(|| Value::from(0.0)));
    minijinja::filters::float(state, value, default, named)
}

/// `indent(width=4, first=false, blank=false)`, whose width may be a text.
pub(super) fn indent(
    text: &str,
    width: Option<Value>,
    first: Option<bool>,
    blank: Option<bool>,
    named: Kwargs,
) -> Result<String, Error> {
    let width = width.or(named.get("width")?).unwrap_or_else(|| Value::from(4));
    let first = first.or(named.get("first")?).unwrap_or(false);
    let blank = blank.or(named.get("blank")?).unwrap_or(false);
    named.assert_all_used()?;
    let level = super::json::one_level(&width)?;
    let mut out = String::new();
    for (at, line) in text::lines(text, false).into_iter().enumerate() {
        if at > 0 {
            out.push('\n');
        }
        if if at == 0 { first } else { blank || !line.is_empty() } {
            out.push_str(&level);
        }
        out.push_str(line);
    }
    if text::lines(text, true).last().is_some_and(|last| last.ends_with('\n')) {
        out.push('\n');
    }
    Ok(out)
}

/// `center(width=80)`.
pub(super) fn center(text: &str, width: Option<i64>) -> Result<String, Error> {
    text::padded(text, "center", width.unwrap_or(80), ' ').map_err(invalid)
}

/// `wordcount`.
pub(super) fn wordcount(text: &str) -> usize {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty()).count()
}

/// The global `dict`, of another dictionary or of pairs, and of named values.
pub(super) fn dict(from: Option<&Value>, named: Kwargs) -> Result<Value, Error> {
    let mut pairs: Vec<(Value, Value)> = Vec::new();
    match from {
        Some(from) if from.kind() == ValueKind::Map => {
            for key in from.try_iter()?.checked() {
                let key = key?;
                let value = from.get_item(&key)?;
                pairs.push((key, value));
            }
        }
        Some(from) => {
            for pair in from.try_iter()?.checked() {
                let pair: Vec<Value> = pair?.try_iter()?.collect();
                let [key, value] =
                    <[Value; 2]>::try_from(pair).map_err(|_| invalid("a dictionary is made of pairs"))?;
                pairs.push((key, value));
            }
        }
        None => {}
    }
    for name in named.args() {
        pairs.push((Value::from(name), named.peek(name)?));
    }
    Ok(Value::from_pairs(pairs))
}
