-- Of a source that follows something outside, the hash of its original; `sha256` is then the hash of what it follows, so
-- that a collection may have the same bytes twice: a page and an upload come and go without regard to each other.
ALTER TABLE sources ADD COLUMN original BLOB;
CREATE INDEX sources_of_original ON sources (original) WHERE original IS NOT NULL;

-- Web sites that are kept in step. A round is one reading from beginning to end.
CREATE TABLE websites (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    account         INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    collection      INTEGER NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
    url             TEXT    NOT NULL,
    reach           TEXT    NOT NULL,
    depth_max       INTEGER NOT NULL,
    pages_max       INTEGER NOT NULL,
    every           TEXT    NOT NULL,
    state           TEXT    NOT NULL,
    -- Why it failed, or what was left out.
    reason          TEXT,
    round           INTEGER NOT NULL DEFAULT 0,
    -- When it is read again; NULL is never.
    due_at_ms       INTEGER,
    leased_until_ms INTEGER,
    read_at_ms      INTEGER,
    added_by        INTEGER REFERENCES users (id) ON DELETE SET NULL,
    created_at_ms   INTEGER NOT NULL,
    UNIQUE (collection, url, reach)
) STRICT;
CREATE INDEX websites_of_account ON websites (account);
CREATE INDEX websites_due ON websites (due_at_ms) WHERE due_at_ms IS NOT NULL;
CREATE INDEX websites_added_by ON websites (added_by) WHERE added_by IS NOT NULL;

CREATE TABLE website_pages (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    website    INTEGER NOT NULL REFERENCES websites (id) ON DELETE CASCADE,
    url        TEXT    NOT NULL,
    -- Steps from where the site begins.
    depth      INTEGER NOT NULL,
    -- The last round that found the page, and the last that visited it.
    listed     INTEGER NOT NULL,
    visited    INTEGER NOT NULL DEFAULT 0,
    state      TEXT    NOT NULL,
    reason     TEXT,
    etag       TEXT,
    modified   TEXT,
    -- NULL of a page that was read: somebody deleted its source, and does not want it back.
    source     INTEGER REFERENCES sources (id) ON DELETE SET NULL,
    read_at_ms INTEGER,
    UNIQUE (website, url)
) STRICT;
CREATE INDEX website_pages_to_visit ON website_pages (website, visited, depth, id);
CREATE INDEX website_pages_of_source ON website_pages (source) WHERE source IS NOT NULL;
