//! Web sites, and the rounds in which they are read. Their pages are in `webpages`.

use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

use super::error::{Result, StoreError};
use super::{Store, columns, jobs, sources, webpages};
use crate::domain::account::Scope;
use crate::domain::id::{AccountId, CollectionId, SourceId, UserId, WebsiteId};
use crate::domain::source::Sha256;
use crate::domain::website::{Every, Reach, Website, WebsiteState};

/// A web site that is not stored yet.
#[derive(Clone, Debug)]
pub struct NewWebsite {
    pub account: AccountId,
    pub collection: CollectionId,
    pub url: String,
    pub reach: Reach,
    pub pages_max: u32,
    pub every: Every,
    pub added_by: Option<UserId>,
}

/// A claimed reading of a web site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Round {
    pub website: Website,
    /// Counts up from 1 with each reading.
    pub number: u32,
    pub added_by: Option<UserId>,
}

/// How a round ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoundEnd {
    /// All that there is was found, and what was left out is noted.
    Whole(Option<String>),
    /// Something may not have been found, for this reason.
    Partly(String),
    /// Nothing could be read, for this reason.
    Failed(String),
}

/// Sources of a web site that were removed in one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removed {
    pub account: AccountId,
    pub sources: Vec<SourceId>,
    /// Originals that no other source has.
    pub unreferenced: Vec<Sha256>,
}

/// A query for whole web sites, `w`.
macro_rules! select_websites {
    ($rest:literal) => {
        concat!(
            "SELECT w.id, w.account, w.collection, w.url, w.reach, w.depth_max, w.pages_max, w.every, w.state, w.reason,
                    w.read_at_ms, w.due_at_ms, w.created_at_ms, w.round, w.added_by,
                    (SELECT count(*) FROM website_pages p JOIN sources s ON s.id = p.source
                     WHERE p.website = w.id AND s.state <> 'gone') AS pages,
                    (SELECT count(*) FROM website_pages p WHERE p.website = w.id AND p.state = 'failed') AS failed,
                    (SELECT count(*) FROM website_pages p WHERE p.website = w.id AND p.state = 'gone') AS gone
             FROM websites w ",
            $rest
        )
    };
}

const WEBSITES: &str = select_websites!(
    "WHERE w.account = ?1 AND w.collection IN (SELECT value FROM json_each(?2)) AND w.state <> 'leaving'
     ORDER BY w.id DESC"
);

const WEBSITE: &str = select_websites!(
    "WHERE w.id = ?3 AND w.account = ?1 AND w.collection IN (SELECT value FROM json_each(?2)) AND w.state <> 'leaving'"
);

const WEBSITE_UNSCOPED: &str = select_websites!("WHERE w.id = ?1");

const SAME_WEBSITE: &str = select_websites!("WHERE w.collection = ?1 AND w.url = ?2 AND w.reach = ?3");

const INSERT_WEBSITE: &str = "
    INSERT INTO websites (account, collection, url, reach, depth_max, pages_max, every, state, due_at_ms, added_by,
                          created_at_ms)
    VALUES (:account, :collection, :url, :reach, :depth_max, :pages_max, :every, 'waiting', :now_ms, :added_by, :now_ms)";

const COLLECTION_EXISTS: &str = "SELECT EXISTS (SELECT 1 FROM collections WHERE account = ?1 AND id = ?2)";

const SET_EVERY: &str = "
    UPDATE websites SET every = ?2, due_at_ms = CASE WHEN state = 'waiting' THEN due_at_ms
                                                     WHEN ?3 IS NULL THEN NULL
                                                     ELSE coalesce(read_at_ms, ?4) + ?3 END
    WHERE id = ?1";

const SET_DUE: &str = "
    UPDATE websites SET state = 'waiting', reason = NULL, due_at_ms = ?2 WHERE id = ?1 AND state IN ('read', 'failed')";

const SET_LEAVING: &str =
    "UPDATE websites SET state = 'leaving', due_at_ms = NULL, leased_until_ms = NULL WHERE id = ?1";

const SET_STOPPED: &str = "
    UPDATE websites SET state = 'read', reason = ?2, leased_until_ms = NULL, due_at_ms = ?3 + ?4
    WHERE id = ?1 AND state IN ('waiting', 'reading')";

const LEAVING: &str = "SELECT id, account FROM websites WHERE state = 'leaving' ORDER BY id LIMIT 1";

const DELETE_WEBSITE: &str = "DELETE FROM websites WHERE id = ?1";

pub(super) const DUE: &str = "
    SELECT id, state, round FROM websites
    WHERE due_at_ms IS NOT NULL AND due_at_ms <= ?1 AND (leased_until_ms IS NULL OR leased_until_ms <= ?1)
      AND state <> 'leaving'
    ORDER BY due_at_ms LIMIT 1";

const CLAIM: &str = "UPDATE websites SET state = 'reading', round = ?2, leased_until_ms = ?3 WHERE id = ?1";

const RENEW: &str = "UPDATE websites SET leased_until_ms = ?3 WHERE id = ?1 AND round = ?2 AND state = 'reading'";

const RELEASE: &str = "UPDATE websites SET leased_until_ms = NULL WHERE leased_until_ms IS NOT NULL";

const FINISH: &str = "
    UPDATE websites SET state = ?3, reason = ?4, leased_until_ms = NULL, read_at_ms = ?5, due_at_ms = ?6
    WHERE id = ?1 AND round = ?2 AND state = 'reading'";

impl Store {
    /// Adds a web site, to be read at once, or finds the one of the same collection with the same address and reach,
    /// which is told by `true`. `Conflict("collection")` if the account has no such collection.
    pub async fn create_website(&self, new: NewWebsite, now_ms: i64) -> Result<(Website, bool)> {
        self.write(move |rows| {
            let place = [new.account.0, new.collection.0];
            if !rows.prepare_cached(COLLECTION_EXISTS)?.query_row(place, |row| row.get(0))? {
                return Err(StoreError::Conflict("collection"));
            }
            let same = params![new.collection.0, new.url, new.reach.as_str()];
            if let Some(same) = rows.prepare_cached(SAME_WEBSITE)?.query_row(same, read).optional()? {
                return Ok((same, true));
            }
            let id = rows.prepare_cached(INSERT_WEBSITE)?.insert(named_params! {
                ":account": new.account.0,
                ":collection": new.collection.0,
                ":url": new.url,
                ":reach": new.reach.as_str(),
                ":depth_max": new.reach.depth_max(),
                ":pages_max": new.pages_max,
                ":every": new.every.as_str(),
                ":added_by": new.added_by.map(|user| user.0),
                ":now_ms": now_ms,
            })?;
            Ok((rows.prepare_cached(WEBSITE_UNSCOPED)?.query_row([id], read)?, false))
        })
        .await
    }

    /// The web sites in the scope, newest first.
    pub async fn websites(&self, scope: &Scope) -> Result<Vec<Website>> {
        let scope = scope.clone();
        self.read(move |rows| {
            let mut statement = rows.prepare_cached(WEBSITES)?;
            let found = statement.query_map(params![scope.account.0, columns::collections(&scope)], read)?;
            Ok(found.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    /// The web site with this number, if it lies in the scope.
    pub async fn website(&self, scope: &Scope, id: WebsiteId) -> Result<Option<Website>> {
        let scope = scope.clone();
        self.read(move |rows| find(rows, &scope, id)).await
    }

    /// Has a web site of the scope read as often as `every`; false if there is no such one.
    pub async fn set_website_every(&self, scope: &Scope, id: WebsiteId, every: Every, now_ms: i64) -> Result<bool> {
        let scope = scope.clone();
        self.write(move |rows| {
            if find(rows, &scope, id)?.is_none() {
                return Ok(false);
            }
            rows.prepare_cached(SET_EVERY)?.execute(params![id.0, every.as_str(), every.ms(), now_ms])?;
            Ok(true)
        })
        .await
    }

    /// Has a web site of the scope read again now; false if there is no such one, or if it is about to be read anyway.
    pub async fn read_website_again(&self, scope: &Scope, id: WebsiteId, now_ms: i64) -> Result<bool> {
        let scope = scope.clone();
        self.write(move |rows| {
            Ok(find(rows, &scope, id)?.is_some() && rows.prepare_cached(SET_DUE)?.execute(params![id.0, now_ms])? > 0)
        })
        .await
    }

    /// Ends the reading of a web site of the scope, or takes it out of the line, and notes why; false if there is no such
    /// one, or if it was to be read neither now nor soon.
    pub async fn stop_website(&self, scope: &Scope, id: WebsiteId, reason: String, now_ms: i64) -> Result<bool> {
        let scope = scope.clone();
        self.write(move |rows| {
            let Some(website) = find(rows, &scope, id)? else { return Ok(false) };
            let stopped = params![id.0, reason, now_ms, website.every.ms()];
            Ok(rows.prepare_cached(SET_STOPPED)?.execute(stopped)? > 0)
        })
        .await
    }

    /// Has a web site of the scope go: from here on it is neither listed nor read, and [`Store::clear_website`] removes it
    /// with its sources. False if there is no such one.
    pub async fn leave_website(&self, scope: &Scope, id: WebsiteId) -> Result<bool> {
        let scope = scope.clone();
        self.write(move |rows| {
            Ok(find(rows, &scope, id)?.is_some() && rows.prepare_cached(SET_LEAVING)?.execute([id.0])? > 0)
        })
        .await
    }

    /// Removes up to `limit` of the sources of a web site that is to go, and the web site with the last of them; `None` if
    /// none is to go.
    pub async fn clear_website(&self, limit: usize, now_ms: i64) -> Result<Option<Removed>> {
        self.write(move |rows| {
            let leaving = rows
                .prepare_cached(LEAVING)?
                .query_row([], |row| Ok((WebsiteId(row.get("id")?), AccountId(row.get("account")?))));
            let Some((id, account)) = leaving.optional()? else { return Ok(None) };
            let sources = webpages::sources_of(rows, id, limit)?;
            let mut unreferenced = Vec::new();
            for source in &sources {
                unreferenced.extend(sources::remove(rows, *source, now_ms)?);
            }
            if sources.len() < limit {
                rows.prepare_cached(DELETE_WEBSITE)?.execute([id.0])?;
            }
            Ok(Some(Removed { account, sources, unreferenced }))
        })
        .await
    }

    /// Claims the web site that has been due longest. One whose reading broke off goes on in the same round.
    pub async fn claim_website(&self, now_ms: i64) -> Result<Option<Round>> {
        self.write(move |rows| {
            let due = rows.prepare_cached(DUE)?.query_row([now_ms], |row| {
                Ok((row.get::<_, i64>("id")?, row.get::<_, String>("state")?, row.get::<_, u32>("round")?))
            });
            let Some((id, state, round)) = due.optional()? else { return Ok(None) };
            let number = if state == "reading" { round } else { round + 1 };
            rows.prepare_cached(CLAIM)?.execute(params![id, number, jobs::lease_end(now_ms)])?;
            let claimed = rows.prepare_cached(WEBSITE_UNSCOPED)?.query_row([id], |row| {
                let added_by = row.get::<_, Option<i64>>("added_by")?.map(UserId);
                Ok(Round { website: read(row)?, number, added_by })
            })?;
            Ok(Some(claimed))
        })
        .await
    }

    /// Frees the web sites that a dead process was reading. Only for the start.
    pub async fn release_websites(&self) -> Result<()> {
        self.write(|rows| {
            rows.prepare_cached(RELEASE)?.execute([])?;
            Ok(())
        })
        .await
    }

    /// Ends a round, and has the web site read again after its interval, if it has one. Where all was found, pages that the
    /// site map no longer lists are retired.
    pub async fn finish_website(&self, round: &Round, end: RoundEnd, now_ms: i64) -> Result<()> {
        let (id, number, reach) = (round.website.id, round.number, round.website.reach);
        self.write(move |rows| {
            if matches!(end, RoundEnd::Whole(_)) && reach == Reach::Sitemap {
                webpages::retire_unlisted(rows, id, number, now_ms)?;
            }
            let (state, reason) = match end {
                RoundEnd::Whole(note) => ("read", note),
                RoundEnd::Partly(note) => ("read", Some(note)),
                RoundEnd::Failed(reason) => ("failed", Some(reason)),
            };
            let website = rows.prepare_cached(WEBSITE_UNSCOPED)?.query_row([id.0], read).optional()?;
            let due = website.and_then(|website| website.every.ms()).map(|ms| now_ms + ms);
            rows.prepare_cached(FINISH)?.execute(params![id.0, number, state, reason, now_ms, due])?;
            Ok(())
        })
        .await
    }
}

fn find(rows: &Connection, scope: &Scope, id: WebsiteId) -> Result<Option<Website>> {
    let mut statement = rows.prepare_cached(WEBSITE)?;
    Ok(statement.query_row(params![scope.account.0, columns::collections(scope), id.0], read).optional()?)
}

/// Whether there is such a web site in the scope.
pub(super) fn exists(rows: &Connection, scope: &Scope, id: WebsiteId) -> Result<bool> {
    Ok(find(rows, scope, id)?.is_some())
}

/// Lengthens the lease of a web site that is being read in `round`; false if it is no longer.
pub(super) fn renew(rows: &Connection, round: &Round, now_ms: i64) -> Result<bool> {
    let renewed = params![round.website.id.0, round.number, jobs::lease_end(now_ms)];
    Ok(rows.prepare_cached(RENEW)?.execute(renewed)? > 0)
}

/// Reads a row of [`select_websites`].
fn read(row: &Row<'_>) -> rusqlite::Result<Website> {
    let depth_max = row.get("depth_max")?;
    let reach: String = row.get("reach")?;
    let reason: Option<String> = row.get("reason")?;
    let state = columns::read_word(row, "state", |word| match word {
        "waiting" => Some(WebsiteState::Waiting),
        "reading" => Some(WebsiteState::Reading),
        "read" => Some(WebsiteState::Read),
        "failed" => Some(WebsiteState::Failed { reason: String::new() }),
        "leaving" => Some(WebsiteState::Leaving),
        _ => None,
    })?;
    let (state, note) = match state {
        WebsiteState::Failed { .. } => (WebsiteState::Failed { reason: reason.unwrap_or_default() }, None),
        other => (other, reason),
    };
    Ok(Website {
        id: WebsiteId(row.get("id")?),
        account: AccountId(row.get("account")?),
        collection: CollectionId(row.get("collection")?),
        url: row.get("url")?,
        reach: Reach::parse(&reach, depth_max).unwrap_or(Reach::Page),
        pages_max: row.get("pages_max")?,
        every: columns::read_word(row, "every", Every::parse)?,
        state,
        note,
        pages: row.get("pages")?,
        failed: row.get("failed")?,
        gone: row.get("gone")?,
        read_at_ms: row.get("read_at_ms")?,
        due_at_ms: row.get("due_at_ms")?,
        created_at_ms: row.get("created_at_ms")?,
    })
}
