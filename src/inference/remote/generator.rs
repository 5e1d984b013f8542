//! Words from `/chat/completions`, as they come.

use super::endpoint::{Endpoint, error_message};
use super::events::Events;
use crate::domain::answer::Finish;
use crate::domain::chat::Turn;
use crate::inference::generator::Generated;
use crate::inference::{Format, InferenceError, Sampling, Schema};
use crate::limits;
use crate::net::{self, Response};
use futures_util::{Stream, stream};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::Arc;

/// The most bytes of one answer's stream, which wraps a few hundred bytes around each word.
const STREAM_BYTES_MAX: usize = 256 * limits::ANSWER_BYTES_MAX;
/// What a request asks for that some endpoints do not know.
const STREAM_OPTIONS: &str = "stream_options";

/// A generator behind an OpenAI-compatible endpoint.
pub struct Remote {
    client: net::Client,
    endpoint: Arc<Endpoint>,
}

impl Remote {
    /// The model that `endpoint` names. Nothing is sent before the first question.
    pub fn new(client: net::Client, endpoint: Endpoint) -> Remote {
        Remote { client, endpoint: Arc::new(endpoint) }
    }

    /// The model's name.
    pub fn name(&self) -> &str {
        &self.endpoint.model
    }

    /// Begins an answer to the last of `turns`. The stream ends after [`Generated::Done`] or its first error;
    /// dropped, it closes the connection, which tells the endpoint to stop.
    ///
    /// An answer longer than [`limits::ANSWER_BYTES_MAX`] ends there with [`Finish::Length`].
    pub async fn generate(
        &self,
        turns: Vec<Turn>,
        sampling: Sampling,
    ) -> Result<impl Stream<Item = Result<Generated, InferenceError>> + Send + 'static, InferenceError> {
        let response = self.begin(&request(&self.endpoint.model, &turns, &sampling)).await?;
        let whole = response.header("content-type").is_some_and(|kind| kind.starts_with("application/json"));
        let answer = Answer {
            endpoint: Arc::clone(&self.endpoint),
            response: Some(response),
            whole,
            events: Events::default(),
            ready: VecDeque::new(),
            text_bytes: 0,
            stream_bytes: 0,
            finish: None,
            tokens: Tokens::default(),
        };
        Ok(stream::unfold(answer, |mut answer| async move { answer.next().await.map(|piece| (piece, answer)) }))
    }

    /// Sends the request, once more without what an endpoint says it does not know.
    async fn begin(&self, body: &Value) -> Result<Response, InferenceError> {
        let response = self.endpoint.post(&self.client, "/chat/completions", body).await?;
        if response.is_success() {
            return Ok(response);
        }
        let refusal = self.endpoint.refusal(response).await;
        let unknown = matches!(&refusal, InferenceError::Refused { status: 400 | 422, reason, .. }
            if reason.contains(STREAM_OPTIONS));
        if !unknown {
            return Err(refusal);
        }
        let mut plainer = body.clone();
        plainer.as_object_mut().expect("a request is an object").remove(STREAM_OPTIONS);
        let response = self.endpoint.post(&self.client, "/chat/completions", &plainer).await?;
        if response.is_success() { Ok(response) } else { Err(self.endpoint.refusal(response).await) }
    }
}

/// The body of a request: only what is set is sent, since some endpoints refuse names they do not know.
fn request(model: &str, turns: &[Turn], sampling: &Sampling) -> Value {
    let messages: Vec<Value> =
        turns.iter().map(|turn| json!({ "role": turn.speaker.as_str(), "content": turn.text })).collect();
    let mut body =
        json!({ "model": model, "messages": messages, "stream": true, STREAM_OPTIONS: { "include_usage": true } });
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            body[name] = value;
        }
    };
    set("temperature", sampling.temperature.map(shortest));
    set("top_p", sampling.top_p.map(shortest));
    set("top_k", sampling.top_k.map(Value::from));
    set("min_p", sampling.min_p.map(shortest));
    // Its two common names: vLLM and text-generation-inference know the first, llama.cpp the second.
    set("repetition_penalty", sampling.repeat_penalty.map(shortest));
    set("repeat_penalty", sampling.repeat_penalty.map(shortest));
    set("frequency_penalty", sampling.frequency_penalty.map(shortest));
    set("presence_penalty", sampling.presence_penalty.map(shortest));
    set("max_tokens", sampling.max_tokens.map(Value::from));
    set("stop", (!sampling.stop.is_empty()).then(|| Value::from(sampling.stop.clone())));
    set("seed", sampling.seed.map(Value::from));
    set("response_format", sampling.format.as_ref().map(response_format));
    body
}

/// `format` as OpenAI's field of that name.
fn response_format(format: &Format) -> Value {
    match format {
        Format::Json => json!({ "type": "json_object" }),
        Format::Schema(Schema { name, schema, strict }) => {
            json!({ "type": "json_schema", "json_schema": { "name": name, "schema": schema, "strict": strict } })
        }
    }
}

/// `value` as it would be written: 0.1, not 0.10000000149011612.
fn shortest(value: f32) -> Value {
    value.to_string().parse::<f64>().map_or(Value::Null, Value::from)
}

/// An answer in progress.
struct Answer {
    endpoint: Arc<Endpoint>,
    /// `None` once the stream has ended.
    response: Option<Response>,
    /// Whether it comes as one JSON, from an endpoint that does not stream.
    whole: bool,
    events: Events,
    /// Pieces read and not yet given; after an error there are none.
    ready: VecDeque<Result<Generated, InferenceError>>,
    text_bytes: usize,
    stream_bytes: usize,
    finish: Option<Finish>,
    tokens: Tokens,
}

#[derive(Clone, Copy, Default, Deserialize)]
struct Tokens {
    #[serde(default)]
    prompt_tokens: u32,
    #[serde(default)]
    completion_tokens: u32,
}

/// One event of the stream, or a whole answer from an endpoint that does not stream.
#[derive(Deserialize)]
struct Event {
    #[serde(default)]
    choices: Vec<Choice>,
    usage: Option<Tokens>,
    #[serde(flatten)]
    rest: serde_json::Map<String, Value>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(alias = "message")]
    delta: Option<Delta>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Delta {
    content: Option<String>,
}

impl Answer {
    /// The next piece, reading on until there is one; `None` after the end.
    async fn next(&mut self) -> Option<Result<Generated, InferenceError>> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Some(piece);
            }
            let response = self.response.as_mut()?;
            let read = match response.chunk().await {
                Ok(Some(bytes)) => self.read(&bytes),
                Ok(None) => self.end(),
                Err(error) => Err(self.endpoint.unreachable(error)),
            };
            if let Err(error) = read {
                // What came before the error is given before it.
                self.response = None;
                self.ready.push_back(Err(error));
            }
        }
    }

    /// Takes in bytes as they came.
    fn read(&mut self, bytes: &[u8]) -> Result<(), InferenceError> {
        self.stream_bytes += bytes.len();
        if self.events.feed(bytes).is_err() || self.stream_bytes > STREAM_BYTES_MAX {
            return Err(self.endpoint.nonsense(200, "its answer is larger than any answer should be"));
        }
        while !self.whole
            && let Some(data) = self.events.next()
        {
            self.event(&data)?;
            if self.response.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// Takes in one event.
    fn event(&mut self, data: &str) -> Result<(), InferenceError> {
        if data == "[DONE]" {
            self.done(self.finish.unwrap_or(Finish::Stop));
            return Ok(());
        }
        let event: Event = serde_json::from_str(data)
            .map_err(|error| self.endpoint.nonsense(200, &format!("its stream is not understood: {error}")))?;
        if event.rest.contains_key("error") {
            let rest = Value::Object(event.rest);
            let reason = error_message(&rest).unwrap_or("it failed in the middle of the answer");
            return Err(self.endpoint.nonsense(200, reason));
        }
        self.tokens = event.usage.unwrap_or(self.tokens);
        for choice in event.choices {
            if let Some(text) = choice.delta.and_then(|delta| delta.content).filter(|text| !text.is_empty()) {
                self.text(text);
            }
            if let Some(reason) = choice.finish_reason {
                self.finish = Some(if reason == "length" { Finish::Length } else { Finish::Stop });
            }
        }
        Ok(())
    }

    /// Takes in text, up to the limit.
    fn text(&mut self, mut text: String) {
        let room = limits::ANSWER_BYTES_MAX - self.text_bytes;
        let over = text.len() > room;
        text.truncate(text.floor_char_boundary(room));
        self.text_bytes += text.len();
        if !text.is_empty() {
            self.ready.push_back(Ok(Generated::Text(text)));
        }
        if over {
            self.done(Finish::Length);
        }
    }

    /// The connection has been closed: rightly, if the answer is complete.
    fn end(&mut self) -> Result<(), InferenceError> {
        let rest = if self.whole { Some(self.events.all()) } else { self.events.rest() };
        if let Some(data) = rest {
            self.event(&data)?;
        }
        match (&self.response, self.finish) {
            (None, _) => Ok(()),
            (Some(_), Some(finish)) => {
                self.done(finish);
                Ok(())
            }
            (Some(_), None) => Err(InferenceError::Unreachable {
                endpoint: self.endpoint.label(),
                reason: "it closed the connection in the middle of the answer".to_owned(),
            }),
        }
    }

    /// Ends the answer and lets go of the connection. Ended once already, it stays so.
    fn done(&mut self, finish: Finish) {
        if self.response.take().is_some() {
            let Tokens { prompt_tokens, completion_tokens } = self.tokens;
            self.ready.push_back(Ok(Generated::Done { finish, prompt_tokens, completion_tokens }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::request;
    use crate::domain::chat::{Speaker, Turn};
    use crate::inference::{Format, Sampling, Schema};
    use serde_json::json;

    #[test]
    fn a_request_names_only_what_is_set() {
        let turns = [Turn { speaker: Speaker::User, text: "Why?".to_owned() }];
        let base = json!({
            "model": "m", "stream": true, "stream_options": {"include_usage": true},
            "messages": [{"role": "user", "content": "Why?"}],
        });
        assert_eq!(request("m", &turns, &Sampling::default()), base);
        let schema = Schema { name: "answer".to_owned(), schema: json!({ "type": "array" }), strict: true };
        let sampling = Sampling {
            temperature: Some(0.1),
            top_k: Some(40),
            top_p: Some(0.9),
            min_p: Some(0.05),
            repeat_penalty: Some(1.1),
            frequency_penalty: Some(0.5),
            presence_penalty: Some(-0.5),
            max_tokens: Some(512),
            stop: vec!["END".to_owned()],
            seed: Some(7),
            format: Some(Format::Schema(schema)),
        };
        let set = json!({
            "temperature": 0.1, "top_p": 0.9, "top_k": 40, "min_p": 0.05, "repetition_penalty": 1.1,
            "repeat_penalty": 1.1, "frequency_penalty": 0.5, "presence_penalty": -0.5, "max_tokens": 512,
            "stop": ["END"], "seed": 7, "response_format": {
                "type": "json_schema",
                "json_schema": { "name": "answer", "schema": { "type": "array" }, "strict": true },
            },
        });
        let mut expected = base;
        expected.as_object_mut().expect("an object").extend(set.as_object().expect("an object").clone());
        assert_eq!(request("m", &turns, &sampling), expected);
    }
}
