"""An engine of our own server; see ``opened`` and ``keep`` above."""

from contextlib import ExitStack

import pytest

from repertory.storage.index.mysql.engine import MysqlEngine
from repertory.storage.index.server.connecting import Patience
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
def connect(server, made_up):
    """Make an engine, not open yet; it is closed in the end."""
    with ExitStack() as stack:

        def connect(*, through=None, tries=0, pause=lambda _: None, is_shared=False, **options):
            engine = MysqlEngine(
                server.options(port=through.port if through else 0, **options),
                patience=Patience(tries=tries, interval=0.05, pause=pause),
                signatures=made_up.SIGNATURES,
                is_shared=is_shared,
            )
            stack.callback(engine.close)
            return engine

        yield connect
