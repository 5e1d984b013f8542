//! An answer as it comes: status, the few headers that matter, and the body in bounded pieces.

use super::NetError;
use bytes::Bytes;
use std::time::Duration;

/// The answer to one request. Dropped before its end, the connection is closed and the other side can stop.
pub struct Response {
    inner: reqwest::Response,
}

impl Response {
    pub(super) fn new(inner: reqwest::Response) -> Response {
        Response { inner }
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.inner.status().as_u16()
    }

    /// The address that answered, without a fragment.
    pub fn url(&self) -> String {
        let mut url = self.inner.url().clone();
        url.set_fragment(None);
        url.into()
    }

    /// Whether the status is one of 200 to 299.
    pub fn is_success(&self) -> bool {
        self.inner.status().is_success()
    }

    /// The value of a header, if there is one and it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.inner.headers().get(name)?.to_str().ok()
    }

    /// Where a redirect that was not followed leads, as a whole address; `None` where this is none.
    pub fn redirect(&self) -> Option<String> {
        if !self.inner.status().is_redirection() {
            return None;
        }
        self.inner.url().join(self.header("location")?).ok().map(String::from)
    }

    /// The length that the server announced for its body.
    pub fn content_length(&self) -> Option<u64> {
        self.header("content-length")?.trim().parse().ok()
    }

    /// How long the server asks to be left alone: `Retry-After` in seconds (dates are not read).
    pub fn retry_after(&self) -> Option<Duration> {
        self.header("retry-after")?.trim().parse().ok().map(Duration::from_secs)
    }

    /// The next piece of the body; `None` at its end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, NetError> {
        self.inner.chunk().await.map_err(NetError::from_request)
    }

    /// The whole body, if it has no more than `bytes_max` bytes.
    pub async fn read(mut self, bytes_max: usize) -> Result<Vec<u8>, NetError> {
        let mut body = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            if body.len() + chunk.len() > bytes_max {
                return Err(NetError::TooLarge { bytes_max });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}
