//! Python's methods on strings, lists and dictionaries, where those of the engine's companion are missing or differ.
//!
//! They follow Python's manual; what is not here goes to the companion, and what neither knows is an error. Methods
//! that change a list or a dictionary are errors in the reference too, whose sandbox forbids them.

use minijinja::value::{Kwargs, Tuple, Value, ValueKind, from_args};
use minijinja::{Error, ErrorKind, State};

use super::text;

/// Calls `method` of `value`.
pub(super) fn call(state: &mut State, value: &Value, method: &str, arguments: &[Value]) -> Result<Value, Error> {
    let own = match value.kind() {
        ValueKind::String => of_text(value.as_str().unwrap_or_default(), method, arguments)?,
        ValueKind::Seq => of_list(value, method, arguments)?,
        ValueKind::Map if method == "copy" => Some(from_args(arguments).map(|()| value.clone())?),
        _ => None,
    };
    match own {
        Some(result) => {
            // The steps in here are not counted, so the text that was read is.
            state.consume_fuel(value.len().unwrap_or(0) as u64 / 64)?;
            Ok(result)
        }
        None => minijinja_contrib::pycompat::unknown_method_callback(state, value, method, arguments),
    }
}

/// The methods of strings; `None` for one that is left to the companion.
fn of_text(text: &str, method: &str, arguments: &[Value]) -> Result<Option<Value>, Error> {
    if let Some(parts) = parts(text, method, arguments)? {
        return Ok(Some(parts));
    }
    Ok(Some(match method {
        "find" | "rfind" | "index" | "rindex" | "count" => found(text, method, arguments)?,
        "startswith" | "endswith" => Value::from(has_end(text, method, arguments)?),
        "isspace" => Value::from(from_args(arguments).map(|()| !text.is_empty() && text.chars().all(text::is_space))?),
        "isdecimal" => {
            Value::from(from_args(arguments).map(|()| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit()))?)
        }
        "title" => Value::from(from_args(arguments).map(|()| text::title(text))?),
        "capitalize" => Value::from(from_args(arguments).map(|()| text::capitalize(text))?),
        "swapcase" => Value::from(from_args(arguments).map(|()| text::swapcase(text))?),
        "casefold" => Value::from(from_args(arguments).map(|()| text.to_lowercase().replace('ß', "ss"))?),
        "ljust" | "rjust" | "center" | "zfill" => {
            let (width, fill): (i64, Option<char>) = from_args(arguments)?;
            Value::from(text::padded(text, method, width, fill.unwrap_or(' ')).map_err(invalid)?)
        }
        "join" => {
            let (items,): (&Value,) = from_args(arguments)?;
            let texts = items.try_iter()?.map(|item| item.to_str().ok_or_else(|| invalid("join takes strings")));
            Value::from(texts.collect::<Result<Vec<_>, _>>()?.join(text))
        }
        // The companion writes it, and would write any width.
        "format" if text.contains(":{") || text.split(|c: char| !c.is_ascii_digit()).any(|run| run.len() > 4) => {
            return Err(invalid("the width of a format must be a number below 10000"));
        }
        _ => return Ok(None),
    }))
}

/// The methods that take parts of a string.
fn parts(text: &str, method: &str, arguments: &[Value]) -> Result<Option<Value>, Error> {
    Ok(Some(match method {
        "strip" | "lstrip" | "rstrip" => {
            let (chars,): (Option<&str>,) = from_args(arguments)?;
            Value::from(text::stripped(text, chars, (method != "rstrip", method != "lstrip")))
        }
        "split" | "rsplit" => split(text, arguments, method == "rsplit")?,
        "splitlines" => {
            let (keep, named): (Option<bool>, Kwargs) = from_args(arguments)?;
            let keep = keep.or(named.get("keepends")?).unwrap_or(false);
            text::lines(text, keep).into_iter().map(Value::from).collect()
        }
        "partition" | "rpartition" => {
            let (separator,): (&str,) = from_args(arguments)?;
            Value::from(Tuple::from(text::partition(text, separator, method == "rpartition").map(Value::from)))
        }
        "removeprefix" => {
            let (prefix,): (&str,) = from_args(arguments)?;
            Value::from(text.strip_prefix(prefix).unwrap_or(text))
        }
        "removesuffix" => {
            let (suffix,): (&str,) = from_args(arguments)?;
            Value::from(text.strip_suffix(suffix).unwrap_or(text))
        }
        _ => return Ok(None),
    }))
}

/// The methods of lists and tuples.
fn of_list(list: &Value, method: &str, arguments: &[Value]) -> Result<Option<Value>, Error> {
    Ok(Some(match method {
        "index" => {
            let (wanted,): (&Value,) = from_args(arguments)?;
            let at = list.try_iter()?.position(|item| item == *wanted);
            Value::from(at.ok_or_else(|| invalid("the value is not in the list"))?)
        }
        "copy" => from_args(arguments).map(|()| list.clone())?,
        _ => return Ok(None),
    }))
}

pub(super) fn invalid(reason: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidOperation, reason)
}

/// `split` and `rsplit`, with and without a separator.
fn split(text: &str, arguments: &[Value], from_right: bool) -> Result<Value, Error> {
    let (separator, splits_max, named): (Option<Value>, Option<i64>, Kwargs) = from_args(arguments)?;
    let separator = separator.or(named.get("sep")?).filter(|separator| !separator.is_none());
    let splits_max = splits_max.or(named.get("maxsplit")?).unwrap_or(-1);
    named.assert_all_used()?;
    let pieces_max = usize::try_from(splits_max).map_or(usize::MAX, |splits| splits.saturating_add(1));
    let pieces: Vec<&str> = match &separator {
        None => text::words(text, pieces_max, from_right),
        Some(separator) => match separator.as_str() {
            None => return Err(invalid("the separator must be a string")),
            Some("") => return Err(invalid("the separator is empty")),
            Some(separator) if from_right => {
                let mut pieces: Vec<_> = text.rsplitn(pieces_max, separator).collect();
                pieces.reverse();
                pieces
            }
            Some(separator) => text.splitn(pieces_max, separator).collect(),
        },
    };
    Ok(pieces.into_iter().map(Value::from).collect())
}

/// `find`, `rfind`, `index`, `rindex` and `count`: places count characters.
fn found(text: &str, method: &str, arguments: &[Value]) -> Result<Value, Error> {
    let (wanted, start, end): (&str, Option<i64>, Option<i64>) = from_args(arguments)?;
    let (before, part) = text::part(text, start, end);
    if method == "count" {
        let gaps = if wanted.is_empty() { part.chars().count() + 1 } else { part.matches(wanted).count() };
        return Ok(Value::from(gaps));
    }
    let at = if method.starts_with('r') { part.rfind(wanted) } else { part.find(wanted) };
    match at {
        Some(at) => Ok(Value::from(before + part[..at].chars().count())),
        None if method.ends_with("find") => Ok(Value::from(-1)),
        None => Err(invalid("the substring is not found")),
    }
}

/// `startswith` and `endswith`, of a string or one of several.
fn has_end(text: &str, method: &str, arguments: &[Value]) -> Result<bool, Error> {
    let (wanted, start, end): (&Value, Option<i64>, Option<i64>) = from_args(arguments)?;
    let (_, part) = text::part(text, start, end);
    let is_there = |wanted: &Value| match (wanted.as_str(), method) {
        (None, _) => Err(invalid(format!("{method} takes a string or a tuple of strings"))),
        (Some(wanted), "startswith") => Ok(part.starts_with(wanted)),
        (Some(wanted), _) => Ok(part.ends_with(wanted)),
    };
    if !wanted.is_tuple() {
        return is_there(wanted);
    }
    let each = wanted.try_iter()?.map(|wanted| is_there(&wanted)).collect::<Result<Vec<_>, _>>()?;
    Ok(each.contains(&true))
}
