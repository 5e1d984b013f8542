//! Visiting an address that a stranger chose: each hop is checked, what comes is bounded in size and time.
//!
//! Redirects are followed here, one by one, so that the address at which something was found is known and no hop goes
//! unchecked. Packed answers are unpacked as they come, and the bounds hold for what comes out.

use super::{Client, NetError, Policy, Response, Waits};
use crate::limits;
use bytes::Bytes;
use ipnet::IpNet;
use std::time::Duration;
use tokio::time::Instant;

/// What is asked for first where a server has the same in several forms.
const ACCEPT: &str = "text/html,application/xhtml+xml;q=0.9,application/pdf;q=0.8,*/*;q=0.5";

/// Visits addresses; cheap to clone.
#[derive(Clone)]
pub struct Visitor {
    client: Client,
}

/// By what a server knows whether something has changed since (RFC 9110, section 8.8).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    pub etag: Option<String>,
    /// `Last-Modified`, as it was sent.
    pub modified: Option<String>,
}

/// What came of a visit.
pub enum Visit {
    /// Something is there.
    Content(Box<Content>),
    /// It is what it was when the validators came.
    Unchanged,
    /// The server answered with another status than success.
    Refused {
        status: u16,
        /// How long the server asks to be left alone.
        retry_after: Option<Duration>,
    },
}

/// Something that is there, of which the head has come.
pub struct Content {
    /// Where it was found, after all redirects, without a fragment.
    pub url: String,
    /// As it was sent, parameters and all.
    pub media_type: Option<String>,
    /// What the server asks robots not to do, as it was sent (`X-Robots-Tag`).
    pub robots: Option<String>,
    pub validators: Validators,
    pub body: Body,
}

/// What is still to come.
pub struct Body {
    response: Response,
    bytes_left: usize,
    bytes_max: usize,
    deadline: Instant,
}

impl Visitor {
    /// A visitor of the public internet and of the ranges that the administrator allows.
    pub fn new(allowed: &[IpNet]) -> Visitor {
        let silence = Duration::from_secs(limits::WEB_SILENCE_SECONDS_MAX);
        Visitor::with_waits(allowed, Waits { silence, ..Waits::by_limits() })
    }

    /// The same with its own time-outs.
    pub fn with_waits(allowed: &[IpNet], waits: Waits) -> Visitor {
        Visitor { client: Client::with_waits(Policy::Visiting(allowed.into()), waits) }
    }

    /// Visits `url`; with validators, only what has changed since is sent. At most `bytes_max` bytes are taken, within
    /// [`limits::WEB_FETCH_SECONDS_MAX`].
    pub async fn visit(&self, url: &str, known: &Validators, bytes_max: usize) -> Result<Visit, NetError> {
        let deadline = Instant::now() + Duration::from_secs(limits::WEB_FETCH_SECONDS_MAX);
        let mut url = url.to_owned();
        for _ in 0..=limits::WEB_REDIRECTS_MAX {
            let asked = self.client.ask(&url, known);
            let response = tokio::time::timeout_at(deadline, asked).await.map_err(|_| NetError::TimedOut)??;
            match response.redirect() {
                Some(next) => url = next,
                None => return Ok(Visit::of(response, bytes_max, deadline)),
            }
        }
        Err(NetError::Redirects { redirects_max: limits::WEB_REDIRECTS_MAX })
    }
}

impl Client {
    /// Asks for `url` without following where it is redirected to.
    async fn ask(&self, url: &str, known: &Validators) -> Result<Response, NetError> {
        let mut request = self.inner.get(self.permitted(url)?).header("Accept", ACCEPT);
        if let Some(etag) = &known.etag {
            request = request.header("If-None-Match", etag);
        }
        if let Some(modified) = &known.modified {
            request = request.header("If-Modified-Since", modified);
        }
        self.send(request).await
    }
}

impl Visit {
    fn of(response: Response, bytes_max: usize, deadline: Instant) -> Visit {
        match response.status() {
            304 => return Visit::Unchanged,
            200..=299 => {}
            status => return Visit::Refused { status, retry_after: response.retry_after() },
        }
        let kept = |name: &str| {
            response.header(name).filter(|value| value.len() <= limits::WEB_VALIDATOR_BYTES_MAX).map(str::to_owned)
        };
        Visit::Content(Box::new(Content {
            url: response.url(),
            media_type: kept("content-type"),
            robots: kept("x-robots-tag"),
            validators: Validators { etag: kept("etag"), modified: kept("last-modified") },
            body: Body { response, bytes_left: bytes_max, bytes_max, deadline },
        }))
    }
}

impl Body {
    /// The next piece; `None` at the end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, NetError> {
        let next = self.response.chunk();
        let chunk = tokio::time::timeout_at(self.deadline, next).await.map_err(|_| NetError::TimedOut)??;
        let bytes = chunk.as_ref().map_or(0, Bytes::len);
        let too_large = NetError::TooLarge { bytes_max: self.bytes_max };
        self.bytes_left = self.bytes_left.checked_sub(bytes).ok_or(too_large)?;
        Ok(chunk)
    }

    /// All of it.
    pub async fn read(mut self) -> Result<Vec<u8>, NetError> {
        let mut body = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

#[cfg(test)]
mod tests {
    use super::{Content, Validators, Visit, Visitor};
    use crate::limits;
    use crate::net::scripted::{Scripted, Step, answer, head};
    use crate::net::{NetError, Waits};
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;
    use std::time::Duration;

    fn visitor(ranges: &[&str]) -> Visitor {
        let ranges: Vec<_> = ranges.iter().map(|range| range.parse().expect("a test range parses")).collect();
        Visitor::with_waits(&ranges, Waits { connect: Duration::from_secs(5), silence: Duration::from_secs(5) })
    }

    async fn content(visitor: &Visitor, url: &str, bytes_max: usize) -> Result<(Content, String), NetError> {
        match visitor.visit(url, &Validators::default(), bytes_max).await? {
            Visit::Content(mut content) => {
                let mut body = Vec::new();
                while let Some(chunk) = content.body.chunk().await? {
                    body.extend_from_slice(&chunk);
                }
                Ok((*content, String::from_utf8_lossy(&body).into_owned()))
            }
            Visit::Unchanged => panic!("{url}: unchanged"),
            Visit::Refused { status, .. } => panic!("{url}: {status}"),
        }
    }

    fn there(url: &str) -> Vec<Step> {
        answer(302, &format!("Location: {url}\r\n"), "")
    }

    #[tokio::test]
    async fn this_machine_is_visited_only_where_it_is_allowed() {
        let server = Scripted::serve(vec![answer(200, "ETag: \"1\"\r\n", "inside")]).await;
        let by_name = format!("http://localhost:{}/", server.port());
        for url in [server.url("/"), by_name] {
            let refused = visitor(&["10.0.0.0/8"]).visit(&url, &Validators::default(), 100).await.err();
            assert!(matches!(refused, Some(NetError::Forbidden { .. })), "{url}: {refused:?}");
        }
        assert!(server.received().is_empty());
        let (content, body) = content(&visitor(&["127.0.0.0/8"]), &server.url("/#part"), 100).await.expect("allowed");
        assert_eq!((body.as_str(), content.url), ("inside", server.url("/")));
        assert_eq!(content.validators, Validators { etag: Some("\"1\"".to_owned()), modified: None });
    }

    #[tokio::test]
    async fn every_hop_is_checked_and_the_last_is_told() {
        let metadata = "http://169.254.169.254/latest/meta-data/";
        let server = Scripted::serve(vec![
            there("/two"),
            there("three?x=1"),
            answer(200, "", "here"),
            there(metadata),
            there("http://[::ffff:10.0.0.1]/"),
            there("http://2852039166/"),
            there("file:///etc/passwd"),
            there("gopher://127.0.0.1/"),
        ])
        .await;
        let visitor = visitor(&["127.0.0.0/8"]);
        let (found, body) = content(&visitor, &server.url("/one"), 100).await.expect("a page");
        assert_eq!((body.as_str(), found.url), ("here", server.url("/three?x=1")));
        for _ in 0..3 {
            let refused = visitor.visit(&server.url("/"), &Validators::default(), 100).await.err();
            assert!(matches!(refused, Some(NetError::Forbidden { .. })), "{refused:?}");
        }
        for _ in 0..2 {
            let refused = visitor.visit(&server.url("/"), &Validators::default(), 100).await.err();
            assert!(matches!(refused, Some(NetError::Address { .. })), "{refused:?}");
        }
    }

    #[tokio::test]
    async fn circles_end() {
        let server = Scripted::serve(vec![there("/"); 30]).await;
        let ended = visitor(&["127.0.0.0/8"]).visit(&server.url("/"), &Validators::default(), 100).await.err();
        assert!(matches!(ended, Some(NetError::Redirects { .. })), "{ended:?}");
        assert_eq!(server.received().len(), limits::WEB_REDIRECTS_MAX + 1);
    }

    #[tokio::test]
    async fn what_is_unchanged_is_not_sent_again() {
        let server = Scripted::serve(vec![vec![head(304, "")], answer(503, "Retry-After: 7\r\n", "later")]).await;
        let visitor = visitor(&["127.0.0.0/8"]);
        let modified = "Wed, 21 Oct 2015 07:28:00 GMT".to_owned();
        let known = Validators { etag: Some("W/\"a\"".to_owned()), modified: Some(modified) };
        let visit = visitor.visit(&server.url("/"), &known, 100).await.expect("an answer");
        assert!(matches!(visit, Visit::Unchanged));
        let asked = server.received().remove(0).head;
        assert!(asked.contains("if-none-match: w/\"a\"") && asked.contains("if-modified-since: wed, 21"), "{asked}");
        match visitor.visit(&server.url("/"), &known, 100).await.expect("an answer") {
            Visit::Refused { status: 503, retry_after } => assert_eq!(retry_after, Some(Duration::from_secs(7))),
            _ => panic!("the server refused"),
        }
    }

    #[tokio::test]
    async fn a_packed_answer_is_bounded_by_what_comes_out() {
        let mut packed = GzEncoder::new(Vec::new(), Compression::best());
        packed.write_all(&vec![b'x'; 10 << 20]).expect("memory takes it");
        let packed = packed.finish().expect("memory takes it");
        let length = packed.len();
        let script = || {
            let head = head(200, &format!("Content-Encoding: gzip\r\nContent-Length: {length}\r\n"));
            vec![head, Step::Send(packed.clone())]
        };
        let server = Scripted::serve(vec![script(), script()]).await;
        let visitor = visitor(&["127.0.0.0/8"]);
        let refused = content(&visitor, &server.url("/"), 1 << 20).await.map(|_| ()).err();
        assert!(matches!(refused, Some(NetError::TooLarge { bytes_max: 0x10_0000 })), "{refused:?}");
        let (_, body) = content(&visitor, &server.url("/"), 10 << 20).await.expect("it fits");
        assert_eq!(body.len(), 10 << 20);
    }
}
