import pytest

from repertory.actors.filtering import PATIENCE
from repertory.actors.messages.instances import (
    AppendToUpload,
    BeginUpload,
    StoreInstance,
)
from repertory.actors.messages.resources import DescribeResource
from repertory.actors.messages.scripting import FilterInstance, FiltersChanged
from repertory.actors.reply import Reply
from repertory.errors import NotDicom, ScriptFailed
from repertory.model import Level, Origin, OriginKind, StoreStatus
from repertory.testing.files import make_dicom


@pytest.fixture
def filtered(archive):
    """The archive, with a filter that answers so."""

    def start(verdict):
        archive.stage.understudy(FilterInstance, answer=verdict)
        archive.stage.board.publish(FiltersChanged(names=frozenset({"ReceivedInstanceFilter"})))
        return archive.stage

    return start


def files(archive):
    return [path for path in (archive.folder / "files").rglob("*") if path.is_file()]


def upload(stage, content):
    name = stage.ask(BeginUpload())
    stage.ask(AppendToUpload(upload=name, content=content))
    return StoreInstance(content=name)


def test_a_filter_sees_the_tags_before_anything_is_kept(filtered):
    stage = filtered(True)
    origin = Origin(kind=OriginKind.REST_API, remote_ip="10.0.0.1")

    receipt = stage.ask(StoreInstance(content=make_dicom(patient_id="007"), origin=origin))
    (asked,) = stage.heard(FilterInstance)

    assert receipt.status is StoreStatus.SUCCESS
    assert asked.tags["PatientID"] == "007"
    assert asked.origin == origin
    assert asked.info["HasPixelData"] is True


@pytest.mark.parametrize("spooled", [False, True])
def test_what_is_refused_leaves_no_trace(filtered, archive, spooled):
    stage = filtered(False)
    content = make_dicom()

    receipt = stage.ask(upload(stage, content) if spooled else StoreInstance(content=content))

    assert receipt.status is StoreStatus.FILTERED_OUT
    assert files(archive) == []


@pytest.mark.parametrize("spooled", [False, True])
def test_a_filter_that_fails_leaves_no_trace_either(filtered, archive, spooled):
    stage = filtered(ScriptFailed())
    content = make_dicom()

    with pytest.raises(ScriptFailed):
        stage.ask(upload(stage, content) if spooled else StoreInstance(content=content))

    assert files(archive) == []


@pytest.mark.parametrize("spooled", [False, True])
def test_another_file_may_take_its_place(filtered, archive, spooled):
    other = make_dicom(patient_id="OTHER", seed=7)
    stage = filtered(other)
    content = make_dicom(patient_id="ONE")

    receipt = stage.ask(upload(stage, content) if spooled else StoreInstance(content=content))

    (file,) = files(archive)
    assert file.read_bytes() == other
    described = stage.ask(DescribeResource(level=Level.PATIENT, id=receipt.ids.patient))
    assert described.main_tags["0010,0020"] == "OTHER"
    first, *_ = stage.heard(FilterInstance)
    assert spooled or first.content == content


@pytest.mark.parametrize("spooled", [False, True])
def test_what_is_no_dicom_takes_no_place(filtered, archive, spooled):
    stage = filtered(b"no DICOM")
    content = make_dicom()

    with pytest.raises(ScriptFailed):
        stage.ask(upload(stage, content) if spooled else StoreInstance(content=content))

    assert files(archive) == []


def test_a_large_file_that_is_admitted_is_kept(filtered, archive):
    stage = filtered(True)

    receipt = stage.ask(upload(stage, make_dicom()))

    assert receipt.status is StoreStatus.SUCCESS
    assert len(files(archive)) == 1


def test_a_filter_that_hangs_is_given_up(filtered, archive):
    stage = filtered(lambda _: Reply())
    reply = stage.ask_soon(StoreInstance(content=make_dicom()))
    stage.settle()
    assert not reply.done

    stage.clock.advance(PATIENCE)

    with pytest.raises(ScriptFailed, match="no answer"):
        reply.get(timeout=10)
    assert files(archive) == []


def test_what_is_not_dicom_does_not_reach_the_filter(filtered):
    stage = filtered(True)

    with pytest.raises(NotDicom):
        stage.ask(StoreInstance(content=b"%PDF-1.7"))
    with pytest.raises(NotDicom):
        stage.ask(upload(stage, b"%PDF-1.7"))

    assert stage.heard(FilterInstance) == []


def test_a_filter_that_is_dropped_is_asked_no_more(filtered):
    stage = filtered(False)
    stage.board.publish(FiltersChanged(names=frozenset()))

    assert stage.ask(StoreInstance(content=make_dicom())).status is StoreStatus.SUCCESS
    assert stage.heard(FilterInstance) == []
