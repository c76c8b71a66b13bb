"""An engine of our own server; see ``opened`` and ``keep`` above."""

from functools import partial

import pytest

from repertory.storage.index.postgresql.engine import PostgresqlEngine
from repertory.testing.tcp_proxy import TcpProxy


@pytest.fixture
def server(postgresql_server):
    """The server, running, with nothing in it."""
    postgresql_server.ensure()
    postgresql_server.run("DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
    yield postgresql_server
    postgresql_server.ensure()


@pytest.fixture
def proxy(server):
    with TcpProxy("127.0.0.1", server.port) as proxy:
        proxy.unawaited = lambda data: data == b"Q\0\0\0\x0dROLLBACK\0"
        yield proxy


@pytest.fixture
def connect(server, connect_to):
    return partial(connect_to, PostgresqlEngine, server)
