"""The statements of ``adopting``: Orthanc's index is attached as ``orthanc``."""

from repertory.storage.index.packing import OF_PATIENT

SAMPLE_FILES = (
    "SELECT lower(substr(h, 1, 8) || '-' || substr(h, 9, 4) || '-' || substr(h, 13, 4) || '-'"
    " || substr(h, 17, 4) || '-' || substr(h, 21)), compressed_size FROM"
    " (SELECT hex(uuid) AS h, compressed_size, row_number() OVER () AS n FROM attachments)"
    " WHERE (n - 1) % ? = 0"
)

NUMBER_THEM = """
CREATE TEMP TABLE numbers (old INTEGER PRIMARY KEY, new INTEGER NOT NULL, level INTEGER NOT NULL,
    parent INTEGER);
INSERT INTO numbers SELECT internalId,
    row_number() OVER (PARTITION BY resourceType = 4 ORDER BY internalId)
    + CASE WHEN resourceType = 4 THEN 268435456 ELSE 0 END,
    resourceType, parentId FROM orthanc.Resources ORDER BY internalId;
"""

TAGS = """(SELECT json_group_object(printf('%04x,%04x', tagGroup, tagElement), value
        ORDER BY tagGroup, tagElement)
     FROM orthanc.MainDicomTags AS t WHERE id = n.old AND value IS NOT NULL{which})"""
RESOURCES = """
INSERT INTO resources (id, public_id, level, parent, is_protected, index_in_series,
    main_tags, metadata{columns})
SELECT n.new, unhex(r.publicId, '-'), n.level, p.new,
    n.level = 1 AND NOT EXISTS
        (SELECT 1 FROM orthanc.PatientRecyclingOrder WHERE patientId = n.old),
    CASE WHEN n.level = 4 THEN
        (SELECT whole(value) FROM orthanc.Metadata WHERE id = n.old AND type = 1) END,
    {tags},
    (SELECT json_group_object(CAST(type AS TEXT), json_array(value, {revision}) ORDER BY type)
     FROM orthanc.Metadata WHERE id = n.old AND value IS NOT NULL AND (n.level = 4 OR type <> 7))
    {values}
FROM numbers AS n JOIN orthanc.Resources AS r ON r.internalId = n.old
LEFT JOIN numbers AS p ON p.old = n.parent
WHERE n.level = {level} AND n.old > ? AND n.old <= ? ORDER BY n.old
"""
# A study's rows hold what its file says of the patient as well.
_OF_PATIENT = """(EXISTS (SELECT 1 FROM orthanc.MainDicomTags AS above WHERE above.id = n.parent
        AND above.tagGroup = t.tagGroup AND above.tagElement = t.tagElement)
    OR printf('%04x,%04x', tagGroup, tagElement) IN ({patient_tags}))"""
TAGS_OF_STUDY = "json_set({}, '$.{}', json({}))".format(
    TAGS.format(which=f" AND NOT {_OF_PATIENT}"),
    OF_PATIENT,
    TAGS.format(which=f" AND {_OF_PATIENT}"),
)
# What a file lacks, Orthanc may still have as an identifier (an empty PatientID).
SEARCHED_VALUE = """,
    normalized(coalesce((SELECT value FROM orthanc.MainDicomTags WHERE id = {owner}
        AND tagGroup = {group} AND tagElement = {element}),
      (SELECT value FROM orthanc.DicomIdentifiers WHERE id = {owner}
        AND tagGroup = {group} AND tagElement = {element}){default}))"""

ATTACHMENTS = """
INSERT INTO attachments (resource, content_type, uuid, uncompressed_size, uncompressed_md5,
    compressed_size, compressed_md5, compression, revision)
SELECT n.new, f.fileType, unhex(f.uuid, '-'), f.uncompressedSize,
    nullif(unhex(f.uncompressedMD5), x''), f.compressedSize, nullif(unhex(f.compressedMD5), x''),
    f.compressionType, {revision}
FROM numbers AS n JOIN orthanc.AttachedFiles AS f ON f.id = n.old ORDER BY n.new, f.fileType
"""
LABELS = """
INSERT INTO labels (resource, label)
SELECT n.new, l.label FROM orthanc.Labels AS l JOIN numbers AS n ON n.old = l.id ORDER BY 1, 2
"""
CHANGES = """
INSERT INTO changes (seq, type, resource, date)
SELECT c.seq, c.changeType, n.new, seconds(c.date)
FROM orthanc.Changes AS c JOIN numbers AS n ON n.old = c.internalId
WHERE c.changeType IN ({types}) ORDER BY c.seq
"""
# What plugins kept, the housekeeper among them; the modalities (20) and peers (21) that were
# entered over REST; and that the archive was filled by an Orthanc.
PROPERTIES = """
INSERT INTO properties (name, value)
SELECT 'property/' || property, CAST(value AS TEXT)
FROM orthanc.GlobalProperties WHERE (property IN (20, 21) OR property >= 1024) AND value IS NOT NULL
UNION ALL SELECT 'adopted', 'Orthanc'
"""
EXPORTS = """
INSERT INTO exports
    (seq, level, public_id, remote, date, patient_id, study_uid, series_uid, sop_uid)
SELECT seq, resourceType, unhex(publicId, '-'), ifnull(remoteModality, ''), seconds(date),
    ifnull(patientId, ''), ifnull(studyInstanceUid, ''), ifnull(seriesInstanceUid, ''),
    ifnull(sopInstanceUid, '')
FROM orthanc.ExportedResources ORDER BY seq
"""

OWN_SIZES = """
CREATE TEMP TABLE sizes (resource INTEGER PRIMARY KEY, disk INTEGER, plain INTEGER,
    dicom_disk INTEGER, dicom_plain INTEGER);
INSERT INTO sizes SELECT resource, SUM(compressed_size), SUM(uncompressed_size),
    ifnull(SUM(compressed_size) FILTER (WHERE content_type = 1), 0),
    ifnull(SUM(uncompressed_size) FILTER (WHERE content_type = 1), 0)
FROM attachments GROUP BY resource;
CREATE TEMP TABLE updates (resource INTEGER PRIMARY KEY, at INTEGER);
INSERT INTO updates SELECT n.new, seconds(m.value) FROM orthanc.Metadata AS m
    JOIN numbers AS n ON n.old = m.id WHERE m.type = 7 AND n.level < 4;
"""
# From the series up: each level adds up the one below it.
TALLIES = """
INSERT INTO tallies (resource, studies, series, instances, disk_size, uncompressed_size,
    dicom_disk_size, dicom_uncompressed_size, last_update, activity, unstable_at)
SELECT r.id, below.studies, below.series, below.instances, below.disk + ifnull(own.disk, 0),
    below.plain + ifnull(own.plain, 0), below.dicom_disk + ifnull(own.dicom_disk, 0),
    below.dicom_plain + ifnull(own.dicom_plain, 0), ifnull(updates.at, ?), below.activity, NULL
FROM resources AS r JOIN ({below}) AS below ON below.parent = r.id
LEFT JOIN sizes AS own ON own.resource = r.id
LEFT JOIN updates ON updates.resource = r.id
WHERE r.level = {level}
"""
BELOW_SERIES = """
SELECT i.parent AS parent, 0 AS studies, 0 AS series, COUNT(*) AS instances,
    ifnull(SUM(s.disk), 0) AS disk, ifnull(SUM(s.plain), 0) AS plain,
    ifnull(SUM(s.dicom_disk), 0) AS dicom_disk, ifnull(SUM(s.dicom_plain), 0) AS dicom_plain,
    MAX(i.id) AS activity
FROM resources AS i LEFT JOIN sizes AS s ON s.resource = i.id
WHERE i.level = 4 GROUP BY i.parent"""
BELOW = """
SELECT c.parent AS parent, {studies} AS studies, {series} AS series, SUM(t.instances) AS instances,
    SUM(t.disk_size) AS disk, SUM(t.uncompressed_size) AS plain,
    SUM(t.dicom_disk_size) AS dicom_disk, SUM(t.dicom_uncompressed_size) AS dicom_plain,
    MAX(t.activity) AS activity
FROM resources AS c JOIN tallies AS t ON t.resource = c.id
WHERE c.level = {level} GROUP BY c.parent"""

TOTALS = """
UPDATE totals SET
    patients = (SELECT COUNT(*) FROM resources WHERE level = 1),
    studies = (SELECT COUNT(*) FROM resources WHERE level = 2),
    series = (SELECT COUNT(*) FROM resources WHERE level = 3),
    instances = (SELECT COUNT(*) FROM resources WHERE level = 4),
    disk_size = (SELECT ifnull(SUM(compressed_size), 0) FROM attachments),
    uncompressed_size = (SELECT ifnull(SUM(uncompressed_size), 0) FROM attachments),
    last_parent = (SELECT ifnull(MAX(id), 0) FROM resources WHERE level < 4),
    last_instance = (SELECT ifnull(MAX(id), 268435456) FROM resources WHERE level = 4),
    last_change = max((SELECT ifnull(MAX(seq), 0) FROM orthanc.Changes),
        ifnull((SELECT seq FROM orthanc.sqlite_sequence WHERE name = 'Changes'), 0));
UPDATE totals SET last_shown = last_change;
UPDATE places SET
    files = (SELECT COUNT(*) FROM attachments),
    size = (SELECT ifnull(SUM(compressed_size), 0) FROM attachments) WHERE number = 0;
"""
READ_TOTALS = (
    "SELECT patients, studies, series, instances, disk_size, uncompressed_size FROM totals"
)

# Orthanc forgets what is not stable when it stops. Its log still tells where an instance came after
# the resource was last declared stable: our server then declares it, as soon as it has been quiet.
ARRIVALS = """
CREATE TEMP TABLE arrivals (resource INTEGER PRIMARY KEY, seq INTEGER NOT NULL);
INSERT INTO arrivals SELECT i.parent, MAX(c.seq) FROM changes AS c
    JOIN resources AS i ON i.id = c.resource WHERE c.type = 2 GROUP BY i.parent;
INSERT INTO arrivals SELECT r.parent, MAX(a.seq) FROM arrivals AS a
    JOIN resources AS r ON r.id = a.resource WHERE r.level = 3 GROUP BY r.parent;
INSERT INTO arrivals SELECT r.parent, MAX(a.seq) FROM arrivals AS a
    JOIN resources AS r ON r.id = a.resource WHERE r.level = 2 GROUP BY r.parent;
UPDATE tallies SET unstable_at = last_update WHERE
    (SELECT seq FROM arrivals WHERE resource = tallies.resource)
    > ifnull((SELECT MAX(seq) FROM changes WHERE resource = tallies.resource
        AND type IN (12, 13, 14)), 0);
"""

RECYCLING_ORDER = """
SELECT n.new, t.activity FROM orthanc.PatientRecyclingOrder AS o
JOIN numbers AS n ON n.old = o.patientId JOIN tallies AS t ON t.resource = n.new ORDER BY o.seq
"""
