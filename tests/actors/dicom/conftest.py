"""A DICOM server on a stage, over an archive with a real index and real files."""

import os
import threading
from dataclasses import replace

import pytest
from pynetdicom import AE

from repertory.actors.dicom.actor import DicomServerActor
from repertory.actors.dicom.attending import AssociationsActor
from repertory.actors.dicom.options import AccessRules, ServerOptions, StorageRules
from repertory.actors.messages.dicom import DescribeDicomServer
from repertory.front_ends.handing import stand_at_the_door
from repertory.testing.server import until

EXPLICIT = "1.2.840.10008.1.2.1"
MR = "1.2.840.10008.5.1.4.1.1.4"


class Server:
    """The server, and pynetdicom as a scripted peer."""

    def __init__(self, archive, *, elsewhere=False):
        self.archive = archive
        self.elsewhere = elsewhere
        self.other = None
        self.handed_over = []
        self.takes_the_lone = True
        self.stage = archive.stage
        self.ref = None
        self.port = 0
        self.associations = []

    def start(self, **options):
        options = {"address": "127.0.0.1", "port": 0, "timeout": 5.0, **options}
        server = ServerOptions(**options)
        self.ref = self.stage.put_on(DicomServerActor, options=server)
        if self.elsewhere:
            self.attend(server)
        self.port = self.stage.ask(DescribeDicomServer()).port
        return self

    def attend(self, options):
        """Have associations served as by another process, which has the connection, too."""
        other = self.other = self.stage.put_on(
            AssociationsActor,
            timeout=options.timeout,
            spool_threshold=options.spool_threshold,
            turns=options.turns,
        )

        def hand_on(command):
            if command.is_alone and not self.takes_the_lone:
                return None
            self.handed_over.append(command)
            return other.ask(replace(command, descriptor=os.dup(command.descriptor)), block=False)

        stand_at_the_door(self.stage.board, hand_on)

    def stop(self):
        if self.ref is not None:
            self.stage.take_off(self.ref)
            self.ref = None

    def peer(
        self, *classes, title="PEER", called="ORTHANC", syntaxes=(EXPLICIT,), established=True
    ):
        """An association of a peer that proposes these SOP classes."""
        entity = AE(title)
        entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 10
        for sop_class in classes:
            entity.add_requested_context(sop_class, list(syntaxes))
        association = entity.associate("127.0.0.1", self.port, ae_title=called)
        assert association.is_established is established
        if established:
            self.associations.append(association)
        return association

    def open_associations(self):
        return self.stage.ask(DescribeDicomServer()).associations

    def close(self):
        for association in self.associations:
            if association.is_established:
                association.release()
            association.join(10)
        self.stop()


@pytest.fixture
def elsewhere():
    """Whether associations over which instances come are served as by another process."""
    return False


@pytest.fixture
def server(archive, elsewhere):
    server = Server(archive, elsewhere=elsewhere)
    yield server
    server.close()


@pytest.fixture
def open_to_all():
    """Rules by which strangers may search, too."""
    return AccessRules(always=frozenset({"Echo", "Find", "Store"}))


@pytest.fixture
def unknown_accepted():
    return StorageRules(transfer_syntaxes=("*",), unknown_accepted=True)


@pytest.fixture
def no_thread_stays():
    """Afterwards there are no more threads than before."""
    before = set(threading.enumerate())
    yield
    until(lambda: set(threading.enumerate()) <= before)
