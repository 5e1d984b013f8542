//! A hub of models that speaks as Hugging Face's does: what a repository holds, and its files, fetched with resumption.
//!
//! `GET /api/models/OWNER/REPO` lists the files; `HEAD /OWNER/REPO/resolve/main/FILE` tells the commit
//! (`X-Repo-Commit`), and for a large file its SHA-256 and length (`X-Linked-Etag`, `X-Linked-Size`), and redirects to
//! a storage elsewhere. The token is for the hub alone: a redirect to another host is followed without it.

mod choice;
mod download;
mod reference;
mod state;

pub use reference::Reference;
pub(super) use state::state_of;

use super::LibraryError;
use crate::net::{Client, NetError, Policy, Response};
use serde::Deserialize;
use std::fmt;
use url::Url;

/// The hub unless another is named.
pub const ENDPOINT_DEFAULT: &str = "https://huggingface.co";
/// The branch that a name without one means.
const BRANCH: &str = "main";
/// The largest listing of a repository that is read, in bytes.
const LISTING_BYTES_MAX: usize = 16 << 20;
/// The largest body of a refusal that is read, in bytes.
const REFUSAL_BYTES_MAX: usize = 16 << 10;
/// The most of its reason that is shown, in characters.
const REASON_CHARS_MAX: usize = 300;
/// The length of a SHA-256 in hexadecimal.
const SHA256_DIGITS: usize = 64;

/// The hub that settings name.
#[derive(Clone)]
pub struct Hub {
    endpoint: String,
    token: Option<String>,
    /// Follows redirects within the hub only, so that what the hub itself says is seen and the token stays there.
    client: Client,
    /// Fetches from where the hub keeps its files.
    storage: Client,
}

/// A file of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub name: String,
    pub bytes: Option<u64>,
}

/// What the hub says of a file before it is fetched.
#[derive(Clone, Debug)]
struct Meta {
    /// The address of these very bytes, which the branch may leave tomorrow.
    url: String,
    commit: Option<String>,
    /// The entity tag of the file at the hub; for a large file its SHA-256.
    tag: Option<String>,
    bytes: Option<u64>,
}

impl Meta {
    /// The SHA-256 that the bytes must have, where the hub tells it.
    fn sha256(&self) -> Option<&str> {
        let is_sha256 = |tag: &&str| tag.len() == SHA256_DIGITS && tag.chars().all(|c| c.is_ascii_hexdigit());
        self.tag.as_deref().filter(is_sha256)
    }
}

#[derive(Deserialize)]
struct Listing {
    #[serde(default)]
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
    size: Option<u64>,
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let token = self.token.as_ref().map(|_| "[kept secret]");
        f.debug_struct("Hub").field("endpoint", &self.endpoint).field("token", &token).finish()
    }
}

impl Hub {
    /// The hub at `endpoint`, asked as the holder of `token`. Of a hub of the administrator's own the storage may lie
    /// inside the network too; that of the public one is on the internet.
    pub fn new(endpoint: &str, token: Option<String>) -> Hub {
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        let storage = if endpoint == ENDPOINT_DEFAULT { Policy::Public } else { Policy::Configured };
        Hub { endpoint, token, client: Client::new(Policy::Configured), storage: Client::new(storage) }
    }

    /// The files of a repository.
    async fn list(&self, reference: &Reference) -> Result<Vec<Listed>, LibraryError> {
        let url = format!("{}/api/models/{}?blobs=true", self.endpoint, reference.repository);
        let response = self.client.download(&url, self.token.as_deref(), None).await;
        let response = response.map_err(|error| self.unreachable(reference, &error))?;
        if !response.is_success() {
            return Err(self.refusal(reference, response).await);
        }
        let body = response.read(LISTING_BYTES_MAX).await.map_err(|error| self.unreachable(reference, &error))?;
        let listing: Listing = serde_json::from_slice(&body).map_err(|error| {
            LibraryError::Unreachable(format!("{} does not speak as a hub does: {error}. Check HF_ENDPOINT.", url))
        })?;
        let listed = |sibling: Sibling| Listed { name: sibling.rfilename, bytes: sibling.size };
        Ok(listing.siblings.into_iter().map(listed).collect())
    }

    /// What the hub says of the file that `reference` names.
    async fn meta(&self, reference: &Reference) -> Result<Meta, LibraryError> {
        let response = self.client.head(&self.address(reference, BRANCH), self.token.as_deref()).await;
        let response = response.map_err(|error| self.unreachable(reference, &error))?;
        if !response.is_success() && response.redirect().is_none() {
            return Err(self.refusal(reference, response).await);
        }
        let header = |name: &str| response.header(name).map(|value| value.trim_start_matches("W/").trim_matches('"'));
        let linked_bytes = header("x-linked-size").and_then(|size| size.parse().ok());
        let commit = header("x-repo-commit").map(str::to_owned);
        Ok(Meta {
            url: self.address(reference, commit.as_deref().unwrap_or(BRANCH)),
            tag: header("x-linked-etag").or_else(|| header("etag")).map(str::to_owned),
            // The length of a redirect is that of its own body.
            bytes: linked_bytes.or_else(|| response.content_length().filter(|_| response.is_success())),
            commit,
        })
    }

    /// Where the hub has the file of `reference` at `revision`.
    fn address(&self, reference: &Reference, revision: &str) -> String {
        let file = reference.file.as_deref().unwrap_or_default();
        format!("{}/{}/resolve/{revision}/{file}", self.endpoint, reference.repository)
    }

    /// What it means that the hub could not be asked, and how to do without it.
    fn unreachable(&self, reference: &Reference, error: &NetError) -> LibraryError {
        let host = Url::parse(&self.endpoint).ok().and_then(|url| url.host_str().map(str::to_owned));
        LibraryError::Unreachable(format!(
            "{} cannot be reached: {error}. Without a network, fetch {} on another machine, bring the file here, and \
             run `nosia model add FILE`. HF_ENDPOINT names a mirror; proxies are not used.",
            host.as_deref().unwrap_or(&self.endpoint),
            match reference.file {
                Some(_) => self.address(reference, BRANCH),
                None => format!("a .gguf file of {}/{}", self.endpoint, reference.repository),
            }
        ))
    }

    /// What an answer other than success means.
    async fn refusal(&self, reference: &Reference, response: Response) -> LibraryError {
        let status = response.status();
        let stated = response.header("x-error-message").map(str::to_owned);
        let stated = match stated {
            Some(reason) => reason,
            None => stated_reason(&response.read(REFUSAL_BYTES_MAX).await.unwrap_or_default()),
        };
        let stated: String = self.without_token(&stated).chars().take(REASON_CHARS_MAX).collect();
        let said = if stated.is_empty() { String::new() } else { format!(" It says: {stated}") };
        let page = format!("{}/{}", self.endpoint, reference.repository);
        let message = match (status, &self.token) {
            (401 | 403, None) => format!(
                "{page} may not be read without a token, or does not exist (status {status}). Check the name; if its \
                 licence must be accepted, do so on that page, and set HF_TOKEN to a token of your account.{said}"
            ),
            (401 | 403, Some(_)) => format!(
                "{page} may not be read with this HF_TOKEN (status {status}). Check the token, and whether the \
                 account that it belongs to has accepted the licence on that page.{said}"
            ),
            (404, _) => {
                let what = reference.file.as_deref().map_or_else(
                    || format!("There is no {page}."),
                    |file| format!("{page} has no file {file}, or there is no such repository."),
                );
                return LibraryError::Missing(format!(
                    "{what} Check the name; `nosia model list --catalog` shows models that are known.{said}"
                ));
            }
            (429, _) => format!("{page} is asked too often now (status 429). Wait some minutes and try again.{said}"),
            _ => format!("{page} answered with status {status}. Try again later.{said}"),
        };
        LibraryError::Unreachable(message)
    }

    /// `text` with the token blanked, should a server quote it back.
    fn without_token(&self, text: &str) -> String {
        match self.token.as_deref().filter(|token| !token.is_empty()) {
            Some(token) => text.replace(token, "[token]"),
            None => text.to_owned(),
        }
    }
}

/// The reason in the body of a refusal; a web page is none.
fn stated_reason(body: &[u8]) -> String {
    let parsed: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let stated = parsed.as_ref().and_then(|value| value.get("error")?.as_str());
    stated.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}
