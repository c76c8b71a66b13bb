"""An area of each kind."""

import base64

import pytest

from repertory.building import object_area_of, with_encryption
from repertory.conf.encryption import StorageEncryptionSettings
from repertory.conf.settings import Settings
from repertory.storage.areas import AREAS, FilesystemArea, MemoryArea

STORES = {
    "AwsS3Storage": ("s3_emulator", "section", "aws_s3_storage"),
    "AzureBlobStorage": ("azure_emulator", "section", "azure_blob_storage"),
    "GoogleCloudStorage": ("google_emulator", "google_section", "google_cloud_storage"),
}


@pytest.fixture
def make_store(request, tmp_path, bucket_name):
    """Gives a function that makes the area of an object store, in a bucket of its own."""

    def make(kind, **options):
        emulator, section, field = STORES[kind]
        server = request.getfixturevalue(emulator)
        server.make_bucket(bucket_name)
        sections = {field: getattr(server, section)(bucket_name, **options)}
        return object_area_of(Settings(storage_directory=str(tmp_path / "files"), **sections))

    return make


@pytest.fixture
def key_files(tmp_path):
    """Gives a function that makes the section of encryption, with key files of some numbers."""

    def make(master=None, *previous):
        folder = tmp_path / "keys"
        folder.mkdir(exist_ok=True)
        for number in {master, *previous} - {None}:
            key = base64.encodebytes(bytes([number]) * 32)
            (folder / str(number)).write_bytes(key)
        named = [(number, str(folder / str(number))) for number in (master, *previous) if number]
        return StorageEncryptionSettings(
            enable=master is not None,
            master_key=named[0] if master is not None else (),
            previous_master_keys=tuple(named[1:] if master is not None else named),
        )

    return make


ENCRYPTED = ("FileSystem", "Memory", "AwsS3Storage")


@pytest.fixture(params=[*sorted(AREAS), *(f"{name}, encrypted" for name in ENCRYPTED)])
def area(request, tmp_path, make_store, key_files):
    kind, _, encrypted = request.param.partition(", ")
    encryption = key_files(1) if encrypted else None
    if kind == "FileSystem":
        area = with_encryption(FilesystemArea(tmp_path / "files"), encryption)
    elif kind == "Memory":
        area = with_encryption(MemoryArea(), encryption)
    else:
        area = make_store(kind, storage_encryption=encryption)
    area.open()
    yield area
    area.close()
