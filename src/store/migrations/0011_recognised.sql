-- What a job has recognised of pages that are pictures, so that it need not be done again if the process dies; gone with
-- the job.
CREATE TABLE kept_texts (
    job  INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    page INTEGER NOT NULL,
    text TEXT    NOT NULL,
    PRIMARY KEY (job, page)
) STRICT, WITHOUT ROWID;
