-- Folders of the server that are kept in step.
CREATE TABLE folders (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    account         INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    collection      INTEGER NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
    path            TEXT    NOT NULL,
    state           TEXT    NOT NULL,
    -- Why it failed, or what was left out.
    reason          TEXT,
    -- When it is looked through again.
    due_at_ms       INTEGER NOT NULL,
    leased_until_ms INTEGER,
    read_at_ms      INTEGER,
    added_by        INTEGER REFERENCES users (id) ON DELETE SET NULL,
    created_at_ms   INTEGER NOT NULL,
    UNIQUE (collection, path)
) STRICT;
CREATE INDEX folders_of_account ON folders (account);
CREATE INDEX folders_due ON folders (due_at_ms);
CREATE INDEX folders_added_by ON folders (added_by) WHERE added_by IS NOT NULL;

CREATE TABLE folder_files (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    folder      INTEGER NOT NULL REFERENCES folders (id) ON DELETE CASCADE,
    -- Below the folder.
    path        TEXT    NOT NULL,
    -- By which a change is told: a file of the same size and time is taken to be the same.
    bytes       INTEGER NOT NULL,
    modified_ns INTEGER NOT NULL,
    state       TEXT    NOT NULL,
    reason      TEXT,
    -- NULL of a file that was read: somebody deleted its source, and does not want it back.
    source      INTEGER REFERENCES sources (id) ON DELETE SET NULL,
    read_at_ms  INTEGER NOT NULL,
    UNIQUE (folder, path)
) STRICT;
CREATE INDEX folder_files_of_source ON folder_files (source) WHERE source IS NOT NULL;
