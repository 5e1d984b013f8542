-- What a job has made of a long document so far, so that it need not be made again if the process dies; gone with the job.
CREATE TABLE kept_vectors (
    job        INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    generation INTEGER NOT NULL,
    -- SHA-256 of the text that was embedded.
    text       BLOB    NOT NULL,
    vector     BLOB    NOT NULL,
    PRIMARY KEY (job, generation, text)
) STRICT, WITHOUT ROWID;

-- How many pages of the present version were not read, so that a listing of what was not read reads no text.
ALTER TABLE sources ADD COLUMN unread INTEGER NOT NULL DEFAULT 0;
CREATE INDEX sources_not_read ON sources (account, id, collection, kind) WHERE state = 'failed' OR unread > 0;
