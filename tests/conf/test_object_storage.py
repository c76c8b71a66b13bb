import json

import pytest

from repertory.conf.loading import read_settings
from repertory.conf.storages import storage_names, write_storage


@pytest.fixture
def read(tmp_path):
    def read(**options):
        path = tmp_path / "orthanc.json"
        path.write_text(json.dumps(options, indent=1))
        return read_settings(path, environment={})

    return read


def texts(problems):
    return [problem.text for problem in problems]


S3 = {"BucketName": "archive", "Region": "eu-central-1"}
KEY = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="


def test_a_section_that_is_not_there_switches_nothing_on(read):
    settings = read().settings

    assert settings.aws_s3_storage is None
    assert settings.azure_blob_storage is None
    assert settings.google_cloud_storage is None
    assert settings.storage_encryption is None


def test_the_options_of_the_plugin_are_read(read):
    loaded = read(
        AwsS3Storage={
            **S3,
            "AccessKey": "key",
            "SecretKey": "secret",
            "Endpoint": "https://minio:9000",
            "VirtualAddressing": False,
            "RootPath": "dicom",
            "StorageStructure": "legacy",
            "EnableLegacyUnknownFiles": True,
            "ConnectionTimeout": 10,
            "RequestTimeout": 100,
            "MaxConnections": 7,
            "MaxRetries": 3,
            "UseTransferManager": True,
            "TransferPoolSize": 4,
            "TransferBufferSize": 8,
            "StorageClass": "STANDARD_IA",
            "Tags": {"a": "b"},
            "EnableAwsSdkLogs": False,
        }
    )
    section = loaded.settings.aws_s3_storage

    assert texts(loaded.problems) == []
    assert texts(loaded.warnings) == []
    assert (section.connection_timeout, section.max_connections) == (10, 7)
    assert "secret" not in repr(section)


def test_everything_that_is_wrong_is_told_at_once(read, tmp_path):
    (tmp_path / "bad").write_text("???")
    loaded = read(
        AwsS3Storage={
            "AccessKey": "key",
            "RootPath": "/dicom",
            "StorageStructure": "deep",
            "Endpoint": "minio:9000",
            "StorageEncryption": {
                "MasterKey": [1, "missing"],
                "PreviousMasterKeys": [[1, "bad"]],
            },
        },
        GoogleCloudStorage={"ServiceAccountFile": "missing.json"},
    )
    told = " ".join(texts(loaded.problems))

    for part in (
        "AwsS3Storage.BucketName must not be empty",
        "AwsS3Storage.Region must not be empty",
        "AwsS3Storage.SecretKey must not be empty while its other half is given",
        'AwsS3Storage.RootPath must not begin with "/"',
        "AwsS3Storage.StorageStructure must be one of flat, legacy",
        "AwsS3Storage.Endpoint must begin with http:// or https://",
        "AwsS3Storage.StorageEncryption.MasterKey must name a key file",
        "cannot be read: No such file",
        "PreviousMasterKeys must not use the number 1 twice",
        "is not base64",
        "GoogleCloudStorage must not be there beside AwsS3Storage",
        "GoogleCloudStorage.BucketName must not be empty",
        "GoogleCloudStorage.ServiceAccountFile must name a file that exists",
    ):
        assert part in told
    assert "???" not in told
    assert all(problem.line for problem in loaded.problems)


@pytest.mark.parametrize("path", ["a//b", "..", "a/./b"])
def test_a_root_must_be_a_plain_path(read, path):
    (problem,) = read(AwsS3Storage={**S3, "RootPath": path}).problems

    assert "RootPath must not have a step" in problem.text


@pytest.mark.parametrize(
    "key", [[1], ["1", "key"], [-1, "key"], [4294967296, "key"], [1, ""], [1, "key", 2], "key"]
)
def test_a_key_is_a_number_and_a_file(read, key):
    assert read(StorageEncryption={"MasterKey": key}).problems


def test_encryption_without_a_key_is_refused_and_switched_off_it_needs_none(read):
    (problem,) = read(StorageEncryption={}).problems
    assert "MasterKey must name the number and the file of a key" in problem.text
    assert read(StorageEncryption={"Enable": False}).problems == ()


def test_key_files_are_relative_to_the_file_that_names_them(read, tmp_path):
    (tmp_path / "key").write_text(KEY)
    loaded = read(StorageEncryption={"MasterKey": [2, "key"], "PreviousMasterKeys": [[1, "key"]]})

    assert texts(loaded.problems) == []
    assert loaded.settings.storage_encryption.references == (
        (2, str(tmp_path / "key")),
        (1, str(tmp_path / "key")),
    )


def test_the_old_section_of_azure_is_understood(read):
    loaded = read(
        BlobStorage={"AccountName": "a", "AccountKey": "eA==", "ContainerName": "archive"}
    )

    assert texts(loaded.problems) == []
    assert loaded.settings.blob_storage.account_name == "a"
    (problem, *_) = read(BlobStorage={"AccountName": "a", "ContainerName": "c"}).problems
    assert "BlobStorage.AccountKey must not be empty" in problem.text


def test_what_is_odd_is_told(read):
    loaded = read(AwsS3Storage={**S3, "Endpoint": "http://minio:9000"})

    assert texts(loaded.problems) == []
    told = " ".join(texts(loaded.warnings))
    assert "AwsS3Storage.Endpoint is not https" in told


@pytest.mark.parametrize(
    ("options", "names", "writer"),
    [
        ({}, ("object-storage",), "object-storage"),
        ({"HybridMode": "Disabled"}, ("object-storage",), "object-storage"),
        (
            {"HybridMode": "WriteToFileSystem"},
            ("file-system", "object-storage"),
            "file-system",
        ),
        (
            {"HybridMode": "WriteToObjectStorage"},
            ("file-system", "object-storage"),
            "object-storage",
        ),
        (
            {"MigrationFromFileSystemEnabled": True},
            ("file-system", "object-storage"),
            "object-storage",
        ),
    ],
)
def test_the_mode_says_where_files_lie_and_where_new_ones_go(read, options, names, writer):
    settings = read(AwsS3Storage={**S3, **options}).settings

    assert storage_names(settings) == names
    assert write_storage(settings) == writer


def test_a_mode_that_nobody_knows_is_refused(read):
    (problem,) = read(AwsS3Storage={**S3, "HybridMode": "Both"}).problems

    assert "AwsS3Storage.HybridMode must be one of Disabled, WriteToFileSystem" in problem.text
