-- Jobs: long work that goes on after a crash where it was. `parameters`, `position` (where the next
-- step goes on) and `user_data` are JSON. `state` is Orthanc's word; a job that runs is Pending here.
-- A fleeting job is forgotten once it has succeeded. `error` is the class of the error that ended it.
CREATE TABLE jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL,
    type TEXT NOT NULL,
    priority INTEGER NOT NULL,
    parameters TEXT NOT NULL,
    user_data TEXT NOT NULL,
    fleeting INTEGER NOT NULL,
    state TEXT NOT NULL,
    position TEXT NOT NULL,
    progress REAL NOT NULL,
    runtime REAL NOT NULL,
    created_at REAL NOT NULL,
    completed_at REAL,
    error TEXT,
    error_details TEXT
) STRICT;

CREATE UNIQUE INDEX jobs_by_id ON jobs (id);

-- What a job could not do although it went on.
CREATE TABLE job_failures (
    job INTEGER NOT NULL,
    item TEXT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (job, item)
) STRICT, WITHOUT ROWID;

-- Files that jobs made: they go with their job.
CREATE TABLE job_outputs (
    job INTEGER NOT NULL,
    key TEXT NOT NULL,
    media_type TEXT NOT NULL,
    filename TEXT NOT NULL,
    content_type INTEGER NOT NULL,
    uuid BLOB NOT NULL,
    uncompressed_size INTEGER NOT NULL,
    uncompressed_md5 BLOB,
    compressed_size INTEGER NOT NULL,
    compressed_md5 BLOB,
    compression INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    PRIMARY KEY (job, key)
) STRICT, WITHOUT ROWID;
