-- Settings made in the app, by name. A flag, a variable or a line of the settings file is stronger than a row here.
CREATE TABLE settings (
    name          TEXT    PRIMARY KEY,
    value         TEXT    NOT NULL,
    changed_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
