-- The first schema. Times are milliseconds since 1970-01-01 UTC. Ids are never given out twice (AUTOINCREMENT).

-- Who ------------------------------------------------------------------------------------------------------------

CREATE TABLE accounts (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    name          TEXT    NOT NULL,
    created_at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE collections (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    account       INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    name          TEXT    NOT NULL,
    created_at_ms INTEGER NOT NULL,
    UNIQUE (account, name)
) STRICT;

CREATE TABLE users (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    email         TEXT    NOT NULL,
    -- The address in lower case: two people can not differ in case alone.
    email_key     TEXT    NOT NULL UNIQUE,
    name          TEXT    NOT NULL,
    password_hash TEXT    NOT NULL,
    administrator INTEGER NOT NULL,
    created_at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE memberships (
    user    INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    account INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    role    TEXT    NOT NULL,
    PRIMARY KEY (user, account)
) STRICT, WITHOUT ROWID;
CREATE INDEX memberships_of_account ON memberships (account);

-- At most one link that makes the first administrator. Of every secret only its SHA-256 is here.
CREATE TABLE setup_link (
    one           INTEGER PRIMARY KEY CHECK (one = 1),
    hash          BLOB    NOT NULL,
    expires_at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE sessions (
    hash          BLOB    PRIMARY KEY,
    user          INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    account       INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    created_at_ms INTEGER NOT NULL,
    used_at_ms    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_of_user ON sessions (user);
CREATE INDEX sessions_of_account ON sessions (account);
CREATE INDEX sessions_by_use ON sessions (used_at_ms);

CREATE TABLE tokens (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    hash          BLOB    NOT NULL UNIQUE,
    user          INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    account       INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    name          TEXT    NOT NULL,
    prefix        TEXT    NOT NULL,
    created_at_ms INTEGER NOT NULL,
    used_at_ms    INTEGER,
    expires_at_ms INTEGER
) STRICT;
CREATE INDEX tokens_of_user ON tokens (user, account);
CREATE INDEX tokens_of_account ON tokens (account);

-- What was put in ------------------------------------------------------------------------------------------------

CREATE TABLE sources (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    account       INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    collection    INTEGER NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
    kind          TEXT    NOT NULL,
    title         TEXT    NOT NULL,
    file_name     TEXT    NOT NULL,
    -- Title and file name without case and accents, which listings search.
    names         TEXT    NOT NULL,
    media_type    TEXT    NOT NULL,
    bytes         INTEGER NOT NULL,
    sha256        BLOB    NOT NULL,
    version       INTEGER NOT NULL DEFAULT 1,
    state         TEXT    NOT NULL,
    -- How far reading or embedding is.
    done          INTEGER NOT NULL DEFAULT 0,
    total         INTEGER NOT NULL DEFAULT 0,
    -- Why it failed.
    reason        TEXT,
    pages         INTEGER NOT NULL DEFAULT 0,
    chunks        INTEGER NOT NULL DEFAULT 0,
    -- The change that put its present chunks.
    seq           INTEGER,
    added_by      INTEGER REFERENCES users (id) ON DELETE SET NULL,
    created_at_ms INTEGER NOT NULL,
    updated_at_ms INTEGER NOT NULL,
    UNIQUE (collection, sha256)
) STRICT;
-- Listings walk one of these two, newest first, and read only the rows that they show.
CREATE INDEX sources_newest ON sources (account, id, collection, kind);
CREATE INDEX sources_by_state ON sources (account, state, id, collection, kind);
CREATE INDEX sources_of_blob ON sources (sha256);
CREATE INDEX sources_added_by ON sources (added_by) WHERE added_by IS NOT NULL;
CREATE INDEX sources_indexing ON sources (account, seq) WHERE state = 'indexing';

-- How many sources there are of each state and kind, so that no listing counts rows.
CREATE TABLE source_counts (
    collection INTEGER NOT NULL,
    state      TEXT    NOT NULL,
    kind       TEXT    NOT NULL,
    count      INTEGER NOT NULL,
    PRIMARY KEY (collection, state, kind)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER source_added AFTER INSERT ON sources BEGIN
    INSERT INTO source_counts (collection, state, kind, count) VALUES (new.collection, new.state, new.kind, 1)
        ON CONFLICT (collection, state, kind) DO UPDATE SET count = count + 1;
END;

CREATE TRIGGER source_changed AFTER UPDATE OF state ON sources WHEN old.state <> new.state BEGIN
    UPDATE source_counts SET count = count - 1
        WHERE collection = old.collection AND state = old.state AND kind = old.kind;
    INSERT INTO source_counts (collection, state, kind, count) VALUES (new.collection, new.state, new.kind, 1)
        ON CONFLICT (collection, state, kind) DO UPDATE SET count = count + 1;
END;

CREATE TRIGGER source_removed AFTER DELETE ON sources BEGIN
    UPDATE source_counts SET count = count - 1
        WHERE collection = old.collection AND state = old.state AND kind = old.kind;
END;

-- The text of every version that was ever read, so that a citation of an old one still opens.
CREATE TABLE source_versions (
    source        INTEGER NOT NULL REFERENCES sources (id) ON DELETE CASCADE,
    version       INTEGER NOT NULL,
    markdown      TEXT    NOT NULL,
    -- [[number, start, end], ...]
    pages         TEXT    NOT NULL,
    -- ["sentence", ...]
    notes         TEXT    NOT NULL,
    created_at_ms INTEGER NOT NULL,
    PRIMARY KEY (source, version)
) STRICT;

-- The chunks of the present version.
CREATE TABLE chunks (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    source     INTEGER NOT NULL REFERENCES sources (id) ON DELETE CASCADE,
    ordinal    INTEGER NOT NULL,
    -- ["outermost", ..., "innermost"]
    headings   TEXT    NOT NULL,
    page       INTEGER,
    span_start INTEGER NOT NULL,
    span_end   INTEGER NOT NULL,
    text       TEXT    NOT NULL,
    tokens     INTEGER NOT NULL,
    UNIQUE (source, ordinal)
) STRICT;

-- The one sequence of changes to chunks. It has no reference to sources: that one was dropped must outlive it.
CREATE TABLE changes (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    account    INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    collection INTEGER NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
    source     INTEGER NOT NULL,
    kind       TEXT    NOT NULL,
    at_ms      INTEGER NOT NULL
) STRICT;
CREATE INDEX changes_of_account ON changes (account);
CREATE INDEX changes_of_collection ON changes (collection);
CREATE INDEX changes_of_source ON changes (source);

-- Slow work, one row for each piece that is not done; a piece that is done has none.
CREATE TABLE jobs (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    kind            TEXT    NOT NULL,
    source          INTEGER NOT NULL REFERENCES sources (id) ON DELETE CASCADE,
    tries           INTEGER NOT NULL DEFAULT 0,
    -- Tries since the last one that reported anything: those that took the process with them.
    silent_tries    INTEGER NOT NULL DEFAULT 0,
    not_before_ms   INTEGER NOT NULL,
    leased_until_ms INTEGER,
    -- Why the last try was put off.
    reason          TEXT,
    created_at_ms   INTEGER NOT NULL,
    UNIQUE (source, kind)
) STRICT;

-- Vectors --------------------------------------------------------------------------------------------------------

-- One row for each embedding model that ever made vectors.
CREATE TABLE generations (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    name          TEXT    NOT NULL,
    weights       TEXT    NOT NULL,
    dimensions    INTEGER NOT NULL,
    pooling       TEXT    NOT NULL,
    prefix        TEXT    NOT NULL,
    created_at_ms INTEGER NOT NULL,
    UNIQUE (name, weights, dimensions, pooling, prefix)
) STRICT;

-- The generation that questions are asked of: switching models, and back, is this one row.
CREATE TABLE active_generation (
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    generation INTEGER NOT NULL REFERENCES generations (id)
) STRICT;

-- Keyed by chunk first, because a chunk that goes takes its vectors of every generation with it.
CREATE TABLE vectors (
    generation INTEGER NOT NULL REFERENCES generations (id),
    collection INTEGER NOT NULL,
    chunk      INTEGER NOT NULL REFERENCES chunks (id) ON DELETE CASCADE,
    -- 32-bit floats, little-endian.
    vector     BLOB    NOT NULL,
    PRIMARY KEY (chunk, generation)
) STRICT;
CREATE INDEX vectors_scanned ON vectors (generation, collection);

CREATE TABLE vector_counts (
    generation INTEGER NOT NULL,
    collection INTEGER NOT NULL,
    count      INTEGER NOT NULL,
    PRIMARY KEY (generation, collection)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER vector_added AFTER INSERT ON vectors BEGIN
    INSERT INTO vector_counts (generation, collection, count) VALUES (new.generation, new.collection, 1)
        ON CONFLICT (generation, collection) DO UPDATE SET count = count + 1;
END;

CREATE TRIGGER vector_removed AFTER DELETE ON vectors BEGIN
    UPDATE vector_counts SET count = count - 1
        WHERE generation = old.generation AND collection = old.collection;
END;

-- Conversations --------------------------------------------------------------------------------------------------

CREATE TABLE chats (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    account       INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    user          INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    title         TEXT    NOT NULL,
    created_at_ms INTEGER NOT NULL,
    updated_at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX chats_of_user ON chats (account, user, updated_at_ms);
CREATE INDEX chats_by_user ON chats (user);

CREATE TABLE messages (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    chat          INTEGER NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    speaker       TEXT    NOT NULL,
    text          TEXT    NOT NULL,
    -- How an answer ended; a question has none.
    finish        TEXT,
    created_at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX messages_of_chat ON messages (chat);

-- What an answer cited, word for word: readable after the source is gone, hence no reference to it.
CREATE TABLE citations (
    message    INTEGER NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    position   INTEGER NOT NULL,
    number     INTEGER NOT NULL,
    source     INTEGER NOT NULL,
    version    INTEGER NOT NULL,
    title      TEXT    NOT NULL,
    file_name  TEXT    NOT NULL,
    page       INTEGER,
    span_start INTEGER NOT NULL,
    span_end   INTEGER NOT NULL,
    quote      TEXT    NOT NULL,
    PRIMARY KEY (message, position)
) STRICT;
