"""An index of every engine, and made-up instances to put into it."""

import hashlib
import os
import tempfile
import uuid
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from repertory.model import (
    Attachment,
    Identity,
    Level,
    Origin,
    OriginKind,
    ResourceId,
    ResourceIds,
    Summary,
)
from repertory.storage.index import ENGINES
from repertory.storage.index.server.connecting import Patience
from repertory.testing import databases

NOON = 1_800_000_000.0
SIGNATURES = {
    Level.PATIENT: "0010,0020",
    Level.STUDY: "0020,000d",
    Level.SERIES: "0020,000e",
    Level.INSTANCE: "0008,0018",
}


def public_id(*uids):
    return ResourceId(hashlib.sha1("|".join(uids).encode()).digest().hex("-", 4))


def ids_of(patient="P", study="1.1", series="1.1.1", sop="1.1.1.1"):
    return ResourceIds(
        public_id(patient),
        public_id(patient, study),
        public_id(patient, study, series),
        public_id(patient, study, series, sop),
    )


def an_instance(
    patient="P",
    study="1.1",
    series="1.1.1",
    sop="1.1.1.1",
    *,
    now=NOON,
    size=1000,
    disk=None,
    place=None,
    expected=None,
    origin=None,
    tags=None,
    **more,
):
    """What ``record_instance`` takes, for an instance with these identifiers."""
    main_tags = {
        Level.PATIENT: {"0010,0010": "DOE^JOHN", "0010,0020": patient, "0010,0030": "19700102"},
        Level.STUDY: {
            "0008,0020": "20260102",
            "0008,0050": "A1",
            "0008,1030": "Thorax",
            "0020,000d": study,
        },
        Level.SERIES: {"0008,0060": "CT", "0020,000e": series},
        Level.INSTANCE: {"0008,0018": sop, "0020,0013": str(place or 1)},
    }
    for level, changed in (tags or {}).items():
        main_tags[level] |= changed
    details = {
        "transfer_syntax": "1.2.840.10008.1.2.1",
        "sop_class_uid": "1.2.840.10008.5.1.4.1.1.2",
        "pixel_data_offset": 1530,
        "pixel_data_vr": "OW",
    }
    return {
        "ids": ids_of(patient, study, series, sop),
        "summary": Summary(
            identity=Identity(patient, study, series, sop),
            main_tags=main_tags,
            index_in_series=place,
            expected_instances=expected,
            **(details | more),
        ),
        "attachment": a_file(size=size, disk=disk),
        "origin": origin or Origin(kind=OriginKind.REST_API, remote_ip="127.0.0.1"),
        "now": now,
    }


def a_file(*, size=1000, disk=None, **more):
    name = uuid.uuid4()
    return Attachment(
        **(
            {
                "uuid": str(name),
                "content_type": 1,
                "uncompressed_size": size,
                "uncompressed_md5": name.hex,
                "compressed_size": size if disk is None else disk,
                "compressed_md5": name.hex if disk is None else name.hex[::-1],
            }
            | more
        )
    )


@pytest.fixture(scope="session")
def made_up():
    return SimpleNamespace(
        NOON=NOON,
        SIGNATURES=SIGNATURES,
        a_file=a_file,
        an_instance=an_instance,
        ids_of=ids_of,
        public_id=public_id,
    )


ALL = [*sorted(ENGINES.keys() - {"Odbc"}), "Odbc to PostgreSQL", "Odbc to MariaDB"]
QUICK = ["PostgreSQL", "SQLite"]
"""Played each time: the whole suite is to stay below five minutes."""

PLACES = ALL if os.environ.get("REPERTORY_TEST_DATABASES") == "all" else QUICK


@pytest.fixture(scope="session", params=PLACES)
def make_engine(request):
    """``make_engine(folder, **options)``: the same index for the same folder."""

    def make_engine(folder, **options):
        try:
            return databases.make_engine(request.param, folder, **options)
        except databases.DatabaseMissing as reason:
            pytest.skip(str(reason))

    yield make_engine
    databases.drop_indexes()


@pytest.fixture
def engine(make_engine, tmp_path):
    engine = make_engine(tmp_path / "index", signatures=SIGNATURES)
    engine.open()
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def fresh_index(make_engine):
    """Makes an empty index for each example of a property."""

    @contextmanager
    def fresh_index():
        with tempfile.TemporaryDirectory() as folder:
            engine = make_engine(Path(folder))
            engine.open()
            writer, reader = engine.writer(), engine.reader()
            try:
                yield writer, reader
            finally:
                reader.close()
                writer.close()
                engine.close()

    return fresh_index


@pytest.fixture
def writer(engine):
    writer = engine.writer()
    yield writer
    writer.close()


@pytest.fixture
def reader(engine):
    reader = engine.reader()
    yield reader
    reader.close()


@pytest.fixture
def group(writer):
    """``with group() as writer:`` is a group of changes that is committed at its end."""

    @contextmanager
    def group(now=0.0):
        writer.begin(now)
        yield writer
        writer.commit()

    return group


@pytest.fixture
def store(group):
    """Record an instance in a group of its own."""

    def store(*uids, **details):
        with group() as writer:
            return writer.record_instance(**an_instance(*uids, **details))

    return store


@pytest.fixture
def delete(group):
    """Delete a resource in a group of its own."""

    def delete(level, id_, now=NOON + 3600):
        with group() as writer:
            return writer.delete_resource(level, id_, now)

    return delete


@pytest.fixture
def connect_to(made_up):
    """Make an engine on a server of our own, not open yet; it is closed in the end."""
    with ExitStack() as stack:

        def connect_to(
            kind, server, *, through=None, tries=0, interval=0.05, pause=lambda _: None, **options
        ):
            words = {
                name: options.pop(name) for name in ("is_shared", "is_verbose") if name in options
            }
            engine = kind(
                server.options(port=through.port if through else 0, **options),
                patience=Patience(tries=tries, interval=interval, pause=pause),
                signatures=made_up.SIGNATURES,
                **words,
            )
            stack.callback(engine.close)
            return engine

        yield connect_to


@pytest.fixture
def opened(connect):
    """An engine of a server, by its ``connect``, that is open, with its writer and a reader."""
    with ExitStack() as stack:

        def opened(**options):
            engine = connect(**options)
            engine.open()
            writer, reader = engine.writer(), engine.reader()
            stack.callback(writer.close)
            stack.callback(reader.close)
            return writer, reader

        yield opened


@pytest.fixture
def keep(made_up):
    """Record an instance in a group of its own."""

    def keep(writer, *uids, **details):
        writer.begin()
        receipt = writer.record_instance(**made_up.an_instance(*uids, **details))
        writer.commit()
        return receipt

    return keep
