"""What a full archive does, and one that overwrites, as the rest of the cast sees it."""

import pytest

from repertory.actors.index import IndexActor
from repertory.actors.index_reader import IndexReaderActor
from repertory.actors.messages.attachments import ReadAttachment, RemoveReleased
from repertory.actors.messages.changes import ListChanges
from repertory.actors.messages.instances import InstanceStored, StoreInstance
from repertory.actors.messages.resources import DeleteResource, ListResources, ResourceDeleted
from repertory.actors.messages.system import DescribeTotals
from repertory.errors import Forbidden, LimitReached
from repertory.model import ChangeType, Level, StoreStatus
from repertory.storage.index.policy import Overwriting, StorePolicy
from repertory.storage.index.sqlite.engine import SqliteEngine
from repertory.testing import Stage
from repertory.testing.files import make_dicom


@pytest.fixture
def limited(archive):
    """The archive, anew under a policy."""

    def limited(**policy):
        archive.policy = StorePolicy(**policy)
        return archive.restart()

    return limited


def store(stage, patient, **options):
    return stage.ask(StoreInstance(content=make_dicom(patient_id=patient, **options)))


def test_the_patient_that_was_quiet_for_longest_makes_room(archive, limited):
    stage = limited(maximum_patients=2)
    stage.listen(ResourceDeleted, InstanceStored)
    first, _, third = (store(stage, patient) for patient in "PQR")

    assert third.recycled == (first.ids.patient,)
    assert stage.heard(ResourceDeleted) == [
        ResourceDeleted(level=Level.PATIENT, id=first.ids.patient)
    ]
    assert len(stage.heard(InstanceStored)) == 3
    stage.ask(RemoveReleased())
    assert len(archive.files()) == 2


def test_a_full_archive_that_rejects_keeps_no_file_of_what_it_refused(archive, limited):
    stage = limited(maximum_size=2500, recycles=False)
    store(stage, "P", size=2000)

    with pytest.raises(LimitReached):
        store(stage, "Q", size=2000)
    assert stage.ask(DescribeTotals()).instances == 1
    stage.settle()
    assert len(archive.files()) == 1


def test_patients_are_recycled_at_the_start_when_the_limit_is_lower(archive, limited):
    for patient in "PQR":
        store(archive.stage, patient)
    stage = limited(maximum_patients=1)

    assert len(stage.ask(ListResources(level=Level.PATIENT))) == 1
    stage.ask(RemoveReleased())
    assert len(archive.files()) == 1


def test_what_is_recycled_at_the_start_is_told(archive, tmp_path):
    for patient in "PQR":
        store(archive.stage, patient)
    archive.stage.close()
    archive.stage = Stage()
    archive.stage.listen(ResourceDeleted)
    archive.stage.put_on(
        IndexActor,
        engine=SqliteEngine(tmp_path / "index"),
        policy=StorePolicy(maximum_patients=2),
    )

    assert len(archive.stage.heard(ResourceDeleted)) == 1


def test_an_overwritten_instance_has_its_new_file_and_the_old_one_goes(archive, limited):
    stage = limited(overwriting=Overwriting.ALWAYS)
    old = store(stage, "P", seed=1)
    content = make_dicom(patient_id="P", seed=1, tags={"StudyDescription": "Newer"})
    new = stage.ask(StoreInstance(content=content))

    assert new.ids == old.ids
    assert new.status is StoreStatus.SUCCESS
    read = stage.ask(ReadAttachment(level=Level.INSTANCE, id=new.ids.instance))
    assert read.content == content
    changes = stage.ask(ListChanges(limit=100, types=frozenset([ChangeType.NEW_INSTANCE])))
    assert len(changes.changes) == 1
    stage.ask(RemoveReleased())
    assert archive.files() == [read.attachment.uuid]


def test_the_same_file_again_is_not_taken_for_changed(limited):
    stage = limited(overwriting=Overwriting.IF_CHANGED)
    content = make_dicom()

    answers = [stage.ask(StoreInstance(content=content)).status for _ in range(2)]
    assert answers == [StoreStatus.SUCCESS, StoreStatus.ALREADY_STORED]


def test_a_read_only_index_changes_nothing(archive):
    receipts = [store(archive.stage, patient) for patient in "PQ"]
    archive.stage.close()
    engine = SqliteEngine(archive.folder / "index")
    archive.stage = Stage()
    policy = StorePolicy(maximum_patients=1)
    archive.stage.put_on(IndexActor, engine=engine, read_only=True, policy=policy)
    archive.stage.put_on(IndexReaderActor, engine=engine)

    with pytest.raises(Forbidden, match="read-only"):
        archive.stage.ask(DeleteResource(level=Level.PATIENT, id=receipts[0].ids.patient))
    assert archive.stage.ask(DescribeTotals()).patients == 2
