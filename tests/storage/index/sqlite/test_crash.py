import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from repertory.model import Level
from repertory.storage.index.sqlite.engine import SqliteEngine

ROOT = Path(__file__).parents[4]

WRITER = """
import sys, uuid
from pathlib import Path
from repertory.model import Attachment, Identity, Level, Origin, Summary
from repertory.model import ResourceIds
from repertory.storage.index.packing import unpack_id
from repertory.storage.index.sqlite import connection
from repertory.storage.index.sqlite.engine import SqliteEngine

connection.CHECKPOINT_PAGES = int(sys.argv[2])
engine = SqliteEngine(Path(sys.argv[1]), synchronous="NORMAL")
engine.open()
writer = engine.writer()
number = 0
while True:
    writer.begin()
    for _ in range(10):
        number += 1
        names = ("P", f"{number // 500}", f"{number // 50}", f"{number}")
        ids = [unpack_id((level * 10**9 + int(name, 36)).to_bytes(20, "big"))
               for level, name in enumerate(names)]
        writer.record_instance(
            ids=ResourceIds(*ids),
            summary=Summary(Identity(*names), {}, "", ""),
            attachment=Attachment(str(uuid.uuid4()), 1, 10, "", 10, ""),
            origin=Origin(),
            now=1.8e9 + number,
        )
        if number % 70 == 0:
            writer.delete_resource(Level.INSTANCE, ids[3], 1.8e9)
    writer.commit()
    print(number, flush=True)
"""


@pytest.mark.parametrize(
    ("pages", "until"), [(8_000, 3_000), (20, 1_000), (30, 1_500), (50, 2_000), (200, 3_000)]
)
def test_committed_groups_survive_a_kill(folder, pages, until):
    """With few pages, the log is being copied most of the time."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), str(pages)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    for line in process.stdout:
        if int(line) >= until:
            break
    process.kill()
    committed = int((process.stdout.read().splitlines() or [line])[-1])
    process.wait(timeout=20)
    process.stdout.close()

    engine = SqliteEngine(folder)
    engine.open()
    reader = engine.reader()
    totals = reader.describe_totals()
    listed = {level: len(reader.list_resources(level, 0, 0)) for level in Level}
    released = reader.count_released()
    reader.close()
    engine.close()

    # A group that was committed just before the kill may not have been told of.
    recorded = totals.instances + released
    assert recorded in (committed, committed + 10)
    assert released == recorded // 70
    assert listed == {
        Level.PATIENT: totals.patients,
        Level.STUDY: totals.studies,
        Level.SERIES: totals.series,
        Level.INSTANCE: totals.instances,
    }
    assert totals.disk_size == totals.instances * 10
    connection = apsw.Connection(str(folder / "repertory.db"))
    assert connection.pragma("integrity_check") == "ok"
    connection.close()
