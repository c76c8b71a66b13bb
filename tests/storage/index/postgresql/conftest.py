"""An engine of our own server; see ``opened`` and ``keep`` above."""

from contextlib import ExitStack

import pytest

from repertory.storage.index.postgresql.engine import PostgresqlEngine
from repertory.storage.index.server.connecting import Patience
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
def connect(server, made_up):
    """Make an engine, not open yet; it is closed in the end."""
    with ExitStack() as stack:

        def connect(*, through=None, tries=0, interval=0.05, pause=lambda _: None, **options):
            keywords = {
                name: options.pop(name) for name in ("is_shared", "is_verbose") if name in options
            }
            engine = PostgresqlEngine(
                server.options(port=through.port if through else 0, **options),
                patience=Patience(tries=tries, interval=interval, pause=pause),
                signatures=made_up.SIGNATURES,
                **keywords,
            )
            stack.callback(engine.close)
            return engine

        yield connect
