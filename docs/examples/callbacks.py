"""Callbacks: functions of this program that are called for what happens in its archive."""

from pathlib import Path

from pydicom.data import get_testdata_file

from repertory import Repertory, Settings
from repertory.actors.messages.instances import StoreInstance
from repertory.actors.messages.resources import DeleteResource, DescribeResource
from repertory.events import InstanceStored, ResourceDeleted, StudyStabilized
from repertory.model import Level

archive = Repertory(Settings(storage_directory="archive", http_server_enabled=False))


@archive.on(InstanceStored)
def note(event: InstanceStored) -> None:
    """Called in a thread of its own: it may take its time, and ask the archive."""
    study = archive.ask(DescribeResource(level=Level.STUDY, id=event.id_of(Level.STUDY)))
    print("stored", event.instance, study.main_tags["0008,0020"])


@archive.on(StudyStabilized, ResourceDeleted)
async def tell(event: StudyStabilized | ResourceDeleted) -> None:
    """A coroutine is run to its end before the next one begins."""
    print(event.number, event.type.word, event.level.word, event.id)


with archive:
    content = Path(str(get_testdata_file("CT_small.dcm"))).read_bytes()
    ids = archive.ask(StoreInstance(content=content)).ids


archive.off(note)
with archive:  # callbacks stay over a stop
    archive.ask(DeleteResource(level=Level.STUDY, id=ids.study))
