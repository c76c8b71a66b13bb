"""Small files that whoever asks writes, and of which the index is told before they are written."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from repertory.actors.brisk import QUICK, SMALL
from repertory.actors.crew import ThreadCrew
from repertory.actors.index import IndexActor
from repertory.actors.index_reader import IndexReaderActor
from repertory.actors.inline import stand_beside
from repertory.actors.messages.instances import FileArrived, RecordInstance, StoreInstance
from repertory.actors.messages.system import DescribeTotals
from repertory.actors.storage import StorageActor
from repertory.errors import ArchiveFull, Forbidden, ShuttingDown
from repertory.model import Compression, StoreReceipt, StoreStatus
from repertory.storage.areas import FilesystemArea
from repertory.storage.files import FileOptions
from repertory.storage.index.sqlite.engine import SqliteEngine
from repertory.storage.main_tags import MAIN_DICOM_TAGS
from repertory.testing.files import make_dicom
from repertory.testing.server import until


class GatedArea(FilesystemArea):
    """Knows who writes; lets files be written, or fail, when it is told to."""

    def __init__(self, folder):
        super().__init__(folder)
        self.gate = threading.Event()
        self.gate.set()
        self.closed = threading.Event()
        self.writers = []
        self.failure = None

    @property
    def begun(self):
        return len(self.writers)

    def close(self):
        self.closed.set()
        super().close()

    def create(self, uuid, content_type, content):
        self.writers.append(threading.current_thread())
        assert self.gate.wait(10)
        if self.failure is not None:
            raise self.failure
        return super().create(uuid, content_type, content)


@pytest.fixture
def area(tmp_path):
    return GatedArea(tmp_path / "files")


@pytest.fixture
def put_on(stage, area):
    """Puts a storage on the stage, beside which whoever asks may stand."""

    def put_on(**options):
        ref = stage.put_on(
            StorageActor,
            area=area,
            crew=ThreadCrew(2, name="crew"),
            main_tags=MAIN_DICOM_TAGS,
            **({"index_is_near": True} | options),
        )
        stand_beside(stage.board, ref, {StoreInstance})
        return ref

    return put_on


@pytest.fixture
def index(stage, tmp_path):
    """A real index; gives what puts it on."""

    def put_on(**options):
        engine = SqliteEngine(tmp_path / "index", synchronous="NORMAL")
        stage.put_on(IndexActor, engine=engine, **options)
        stage.put_on(IndexReaderActor, engine=engine)

    return put_on


@pytest.fixture
def recorded(stage):
    """The commands that came to an understudy of the index."""
    commands = []

    def note(command):
        commands.append(command)
        return StoreReceipt(command.ids, StoreStatus.SUCCESS, 1)

    stage.understudy(RecordInstance, answer=note)
    return commands


@pytest.fixture
def arrived(stage):
    """The events of files that came, or did not."""
    events = []
    stage.board.listen(FileArrived, events.append)
    return events


@pytest.fixture
def volunteer():
    """A thread as that of an event loop of the archive's own."""
    with ThreadPoolExecutor(1) as thread:
        yield thread


def store(stage, content):
    stage.board.volunteer()
    return stage.board.ask_soon(StoreInstance(content=content)).get(timeout=10)


@pytest.mark.parametrize(
    ("volunteers", "size", "is_own"),
    [(True, 10_000, True), (False, 10_000, False), (True, SMALL + 2, False)],
)
def test_small_files_are_written_by_threads_that_volunteer_alone(
    stage, area, put_on, recorded, volunteer, volunteers, size, is_own
):
    put_on()

    def ask():
        if volunteers:
            stage.board.volunteer()
        stage.ask_soon(StoreInstance(content=make_dicom(size=size))).get(timeout=10)
        return threading.current_thread()

    asker = volunteer.submit(ask).result(10)

    assert [it is asker for it in area.writers] == [is_own]
    assert len(recorded) == 1


def test_a_file_that_a_volunteer_writes_is_finished_before_the_storage_closes(
    stage, area, put_on, recorded, volunteer
):
    storage = put_on()
    area.gate.clear()
    stored = volunteer.submit(store, stage, make_dicom())
    until(lambda: area.begun and recorded)
    with ThreadPoolExecutor(1) as thread:
        stopped = thread.submit(storage.stop)
        until(lambda: storage._actor_weakref()._closing)
        assert not area.closed.wait(0.1)
        area.gate.set()

        assert stored.result(10).status is StoreStatus.SUCCESS
        assert stopped.result(10)
    assert area.closed.is_set()


def test_the_index_hears_of_a_file_before_it_is_written_and_when_it_is_there(
    stage, area, put_on, recorded, arrived, volunteer
):
    put_on()
    area.gate.clear()
    stored = volunteer.submit(store, stage, make_dicom())
    until(lambda: area.begun and recorded)

    assert recorded[0].is_arriving
    assert not arrived
    assert not list(area.names())

    area.gate.set()

    assert stored.result(10).status is StoreStatus.SUCCESS
    assert arrived == [FileArrived(uuid=recorded[0].attachment.uuid)]
    assert list(area.names()) == [recorded[0].attachment.uuid]


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({"index_is_near": False}, 10_000),
        ({}, SMALL + 2),
        ({"options": FileOptions(compression=Compression.ZSTANDARD)}, 10_000),
    ],
    ids=["front-end", "large", "compressed"],
)
def test_other_files_are_written_first(stage, put_on, recorded, arrived, volunteer, options, size):
    put_on(**options)
    volunteer.submit(store, stage, make_dicom(size=size)).result(10)

    assert [it.is_arriving for it in recorded] == [False]
    assert not arrived


def test_files_in_company_are_written_first(stage, area, put_on, recorded, volunteer):
    put_on()
    area.gate.clear()
    first = stage.ask_soon(StoreInstance(content=make_dicom()))  # by the crew
    until(lambda: recorded)
    second = volunteer.submit(store, stage, make_dicom())
    until(lambda: area.begun == 2)
    area.gate.set()
    first.get(timeout=10)
    second.result(10)

    assert [it.is_arriving for it in recorded] == [True, False]


def test_on_a_slow_disk_the_index_waits_for_no_file(stage, put_on, recorded, volunteer):
    briskness = put_on()._actor_weakref()._brisk
    for _ in range(2):
        volunteer.submit(store, stage, make_dicom()).result(10)
        briskness.note(QUICK * 20)

    assert [it.is_arriving for it in recorded] == [True, False]


def test_a_thread_that_stores_for_itself_is_counted_and_writes_meanwhile(
    stage, area, put_on, recorded
):
    ref = put_on()
    stage.board.take_over(StoreInstance, ref, StorageActor.rank)
    area.gate.clear()
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(stage.board.ask_here, StoreInstance(content=make_dicom()))
        until(lambda: recorded)
        second = threads.submit(stage.board.ask_here, StoreInstance(content=make_dicom()))
        until(lambda: area.begun == 2)
        area.gate.set()
        first.result(10)
        second.result(10)

    assert [it.is_arriving for it in recorded] == [True, False]


def test_how_long_such_a_thread_takes_is_counted_too(stage, area, put_on, recorded):
    ref = put_on()
    stage.board.take_over(StoreInstance, ref, StorageActor.rank)
    area.gate.clear()
    with ThreadPoolExecutor(1) as thread:
        first = thread.submit(stage.board.ask_here, StoreInstance(content=make_dicom()))
        until(lambda: area.begun and recorded)
        stage.clock.advance(QUICK * 20)
        area.gate.set()
        first.result(10)
        thread.submit(stage.board.ask_here, StoreInstance(content=make_dicom())).result(10)

    assert [it.is_arriving for it in recorded] == [True, False]


def test_what_cannot_be_written_is_not_entered(stage, area, put_on, index, volunteer):
    index()
    put_on()
    area.failure = ArchiveFull("The disk is full.")
    with pytest.raises(ArchiveFull, match="The disk is full"):
        volunteer.submit(store, stage, make_dicom()).result(10)
    area.failure = ValueError("a bug")
    with pytest.raises(ValueError, match="a bug"):
        volunteer.submit(store, stage, make_dicom()).result(10)
    assert stage.ask(DescribeTotals()).instances == 0

    area.failure = None
    content = make_dicom()
    answers = [volunteer.submit(store, stage, content).result(10).status for _ in range(2)]
    stage.settle()

    assert answers == [StoreStatus.SUCCESS, StoreStatus.ALREADY_STORED]
    assert stage.ask(DescribeTotals()).instances == 1
    until(lambda: len(list(area.names())) == 1)


def test_what_the_index_refuses_is_removed_once_it_is_written(
    stage, area, put_on, index, volunteer
):
    index(read_only=True)
    put_on()
    with pytest.raises(Forbidden):
        volunteer.submit(store, stage, make_dicom()).result(10)

    assert area.begun == 1
    until(lambda: not list(area.names()))


def test_where_the_index_is_gone_nothing_is_written(stage, area, put_on, index, volunteer):
    index()
    put_on()
    stage.take_off(stage._cast[0])
    with pytest.raises(ShuttingDown):
        volunteer.submit(store, stage, make_dicom()).result(10)

    assert area.begun == 0
