"""Archives every DICOM file below a folder: python import_folder.py FOLDER [STORAGE]."""

import sys
from collections import Counter
from pathlib import Path

from pydicom.data import get_testdata_file

from repertory import Repertory, Settings
from repertory.actors.messages.instances import StoreInstance
from repertory.actors.reply import Reply
from repertory.errors import Refused
from repertory.model import StoreReceipt

IN_FLIGHT = 16  # more than one, so that their changes of the index are committed together

# Without a folder: the files that pydicom brings along, of which some are no DICOM files.
folder = Path(sys.argv[1] if len(sys.argv) > 1 else str(get_testdata_file("CT_small.dcm")))
folder = folder if folder.is_dir() else folder.parent
storage = sys.argv[2] if len(sys.argv) > 2 else "archive"

outcomes: Counter[str] = Counter()
waiting: list[tuple[Path, Reply[StoreReceipt]]] = []


def settle(limit: int) -> None:
    """Take the answers until at most ``limit`` are outstanding."""
    while len(waiting) > limit:
        path, reply = waiting.pop(0)
        try:
            outcomes[reply.get().status.value] += 1
        except Refused as error:
            outcomes[type(error).__name__] += 1
            print(f"{path.name}: {error}", file=sys.stderr)


with Repertory(Settings(storage_directory=storage, http_server_enabled=False)) as archive:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            waiting.append((path, archive.ask_soon(StoreInstance(content=path.read_bytes()))))
            settle(IN_FLIGHT)
    settle(0)

for outcome, number in outcomes.most_common():
    print(f"{outcome}: {number}")
