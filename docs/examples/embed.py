"""An archive within a program: store a file, look at it, delete it; no HTTP, no other process."""

from pathlib import Path

from pydicom.data import get_testdata_file

from repertory import Repertory, Settings
from repertory.actors.messages.instances import InstanceStored, StoreInstance
from repertory.actors.messages.resources import DeleteResource, DescribeResource, ListResources
from repertory.errors import NotDicom
from repertory.model import Level

settings = Settings(storage_directory="archive", http_server_enabled=False)

with Repertory(settings) as archive:
    # An event comes in the thread of whoever says it: be short, do not wait.
    archive.board.listen(InstanceStored, lambda event: print("stored", event.ids.instance))

    # Store a file: any DICOM file will do, pydicom brings this one.
    content = Path(str(get_testdata_file("CT_small.dcm"))).read_bytes()
    receipt = archive.ask(StoreInstance(content=content))
    print(receipt.status.value, receipt.ids.study)

    # What is refused is an exception; all of them are in repertory.errors.
    try:
        archive.ask(StoreInstance(content=b"not a DICOM file"))
    except NotDicom as error:
        print(error)

    # Ask without waiting: the reply holds the answer when it is there.
    reply = archive.ask_soon(DescribeResource(level=Level.STUDY, id=receipt.ids.study))
    print(reply.get(timeout=10).main_tags["0020,000d"])

    # Delete the study: the answer comes when the index is done, the files go later.
    archive.ask(DeleteResource(level=Level.STUDY, id=receipt.ids.study))
    print(archive.ask(ListResources(level=Level.STUDY)))
