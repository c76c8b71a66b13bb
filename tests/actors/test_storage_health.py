import threading

import pytest

from repertory.actors.crew import ThreadCrew
from repertory.actors.messages.health import ProbeStorage, ProbeStorages
from repertory.actors.messages.instances import RecordInstance
from repertory.actors.storage import StorageActor
from repertory.errors import ArchiveFull, StorageUnavailable
from repertory.places import StorageHealth
from repertory.storage.areas import MemoryArea
from repertory.storage.main_tags import MAIN_DICOM_TAGS


class Probed(MemoryArea):
    def __init__(self):
        super().__init__()
        self.probes = 0
        self.trouble = None
        self.gate = None

    def probe(self):
        self.probes += 1
        if self.gate is not None:
            assert self.gate.wait(20)
        if self.trouble is not None:
            raise self.trouble


@pytest.fixture
def area():
    return Probed()


@pytest.fixture
def storage(stage, area):
    stage.understudy(RecordInstance)
    crew = ThreadCrew(2, name="storage")
    stage.put_on(StorageActor, area=area, crew=crew, main_tags=MAIN_DICOM_TAGS, location=3)
    return stage


@pytest.mark.parametrize(
    "trouble", [ArchiveFull("The disk is full."), StorageUnavailable("The store is not there.")]
)
def test_a_storage_says_whether_it_can_be_written(storage, area, trouble):
    good = storage.ask(ProbeStorages())
    area.trouble = trouble
    storage.clock.advance(5.0)
    bad = storage.ask(ProbeStorages())

    assert good == (StorageHealth(3),)
    assert bad == (StorageHealth(3, str(trouble)),)


@pytest.mark.parametrize("trouble", [None, ArchiveFull("The disk is full.")])
def test_a_storage_that_answers_is_there_even_if_it_is_full(storage, area, trouble):
    area.trouble = trouble

    assert storage.ask(ProbeStorage(location=3)) is None


def test_a_storage_that_does_not_answer_is_asked_each_time(storage, area):
    storage.ask(ProbeStorages())
    area.trouble = StorageUnavailable("The store is not there.")
    with pytest.raises(StorageUnavailable, match="not there"):
        storage.ask(ProbeStorage(location=3))
    area.trouble = None

    assert storage.ask(ProbeStorage(location=3)) is None


def test_an_answer_is_given_again_for_some_seconds(storage, area):
    for _ in range(10):
        storage.ask(ProbeStorages())
        storage.clock.advance(1.0)

    assert area.probes == 2


def test_a_storage_that_hangs_is_asked_once(storage, area):
    area.gate = threading.Event()
    replies = []
    for _ in range(5):
        replies.append(storage.board.ask_soon(ProbeStorages()))
        storage.clock.advance(60.0)
    area.gate.set()

    assert {reply.get(timeout=20) for reply in replies} == {(StorageHealth(3),)}
    assert area.probes == 1
