"""An area of each kind."""

import pytest

from repertory.building import object_area_of
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


@pytest.fixture(params=sorted(AREAS))
def area(request, tmp_path, make_store):
    if request.param == "FileSystem":
        area = FilesystemArea(tmp_path / "files")
    elif request.param == "Memory":
        area = MemoryArea()
    else:
        area = make_store(request.param)
    area.open()
    yield area
    area.close()
