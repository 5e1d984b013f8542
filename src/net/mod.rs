//! The only way out to a network: one HTTP client, its resolver and its address policy.
//!
//! A request goes: its address is parsed; a literal address is checked against the [`Policy`]; a name is resolved
//! by hickory (`resolve`) and only allowed addresses are handed to the connector, so that a name cannot be turned
//! inwards between the check and the connection; TLS trusts the system's roots (`roots`); each redirect is checked
//! again; the answer comes in pieces ([`Response`]). Proxies named in the environment are not used. What strangers
//! chose is fetched by a [`Visitor`], which follows redirects itself. What the request is for is not known here.

mod error;
mod policy;
mod resolve;
mod response;
mod roots;
#[cfg(test)]
pub(crate) mod scripted;
mod visit;

pub use error::NetError;
pub use policy::Policy;
pub use response::Response;
pub use visit::{Body, Content, Validators, Visit, Visitor};

use crate::limits;
use reqwest::redirect::{Action, Attempt};
use std::net::IpAddr;
use std::time::Duration;
use url::{Host, Url};

/// The most redirects followed for one request.
const REDIRECTS_MAX: usize = 5;
/// Who is asking, as web servers see it.
const USER_AGENT: &str = concat!("Nosia/", env!("CARGO_PKG_VERSION"));

/// How long the other side may take.
#[derive(Clone, Copy, Debug)]
pub struct Waits {
    /// From the lookup of the name to the end of the TLS handshake.
    pub connect: Duration,
    /// Between two signs of life after that.
    pub silence: Duration,
}

impl Waits {
    /// The waits of [`limits`].
    pub fn by_limits() -> Waits {
        Waits {
            connect: Duration::from_secs(limits::REMOTE_CONNECT_SECONDS_MAX),
            silence: Duration::from_secs(limits::REMOTE_SILENCE_SECONDS_MAX),
        }
    }
}

/// What is left of a file whose beginning is here already.
#[derive(Clone, Copy, Debug)]
pub struct Rest<'a> {
    /// Bytes that are here.
    pub from: u64,
    /// The entity tag that came with them. A server whose file has another by now sends all of it anew (RFC 9110,
    /// section 13.1.5).
    pub etag: Option<&'a str>,
}

/// The HTTP client: cheap to clone, keeps its connections.
#[derive(Clone)]
pub struct Client {
    inner: reqwest::Client,
    policy: Policy,
}

impl Client {
    /// A client under `policy` with the time-outs of [`limits`].
    pub fn new(policy: Policy) -> Client {
        Client::with_waits(policy, Waits::by_limits())
    }

    /// A client under `policy` with its own time-outs.
    pub fn with_waits(policy: Policy, waits: Waits) -> Client {
        // Without an installed provider rustls cannot choose one; a second installation is refused, and harmless.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let followed = policy.clone();
        let inner = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .no_proxy()
            // The rest of a file is asked for by bytes as they are; only pages are worth packing.
            .gzip(matches!(policy, Policy::Visiting(_)))
            .connect_timeout(waits.connect)
            .read_timeout(waits.silence)
            .dns_resolver(resolve::Resolver::new(policy.clone()))
            .redirect(reqwest::redirect::Policy::custom(move |attempt| follow(&followed, attempt)))
            .tls_certs_only(roots::certificates())
            .build()
            .expect("the provider is installed and every root has been parsed");
        Client { inner, policy }
    }

    /// Fetches `url`.
    pub async fn get(&self, url: &str) -> Result<Response, NetError> {
        self.send(self.inner.get(self.permitted(url)?)).await
    }

    /// Asks what a fetch of `url` would bring, without its body, with `bearer` as token if there is one.
    pub async fn head(&self, url: &str, bearer: Option<&str>) -> Result<Response, NetError> {
        self.send(authorised(self.inner.head(self.permitted(url)?), bearer)).await
    }

    /// Fetches `url`, or only the `rest` of it: then status 206 says that it is the rest that comes.
    pub async fn download(
        &self,
        url: &str,
        bearer: Option<&str>,
        rest: Option<Rest<'_>>,
    ) -> Result<Response, NetError> {
        let mut request = authorised(self.inner.get(self.permitted(url)?), bearer);
        if let Some(Rest { from, etag }) = rest {
            request = request.header("Range", format!("bytes={from}-"));
            // A weak tag does not vouch for single bytes.
            if let Some(etag) = etag.filter(|etag| !etag.starts_with("W/")) {
                request = request.header("If-Range", etag);
            }
        }
        self.send(request).await
    }

    /// Posts `body` as JSON to `url`, with `bearer` as its token if there is one.
    pub async fn post_json(
        &self,
        url: &str,
        bearer: Option<&str>,
        body: &serde_json::Value,
    ) -> Result<Response, NetError> {
        self.send(authorised(self.inner.post(self.permitted(url)?).json(body), bearer)).await
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Response, NetError> {
        request.send().await.map(Response::new).map_err(NetError::from_request)
    }

    /// `url` parsed, if it is of the web and its host, where that is a literal address, is allowed.
    fn permitted(&self, url: &str) -> Result<Url, NetError> {
        let failed = |reason: &str| NetError::Address { url: url.to_owned(), reason: reason.to_owned() };
        let parsed = Url::parse(url).map_err(|error| failed(&error.to_string()))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(failed("it does not begin with http:// or https://"));
        }
        check_literal(&self.policy, &parsed)?;
        Ok(parsed)
    }
}

/// `request` with `bearer` as its token, if there is one.
fn authorised(request: reqwest::RequestBuilder, bearer: Option<&str>) -> reqwest::RequestBuilder {
    match bearer {
        Some(token) => request.bearer_auth(token),
        None => request,
    }
}

/// Refuses a literal address that the policy does not allow. Names are checked when they are resolved.
fn check_literal(policy: &Policy, url: &Url) -> Result<(), NetError> {
    let literal = match url.host() {
        Some(Host::Ipv4(v4)) => Some(IpAddr::V4(v4)),
        Some(Host::Ipv6(v6)) => Some(IpAddr::V6(v6)),
        Some(Host::Domain(_)) | None => None,
    };
    match literal {
        Some(address) if !policy.allows(address) => Err(NetError::Forbidden { host: address.to_string() }),
        _ => Ok(()),
    }
}

/// Whether a redirect is followed: within [`REDIRECTS_MAX`], to the web, to where the policy allows.
fn follow(policy: &Policy, attempt: Attempt<'_>) -> Action {
    if matches!(policy, Policy::Visiting(_)) {
        return attempt.stop();
    }
    if attempt.previous().len() > REDIRECTS_MAX {
        return attempt.error(format!("more than {REDIRECTS_MAX} redirects"));
    }
    if *policy == Policy::Configured {
        let same = attempt.previous().first().is_some_and(|first| first.origin() == attempt.url().origin());
        return if same { attempt.follow() } else { attempt.stop() };
    }
    match check_literal(policy, attempt.url()) {
        Ok(()) => attempt.follow(),
        Err(refused) => attempt.error(refused),
    }
}

#[cfg(test)]
mod tests;
