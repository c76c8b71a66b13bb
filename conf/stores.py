"""What is wrong, or odd, in the sections of object stores and of encryption."""

from collections.abc import Iterator
from pathlib import Path

from repertory.conf.encryption import faults_in
from repertory.conf.object_storage import AwsS3StorageSettings, GoogleCloudStorageSettings
from repertory.conf.settings import Settings

HYBRID_MODES = ("WriteToFileSystem", "WriteToObjectStorage")


def faults_of(settings: Settings) -> Iterator[tuple[str, str]]:
    """Why the archive must not start: an option, and the rest of the sentence."""
    yield from _missing(settings)
    named = sections_of(settings)
    for name in list(named)[1:]:
        yield name, f"must not be there beside {next(iter(named))}: one object store is enough"
    for name, section in named.items():
        mode = getattr(section, "hybrid_mode", "Disabled")
        if mode not in ("Disabled", *HYBRID_MODES):
            yield (
                f"{name}.HybridMode",
                f"must be one of Disabled, {', '.join(HYBRID_MODES)}, not {mode}",
            )
        encryption = getattr(section, "storage_encryption", None)
        if encryption is not None:
            yield from faults_in(encryption, f"{name}.StorageEncryption")
    if settings.storage_encryption is not None:
        yield from faults_in(settings.storage_encryption, "StorageEncryption")


def doubts_about(settings: Settings) -> Iterator[tuple[str, str]]:
    """What is probably not meant: an option, and the rest of the sentence."""
    for name, section in sections_of(settings).items():
        encryption = getattr(section, "storage_encryption", None)
        if encryption is not None and encryption.max_concurrent_input_size != 1024:
            option = f"{name}.StorageEncryption.MaxConcurrentInputSize"
            yield option, "has no effect: files are encrypted in pieces, whatever their size."
    s3 = settings.aws_s3_storage
    if s3 is not None and s3.endpoint.startswith("http://"):
        yield "AwsS3Storage.Endpoint", "is not https: what is stored goes in the clear."


def hybrid_mode_of(settings: Settings) -> str:
    """Where new files go while others lie in the StorageDirectory: a HybridMode."""
    for section in sections_of(settings).values():
        mode = str(getattr(section, "hybrid_mode", "Disabled"))
        if mode == "Disabled" and getattr(section, "migration_from_file_system_enabled", False):
            return "WriteToObjectStorage"
        return mode
    return "Disabled"


def sections_of(settings: Settings) -> dict[str, object]:
    """The sections of object stores that are there, by name."""
    sections = {
        "AwsS3Storage": settings.aws_s3_storage,
        "AzureBlobStorage": settings.azure_blob_storage,
        "BlobStorage": settings.blob_storage,
        "GoogleCloudStorage": settings.google_cloud_storage,
    }
    return {name: section for name, section in sections.items() if section is not None}


def _missing(settings: Settings) -> Iterator[tuple[str, str]]:
    """The options that a section cannot do without."""
    needed: list[tuple[str, str]] = []
    if settings.aws_s3_storage is not None:
        yield from _faults_of_s3(settings.aws_s3_storage)
    azure = settings.azure_blob_storage
    if azure is not None:
        needed += [
            ("AzureBlobStorage.ConnectionString", azure.connection_string),
            ("AzureBlobStorage.ContainerName", azure.container_name),
        ]
    legacy = settings.blob_storage
    if legacy is not None:
        needed += [
            ("BlobStorage.AccountName", legacy.account_name),
            ("BlobStorage.AccountKey", legacy.account_key),
            ("BlobStorage.ContainerName", legacy.container_name),
        ]
    for option, value in needed:
        if not value:
            yield option, "must not be empty"
    if settings.google_cloud_storage is not None:
        yield from _faults_of_google(settings.google_cloud_storage)


def _faults_of_s3(s3: AwsS3StorageSettings) -> Iterator[tuple[str, str]]:
    if not s3.bucket_name:
        yield "AwsS3Storage.BucketName", "must not be empty"
    if not s3.region:
        yield "AwsS3Storage.Region", "must not be empty"
    if bool(s3.access_key) != bool(s3.secret_key):
        absent = "SecretKey" if s3.access_key else "AccessKey"
        yield f"AwsS3Storage.{absent}", "must not be empty while its other half is given"
    if s3.endpoint and not s3.endpoint.startswith(("http://", "https://")):
        yield "AwsS3Storage.Endpoint", "must begin with http:// or https://"


def _faults_of_google(google: GoogleCloudStorageSettings) -> Iterator[tuple[str, str]]:
    if not google.bucket_name:
        yield "GoogleCloudStorage.BucketName", "must not be empty"
    if not google.service_account_file:
        yield "GoogleCloudStorage.ServiceAccountFile", "must not be empty"
    elif not Path(google.service_account_file).is_file():
        yield (
            "GoogleCloudStorage.ServiceAccountFile",
            f"must name a file that exists, not {google.service_account_file}",
        )
