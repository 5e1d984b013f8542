//! An endpoint, and what its refusals mean. Its key is sent, and otherwise never leaves this file.

use crate::inference::InferenceError;
use crate::net::{self, NetError, Response};
use serde_json::Value;
use std::fmt;
use url::Url;

/// The largest body of a refusal that is read, in bytes.
const REFUSAL_BYTES_MAX: usize = 16 << 10;
/// The most of its reason that is shown, in characters.
const REASON_CHARS_MAX: usize = 300;

/// Where a remote model is, and the name it goes by there.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The prefix of the API, with or without a slash at its end: `http://localhost:11434/v1`.
    pub base_url: String,
    /// Sent as bearer token.
    pub api_key: Option<String>,
    /// The model's name at the endpoint.
    pub model: String,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("base_url", &self.label())
            .field("api_key", &self.api_key.as_ref().map(|_| "[kept secret]"))
            .field("model", &self.model)
            .finish()
    }
}

impl Endpoint {
    /// Its address for messages: without a name and password that it may contain.
    pub(in crate::inference) fn label(&self) -> String {
        let shown = self.base_url.trim_end_matches('/');
        match Url::parse(shown) {
            Ok(mut url) if !url.username().is_empty() || url.password().is_some() => {
                // Neither can fail on an address that has a host, and only such a one has a user.
                let _ = url.set_username("");
                let _ = url.set_password(None);
                url.as_str().trim_end_matches('/').to_owned()
            }
            _ => shown.to_owned(),
        }
    }

    /// Posts `body` to `path` (`/embeddings`) below the base, whatever the status of the answer.
    pub(super) async fn post(
        &self,
        client: &net::Client,
        path: &str,
        body: &Value,
    ) -> Result<Response, InferenceError> {
        let url = format!("{}{path}", self.base_url.trim_end_matches('/'));
        client.post_json(&url, self.api_key.as_deref(), body).await.map_err(|error| self.unreachable(error))
    }

    /// What a failed connection means.
    pub(super) fn unreachable(&self, error: NetError) -> InferenceError {
        match error {
            NetError::TimedOut => InferenceError::TimedOut { endpoint: self.label() },
            NetError::TooLarge { .. } => self.nonsense(200, &error.to_string()),
            other => {
                InferenceError::Unreachable { endpoint: self.label(), reason: self.without_key(&other.to_string()) }
            }
        }
    }

    /// What an answer of `status` other than success means, with the reason that its body gives.
    pub(super) async fn refusal(&self, response: Response) -> InferenceError {
        let status = response.status();
        let body = response.read(REFUSAL_BYTES_MAX).await.unwrap_or_default();
        let stated = stated_reason(&body);
        let reason = match (status, stated.is_empty()) {
            (401 | 403, true) => "the API key is missing, wrong, or may not use this model".to_owned(),
            (404, _) => {
                let advice = format!("check the address and that it has the model `{}`", self.model);
                if stated.is_empty() { advice } else { format!("{stated} ({advice})") }
            }
            (300..=399, _) => "it redirects elsewhere; name the address it redirects to".to_owned(),
            (429, true) => "it is being asked too often".to_owned(),
            (_, true) => "it gives no reason; look into its log".to_owned(),
            (_, false) => stated,
        };
        self.nonsense(status, &reason)
    }

    /// An answer that cannot be used, for `reason`.
    pub(super) fn nonsense(&self, status: u16, reason: &str) -> InferenceError {
        InferenceError::Refused { endpoint: self.label(), status, reason: self.without_key(reason) }
    }

    /// `text` with the key blanked: some servers quote it back.
    fn without_key(&self, text: &str) -> String {
        match self.api_key.as_deref().filter(|key| !key.is_empty()) {
            Some(key) => text.replace(key, "[key]"),
            None => text.to_owned(),
        }
    }
}

/// The reason in the body of a refusal: OpenAI's `error.message`, the shorter forms others use, or the text itself.
fn stated_reason(body: &[u8]) -> String {
    let parsed: Option<Value> = serde_json::from_slice(body).ok();
    let stated = parsed.as_ref().and_then(error_message);
    let text = stated.map_or_else(|| String::from_utf8_lossy(body).into_owned(), str::to_owned);
    // A web page is no reason.
    if text.trim_start().starts_with('<') {
        return String::new();
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(REASON_CHARS_MAX).collect()
}

/// The message of an error object in any of its usual places.
pub(super) fn error_message(value: &Value) -> Option<&str> {
    ["/error/message", "/error", "/message", "/detail"].iter().find_map(|place| value.pointer(place)?.as_str())
}

#[cfg(test)]
mod tests {
    use super::{Endpoint, stated_reason};
    use crate::net::NetError;

    #[test]
    fn neither_key_nor_password_is_shown() {
        let endpoint = Endpoint {
            base_url: "https://user:hunter2@models.example/v1/".to_owned(),
            api_key: Some("sk-very-secret".to_owned()),
            model: "m".to_owned(),
        };
        let refused = endpoint.nonsense(401, "Incorrect API key: sk-very-secret");
        let broken = endpoint.unreachable(NetError::Connect("sk-very-secret?".to_owned()));
        for shown in [format!("{endpoint:?}"), refused.to_string(), format!("{refused:?}"), broken.to_string()] {
            assert!(shown.contains("https://models.example/v1"), "{shown}");
            assert!(!shown.contains("sk-very-secret") && !shown.contains("hunter2"), "{shown}");
        }
    }

    #[test]
    fn reasons_are_found_where_servers_put_them() {
        for (body, reason) in [
            (r#"{"error":{"message":"model not\n found","type":"x"}}"#, "model not found"),
            (r#"{"error":"pull it first"}"#, "pull it first"),
            (r#"{"detail":"Not Found"}"#, "Not Found"),
            (r#"{"object":"error","message":"too long"}"#, "too long"),
            ("upstream is down\n", "upstream is down"),
            ("<html><body>502</body></html>", ""),
            ("", ""),
        ] {
            assert_eq!(stated_reason(body.as_bytes()), reason, "{body}");
        }
        assert_eq!(stated_reason("é".repeat(9_999).as_bytes()).chars().count(), 300);
    }
}
