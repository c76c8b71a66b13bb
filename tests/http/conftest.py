import base64
import http.client
import json
import ssl
from dataclasses import replace
from pathlib import Path

import pytest

from repertory import Repertory
from repertory.actors.base import RepertoryActor
from repertory.actors.switchboard import Switchboard
from repertory.conf.settings import Settings
from repertory.http.server import HttpServer
from repertory.model import (
    Attachment,
    Level,
    ResourceDescription,
    ResourceId,
    ResourceIds,
    StoreReceipt,
    StoreStatus,
)

CERTIFICATES = Path(__file__).with_name("certificates")


class Archive:
    """Understudies for the archive's actors: one for each type of message."""

    def __init__(self):
        self.board = Switchboard(patience=10.0)
        self.said = []
        self._refs = []

    def plays(self, kind, answer=None):
        """Answer a type of message by a value, an error to raise, or a function of the message."""
        said = self.said

        class Understudy(RepertoryActor):
            rank = 1

            def on_receive(self, message):
                said.append(message)
                outcome = answer(message) if callable(answer) else answer
                if isinstance(outcome, Exception):
                    raise outcome
                return outcome

        ref = Understudy.start(board=self.board)
        self._refs.append(ref)
        self.board.take_over(kind, ref, 1)

    def heard(self, kind):
        return [message for message in self.said if type(message) is kind]

    def stop(self):
        for ref in self._refs:
            ref.stop(block=False)


class Client:
    """A plain HTTP client: a connection for each request."""

    def __init__(self, server, context=None):
        self.server = server
        self.context = context
        self.host = "127.0.0.1"

    @property
    def port(self):
        return self.server.port

    def connection(self):
        if self.context is None:
            return http.client.HTTPConnection(self.host, self.server.port, timeout=10)
        return http.client.HTTPSConnection(
            "localhost", self.server.port, timeout=10, context=self.context
        )

    def __call__(self, method, path, body=None, headers=None):
        connection = self.connection()
        try:
            connection.request(method, path, body=body, headers=headers or {})
            response = connection.getresponse()
            response.content = response.read()
            response.text = response.content.decode("latin-1")
        finally:
            connection.close()
        return response

    def get(self, path, headers=None, **words):
        words = {name.replace("_", "-"): value for name, value in words.items()}
        return self("GET", path, headers={**(headers or {}), **words})

    def json(self, path):
        return json.loads(self.get(path).content)


@pytest.fixture
def archive():
    archive = Archive()
    yield archive
    archive.stop()


@pytest.fixture
def serve(archive):
    """Serve the archive with some settings; gives a client."""
    servers = []

    def start(control=None, context=None, **options):
        settings = replace(Settings(http_port=0), **options)
        server = HttpServer(archive.board, settings, control)
        server.start()
        servers.append(server)
        return Client(server, context)

    yield start
    for server in servers:
        server.stop(grace=2.0)


@pytest.fixture
def client(serve):
    return serve()


@pytest.fixture
def basic():
    """Makes the headers by which a user says who it is."""

    def make(name, password):
        token = base64.b64encode(f"{name}:{password}".encode()).decode()
        return {"Authorization": f"Basic {token}"}

    return make


@pytest.fixture
def trusting():
    """Makes a TLS context that trusts our server, and can show a client's certificate."""

    def make(*, certificate=None):
        context = ssl.create_default_context(cafile=CERTIFICATES / "server.pem")
        if certificate is not None:
            context.load_cert_chain(CERTIFICATES / certificate)
        return context

    return make


@pytest.fixture
def certificates():
    return CERTIFICATES


@pytest.fixture
def ids():
    """Identifiers of an instance and its parents."""
    return ResourceIds(
        patient=ResourceId("11111111-00000000-00000000-00000000-00000000"),
        study=ResourceId("22222222-00000000-00000000-00000000-00000000"),
        series=ResourceId("33333333-00000000-00000000-00000000-00000000"),
        instance=ResourceId("44444444-00000000-00000000-00000000-00000000"),
    )


@pytest.fixture
def receipt(ids):
    return StoreReceipt(ids=ids, status=StoreStatus.SUCCESS)


@pytest.fixture
def attachment():
    return Attachment(
        uuid="5c5c5c5c-0000-4000-8000-000000000000",
        content_type=1,
        uncompressed_size=1000,
        uncompressed_md5="0" * 32,
        compressed_size=1000,
        compressed_md5="0" * 32,
    )


@pytest.fixture
def describe(ids, attachment):
    """Makes the description of a resource of a level."""

    def make(level, **changes):
        parents = {Level.STUDY: ids.patient, Level.SERIES: ids.study, Level.INSTANCE: ids.series}
        children = {Level.PATIENT: ids.study, Level.STUDY: ids.series, Level.SERIES: ids.instance}
        description = ResourceDescription(
            level=level,
            id=ids.at(level),
            parent=parents.get(level),
            children=(children[level],) if level in children else (),
            main_tags={
                Level.PATIENT: {"0010,0020": "P1", "0010,0010": "DOE^JANE"},
                Level.STUDY: {"0020,000d": "1.2", "0008,1030": "Kopf é"},
                Level.SERIES: {"0020,000e": "1.2.3", "0008,0060": "CT"},
                Level.INSTANCE: {"0008,0018": "1.2.3.4", "0020,0013": "7"},
            }[level],
            patient_tags={"0010,0020": "P1"} if level is Level.STUDY else {},
            metadata={1: "7"} if level is Level.INSTANCE else {7: "20260101T120000"},
            labels=(),
            is_stable=True,
            attachments=(attachment,) if level is Level.INSTANCE else (),
        )
        return replace(description, **changes)

    return make


@pytest.fixture
def whole(tmp_path):
    """Start a whole archive with some settings; gives a client, which knows the archive."""
    started = []

    def start(*, clock=None, **options):
        settings = Settings(http_port=0, storage_directory=str(tmp_path / "archive"), **options)
        running = Repertory(settings, clock=clock)
        running.start()
        client = Client(running)
        client.archive = running
        started.append((running, client))
        return client

    yield start
    for running, _ in started:
        running.stop()
