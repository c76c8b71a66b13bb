-- Deleted resources that can be restored until their time is up.

ALTER TABLE totals ADD COLUMN trashed_files INTEGER NOT NULL DEFAULT 0;
ALTER TABLE totals ADD COLUMN trashed_size INTEGER NOT NULL DEFAULT 0;

CREATE TABLE trash (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    level INTEGER NOT NULL,
    public_id BLOB NOT NULL,
    resource INTEGER NOT NULL,
    deleted_at REAL NOT NULL,
    expires_at REAL NOT NULL,
    due REAL NOT NULL,
    patients INTEGER NOT NULL,
    studies INTEGER NOT NULL,
    series INTEGER NOT NULL,
    instances INTEGER NOT NULL,
    files INTEGER NOT NULL,
    size INTEGER NOT NULL
) STRICT;

CREATE INDEX trash_by_due ON trash (due);
CREATE INDEX trash_by_public_id ON trash (public_id);

CREATE TABLE trashed_resources (
    trash INTEGER NOT NULL,
    is_ancestor INTEGER NOT NULL,
    id INTEGER NOT NULL,
    public_id BLOB NOT NULL,
    level INTEGER NOT NULL,
    parent INTEGER,
    is_protected INTEGER NOT NULL DEFAULT 0,
    index_in_series INTEGER,
    patient_id TEXT,
    patient_name TEXT,
    patient_birth_date TEXT,
    study_uid TEXT,
    accession_number TEXT,
    study_description TEXT,
    study_date TEXT,
    series_uid TEXT,
    sop_uid TEXT,
    main_tags TEXT NOT NULL,
    metadata TEXT NOT NULL,
    last_update REAL,
    activity INTEGER,
    unstable_at REAL,
    stable_age REAL,
    unprotected_at INTEGER,
    PRIMARY KEY (trash, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE trashed_attachments (
    trash INTEGER NOT NULL,
    resource INTEGER NOT NULL,
    content_type INTEGER NOT NULL,
    uuid BLOB NOT NULL,
    uncompressed_size INTEGER NOT NULL,
    uncompressed_md5 BLOB,
    compressed_size INTEGER NOT NULL,
    compressed_md5 BLOB,
    compression INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    damage TEXT,
    PRIMARY KEY (trash, resource, content_type)
) STRICT, WITHOUT ROWID;

CREATE TABLE trashed_labels (
    trash INTEGER NOT NULL,
    resource INTEGER NOT NULL,
    label TEXT NOT NULL,
    PRIMARY KEY (trash, resource, label)
) STRICT, WITHOUT ROWID;
