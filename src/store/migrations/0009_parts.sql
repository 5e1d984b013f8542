-- Documents that lie within documents: attachments, files of an archive.
ALTER TABLE sources ADD COLUMN parent INTEGER REFERENCES sources (id) ON DELETE CASCADE;
ALTER TABLE sources ADD COLUMN depth INTEGER NOT NULL DEFAULT 0;
CREATE INDEX sources_of_parent ON sources (parent, id) WHERE parent IS NOT NULL;
