import os
import threading
from pathlib import Path

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from repertory.actors.checking import Check
from repertory.actors.deletion_queue import DeletionQueueActor
from repertory.actors.integrity import IntegrityActor
from repertory.actors.messages.attachments import (
    ReadAttachment,
    ReadTags,
    RecompressAttachment,
    RemoveReleased,
    StoreAttachment,
)
from repertory.actors.messages.instances import StoreInstance
from repertory.actors.messages.integrity import (
    AwaitCheck,
    BeginCheck,
    CountFiles,
    DescribeIntegrity,
    ListDamaged,
    SetAside,
    SurveyFiles,
)
from repertory.actors.messages.resources import DeleteResource, DescribeResource, ListResources
from repertory.actors.messages.system import DescribeTotals
from repertory.actors.reply import Reply
from repertory.errors import FileCorrupted, FileLost, IndexBusy, ShuttingDown, StorageFailed
from repertory.integrity import Damage
from repertory.model import Compression, Level
from repertory.storage.areas.filesystem import LOST_AND_FOUND
from repertory.storage.files import FileOptions
from repertory.storage.index.policy import Overwriting, StorePolicy
from repertory.testing.files import make_dicom, make_study

ORPHAN = "0f0f0f0f-0000-4000-8000-000000000000"
AT_ONCE = float("-inf")


def stored(archive, contents):
    return [archive.stage.ask(StoreInstance(content=content)) for content in contents]


def file_of(archive, receipt):
    question = DescribeResource(level=Level.INSTANCE, id=receipt.ids.instance)
    return archive.stage.ask(question).attachment


def path_of(archive, receipt):
    return place(archive, file_of(archive, receipt).uuid)


def place(archive, uuid):
    return archive.folder / "files" / uuid[:2] / uuid[2:4] / uuid


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path):
    path.write_bytes(path.read_bytes()[:-2])


def add(archive, uuid=ORPHAN, content=b"nobody's"):
    path = place(archive, uuid)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def all_files(archive):
    found = (path for path in (archive.folder / "files").rglob("*") if path.is_file())
    return sorted(path.name for path in found)


def check(archive, **how):
    archive.stage.ask(BeginCheck(**how))
    state = archive.stage.ask(AwaitCheck())
    assert not state.is_running
    assert state.problem == ""
    return state.report


def damage(report):
    return {(file.id, file.damage) for file in report.damaged}


@pytest.fixture
def checked(archive):
    """The archive, with somebody who checks it and takes no file for one that is on its way."""
    archive.stage.put_on(IntegrityActor, young=AT_ONCE)
    return archive


def test_nothing_is_wrong_with_an_archive_that_was_left_alone(checked):
    receipts = stored(checked, make_study(series=2, instances=3))
    checked.stage.ask(DeleteResource(level=Level.INSTANCE, id=receipts[0].ids.instance))
    report = check(checked, checksums=True)

    assert report.is_sound
    assert (report.files, report.foreign) == (5, 0)
    assert report.size == checked.stage.ask(DescribeTotals()).disk_size


def test_an_empty_archive_is_sound(checked):
    assert check(checked, checksums=True).is_sound


def test_what_was_done_behind_our_back_is_found(checked):
    lost, short, flipped, _ = stored(checked, [make_dicom() for _ in range(4)])
    path_of(checked, lost).unlink()
    cut(path_of(checked, short))
    flip(path_of(checked, flipped))
    add(checked)
    (checked.folder / "files" / "0f" / "notes.txt").write_text("not ours")
    report = check(checked, checksums=True)

    assert damage(report) == {
        (lost.ids.instance, Damage.LOST),
        (short.ids.instance, Damage.WRONG_SIZE),
        (flipped.ids.instance, Damage.CORRUPTED),
    }
    (truncated,) = [it for it in report.damaged if it.damage is Damage.WRONG_SIZE]
    assert (truncated.level, truncated.found) == (Level.INSTANCE, truncated.size - 2)
    assert [(it.uuid, it.size) for it in report.orphans] == [(ORPHAN, 8)]
    assert report.foreign == 1
    assert report.counters == ()


def test_without_checksums_no_file_is_read(checked):
    (receipt,) = stored(checked, [make_dicom()])
    flip(path_of(checked, receipt))

    assert check(checked).is_sound


def test_a_check_changes_nothing(checked):
    (receipt,) = stored(checked, [make_dicom()])
    flip(path_of(checked, receipt))
    add(checked)
    before = all_files(checked)
    first = check(checked, checksums=True)
    second = check(checked, checksums=True)

    assert (first.damaged, first.orphans) == (second.damaged, second.orphans)
    assert all_files(checked) == before
    assert checked.stage.ask(ListDamaged()) == ()


def test_a_repair_marks_moves_and_removes_nothing(checked):
    lost, flipped, good = stored(checked, [make_dicom() for _ in range(3)])
    path_of(checked, lost).unlink()
    flip(path_of(checked, flipped))
    orphan = add(checked)
    before = all_files(checked)
    report = check(checked, checksums=True, repair=True)

    assert (report.marked, report.moved, report.corrected, report.cleared) == (2, 1, 0, 0)
    assert all_files(checked) == before
    aside = checked.folder / "files" / LOST_AND_FOUND / orphan.relative_to(checked.folder / "files")
    assert aside.read_bytes() == b"nobody's"
    assert not orphan.exists()
    assert file_of(checked, lost).damage == "Lost"
    assert file_of(checked, flipped).damage == "Corrupted"
    assert file_of(checked, good).damage == ""
    assert check(checked).orphans == ()


def test_what_was_marked_is_told_by_later_checks_until_it_is_well_again(checked):
    (receipt,) = stored(checked, [make_dicom()])
    path = path_of(checked, receipt)
    good = path.read_bytes()
    flip(path)
    check(checked, checksums=True, repair=True)
    # Without checksums, too: a file that is known to be damaged is read.
    assert damage(check(checked)) == {(receipt.ids.instance, Damage.CORRUPTED)}
    path.write_bytes(good)
    report = check(checked, repair=True)

    assert (report.is_sound, report.cleared) == (True, 1)
    assert file_of(checked, receipt).damage == ""


def test_a_mark_goes_with_its_resource(checked):
    (receipt,) = stored(checked, [make_dicom()])
    path_of(checked, receipt).unlink()
    check(checked, repair=True)
    checked.stage.ask(DeleteResource(level=Level.INSTANCE, id=receipt.ids.instance))

    assert checked.stage.ask(ListDamaged()) == ()
    assert check(checked).is_sound


@pytest.mark.parametrize(
    ("table", "column"),
    [
        *(("tallies", name) for name in ("studies", "series", "instances", "disk_size")),
        *(("tallies", name) for name in ("uncompressed_size", "dicom_disk_size")),
        ("tallies", "dicom_uncompressed_size"),
        *(("totals", name) for name in ("patients", "studies", "series", "instances")),
        *(("totals", name) for name in ("disk_size", "uncompressed_size")),
    ],
)
def test_counters_that_disagree_are_found_and_corrected(checked, table, column):
    stored(checked, make_study(series=2, instances=2))
    stored(checked, make_study(series=1, instances=2))
    meddle(checked, f"UPDATE {table} SET {column} = {column} + 7")
    report = check(checked, repair=True)

    assert {it.counter for it in report.counters} == {column}
    assert all(it.kept == it.counted + 7 for it in report.counters)
    assert report.corrected == len(report.counters)
    assert check(checked).is_sound


def test_a_counter_that_is_gone_is_made_again(checked):
    stored(checked, make_study(series=1, instances=2))
    meddle(checked, "DELETE FROM tallies WHERE resource = 1")
    assert not check(checked, repair=True).is_sound

    assert check(checked).is_sound


def meddle(archive, sql):
    connection = apsw.Connection(str(archive.folder / "index" / "repertory.db"))
    connection.execute(sql)
    connection.close()


def test_an_archive_larger_than_the_memory_is_checked_in_slices(checked):
    receipts = stored(checked, make_study(series=2, instances=8))
    path_of(checked, receipts[3]).unlink()
    add(checked)
    whole = check(checked, checksums=True)
    sliced = Check(
        now=checked.stage.clock.now, checksums=True, repair=False, young=AT_ONCE, rows_at_once=3
    )
    asked = []
    answer = None
    steps = sliced.steps()
    try:
        while True:
            question = steps.send(answer)
            asked.append(question)
            answer = checked.stage.ask(question)
    except StopIteration:
        report = sliced.report()

    assert report == whole
    assert len([it for it in asked if isinstance(it, SurveyFiles)]) == 256


def test_a_young_file_without_a_row_may_be_on_its_way(archive):
    archive.stage.put_on(IntegrityActor)
    orphan = add(archive)
    assert check(archive, repair=True).is_sound
    os.utime(orphan, (1e9, 1e9))

    assert [it.uuid for it in check(archive).orphans] == [ORPHAN]


def test_files_that_wait_to_be_removed_are_no_orphans(archive):
    # Nobody removes them: the queue is not on the stage.
    archive.restart(without=(DeletionQueueActor,))
    archive.stage.put_on(IntegrityActor, young=AT_ONCE)
    receipts = stored(archive, make_study(series=1, instances=3))
    archive.stage.ask(DeleteResource(level=Level.STUDY, id=receipts[0].ids.study))

    assert check(archive).is_sound


def test_a_check_while_instances_come_and_go_finds_nothing_wrong(archive):
    archive.stage.put_on(IntegrityActor)
    stored(archive, make_study(series=4, instances=10))
    stop = threading.Event()
    failures = []

    def come_and_go(name):
        try:
            number = 0
            while not stop.is_set():
                number += 1
                (receipt,) = stored(archive, [make_dicom(patient_id=f"{name}-{number}")])
                if number % 2:
                    archive.stage.ask(DeleteResource(level=Level.STUDY, id=receipt.ids.study))
        except Exception as error:  # noqa: BLE001 - told to the test
            failures.append(error)

    threads = [threading.Thread(target=come_and_go, args=(n,), daemon=True) for n in range(2)]
    for thread in threads:
        thread.start()
    before = len(archive.files())
    reports = [check(archive, checksums=bool(n % 2), repair=True) for n in range(6)]
    stop.set()
    for thread in threads:
        thread.join(30)

    assert failures == []
    assert [report for report in reports if not report.is_sound] == []
    assert reports[-1].files >= before - 4
    assert not (archive.folder / "files" / LOST_AND_FOUND).exists()


def test_one_check_at_a_time(checked):
    late = Reply()
    checked.stage.understudy(CountFiles, answer=lambda _: late)
    state = checked.stage.ask(BeginCheck())
    assert state.is_running
    with pytest.raises(IndexBusy):
        checked.stage.ask(BeginCheck())
    assert checked.stage.ask(DescribeIntegrity()).phase == "Index"
    late.set(0)

    assert checked.stage.ask(AwaitCheck()).report.is_sound


def test_an_archive_that_stops_does_not_wait_for_a_check(archive):
    ref = archive.stage.put_on(IntegrityActor)
    archive.stage.understudy(SurveyFiles, answer=lambda _: Reply())
    archive.stage.ask(BeginCheck())
    waiting = archive.stage.ask_soon(AwaitCheck())
    archive.stage.settle()
    archive.stage.take_off(ref)

    assert isinstance(waiting.error, ShuttingDown)


def test_a_storage_that_cannot_be_read_ends_the_check_and_tells_why(checked):
    checked.stage.understudy(SurveyFiles, answer=StorageFailed("The storage area is gone."))
    checked.stage.ask(BeginCheck())
    state = checked.stage.ask(AwaitCheck())

    assert (state.is_running, state.report, state.problem) == (
        False,
        None,
        "The storage area is gone.",
    )


def test_an_orphan_that_cannot_be_moved_does_not_stop_the_repair(checked):
    add(checked)
    meddle(checked, "UPDATE totals SET series = 3")
    checked.stage.understudy(SetAside, answer=StorageFailed())
    report = check(checked, repair=True)

    assert (report.moved, report.corrected) == (0, 1)


@pytest.mark.parametrize("read", [ReadAttachment, ReadTags])
@pytest.mark.parametrize(
    ("harm", "error", "word"), [(Path.unlink, FileLost, "Lost"), (cut, FileCorrupted, "Corrupted")]
)
def test_who_reads_a_damaged_file_is_told_which_and_others_can_see_it(
    checked, read, harm, error, word
):
    (receipt,) = stored(checked, [make_dicom(tags={"PixelData": None})])
    path = path_of(checked, receipt)
    harm(path)
    id_ = receipt.ids.instance
    question = (
        ReadAttachment(level=Level.INSTANCE, id=id_) if read is ReadAttachment else ReadTags(id=id_)
    )
    with pytest.raises(error) as caught:
        checked.stage.ask(question)

    assert id_ in str(caught.value)
    assert path.name in str(caught.value)
    assert str(checked.folder) not in str(caught.value)
    checked.stage.settle()
    assert file_of(checked, receipt).damage == word


DAMAGES = st.sampled_from(["none", "lost", "cut", "flipped", "emptied"])


@given(
    harms=st.lists(DAMAGES, min_size=1, max_size=8),
    orphans=st.lists(st.uuids(version=4), unique=True, max_size=4),
    off=st.integers(-5, 5),
)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_damage_is_found_repaired_and_healed_by_uploads(
    harms, orphans, off, tmp_path_factory, archive_class
):
    archive = archive_class(tmp_path_factory.mktemp("damaged"))
    archive.stage.put_on(IntegrityActor, young=AT_ONCE)
    contents = [make_dicom() for _ in harms]
    receipts = stored(archive, contents)
    expected = set()
    for receipt, harm in zip(receipts, harms, strict=True):
        path = path_of(archive, receipt)
        if harm == "lost":
            path.unlink()
            expected.add((receipt.ids.instance, Damage.LOST))
        elif harm == "flipped":
            flip(path)
            expected.add((receipt.ids.instance, Damage.CORRUPTED))
        elif harm != "none":
            path.write_bytes(b"" if harm == "emptied" else path.read_bytes()[:-1])
            expected.add((receipt.ids.instance, Damage.WRONG_SIZE))
    for uuid in orphans:
        add(archive, str(uuid))
    meddle(archive, f"UPDATE totals SET instances = instances + {off}")
    before = all_files(archive)
    report = check(archive, checksums=True, repair=True)

    assert damage(report) == expected
    assert [it.uuid for it in report.orphans] == sorted(map(str, orphans))
    assert len(report.counters) == (off != 0)
    assert all_files(archive) == before
    again = stored(archive, contents)
    assert [it.repaired for it in again] == [harm != "none" for harm in harms]
    archive.stage.ask(RemoveReleased())
    healed = check(archive, checksums=True, repair=True)
    assert healed.is_sound
    assert len(archive.files()) == len(contents)
    assert len(archive.stage.ask(ListResources(level=Level.INSTANCE))) == len(contents)
    archive.stage.close()


@pytest.mark.parametrize("form", list(Compression))
def test_files_of_every_form_and_of_users_are_counted_and_compared_as_they_are_stored(
    archive, form
):
    archive.options = FileOptions(compression=form)
    archive.policy = StorePolicy(overwriting=Overwriting.IF_CHANGED)
    archive.restart()
    archive.stage.put_on(IntegrityActor, young=AT_ONCE)
    uids = {"study": "1.2.3", "series": "1.2.3.4", "instance": "1.2.3.4.5"}
    contents = [make_dicom(**uids, size=size) for size in (20_000, 30_000)]
    receipts = stored(archive, [*contents, make_dicom(size=20_000)])
    for receipt, packed in zip(receipts[1:], (True, False), strict=True):
        archive.stage.ask(
            RecompressAttachment(level=Level.INSTANCE, id=receipt.ids.instance, compressed=packed)
        )
    archive.stage.ask(
        StoreAttachment(
            level=Level.STUDY, id=receipts[0].ids.study, content_type=1024, content=b"note" * 99
        )
    )

    report = check(archive, checksums=True)
    assert (report.is_sound, report.files) == (True, 3)
    for receipt in receipts[1:]:
        flip(path_of(archive, receipt))
    report = check(archive, checksums=True)
    assert [it.damage for it in report.damaged] == [Damage.CORRUPTED] * 2
