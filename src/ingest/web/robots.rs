//! What a site asks of programs that visit it: `robots.txt`, by RFC 9309.

use std::time::Duration;

use texting_robots::Robot;
use url::Url;

use super::reason;
use crate::limits;
use crate::net::{Body, Validators, Visit, Visitor};

/// The name by which a site may speak to this program.
const NAME: &str = "nosia";
/// The most bytes of a `robots.txt` that are heard; the standard asks for as many.
const BYTES_MAX: usize = 500 << 10;
/// The most rules with a `*` or `$` that are heard: each is a small program, and nobody writes so many.
const PATTERNS_MAX: usize = 500;
/// The time between two visits where the site names none.
const PAUSE: Duration = Duration::from_millis(limits::WEB_PAUSE_MS_MIN);
const PAUSE_MAX: Duration = Duration::from_secs(limits::WEB_PAUSE_SECONDS_MAX);

/// What one site asks.
pub(super) enum Robots {
    /// It asks this.
    Asks(Box<Robot>),
    /// It asks nothing.
    Silent,
    /// It cannot be known, so nothing is visited, for this reason.
    Unknown(String),
}

impl Robots {
    /// Asks the site of `url`.
    pub(super) async fn of(visitor: &Visitor, url: &Url) -> Robots {
        let Ok(address) = url.join("/robots.txt") else { return Robots::Silent };
        match visitor.visit(address.as_str(), &Validators::default(), BYTES_MAX).await {
            Ok(Visit::Content(content)) => heard(beginning(content.body).await).await,
            Ok(Visit::Refused { status, .. }) if status >= 500 || status == 429 => {
                Robots::Unknown(format!("The server did not tell what programs may read ({status} for robots.txt)."))
            }
            Ok(Visit::Refused { .. } | Visit::Unchanged) => Robots::Silent,
            Err(error) => Robots::Unknown(reason(&error)),
        }
    }

    /// Passes if `url` may be visited; else why not.
    pub(super) fn allow(&self, url: &Url) -> Result<(), Denied> {
        match self {
            Robots::Asks(robot) if !robot.allowed(url.as_str()) => Err(Denied::Asked),
            Robots::Asks(_) | Robots::Silent => Ok(()),
            Robots::Unknown(reason) => Err(Denied::Unknown(reason.clone())),
        }
    }

    /// The time to leave between two visits.
    pub(super) fn pause(&self) -> Duration {
        match self {
            Robots::Asks(robot) => {
                let asked = robot.delay.and_then(|seconds| Duration::try_from_secs_f32(seconds).ok());
                asked.unwrap_or(PAUSE).clamp(PAUSE, PAUSE_MAX)
            }
            Robots::Silent | Robots::Unknown(_) => PAUSE,
        }
    }

    /// The site maps that it names.
    pub(super) fn sitemaps(&self) -> &[String] {
        match self {
            Robots::Asks(robot) => &robot.sitemaps,
            Robots::Silent | Robots::Unknown(_) => &[],
        }
    }
}

/// Why a page may not be visited.
pub(super) enum Denied {
    Asked,
    Unknown(String),
}

/// What comes of `body` within its bounds.
async fn beginning(mut body: Body) -> Vec<u8> {
    let mut text = Vec::new();
    while let Ok(Some(chunk)) = body.chunk().await {
        text.extend_from_slice(&chunk);
    }
    text
}

/// The rules in `text`. They are read off the async threads, where a fault of the parser stops nothing else.
async fn heard(text: Vec<u8>) -> Robots {
    let read = tokio::task::spawn_blocking(move || Robot::new(NAME, &bounded(&text)).map(Box::new));
    match read.await {
        Ok(Ok(robot)) => Robots::Asks(robot),
        Ok(Err(_)) | Err(_) => Robots::Unknown("The robots.txt of the site could not be understood.".to_owned()),
    }
}

/// `text` without the patterns beyond [`PATTERNS_MAX`].
fn bounded(text: &[u8]) -> Vec<u8> {
    let mut patterns = 0;
    let within = |line: &&[u8]| {
        let is_pattern = line.iter().any(|byte| matches!(byte, b'*' | b'$'));
        patterns += usize::from(is_pattern);
        !is_pattern || patterns <= PATTERNS_MAX
    };
    text.split_inclusive(|byte| *byte == b'\n').filter(within).flatten().copied().collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Denied, PATTERNS_MAX, Robots, heard};
    use url::Url;

    async fn robots(text: &str) -> Robots {
        heard(text.as_bytes().to_vec()).await
    }

    fn allows(robots: &Robots, path: &str) -> bool {
        let url = Url::parse("https://a.example").and_then(|url| url.join(path)).expect("a test address parses");
        !matches!(robots.allow(&url), Err(Denied::Asked))
    }

    #[tokio::test]
    async fn what_a_site_asks_is_heard() {
        let text = "User-agent: *\nDisallow: /\n\nUser-agent: Nosia\nDisallow: /private\nAllow: /private/open\n\
                    Disallow: /*.cgi$\nCrawl-delay: 3\n\nSitemap: https://a.example/map.xml\n";
        let asked = robots(text).await;
        let cases =
            [("/", true), ("/private/x", false), ("/private/open/x", true), ("/a/b.cgi", false), ("/a/b.cgi?x", true)];
        for (path, expected) in cases {
            assert_eq!(allows(&asked, path), expected, "{path}");
        }
        assert_eq!(asked.pause(), Duration::from_secs(3));
        assert_eq!(asked.sitemaps(), ["https://a.example/map.xml"]);
        assert_eq!(robots("User-agent: *\nCrawl-delay: 86400\n").await.pause(), super::PAUSE_MAX);
        assert_eq!(robots("User-agent: *\nCrawl-delay: -1\n").await.pause(), super::PAUSE);
    }

    #[tokio::test]
    async fn nonsense_and_floods_are_borne() {
        for text in
            ["", "\u{feff}", "<html><body>Not found</body></html>", "Disallow", "User-agent: *\nDisallow: /%ff%"]
        {
            assert!(allows(&robots(text).await, "/page"), "{text:?}");
        }
        let mut flood = "User-agent: *\n".to_owned();
        (0..PATTERNS_MAX * 10).for_each(|at| flood.push_str(&format!("Disallow: /{at}-*x*y*z$\n")));
        flood.push_str("Disallow: /plain\n");
        let asked = robots(&flood).await;
        for (path, expected) in [("/plain", false), ("/1-x-y-z", false), ("/4999-x-y-z", true)] {
            assert_eq!(allows(&asked, path), expected, "{path}");
        }
    }
}
