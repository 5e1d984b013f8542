//! Reading what a request carries, within limits: JSON by field, so that an error names the field, and forms.

use std::ops::RangeInclusive;
use std::time::Duration;

use actix_web::error::PayloadError;
use actix_web::http::header;
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpMessage, HttpRequest, dev, web};
use futures_util::{Stream, StreamExt};
use serde_json::{Map, Value};

use crate::app::error::Kind;
use crate::http::error::Failure;
use crate::limits;

/// Reads a whole body of at most [`limits::REQUEST_BYTES_MAX`]. A sender that pauses longer than
/// [`limits::BODY_SILENCE_SECONDS_MAX`] is cut off.
pub async fn bytes(
    request: &HttpRequest,
    mut payload: impl Stream<Item = Result<Bytes, PayloadError>> + Unpin,
) -> Result<Vec<u8>, Failure> {
    let too_large = || {
        let most = limits::REQUEST_BYTES_MAX >> 20;
        Failure::new(Kind::TooLarge, format!("The request is larger than {most} MiB, the most that is accepted here."))
    };
    let length =
        request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > limits::REQUEST_BYTES_MAX) {
        discard(payload, limits::DISCARDED_BYTES_MAX).await;
        return Err(too_large());
    }
    let silence = Duration::from_secs(limits::BODY_SILENCE_SECONDS_MAX);
    let mut body = Vec::with_capacity(length.unwrap_or(0));
    loop {
        let part = tokio::time::timeout(silence, payload.next()).await.map_err(|_| stalled())?;
        match part {
            None => return Ok(body),
            Some(Err(error)) => return Err(Failure::new(Kind::Invalid, format!("The request broke off: {error}."))),
            Some(Ok(part)) if body.len() + part.len() > limits::REQUEST_BYTES_MAX => {
                discard(payload, limits::DISCARDED_BYTES_MAX).await;
                return Err(too_large());
            }
            Some(Ok(part)) => body.extend_from_slice(&part),
        }
    }
}

/// Reads on without keeping anything, so that a sender that does not listen while it sends hears why it was refused.
/// Tells whether the end was reached within `bytes_max`.
pub async fn discard<S, E>(mut rest: S, bytes_max: u64) -> bool
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
{
    let mut bytes = 0;
    let silence = Duration::from_secs(limits::DISCARD_SILENCE_SECONDS_MAX);
    while let Ok(Some(Ok(part))) = tokio::time::timeout(silence, rest.next()).await {
        bytes += part.len() as u64;
        if bytes > bytes_max {
            return false;
        }
    }
    true
}

/// The sender paused for too long.
pub fn stalled() -> Failure {
    let seconds = limits::BODY_SILENCE_SECONDS_MAX;
    Failure::new(Kind::Invalid, format!("Nothing of the request arrived for {seconds} seconds, so it was given up."))
}

/// Reads a JSON object.
pub async fn json(request: &HttpRequest, payload: web::Payload) -> Result<Fields, Failure> {
    let body = bytes(request, payload).await?;
    Fields::parse(&body)
}

/// A JSON object of a request, read field by field. Fields that nobody reads are ignored.
#[derive(Debug)]
pub struct Fields {
    /// `messages[2].` for an object inside the request; empty for the request itself.
    within: String,
    map: Map<String, Value>,
}

impl Fields {
    /// Reads the bytes of a JSON object.
    pub fn parse(body: &[u8]) -> Result<Fields, Failure> {
        match serde_json::from_slice(body) {
            Ok(Value::Object(map)) => Ok(Fields { within: String::new(), map }),
            Ok(_) => {
                Err(Failure::new(Kind::Invalid, "The request must be a JSON object, like {\"question\": \"...\"}."))
            }
            Err(error) => Err(Failure::new(Kind::Invalid, format!("The request is not JSON: {error}."))),
        }
    }

    /// The object `value`, which stands at `path` in the request.
    pub fn of(path: &str, value: &Value) -> Result<Fields, Failure> {
        match value {
            Value::Object(map) => Ok(Fields { within: format!("{path}."), map: map.clone() }),
            other => Err(Failure::field(path, format!("`{path}` must be an object, not {}.", kind_of(other)))),
        }
    }

    /// The value of `name`, unless it is missing or null.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.map.get(name).filter(|value| !value.is_null())
    }

    /// The error that `name` must be `what`.
    pub fn wrong(&self, name: &str, what: &str) -> Failure {
        let path = format!("{}{name}", self.within);
        match self.get(name) {
            None => Failure::field(&path, format!("`{path}` is missing: it must be {what}.")),
            Some(value) => Failure::field(&path, format!("`{path}` must be {what}, not {}.", kind_of(value))),
        }
    }

    /// A text that must be there.
    pub fn text(&self, name: &str) -> Result<&str, Failure> {
        self.get(name).and_then(Value::as_str).ok_or_else(|| self.wrong(name, "a string"))
    }

    /// A text that may be missing.
    pub fn text_if_any(&self, name: &str) -> Result<Option<&str>, Failure> {
        self.get(name).map(|value| value.as_str().ok_or_else(|| self.wrong(name, "a string"))).transpose()
    }

    /// A list that must be there and not be empty.
    pub fn list(&self, name: &str) -> Result<&[Value], Failure> {
        match self.get(name).and_then(Value::as_array) {
            Some(list) if !list.is_empty() => Ok(list),
            Some(_) => Err(Failure::field(
                format!("{}{name}", self.within),
                format!("`{}{name}` is an empty list.", self.within),
            )),
            None => Err(self.wrong(name, "a list")),
        }
    }

    /// A yes or no; a missing one is `otherwise`.
    pub fn flag(&self, name: &str, otherwise: bool) -> Result<bool, Failure> {
        let Some(value) = self.get(name) else { return Ok(otherwise) };
        value.as_bool().ok_or_else(|| self.wrong(name, "true or false"))
    }

    /// A number in `range`.
    pub fn number(&self, name: &str, range: RangeInclusive<f64>) -> Result<Option<f64>, Failure> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let between = || format!("a number from {} to {}", range.start(), range.end());
        match value.as_f64() {
            Some(number) if range.contains(&number) => Ok(Some(number)),
            _ => Err(self.wrong(name, &between())),
        }
    }

    /// A whole number in `range`.
    pub fn whole(&self, name: &str, range: RangeInclusive<i64>) -> Result<Option<i64>, Failure> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let between = || format!("a whole number from {} to {}", range.start(), range.end());
        match value.as_i64() {
            Some(number) if range.contains(&number) => Ok(Some(number)),
            _ => Err(self.wrong(name, &between())),
        }
    }
}

/// What `value` is, short enough for a sentence.
fn kind_of(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) if text.chars().count() <= 40 => format!("{text:?}"),
        Value::String(_) => "that string".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

/// The fields of a form, read and checked by the gate before a handler sees them.
#[derive(Clone, Debug, Default)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// Reads `application/x-www-form-urlencoded`, or the query of an address, which is written alike.
    pub fn parse(body: &[u8]) -> Form {
        Form(url::form_urlencoded::parse(body).map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// The field `name`; empty if it is missing.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(other, _)| other == name).map_or("", |(_, value)| value)
    }
}

impl FromRequest for Form {
    type Error = Failure;
    type Future = std::future::Ready<Result<Form, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        std::future::ready(Ok(request.extensions().get::<Form>().cloned().unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::{Fields, Form};

    #[test]
    fn an_error_names_the_field_and_what_it_must_be() {
        let fields =
            Fields::parse(br#"{"model": 3, "temperature": 9, "max_tokens": 1.5, "stream": "yes", "messages": []}"#)
                .expect("it is an object");
        let cases = [
            (fields.text("model").map(drop), "`model` must be a string, not 3."),
            (fields.text("question").map(drop), "`question` is missing: it must be a string."),
            (fields.number("temperature", 0.0..=2.0).map(drop), "`temperature` must be a number from 0 to 2, not 9."),
            (
                fields.whole("max_tokens", 1..=10).map(drop),
                "`max_tokens` must be a whole number from 1 to 10, not 1.5.",
            ),
            (fields.flag("stream", false).map(drop), "`stream` must be true or false, not \"yes\"."),
            (fields.list("messages").map(drop), "`messages` is an empty list."),
        ];
        for (result, message) in cases {
            assert_eq!(result.expect_err("all are wrong").message, message);
        }
    }

    #[test]
    fn what_is_not_an_object_is_refused() {
        for body in ["", "[1]", "{", "null", "\u{feff}"] {
            assert!(Fields::parse(body.as_bytes()).is_err(), "{body:?}");
        }
    }

    #[test]
    fn forms_are_decoded() {
        let form = Form::parse("question=Qui+est+l%27auteur%3F&empty=&a=1&a=2".as_bytes());
        for (name, value) in [("question", "Qui est l'auteur?"), ("empty", ""), ("a", "1"), ("missing", "")] {
            assert_eq!(form.get(name), value);
        }
    }
}
