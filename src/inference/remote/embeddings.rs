//! Vectors from `/embeddings`.

use super::endpoint::Endpoint;
use crate::domain::model::ModelIdentity;
use crate::inference::InferenceError;
use crate::{limits, net};
use serde::Deserialize;
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The most tokens given to an endpoint at once: what nearly all embedding models read.
pub(in crate::inference) const TOKENS_MAX: usize = 512;
/// Texts in one request.
const BATCH_TEXTS_MAX: usize = 32;
/// How often one request is tried.
const TRIES_MAX: u32 = 4;
/// The first pause between two tries; each further one is twice as long.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest pause that an endpoint may ask for with `Retry-After`.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// Room in an answer for one number as text (`-0.012345678901234567, `), and for what stands around the numbers.
const NUMBER_BYTES_MAX: usize = 32;
const FRAME_BYTES_MAX: usize = 64 << 10;

/// An embedding endpoint whose dimensions are known.
pub(in crate::inference) struct Remote {
    client: net::Client,
    endpoint: Endpoint,
    dimensions: usize,
    closed: AtomicBool,
}

#[derive(Deserialize)]
struct Answer {
    data: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    index: Option<usize>,
    embedding: Vec<f32>,
}

impl Remote {
    /// The endpoint with `dimensions`, or with those of a first answer if they are not given.
    pub(in crate::inference) async fn open(
        client: net::Client,
        endpoint: Endpoint,
        dimensions: Option<usize>,
    ) -> Result<Remote, InferenceError> {
        let mut remote =
            Remote { client, endpoint, dimensions: dimensions.unwrap_or(0), closed: AtomicBool::new(false) };
        if dimensions.is_none() {
            let vectors = remote.ask(&["dimensions".to_owned()]).await?;
            remote.dimensions = vectors.first().map_or(0, Vec::len);
        }
        if remote.dimensions == 0 || remote.dimensions > limits::EMBED_DIMENSIONS_MAX {
            return Err(InferenceError::Input(format!(
                "{} gives vectors of {} dimensions; from 1 to {} are possible",
                remote.endpoint.label(),
                remote.dimensions,
                limits::EMBED_DIMENSIONS_MAX
            )));
        }
        Ok(remote)
    }

    /// Its vectors are told apart by the address, since its weights are not known.
    pub(in crate::inference) fn identity(&self) -> ModelIdentity {
        ModelIdentity {
            name: self.endpoint.model.clone(),
            weights: self.endpoint.label(),
            dimensions: self.dimensions,
            pooling: "remote".to_owned(),
            prefix: String::new(),
        }
    }

    /// The vectors of `texts`, scaled to unit length, in their order.
    pub(in crate::inference) async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, InferenceError> {
        let mut vectors = Vec::with_capacity(texts.len());
        for batch in texts.chunks(BATCH_TEXTS_MAX) {
            if self.closed.load(Ordering::Relaxed) {
                return Err(InferenceError::Closed);
            }
            for vector in self.ask(batch).await? {
                self.check(&vector)?;
                vectors.push(unit(vector));
            }
        }
        Ok(vectors)
    }

    /// Refuses what comes.
    pub(in crate::inference) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    /// One request, tried again while the endpoint is busy, restarting, or cannot be reached.
    async fn ask(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, InferenceError> {
        let mut pause = PAUSE;
        let mut tried = 1;
        loop {
            let (error, asked_pause) = match self.ask_once(texts).await {
                Ok(vectors) => return Ok(vectors),
                Err(failed) => failed,
            };
            if tried == TRIES_MAX || !may_pass(&error) {
                return Err(error);
            }
            tracing::debug!(%error, tried, "the embedding endpoint is asked again");
            tokio::time::sleep(asked_pause.unwrap_or(pause).min(PAUSE_MAX)).await;
            pause *= 2;
            tried += 1;
        }
    }

    /// One request; with a failure comes the pause that the endpoint asks for.
    async fn ask_once(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, (InferenceError, Option<Duration>)> {
        let body = json!({ "model": self.endpoint.model, "input": texts, "encoding_format": "float" });
        let response = self.endpoint.post(&self.client, "/embeddings", &body).await.map_err(|error| (error, None))?;
        if !response.is_success() {
            let pause = response.retry_after();
            return Err((self.endpoint.refusal(response).await, pause));
        }
        let status = response.status();
        let bytes_max = texts.len() * limits::EMBED_DIMENSIONS_MAX * NUMBER_BYTES_MAX + FRAME_BYTES_MAX;
        let body = response.read(bytes_max).await.map_err(|error| (self.endpoint.unreachable(error), None))?;
        let vectors = in_order(&body, texts.len());
        vectors.map_err(|reason| (self.endpoint.nonsense(status, &reason), None))
    }

    /// Refuses a vector of other dimensions, or one without a direction.
    fn check(&self, vector: &[f32]) -> Result<(), InferenceError> {
        if vector.len() != self.dimensions {
            let reason = format!(
                "its vectors have {} dimensions and not {}: correct EMBEDDING_DIMENSIONS, or name the model that was \
                 meant",
                vector.len(),
                self.dimensions
            );
            return Err(self.endpoint.nonsense(200, &reason));
        }
        if vector.iter().all(|value| *value == 0.0) || !vector.iter().all(|value| value.is_finite()) {
            return Err(self.endpoint.nonsense(200, "a vector is zero or not finite"));
        }
        Ok(())
    }
}

/// Whether the same request may succeed a little later.
fn may_pass(error: &InferenceError) -> bool {
    match error {
        InferenceError::Refused { status, .. } => matches!(status, 408 | 429 | 500..=599),
        InferenceError::Unreachable { .. } => true,
        // A time-out has cost enough time already.
        _ => false,
    }
}

/// The vectors of an answer to `count` texts, in the order of the texts.
fn in_order(body: &[u8], count: usize) -> Result<Vec<Vec<f32>>, String> {
    let answer: Answer =
        serde_json::from_slice(body).map_err(|error| format!("its answer is not understood: {error}"))?;
    if answer.data.len() != count {
        return Err(format!("it gave {} vectors for {count} texts", answer.data.len()));
    }
    let mut vectors = vec![Vec::new(); count];
    for (place, row) in answer.data.into_iter().enumerate() {
        match vectors.get_mut(row.index.unwrap_or(place)) {
            Some(vector) if vector.is_empty() => *vector = row.embedding,
            _ => return Err("it numbers its vectors wrongly".to_owned()),
        }
    }
    Ok(vectors)
}

fn unit(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    vector.iter_mut().for_each(|value| *value /= length);
    vector
}

/// An upper estimate of the tokens of `text` for a tokenizer that is not known: a Latin word costs one token for each
/// four letters begun, any other character one by itself, and two frame the text.
pub(in crate::inference) fn tokens_at_most(text: &str) -> usize {
    const LETTERS_PER_TOKEN: usize = 4;
    let (mut tokens, mut letters) = (2, 0);
    for c in text.chars() {
        if c.is_ascii_alphabetic() {
            if letters % LETTERS_PER_TOKEN == 0 {
                tokens += 1;
            }
            letters += 1;
        } else {
            letters = 0;
            tokens += usize::from(!c.is_whitespace());
        }
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::{in_order, tokens_at_most};

    #[test]
    fn answers_are_put_in_order_or_refused() {
        let swapped = br#"{"data":[{"index":1,"embedding":[2]},{"index":0,"embedding":[1]}]}"#;
        assert_eq!(in_order(swapped, 2), Ok(vec![vec![1.0], vec![2.0]]));
        assert_eq!(in_order(br#"{"data":[{"embedding":[1]}]}"#, 1), Ok(vec![vec![1.0]]));
        for (body, count) in [
            (r#"{"data":[]}"#, 1),
            (r#"{"data":[{"index":7,"embedding":[1]}]}"#, 1),
            (r#"{"data":[{"index":0,"embedding":[1]},{"index":0,"embedding":[1]}]}"#, 2),
            (r#"{"data":[{"embedding":"AAAA"}]}"#, 1),
            ("not JSON", 1),
        ] {
            assert!(in_order(body.as_bytes(), count).is_err(), "{body}");
        }
    }

    #[test]
    fn the_estimate_grows_with_what_a_tokenizer_would_cut() {
        for (text, tokens) in [("", 2), ("word", 3), ("words, words", 7), ("été", 5), ("2026-11", 9), ("東京", 4)] {
            assert_eq!(tokens_at_most(text), tokens, "{text:?}");
        }
    }
}
