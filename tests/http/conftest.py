"""Real actors that play the archive's parts, and the server in front of them."""

import base64
import http.client
import json
from dataclasses import replace

import pytest

from repertory import Repertory
from repertory.actors.base import RepertoryActor
from repertory.actors.switchboard import Switchboard
from repertory.conf.settings import Settings
from repertory.http.server import HttpServer


class Understudies:
    """Plays whatever part a test gives it: one actor for each type of message."""

    def __init__(self):
        self.board = Switchboard(patience=10.0)
        self.said = []
        self._refs = []

    def plays(self, kind, answer=None):
        """Answer messages of a type: by a value, an error to raise, or a function of each."""
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
    """A plain HTTP client."""

    def __init__(self, port, context=None):
        self.port = port
        self._context = context
        self._open = []

    def connection(self):
        if self._context is None:
            made = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        else:
            made = http.client.HTTPSConnection(
                "127.0.0.1", self.port, timeout=10, context=self._context
            )
        self._open.append(made)
        return made

    def __call__(self, method, path, body=None, headers=None):
        connection = self.connection()
        connection.request(method, path, body=body, headers=headers or {})
        response = connection.getresponse()
        response.content = response.read()
        response.text = response.content.decode("latin-1")
        connection.close()
        return response

    def get(self, path, **headers):
        return self("GET", path, headers={k.replace("_", "-"): v for k, v in headers.items()})

    def json(self, path):
        return json.loads(self.get(path).content)

    def close(self):
        for connection in self._open:
            connection.close()


def basic(name, password):
    """An Authorization header."""
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


@pytest.fixture
def archive():
    understudies = Understudies()
    yield understudies
    understudies.stop()


@pytest.fixture
def serve(archive):
    """Serve the archive with some settings; gives a client."""
    servers = []

    def start(control=None, context=None, **options):
        settings = replace(Settings(http_port=0), **options)
        server = HttpServer(archive.board, settings, control)
        server.start()
        client = Client(server.port, context)
        client.server = server
        servers.append((server, client))
        return client

    yield start
    for server, client in servers:
        client.close()
        server.stop(grace=2.0)


@pytest.fixture
def client(serve):
    return serve()


@pytest.fixture
def whole(tmp_path):
    """Start a whole archive with some settings; gives a client, which knows the archive."""
    started = []

    def start(**options):
        settings = Settings(http_port=0, storage_directory=str(tmp_path / "archive"), **options)
        running = Repertory(settings)
        running.start()
        client = Client(running.port)
        client.archive = running
        started.append((running, client))
        return client

    yield start
    for running, client in started:
        client.close()
        running.stop()
