import subprocess
import sys
from pathlib import Path

import pytest

from repertory.errors import CannotStart, IndexFailed
from repertory.storage.index.sqlite.engine import SqliteEngine

ROOT = Path(__file__).parents[4]

HOLDER = """
import sys
from pathlib import Path
from repertory.errors import CannotStart
from repertory.storage.index.sqlite.engine import SqliteEngine

engine = SqliteEngine(Path(sys.argv[1]))
try:
    engine.open()
except CannotStart as error:
    print(error, flush=True)
else:
    print("open", flush=True)
    sys.stdin.read()
    engine.close()
"""


@pytest.fixture
def other_process(folder):
    """A process that opens the index and holds it until its input ends; what it says first."""
    processes = []

    def start():
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(folder)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process, process.stdout.readline().strip()

    yield start
    for process in processes:
        process.communicate(timeout=20)


def test_a_second_process_is_refused_without_telling_where(engine, other_process, folder):
    _, said = other_process()

    assert said.startswith("Another Repertory is using this index")
    assert str(folder) not in said


def test_an_index_held_by_another_process_is_refused(folder, other_process):
    _, said = other_process()
    assert said == "open"

    with pytest.raises(CannotStart, match="Another Repertory"):
        SqliteEngine(folder).open()


def test_a_killed_process_lets_go_of_the_index(folder, other_process):
    process, _ = other_process()
    process.kill()
    process.wait(timeout=20)
    engine = SqliteEngine(folder)
    engine.open()
    engine.close()


def test_two_engines_of_one_process_are_refused(engine, folder):
    second = SqliteEngine(folder)
    with pytest.raises(CannotStart):
        second.open()
    engine.close()

    second.open()
    second.close()


def test_an_open_engine_is_not_opened_again(engine, folder):
    with pytest.raises(CannotStart):
        engine.open()

    engine.reader().close()
    with pytest.raises(CannotStart):
        SqliteEngine(folder).open()


def test_a_refused_engine_does_not_free_the_lock_of_the_other(engine, folder):
    second = SqliteEngine(folder)
    for _ in range(2):
        with pytest.raises(CannotStart):
            second.open()
        second.close()


def test_a_closed_engine_gives_out_nothing(folder):
    engine = SqliteEngine(folder)
    with pytest.raises(IndexFailed):
        engine.reader()
    with pytest.raises(IndexFailed):
        engine.writer()


def test_an_engine_opens_again_after_it_was_closed(engine, folder):
    engine.close()
    engine.close()
    engine.open()
    engine.reader().close()


def test_closing_leaves_no_log_behind(engine, folder, made_up):
    writer, reader = engine.writer(), engine.reader()
    writer.begin()
    writer.record_instance(**made_up.an_instance())
    writer.commit()
    writer.close()
    reader.describe_totals()
    reader.close()
    engine.close()

    assert sorted(path.name for path in folder.iterdir()) == ["repertory.db", "repertory.lock"]
