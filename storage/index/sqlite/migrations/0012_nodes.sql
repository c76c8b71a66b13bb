-- The nodes of one archive that share the index: `beats` grows while a node lives, `held` is the
-- number after which it needs the log of changes.
CREATE TABLE nodes (
    name TEXT PRIMARY KEY,
    title TEXT NOT NULL,
    beats INTEGER NOT NULL,
    held INTEGER
) STRICT, WITHOUT ROWID;

-- What one node alone does at a time, and which.
CREATE TABLE duties (
    name TEXT PRIMARY KEY,
    node TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Which node runs a job, removes a file, makes a copy.
ALTER TABLE jobs ADD COLUMN node TEXT;
ALTER TABLE released ADD COLUMN node TEXT;
ALTER TABLE copies ADD COLUMN node TEXT;
