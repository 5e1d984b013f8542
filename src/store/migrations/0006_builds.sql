-- A job is about a source, or about a generation whose vectors are to be made.
CREATE TABLE jobs_of_both (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    kind            TEXT    NOT NULL,
    source          INTEGER REFERENCES sources (id) ON DELETE CASCADE,
    generation      INTEGER REFERENCES generations (id) ON DELETE CASCADE,
    tries           INTEGER NOT NULL DEFAULT 0,
    -- Tries since the last one that reported anything: those that took the process with them.
    silent_tries    INTEGER NOT NULL DEFAULT 0,
    not_before_ms   INTEGER NOT NULL,
    leased_until_ms INTEGER,
    -- Why the last try was put off.
    reason          TEXT,
    created_at_ms   INTEGER NOT NULL,
    CHECK ((source IS NULL) <> (generation IS NULL)),
    UNIQUE (source, kind),
    UNIQUE (generation, kind)
) STRICT;
-- First the last number given out, so that no job ever gets one that another had.
INSERT INTO sqlite_sequence (name, seq) SELECT 'jobs_of_both', seq FROM sqlite_sequence WHERE name = 'jobs';
INSERT INTO jobs_of_both (id, kind, source, tries, silent_tries, not_before_ms, leased_until_ms, reason, created_at_ms)
    SELECT id, kind, source, tries, silent_tries, not_before_ms, leased_until_ms, reason, created_at_ms FROM jobs;
DROP TABLE jobs;
ALTER TABLE jobs_of_both RENAME TO jobs;
-- The oldest of a kind is claimed, however many of the other wait.
CREATE INDEX jobs_by_kind ON jobs (kind);
