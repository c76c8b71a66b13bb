-- The index, schema version 11. Sizes are in bytes; times are seconds since the epoch, UTC.
-- Numbers of resources, changes and released files are never given twice.

-- A row for each patient, study, series and instance; `id` grows with arrival. Instances are
-- numbered from 2^28 on, so that the rows of patients, studies and series, which are listed and
-- searched most, lie together and not strewn among the many instances.
-- `public_id` is the SHA-1 of the Orthanc identifier. It is unique at its level only: a PatientID
-- with a "|" in it can have the SHA-1 of another patient's study.
-- The columns from `patient_id` on hold identifiers as they are searched (normalization.py), at
-- the level they belong to; a study has its own of its patient.
-- `main_tags` is {"gggg,eeee": value}, of a study with {"patient": {"gggg,eeee": value}}, which its
-- own first file says of the patient; `metadata` is {"number": [value, revision]}.
CREATE TABLE resources (
    id INTEGER PRIMARY KEY,
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
    metadata TEXT NOT NULL
) STRICT;

CREATE UNIQUE INDEX resources_by_public_id ON resources (public_id, level);
CREATE INDEX resources_by_level ON resources (level);
CREATE INDEX resources_by_parent ON resources (parent) WHERE parent IS NOT NULL;

-- Led by the level, lest the planner takes `resources_by_level` and reads them all.
CREATE INDEX resources_by_patient_id ON resources (level, patient_id) WHERE patient_id IS NOT NULL;
CREATE INDEX resources_by_patient_name ON resources (level, patient_name)
    WHERE patient_name IS NOT NULL;
CREATE INDEX resources_by_patient_birth_date ON resources (level, patient_birth_date)
    WHERE patient_birth_date IS NOT NULL;
CREATE INDEX resources_by_study_uid ON resources (level, study_uid) WHERE study_uid IS NOT NULL;
CREATE INDEX resources_by_accession_number ON resources (level, accession_number)
    WHERE accession_number IS NOT NULL;
CREATE INDEX resources_by_study_description ON resources (level, study_description)
    WHERE study_description IS NOT NULL;
CREATE INDEX resources_by_study_date ON resources (level, study_date) WHERE study_date IS NOT NULL;
CREATE INDEX resources_by_series_uid ON resources (level, series_uid) WHERE series_uid IS NOT NULL;
CREATE INDEX resources_by_sop_uid ON resources (level, sop_uid) WHERE sop_uid IS NOT NULL;

-- What every new instance changes of its patient, study and series: apart from `resources`, so
-- that these small rows lie together and an ingest rewrites few pages.
-- The counters do not count the resource itself; the sizes do include its own attachments.
-- `activity` is the number of the last instance that came; `unstable_at` is when, and NULL once
-- the resource is stable: when it was quiet for more than `stable_age` seconds, the longest StableAge
-- of the instances that came since it was stable last. `unprotected_at` is the number of the last instance that had come when a
-- patient's protection was taken away; the later of the two tells which patient is recycled first.
CREATE TABLE tallies (
    resource INTEGER PRIMARY KEY,
    studies INTEGER NOT NULL,
    series INTEGER NOT NULL,
    instances INTEGER NOT NULL,
    disk_size INTEGER NOT NULL,
    uncompressed_size INTEGER NOT NULL,
    dicom_disk_size INTEGER NOT NULL,
    dicom_uncompressed_size INTEGER NOT NULL,
    last_update REAL NOT NULL,
    activity INTEGER NOT NULL,
    unstable_at REAL,
    unprotected_at INTEGER NOT NULL DEFAULT 0,
    stable_age REAL NOT NULL DEFAULT 60
) STRICT;

CREATE INDEX tallies_by_due ON tallies (unstable_at + stable_age, activity)
    WHERE unstable_at IS NOT NULL;

-- The files of resources. `uuid` has 16 bytes, MD5 sums too (NULL where none is kept). `location`
-- is the storage where a file lies, by its number in `places`.
CREATE TABLE attachments (
    resource INTEGER NOT NULL,
    content_type INTEGER NOT NULL,
    uuid BLOB NOT NULL,
    uncompressed_size INTEGER NOT NULL,
    uncompressed_md5 BLOB,
    compressed_size INTEGER NOT NULL,
    compressed_md5 BLOB,
    compression INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    location INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (resource, content_type)
) STRICT, WITHOUT ROWID;

CREATE TABLE labels (
    resource INTEGER NOT NULL,
    label TEXT NOT NULL,
    PRIMARY KEY (resource, label)
) STRICT, WITHOUT ROWID;

CREATE INDEX labels_by_label ON labels (label);

-- The log of changes; a change goes with its resource.
CREATE TABLE changes (
    seq INTEGER PRIMARY KEY,
    type INTEGER NOT NULL,
    resource INTEGER NOT NULL,
    date INTEGER NOT NULL
) STRICT;

CREATE INDEX changes_by_resource ON changes (resource);

-- The deletions, numbered among the changes, for those who ask for them. There is no row of the
-- resource any more, hence its identifier.
CREATE TABLE deletions (
    seq INTEGER PRIMARY KEY,
    level INTEGER NOT NULL,
    public_id BLOB NOT NULL,
    date INTEGER NOT NULL
) STRICT;

-- The log of exports: what was sent to others. It outlives the resources; identifiers below the
-- level are empty.
CREATE TABLE exports (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    level INTEGER NOT NULL,
    public_id BLOB NOT NULL,
    remote TEXT NOT NULL,
    date INTEGER NOT NULL,
    patient_id TEXT NOT NULL,
    study_uid TEXT NOT NULL,
    series_uid TEXT NOT NULL,
    sop_uid TEXT NOT NULL
) STRICT;

-- Files that no resource owns any more, and that wait to be removed from their storage area.
CREATE TABLE released (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid BLOB NOT NULL,
    content_type INTEGER NOT NULL,
    size INTEGER NOT NULL,
    released_at REAL NOT NULL DEFAULT 0,
    location INTEGER NOT NULL DEFAULT 0,
    node TEXT
) STRICT;

-- Those of them that could not be removed yet, and when to try again.
CREATE TABLE failed_removals (
    number INTEGER PRIMARY KEY,
    attempts INTEGER NOT NULL,
    reason TEXT NOT NULL,
    failed_at REAL NOT NULL,
    due REAL NOT NULL
) STRICT;

CREATE INDEX failed_removals_by_due ON failed_removals (due);

-- The whole archive in one row: what there is, and the last numbers given. `last_change` is the
-- last number given to a change or to a deletion, `last_shown` the last given to a change.
CREATE TABLE totals (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    patients INTEGER NOT NULL DEFAULT 0,
    studies INTEGER NOT NULL DEFAULT 0,
    series INTEGER NOT NULL DEFAULT 0,
    instances INTEGER NOT NULL DEFAULT 0,
    disk_size INTEGER NOT NULL DEFAULT 0,
    uncompressed_size INTEGER NOT NULL DEFAULT 0,
    last_parent INTEGER NOT NULL DEFAULT 0,
    last_instance INTEGER NOT NULL DEFAULT 268435456,
    last_change INTEGER NOT NULL DEFAULT 0,
    last_shown INTEGER NOT NULL DEFAULT 0,
    released_files INTEGER NOT NULL DEFAULT 0,
    released_size INTEGER NOT NULL DEFAULT 0,
    trashed_files INTEGER NOT NULL DEFAULT 0,
    trashed_size INTEGER NOT NULL DEFAULT 0
) STRICT;

INSERT INTO totals (id) VALUES (1);

-- What the server keeps about itself, by name.
CREATE TABLE properties (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Files that a check, or whoever read them, found to be lost or damaged. A mark goes with its file.
CREATE TABLE damaged (
    resource INTEGER NOT NULL,
    content_type INTEGER NOT NULL,
    damage TEXT NOT NULL,
    PRIMARY KEY (resource, content_type)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER attachments_removed AFTER DELETE ON attachments
BEGIN
    DELETE FROM damaged
        WHERE resource = OLD.resource AND content_type = OLD.content_type;
END;

CREATE TRIGGER attachments_replaced AFTER UPDATE OF uuid ON attachments
BEGIN
    DELETE FROM damaged
        WHERE resource = OLD.resource AND content_type = OLD.content_type;
END;

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
    error_details TEXT,
    node TEXT
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
    location INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (job, key)
) STRICT, WITHOUT ROWID;

-- What was deleted and can be restored: a row for each deletion. `due` is when it can no more, in
-- seconds that the archive has seen go by (properties `trash_time`), so that no clock that is set
-- makes it expire early; `expires_at` is what is told of it.
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

-- The deleted resources as they were in `resources` and `tallies`, and copies of the parents that
-- stayed (`is_ancestor`), lest they are deleted later.
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
    location INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (trash, resource, content_type)
) STRICT, WITHOUT ROWID;

CREATE TABLE trashed_labels (
    trash INTEGER NOT NULL,
    resource INTEGER NOT NULL,
    label TEXT NOT NULL,
    PRIMARY KEY (trash, resource, label)
) STRICT, WITHOUT ROWID;

-- The lists of main DICOM tags that resources were recorded with (metadata MainDicomTagsSignature,
-- "" where there is none), by level. `outdated` is NULL for the one that new resources get; of
-- another, how many resources still have it: they are counted when the list changes, and become
-- fewer from then on.
CREATE TABLE signatures (
    level INTEGER NOT NULL,
    signature TEXT NOT NULL,
    outdated INTEGER,
    PRIMARY KEY (level, signature)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER resources_removed AFTER DELETE ON resources
WHEN EXISTS (SELECT 1 FROM signatures WHERE outdated > 0)
BEGIN
    UPDATE signatures SET outdated = outdated - 1
        WHERE level = OLD.level AND outdated > 0
        AND signature = coalesce(json_extract(OLD.metadata, '$."15"[0]'), '');
END;

CREATE TRIGGER resources_refreshed AFTER UPDATE OF metadata ON resources
WHEN EXISTS (SELECT 1 FROM signatures WHERE outdated > 0)
BEGIN
    UPDATE signatures SET outdated = outdated - 1
        WHERE level = OLD.level AND outdated > 0
        AND signature = coalesce(json_extract(OLD.metadata, '$."15"[0]'), '')
        AND signature <> coalesce(json_extract(NEW.metadata, '$."15"[0]'), '');
END;

-- The few attachments that are no DICOM file of an instance.
CREATE INDEX attachments_of_other_types ON attachments (resource) WHERE content_type <> 1;

-- Studies that housekeeping takes out of turn: those that somebody has put first (`attempts` is 0),
-- and those that failed, until they succeed. `property` is the name of the state that they belong
-- to; `due` is when they are to be taken. `form` is the compression that files are stored anew in,
-- `instance` the first that failed. `is_open` says that the attempt under way has failed already.
CREATE TABLE set_aside (
    resource INTEGER NOT NULL,
    property TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    due REAL NOT NULL,
    form INTEGER,
    instance BLOB,
    reason TEXT NOT NULL,
    is_open INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (resource, property)
) STRICT, WITHOUT ROWID;

-- Who is told of the log of changes, each at its own pace (webhooks): `position` is the number up
-- to which all was delivered, or put aside as a dead letter. One that is not in the configuration
-- is not enabled: its place is kept, and holds back nothing.
CREATE TABLE targets (
    name TEXT PRIMARY KEY,
    position INTEGER NOT NULL,
    is_paused INTEGER NOT NULL DEFAULT 0,
    is_enabled INTEGER NOT NULL DEFAULT 1
) STRICT, WITHOUT ROWID;

-- Lines that left the log of changes before all were told of them. There may be no row of the
-- resource any more, hence its identifier, and those of its parents, the nearest first.
CREATE TABLE kept_changes (
    seq INTEGER PRIMARY KEY,
    type INTEGER NOT NULL,
    level INTEGER NOT NULL,
    public_id BLOB NOT NULL,
    date INTEGER NOT NULL,
    above_1 BLOB,
    above_2 BLOB,
    above_3 BLOB
) STRICT;

-- What targets refused until the archive gave up.
CREATE TABLE dead_letters (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    target TEXT NOT NULL,
    seq INTEGER NOT NULL,
    type INTEGER NOT NULL,
    level INTEGER NOT NULL,
    public_id BLOB NOT NULL,
    date INTEGER NOT NULL,
    above_1 BLOB,
    above_2 BLOB,
    above_3 BLOB,
    reason TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    failed_at REAL NOT NULL
) STRICT;

CREATE INDEX dead_letters_by_target ON dead_letters (target, number);

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
    location INTEGER NOT NULL,
    node TEXT
) STRICT, WITHOUT ROWID;

-- What parts of the archive keep by name, each in a store of its own: worklists, commitments.
CREATE TABLE kept_values (
    store TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (store, name)
) STRICT, WITHOUT ROWID;

-- When a file of a study was last read, to the hour, where rules of tiering ask for it.
CREATE TABLE accesses (
    resource INTEGER PRIMARY KEY,
    at INTEGER NOT NULL
) STRICT;

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
