"""Engines on servers that the tests start."""

from functools import partial

import pytest

from repertory.storage.index.mysql.engine import MysqlEngine
from repertory.storage.index.postgresql.engine import PostgresqlEngine


@pytest.fixture(params=[PostgresqlEngine, MysqlEngine])
def kind(request):
    return request.param


@pytest.fixture
def server(kind, request):
    if kind is MysqlEngine:
        server = request.getfixturevalue("mysql_server")
        server.ensure()
        server.empty()
    else:
        server = request.getfixturevalue("postgresql_server")
        server.ensure()
        server.run("DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
    return server


@pytest.fixture
def connect(kind, server, connect_to):
    return partial(connect_to, kind, server)
