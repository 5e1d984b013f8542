-- Sentences of an answer that its passages do not bear out: where they lie in the message's text, in bytes.
CREATE TABLE doubts (
    message    INTEGER NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    span_start INTEGER NOT NULL,
    span_end   INTEGER NOT NULL,
    reason     TEXT    NOT NULL,
    PRIMARY KEY (message, span_start)
) STRICT, WITHOUT ROWID;
