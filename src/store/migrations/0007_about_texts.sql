-- What a text says about itself, what its pages are, and which of them were not read: [[page, "why"], ...].
ALTER TABLE source_versions ADD COLUMN author TEXT;
ALTER TABLE source_versions ADD COLUMN date TEXT;
ALTER TABLE source_versions ADD COLUMN language TEXT;
ALTER TABLE source_versions ADD COLUMN unit TEXT NOT NULL DEFAULT 'page';
ALTER TABLE source_versions ADD COLUMN unread TEXT NOT NULL DEFAULT '[]';
