import typing

import pytest

from repertory.actors.index_reader import IndexReaderActor
from repertory.actors.messages.base import Command
from repertory.actors.messages.instances import Body, UploadId
from repertory.actors.messages.job_outputs import StoreOutput
from repertory.actors.storage import StorageActor
from repertory.conf.advanced_storage import AdvancedStorageSettings, MultipleStoragesSettings
from repertory.conf.object_storage import AwsS3StorageSettings
from repertory.conf.settings import Settings
from repertory.front_ends.casting import (
    AT_ONCE,
    READING,
    STORING,
    reads_locally,
    stores_locally,
)

BY_THE_MAIN_PROCESS = {StoreOutput}
"""What carries a body that no front-end receives: the result of a job."""


def test_what_carries_an_upload_goes_where_uploads_go():
    carriers = {
        kind
        for kind in StorageActor.handlers
        for hint in typing.get_type_hints(kind).values()
        if hint in (Body, UploadId)
    }

    assert carriers - STORING == BY_THE_MAIN_PROCESS


def test_a_front_end_answers_what_these_actors_answer():
    assert StorageActor.handlers.keys() >= STORING | READING
    assert IndexReaderActor.handlers.keys() >= AT_ONCE


def test_what_is_read_and_what_is_looked_up_changes_nothing():
    assert not [kind for kind in READING | AT_ONCE if issubclass(kind, Command)]


@pytest.mark.parametrize(
    ("settings", "reads", "stores"),
    [
        (Settings(), True, True),
        (Settings(storage_compression=True), True, True),
        (Settings(lua_scripts=["filter.lua"]), True, False),
        (Settings(execute_lua_enabled=True), True, False),
        (Settings(python_script="script.py"), True, False),
        (Settings(aws_s3_storage=AwsS3StorageSettings()), False, False),
        (
            Settings(
                advanced_storage=AdvancedStorageSettings(
                    enable=True,
                    multiple_storages=MultipleStoragesSettings(storages={"second": "folder"}),
                )
            ),
            False,
            False,
        ),
    ],
)
def test_what_a_front_end_does_itself_depends_on_the_configuration(settings, reads, stores):
    assert reads_locally(settings) is reads
    assert stores_locally(settings) is stores
