"""An engine of our own server; see ``opened`` and ``keep`` above."""

from functools import partial

import pytest

from repertory.storage.index.mysql.engine import MysqlEngine
from repertory.testing.tcp_proxy import TcpProxy


@pytest.fixture
def server(mysql_server):
    """The server, running, with nothing in it."""
    mysql_server.ensure()
    mysql_server.empty()
    yield mysql_server
    mysql_server.ensure()


@pytest.fixture
def proxy(server):
    with TcpProxy("127.0.0.1", server.port) as proxy:
        yield proxy


@pytest.fixture
def connect(server, connect_to):
    return partial(connect_to, MysqlEngine, server)
