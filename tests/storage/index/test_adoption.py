import hashlib
import json
import os
import subprocess
import sys
from contextlib import closing

import apsw
import pytest

from repertory.errors import CannotStart
from repertory.items import Outdated
from repertory.model import ChangeType, Level, ResourceId, Totals
from repertory.storage.index.adoption import WORKSHOP, adopt
from repertory.storage.index.sqlite.engine import SqliteEngine

# The tables of Orthanc 1.13, as far as they matter here.
SCHEMA = """
CREATE TABLE GlobalProperties(property INTEGER PRIMARY KEY, value TEXT);
CREATE TABLE GlobalIntegers(key INTEGER PRIMARY KEY, value INTEGER);
CREATE TABLE Resources(internalId INTEGER PRIMARY KEY AUTOINCREMENT, resourceType INTEGER,
    publicId TEXT, parentId INTEGER);
CREATE TABLE MainDicomTags(id INTEGER, tagGroup INTEGER, tagElement INTEGER, value TEXT,
    PRIMARY KEY(id, tagGroup, tagElement));
CREATE TABLE DicomIdentifiers(id INTEGER, tagGroup INTEGER, tagElement INTEGER, value TEXT,
    PRIMARY KEY(id, tagGroup, tagElement));
CREATE TABLE Metadata(id INTEGER, type INTEGER, value TEXT, revision INTEGER,
    PRIMARY KEY(id, type));
CREATE TABLE AttachedFiles(id INTEGER, fileType INTEGER, uuid TEXT, compressedSize INTEGER,
    uncompressedSize INTEGER, compressionType INTEGER, uncompressedMD5 TEXT, compressedMD5 TEXT,
    revision INTEGER, customData BLOB, PRIMARY KEY(id, fileType));
CREATE TABLE Changes(seq INTEGER PRIMARY KEY AUTOINCREMENT, changeType INTEGER,
    internalId INTEGER, resourceType INTEGER, date TEXT);
CREATE TABLE ExportedResources(seq INTEGER PRIMARY KEY AUTOINCREMENT, resourceType INTEGER,
    publicId TEXT, remoteModality TEXT, patientId TEXT, studyInstanceUid TEXT,
    seriesInstanceUid TEXT, sopInstanceUid TEXT, date TEXT);
CREATE TABLE PatientRecyclingOrder(seq INTEGER PRIMARY KEY AUTOINCREMENT, patientId INTEGER);
CREATE TABLE Labels(id INTEGER, label TEXT, PRIMARY KEY(id, label));
INSERT INTO GlobalProperties VALUES (1, '6');
INSERT INTO GlobalIntegers VALUES (0, 50), (1, 90);
"""
LEVELS = ((1, 4, 3), (2, 3, 2), (3, 2, 1), (4, 1, None))
"""Orthanc makes an instance before its parents, and numbers them so: id, level, parent."""

UUID = "0a1b2c3d-0000-4000-8000-0123456789ab"
REPORT = "5c5c5c5c-0000-4000-8000-000000000001"


def identifier(*words):
    return ResourceId(hashlib.sha1("|".join(words).encode()).digest().hex("-", 4))


PATIENT = identifier("P1")
STUDY = identifier("P1", "1.2")
SERIES = identifier("P1", "1.2", "1.2.3")
INSTANCE = identifier("P1", "1.2", "1.2.3", "1.2.3.4")


@pytest.fixture
def folder(tmp_path):
    """A folder of Orthanc with one instance, and a report in its study."""
    folder = tmp_path / "orthanc"
    folder.mkdir()
    with closing(apsw.Connection(str(folder / "index"))) as db:
        db.execute(SCHEMA)
        db.executemany(
            "INSERT INTO Resources VALUES (?, ?, ?, ?)",
            [(1, 4, INSTANCE, 2), (2, 3, SERIES, 3), (3, 2, STUDY, 4), (4, 1, PATIENT, None)],
        )
        db.executemany(
            "INSERT INTO MainDicomTags VALUES (?, ?, ?, ?)",
            [
                (1, 0x0008, 0x0018, "1.2.3.4"),
                (1, 0x0020, 0x0013, "7"),
                (2, 0x0020, 0x000E, "1.2.3"),
                (2, 0x0008, 0x0060, "CT"),
                (3, 0x0020, 0x000D, "1.2"),
                (3, 0x0008, 0x1030, 'Kopf "é"'),
                (3, 0x0010, 0x0020, "P1"),
                (3, 0x0010, 0x0010, "Müller^Anna"),
                (4, 0x0010, 0x0020, "P1"),
                (4, 0x0010, 0x0010, "Müller^Anna"),
            ],
        )
        db.executemany(
            "INSERT INTO Metadata VALUES (?, ?, ?, ?)",
            [
                (1, 1, "7", 0),
                (1, 2, "20240102T030405", 0),
                (1, 1024, "seen", 3),
                (2, 4, "12", 0),
                (2, 7, "20240102T030405", 0),
                (3, 7, "20240102T030406", 0),
                (4, 7, "20240102T030407", 0),
            ],
        )
        md5 = hashlib.md5(b"plain").hexdigest()
        db.executemany(
            "INSERT INTO AttachedFiles VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)",
            [
                (1, 1, UUID, 20, 60, 2, md5, hashlib.md5(b"small").hexdigest(), 1),
                (3, 1024, REPORT, 30, 30, 1, "", "", 5),
            ],
        )
        db.executemany(
            "INSERT INTO Changes VALUES (?, ?, ?, ?, ?)",
            [(3, 2, 1, 4, "20240102T030405"), (5, 5, 3, 2, "20240102T030406.123")],
        )
        db.execute("UPDATE sqlite_sequence SET seq = 11 WHERE name = 'Changes'")
        db.execute("INSERT INTO Labels VALUES (3, 'urgent'), (1, 'b'), (1, 'a')")
    put(folder, UUID, 20)
    put(folder, REPORT, 30)
    return folder


def put(folder, uuid, size):
    path = folder / uuid[:2] / uuid[2:4] / uuid
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x" * size)


def change(folder, sql):
    with closing(apsw.Connection(str(folder / "index"))) as db:
        db.execute(sql)


def contents(folder):
    """Every file with its bytes and its time, Orthanc's and ours."""
    return {
        path.relative_to(folder): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def take_over(folder, **options):
    return adopt(folder, orthanc=folder, index=folder, **options)


@pytest.fixture
def read(folder):
    """Adopt the folder and read our index; closed with the test."""
    opened = []

    def read():
        take_over(folder)
        engine = SqliteEngine(folder)
        engine.open()
        reader = engine.reader()
        opened.extend((reader, engine))
        return reader

    yield read
    for part in opened:
        part.close()


def test_resources_keep_their_identifiers_tags_and_parents(read):
    index = read()

    study = index.describe_resource(Level.STUDY, STUDY)

    assert study.parent == PATIENT
    assert study.children == (SERIES,)
    assert study.main_tags == {"0008,1030": 'Kopf "é"', "0020,000d": "1.2"}
    assert study.patient_tags == {"0010,0010": "Müller^Anna", "0010,0020": "P1"}
    assert study.labels == ("urgent",)
    assert study.metadata == {7: "20240102T030406"}


def test_sequences_among_the_main_tags_are_kept(folder, read):
    sequences = {"0040,0275": {"Name": "X", "Type": "Sequence", "Value": [{}]}}
    written = json.dumps({"Sequences": sequences, "Version": 1})
    change(folder, f"INSERT INTO Metadata VALUES (2, 16, '{written}', 0)")

    series = read().describe_resource(Level.SERIES, SERIES)

    assert series.main_sequences == sequences
    assert series.metadata[16] == written


def test_resources_without_a_list_of_main_tags_are_counted_at_the_first_start(folder):
    take_over(folder)
    engine = SqliteEngine(folder, signatures=dict.fromkeys(Level, "new"))
    engine.open()
    writer, reader = engine.writer(), engine.reader()
    outdated = reader.list_outdated()
    for part in (reader, writer, engine):
        part.close()

    assert outdated == tuple(Outdated(level, "", 1) for level in Level)


def test_an_instance_keeps_metadata_labels_and_its_compressed_file(read):
    instance = read().describe_resource(Level.INSTANCE, INSTANCE)

    assert instance.metadata == {1: "7", 2: "20240102T030405", 1024: "seen"}
    assert instance.labels == ("a", "b")
    assert instance.attachment.uuid == UUID
    assert instance.attachment.compression == 2
    assert instance.attachment.compressed_size == 20
    assert instance.attachment.uncompressed_size == 60
    assert instance.attachment.uncompressed_md5 == hashlib.md5(b"plain").hexdigest()
    assert instance.attachment.revision == 1


def test_what_plugins_kept_is_taken_over_and_that_an_orthanc_was_here(folder, read):
    change(folder, "INSERT INTO GlobalProperties VALUES (1025, '{\"Version\": 1}'), (3, 'own')")
    index = read()

    kept = index.describe_kept_state(1025)
    assert (kept.text, kept.is_adopted) == ('{"Version": 1}', True)
    assert index.describe_kept_state(3).text == ""


def test_revisions_of_metadata_are_kept(folder):
    take_over(folder)

    with closing(apsw.Connection(str(folder / "repertory.db"))) as db:
        rows = db.execute("SELECT metadata FROM resources WHERE level = 4").fetchall()
    assert json.loads(rows[0][0])["1024"] == ["seen", 3]


def test_sizes_and_numbers_are_added_up(read):
    index = read()

    assert index.describe_totals() == Totals(1, 1, 1, 1, 50, 90)
    patient = index.describe_statistics(Level.PATIENT, PATIENT)
    assert (patient.studies, patient.series, patient.instances) == (1, 1, 1)
    assert (patient.disk_size, patient.dicom_disk_size) == (50, 20)
    series = index.describe_statistics(Level.SERIES, SERIES)
    assert (series.disk_size, series.uncompressed_size) == (20, 60)


def test_an_attachment_without_md5_sums_of_a_study_is_kept(read):
    attachment, _ = read().describe_attachment(Level.STUDY, STUDY, 1024)

    assert (attachment.uuid, attachment.uncompressed_md5, attachment.revision) == (REPORT, "", 5)


def test_changes_keep_their_numbers_and_the_numbering_goes_on(read):
    index = read()

    page = index.list_changes(0, None, 100, ())
    assert [(c.seq, c.type, c.id, c.date) for c in page.changes] == [
        (3, ChangeType.NEW_INSTANCE, INSTANCE, "20240102T030405"),
        (5, ChangeType.NEW_STUDY, STUDY, "20240102T030406"),
    ]
    assert index.list_changes(100, None, 100, ()).last == 11


def test_what_was_not_stable_when_orthanc_stopped_is_yet_to_be_declared_stable(folder, read):
    change(folder, "INSERT INTO Changes VALUES (6, 13, 3, 2, '20240102T030500')")

    unstable = read().list_unstable()

    assert [(each.level, each.id) for each in unstable] == [
        (Level.SERIES, SERIES),
        (Level.PATIENT, PATIENT),
    ]


def test_a_cleared_log_leaves_everything_stable(folder, read):
    change(folder, "DELETE FROM Changes")

    assert read().list_unstable() == ()


def test_resources_are_found_by_their_identifiers(read):
    index = read()

    for uid, level in (("P1", 1), ("1.2", 2), ("1.2.3", 3), ("1.2.3.4", 4)):
        assert [ref.level for ref in index.lookup_identifier(uid)] == [level]


def test_a_patient_that_is_not_in_the_recycling_order_is_protected(read):
    assert read().describe_resource(Level.PATIENT, PATIENT).is_protected


def test_a_patient_that_is_in_the_recycling_order_is_not_protected(folder, read):
    change(folder, "INSERT INTO PatientRecyclingOrder VALUES (9, 4)")

    assert not read().describe_resource(Level.PATIENT, PATIENT).is_protected


def test_exports_are_kept_and_their_numbering_goes_on(folder, read):
    change(
        folder,
        f"INSERT INTO ExportedResources VALUES (4, 2, '{STUDY}', 'PACS', 'P1', '1.2', '', '',"
        " '20240102T030405'); DELETE FROM sqlite_sequence WHERE name = 'ExportedResources';"
        " INSERT INTO sqlite_sequence VALUES ('ExportedResources', 9)",
    )

    index = read()

    page = index.list_exports(0, 10)
    assert [(e.seq, e.level, e.id, e.remote) for e in page.exports] == [
        (4, Level.STUDY, STUDY, "PACS")
    ]
    with closing(apsw.Connection(str(folder / "repertory.db"))) as db:
        rows = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'exports'").fetchall()
    assert rows == [(9,)]


def test_patients_are_recycled_in_orthancs_order(folder):
    with closing(apsw.Connection(str(folder / "index"))) as db:
        for number, order in ((10, 30), (20, 20), (30, 40)):
            words = [f"P{number}", "1", "2", "3"]
            for level in (1, 2, 3, 4):
                db.execute(
                    "INSERT INTO Resources VALUES (?, ?, ?, ?)",
                    (
                        number + level,
                        level,
                        identifier(*words[:level]),
                        number + level - 1 if level > 1 else None,
                    ),
                )
            db.execute("INSERT INTO PatientRecyclingOrder VALUES (?, ?)", (order, number + 1))
    take_over(folder)

    with closing(apsw.Connection(str(folder / "repertory.db"))) as db:
        rows = db.execute(
            "SELECT hex(public_id), max(activity, unprotected_at) FROM resources JOIN tallies"
            " ON resource = id WHERE level = 1 AND is_protected = 0 ORDER BY 2"
        ).fetchall()
        last = db.execute("SELECT last_instance FROM totals").fetchall()[0][0]
    expected = [identifier(name).replace("-", "").upper() for name in ("P20", "P10", "P30")]
    assert [row[0] for row in rows] == expected
    assert len({row[1] for row in rows}) == 3
    assert last >= rows[-1][1]


def test_nothing_of_orthanc_is_changed(folder):
    before = contents(folder)

    take_over(folder)

    after = contents(folder)
    assert {name: after.get(name) for name in before} == before
    assert {str(name) for name in set(after) - set(before)} == {"repertory.db", "repertory.lock"}


def test_our_index_may_go_to_another_folder(folder, tmp_path):
    before = contents(folder)
    elsewhere = tmp_path / "index"

    adopt(folder, orthanc=folder, index=elsewhere)

    assert contents(folder) == before
    assert (elsewhere / "repertory.db").exists()


def test_what_orthanc_left_in_its_log_counts(folder):
    script = (
        "import apsw, os, sys\n"
        "db = apsw.Connection(sys.argv[1])\n"
        "db.pragma('locking_mode', 'EXCLUSIVE'); db.pragma('journal_mode', 'WAL')\n"
        "db.execute(\"INSERT INTO Labels VALUES (4, 'late')\")\n"
        "os._exit(9)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(folder / "index")], check=False)
    assert (folder / "index-wal").stat().st_size
    before = contents(folder)

    take_over(folder)

    assert {n: b for n, b in contents(folder).items() if n in before} == before
    with closing(apsw.Connection(str(folder / "repertory.db"))) as db:
        assert ("late",) in db.execute("SELECT label FROM labels").fetchall()


@pytest.mark.skipif(sys.platform == "win32", reason="locks of POSIX")
def test_a_running_orthanc_is_refused(folder):
    script = (
        "import apsw, sys\n"
        "db = apsw.Connection(sys.argv[1])\n"
        "db.pragma('locking_mode', 'EXCLUSIVE'); db.pragma('journal_mode', 'WAL')\n"
        "db.execute(\"INSERT INTO Labels VALUES (4, 'late')\")\n"
        "print('held', flush=True); sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", script, str(folder / "index")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as orthanc:
        assert orthanc.stdout.readline() == b"held\n"

        with pytest.raises(CannotStart, match="Orthanc is running"):
            take_over(folder)
        orthanc.stdin.close()
    assert not (folder / "repertory.db").exists()


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("UPDATE GlobalProperties SET value = '5'", "--upgrade"),
        ("UPDATE GlobalProperties SET value = '7'", "version 7"),
        ("DELETE FROM GlobalProperties", "unknown"),
        ("DROP TABLE AttachedFiles", "not the index of an Orthanc"),
        ("UPDATE AttachedFiles SET customData = x'01' WHERE id = 1", "plugin"),
        ("UPDATE AttachedFiles SET compressionType = 9", "compressed"),
        ("DELETE FROM Resources WHERE internalId = 3", "damaged"),
        ("UPDATE Resources SET publicId = 'nonsense' WHERE internalId = 1", "damaged"),
        ("DELETE FROM Resources WHERE internalId = 1", "damaged"),
    ],
)
def test_an_index_that_cannot_be_adopted_is_refused(folder, sql, words):
    change(folder, sql)

    with pytest.raises(CannotStart, match=words):
        take_over(folder)

    assert not (folder / "repertory.db").exists()
    assert not (folder / WORKSHOP).exists()


def test_a_file_that_is_no_database_is_refused(folder):
    (folder / "index").write_bytes(b"nothing of the kind")

    with pytest.raises(CannotStart, match="not a SQLite database"):
        take_over(folder)


def test_a_folder_without_an_index_is_refused(tmp_path):
    with pytest.raises(CannotStart, match="no index of an Orthanc"):
        take_over(tmp_path)


def test_a_folder_is_not_adopted_twice(folder):
    take_over(folder)

    with pytest.raises(CannotStart, match="already"):
        take_over(folder)


def test_what_a_kill_left_behind_is_in_nobodys_way(folder):
    (folder / WORKSHOP).mkdir()
    (folder / WORKSHOP / "repertory.db").write_bytes(b"half")

    assert take_over(folder).totals.instances == 1
    assert not (folder / WORKSHOP).exists()


def test_files_that_are_missing_or_short_are_told(folder):
    os.truncate(folder / "0a" / "1b" / UUID, 3)

    adoption = take_over(folder)

    assert adoption.looked_at == 2
    assert adoption.lost == (UUID,)


def test_sums_that_do_not_agree_are_told(folder):
    change(folder, "UPDATE GlobalIntegers SET value = 51 WHERE key = 0")

    assert "51 bytes" in take_over(folder).doubts[0]


def test_progress_is_told(folder):
    told = []

    take_over(folder, progress=lambda *words: told.append(words))

    assert ("instances", 1, 1) in told
    assert told[-1] == ("files", 2, 2)
