-- In which storage each file lies: so far there was one.
ALTER TABLE attachments ADD COLUMN location INTEGER NOT NULL DEFAULT 0;
ALTER TABLE released ADD COLUMN location INTEGER NOT NULL DEFAULT 0;
ALTER TABLE trashed_attachments ADD COLUMN location INTEGER NOT NULL DEFAULT 0;
ALTER TABLE job_outputs ADD COLUMN location INTEGER NOT NULL DEFAULT 0;

-- The storages that files lie in, and how many files and bytes of resources each holds: kept, not
-- counted. Their numbers and names stay, whatever the configuration says later.
CREATE TABLE places (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    files INTEGER NOT NULL DEFAULT 0,
    size INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE UNIQUE INDEX places_by_name ON places (name);
INSERT INTO places (number, name) VALUES (0, 'file-system'), (1, 'object-storage');

-- Copies that are being made of files, to be moved to another storage. A row goes when its copy has
-- taken the place of the file; what is here at a start was cut short, and is released.
CREATE TABLE copies (
    uuid BLOB PRIMARY KEY,
    content_type INTEGER NOT NULL,
    size INTEGER NOT NULL,
    location INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

UPDATE places SET
    files = (SELECT COUNT(*) FROM attachments),
    size = (SELECT COALESCE(SUM(compressed_size), 0) FROM attachments)
    WHERE number = 0;
