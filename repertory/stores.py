"""The object stores that the settings ask for."""

from collections.abc import Callable
from typing import Any

from repertory.conf.encryption import StorageEncryptionSettings, faults_in, read_keys
from repertory.conf.settings import Settings
from repertory.conf.stores import sections_of
from repertory.errors import CannotStart
from repertory.storage.areas.azure_account import AzureAccount
from repertory.storage.areas.bucket import Bucket
from repertory.storage.areas.buckets import azure_container, google_bucket, s3_bucket
from repertory.storage.areas.cipher import Keys
from repertory.storage.areas.naming import ObjectNames
from repertory.storage.areas.objects import AT_ONCE

DEFAULT_CONNECTIONS = 25


def threads_of(settings: Settings) -> int:
    """How many files are read and written at a time: requests wait longer than disks."""
    if not sections_of(settings):
        return settings.storage_threads
    s3 = settings.aws_s3_storage
    connections = s3.max_connections if s3 is not None else DEFAULT_CONNECTIONS
    return max(settings.storage_threads, connections)


def removals_together(settings: Settings) -> int:
    """How many files are removed by one request."""
    return AT_ONCE if sections_of(settings) else 1


def keys_of(section: StorageEncryptionSettings | None) -> Keys | None:
    """The keys that a section names; ``None`` where it names none.

    Raises:
        CannotStart: they cannot be used.
    """
    if section is None or not section.references:
        return None
    faults = [f"{option} {text}." for option, text in faults_in(section, "StorageEncryption")]
    if faults:
        raise CannotStart(" ".join(faults))
    current = section.references[0][0] if section.enable else None
    return Keys.checked(read_keys(section), current)


def encryption_of(settings: Settings) -> str:
    """The number of the key that new files are encrypted under, "" where they are not."""
    sections = list(sections_of(settings).values())
    holder = sections[0] if sections else settings
    section = getattr(holder, "storage_encryption", None)
    if section is None or not section.enable or not section.references:
        return ""
    return str(section.references[0][0])


def names_of(section: Any, keys: Keys | None) -> ObjectNames:
    """How the section of an object store wants its objects to be named."""
    return ObjectNames(
        root=getattr(section, "root_path", ""),
        legacy=getattr(section, "storage_structure", "flat") == "legacy",
        unknown_heads=getattr(section, "enable_legacy_unknown_files", False),
        encrypted=keys is not None and keys.current is not None,
        mixed=keys is not None,
    )


def bucket_of(settings: Settings) -> tuple[Bucket, object] | None:
    """The bucket that is configured, with its section, if there is one.

    Raises:
        CannotStart: it cannot be one.
    """
    makers: list[Callable[[Settings], tuple[Bucket, object] | None]] = [
        _s3_of,
        _azure_of,
        _old_azure_of,
        _google_of,
    ]
    return next(filter(None, (make(settings) for make in makers)), None)


def _s3_of(settings: Settings) -> tuple[Bucket, object] | None:
    section = settings.aws_s3_storage
    if section is None:
        return None
    bucket = s3_bucket(
        section.bucket_name,
        region=section.region,
        access_key=section.access_key,
        secret_key=section.secret_key,
        endpoint=section.endpoint,
        virtual_addressing=section.virtual_addressing,
        sign_payload=section.sign_payload,
        connect_timeout=section.connection_timeout or section.connect_timeout,
        request_timeout=section.request_timeout,
        idle_timeout=section.idle_timeout,
        max_connections=section.max_connections,
        max_retries=section.max_retries,
        part_size=section.transfer_buffer_size << 20,
        parts_at_once=section.transfer_pool_size,
        storage_class=section.storage_class,
        tags=section.tags,
    )
    return bucket, section


def _azure_of(settings: Settings) -> tuple[Bucket, object] | None:
    section = settings.azure_blob_storage
    if section is None:
        return None
    bucket = azure_container(
        section.container_name,
        account=AzureAccount.from_connection_string(section.connection_string),
        create=section.create_container_if_not_exists,
        access_tier=section.access_tier,
        idle_timeout=section.idle_timeout,
    )
    return bucket, section


def _old_azure_of(settings: Settings) -> tuple[Bucket, object] | None:
    section = settings.blob_storage
    if section is None:
        return None
    account = AzureAccount(
        name=section.account_name,
        key=section.account_key,
        endpoint=f"https://{section.account_name}.blob.core.windows.net",
    )
    account.check()
    bucket = azure_container(
        section.container_name, account=account, create=False, section="BlobStorage"
    )
    return bucket, section


def _google_of(settings: Settings) -> tuple[Bucket, object] | None:
    section = settings.google_cloud_storage
    if section is None:
        return None
    bucket = google_bucket(
        section.bucket_name,
        service_account_file=section.service_account_file,
        idle_timeout=section.idle_timeout,
    )
    return bucket, section
