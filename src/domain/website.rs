//! Web sites that are read and kept in step: how far, how often, and what became of each page.

use super::id::{AccountId, CollectionId, SourceId, WebPageId, WebsiteId};

/// A page, or a whole site, that somebody named by its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Website {
    pub id: WebsiteId,
    pub account: AccountId,
    pub collection: CollectionId,
    /// Where reading begins.
    pub url: String,
    pub reach: Reach,
    /// The most pages that are read of it.
    pub pages_max: u32,
    pub every: Every,
    pub state: WebsiteState,
    /// What was left out, for the reader.
    pub note: Option<String>,
    /// Pages that are searched.
    pub pages: u32,
    /// Pages that could not be read.
    pub failed: u32,
    /// Pages that have vanished.
    pub gone: u32,
    /// When it was last read to its end.
    pub read_at_ms: Option<i64>,
    /// When it is read again; `None` is never.
    pub due_at_ms: Option<i64>,
    pub created_at_ms: i64,
}

/// An address as readers are shown it: without its scheme and the slash at its end.
pub fn shown(url: &str) -> &str {
    url.split_once("://").map_or(url, |(_, rest)| rest).trim_end_matches('/')
}

/// How far reading goes from the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// That page alone.
    Page,
    /// The pages that a site map lists.
    Sitemap,
    /// The pages of the same host that links lead to, so many steps away.
    Crawl { depth_max: u32 },
}

impl Reach {
    /// The word used on pages, in the API and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Reach::Page => "page",
            Reach::Sitemap => "sitemap",
            Reach::Crawl { .. } => "crawl",
        }
    }

    /// The reach that `word` names, where a crawl goes `depth_max` steps.
    pub fn parse(word: &str, depth_max: u32) -> Option<Reach> {
        [Reach::Page, Reach::Sitemap, Reach::Crawl { depth_max }].into_iter().find(|reach| reach.as_str() == word)
    }

    /// Steps that links are followed.
    pub fn depth_max(self) -> u32 {
        match self {
            Reach::Page | Reach::Sitemap => 0,
            Reach::Crawl { depth_max } => depth_max,
        }
    }
}

/// How often it is read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Every {
    Never,
    Day,
    Week,
}

impl Every {
    /// The word used on pages, in the API and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Every::Never => "never",
            Every::Day => "daily",
            Every::Week => "weekly",
        }
    }

    /// What `word` names.
    pub fn parse(word: &str) -> Option<Every> {
        [Every::Never, Every::Day, Every::Week].into_iter().find(|every| every.as_str() == word)
    }

    /// The time between two readings, in milliseconds.
    pub fn ms(self) -> Option<i64> {
        const DAY_MS: i64 = 24 * 3600 * 1000;
        match self {
            Every::Never => None,
            Every::Day => Some(DAY_MS),
            Every::Week => Some(7 * DAY_MS),
        }
    }
}

/// Where a web site stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebsiteState {
    /// To be read when its turn comes.
    Waiting,
    /// Being read.
    Reading,
    /// Read to its end.
    Read,
    /// Nothing of it could be read, with a reason that a person understands.
    Failed { reason: String },
    /// Being removed.
    Leaving,
}

impl WebsiteState {
    /// The word used on pages, in the API and in the store.
    pub fn as_str(&self) -> &'static str {
        match self {
            WebsiteState::Waiting => "waiting",
            WebsiteState::Reading => "reading",
            WebsiteState::Read => "read",
            WebsiteState::Failed { .. } => "failed",
            WebsiteState::Leaving => "leaving",
        }
    }

    /// Whether nothing happens to it until somebody or the clock asks.
    pub fn is_settled(&self) -> bool {
        matches!(self, WebsiteState::Read | WebsiteState::Failed { .. })
    }
}

/// A page of a web site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebPage {
    pub id: WebPageId,
    pub url: String,
    pub state: WebPageState,
    /// The source that its text is, where it was read.
    pub source: Option<SourceId>,
    /// When its server last said how it is.
    pub read_at_ms: Option<i64>,
}

/// What became of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebPageState {
    /// Known, not yet visited.
    Found,
    /// Its text is a source.
    Read,
    /// It was read once and has vanished: its text is kept for old citations, and no longer searched.
    Gone { reason: String },
    /// It is not for us, and why.
    Skipped { reason: String },
    /// It could not be read the last time; what was read before stays.
    Failed { reason: String },
    /// Somebody deleted its source, so it is left alone.
    Dropped,
}

impl WebPageState {
    /// The word used on pages, in the API and in the store.
    pub fn as_str(&self) -> &'static str {
        match self {
            WebPageState::Found => "found",
            WebPageState::Read => "read",
            WebPageState::Gone { .. } => "gone",
            WebPageState::Skipped { .. } => "skipped",
            WebPageState::Failed { .. } => "failed",
            WebPageState::Dropped => "dropped",
        }
    }

    /// Why it is so, in a sentence, where there is something to say.
    pub fn reason(&self) -> Option<&str> {
        match self {
            WebPageState::Gone { reason } | WebPageState::Skipped { reason } | WebPageState::Failed { reason } => {
                Some(reason)
            }
            WebPageState::Found | WebPageState::Read | WebPageState::Dropped => None,
        }
    }
}
