"""The sections of the object stores; one that is there switches its store on."""

from repertory.conf.encryption import StorageEncryptionSettings
from repertory.conf.fields import not_negative, one_of, positive, section, setting

_HYBRID = (
    "Where new files go while others lie in the StorageDirectory: WriteToFileSystem or"
    " WriteToObjectStorage; Disabled: all lie in the object store."
)
_MIGRATION = "An older name of HybridMode: WriteToObjectStorage."
_SILENCE = "Seconds that the store may stay silent within a request."


def root_path(value: str) -> str | None:
    """A prefix of names: no empty step, none that goes up."""
    if value.startswith("/"):
        return 'must not begin with "/"'
    steps = value.removesuffix("/").split("/")
    if value and any(step in ("", ".", "..") for step in steps):
        return 'must not have a step that is empty, "." or ".."'
    return None


@section("AwsS3Storage")
class AwsS3StorageSettings:
    """Files in a bucket of S3, or of a server that speaks its protocol."""

    bucket_name: str = setting(default="", meaning="The bucket; it has to be there.")
    region: str = setting(default="", meaning="The region of the bucket: eu-central-1.")
    access_key: str = setting(
        default="",
        meaning="The access key; without one, what environment and machine offer is taken.",
        secret=True,
    )
    secret_key: str = setting(
        default="", meaning="The secret that belongs to the access key.", secret=True
    )
    endpoint: str = setting(
        default="", meaning="The URL of another server than Amazon's: http://minio:9000."
    )
    virtual_addressing: bool = setting(
        default=True,
        meaning="Whether the bucket is a part of the host's name; false for MinIO and its like.",
    )
    sign_payload: bool | None = setting(
        default=None,
        meaning="Whether files are signed with their SHA-256 when they are sent, which nobody can"
        " change on the way then. Not set: only without TLS, as Amazon's own libraries do.",
        ours=True,
    )
    root_path: str = setting(
        default="", meaning="What all names of objects begin with.", check=root_path
    )
    storage_structure: str = setting(
        default="flat",
        meaning="How objects are named: flat, or legacy as files in a folder.",
        check=one_of("flat", "legacy"),
    )
    enable_legacy_unknown_files: bool = setting(
        default=False,
        meaning="Whether beginnings of DICOM files are looked for under their old name .unk, too.",
    )
    connect_timeout: float = setting(
        default=30.0, meaning="Seconds to wait for a connection.", check=positive
    )
    connection_timeout: float | None = setting(
        default=None, meaning="Another name of ConnectTimeout.", check=positive
    )
    request_timeout: float = setting(
        default=1200.0, meaning="Seconds that a request may take.", check=positive
    )
    idle_timeout: float = setting(default=60.0, meaning=_SILENCE, check=positive, ours=True)
    max_connections: int = setting(
        default=25, meaning="How many files are read and written at a time.", check=positive
    )
    max_retries: int = setting(
        default=10,
        meaning="How often a request that failed is tried again.",
        check=not_negative,
    )
    transfer_pool_size: int = setting(
        default=10, meaning="How many parts of a large file go at a time.", check=positive
    )
    transfer_buffer_size: int = setting(
        default=5,
        meaning="Megabytes of a part; larger files go in several.",
        check=positive,
    )
    storage_class: str = setting(
        default="", meaning="The storage class of new objects: INTELLIGENT_TIERING."
    )
    tags: dict[str, str] = setting(default_factory=dict, meaning="Tags of new objects.")
    hybrid_mode: str = setting(default="Disabled", meaning=_HYBRID)
    migration_from_file_system_enabled: bool = setting(default=False, meaning=_MIGRATION)
    storage_encryption: StorageEncryptionSettings | None = setting(
        default=None, meaning="Encryption of the files in the object store."
    )


@section("AzureBlobStorage")
class AzureBlobStorageSettings:
    """Files in a container of Azure Blob Storage."""

    connection_string: str = setting(
        default="", meaning="The connection string of the storage account.", secret=True
    )
    container_name: str = setting(default="", meaning="The container.")
    create_container_if_not_exists: bool = setting(
        default=True, meaning="Whether a container that is missing is made at the start."
    )
    access_tier: str = setting(
        default="",
        meaning="The tier of new blobs; empty: the account's.",
        check=one_of("", "Hot", "Cool", "Cold", "Archive", "Premium"),
    )
    root_path: str = setting(
        default="", meaning="What all names of blobs begin with.", check=root_path
    )
    storage_structure: str = setting(
        default="flat",
        meaning="How blobs are named: flat, or legacy as files in a folder.",
        check=one_of("flat", "legacy"),
    )
    enable_legacy_unknown_files: bool = setting(
        default=False,
        meaning="Whether beginnings of DICOM files are looked for under their old name .unk, too.",
    )
    idle_timeout: float = setting(default=60.0, meaning=_SILENCE, check=positive, ours=True)
    hybrid_mode: str = setting(default="Disabled", meaning=_HYBRID)
    migration_from_file_system_enabled: bool = setting(default=False, meaning=_MIGRATION)
    storage_encryption: StorageEncryptionSettings | None = setting(
        default=None, meaning="Encryption of the files in the object store."
    )


@section("BlobStorage")
class BlobStorageSettings:
    """Files in a container of Azure Blob Storage, as it was configured long ago."""

    account_name: str = setting(default="", meaning="The storage account.")
    account_key: str = setting(default="", meaning="The key of the account.", secret=True)
    container_name: str = setting(default="", meaning="The container.")


@section("GoogleCloudStorage")
class GoogleCloudStorageSettings:
    """Files in a bucket of Google Cloud Storage."""

    service_account_file: str = setting(
        default="", meaning="The JSON file of the service account.", path=True
    )
    bucket_name: str = setting(default="", meaning="The bucket; it has to be there.")
    root_path: str = setting(
        default="", meaning="What all names of objects begin with.", check=root_path
    )
    storage_structure: str = setting(
        default="flat",
        meaning="How objects are named: flat, or legacy as files in a folder.",
        check=one_of("flat", "legacy"),
    )
    enable_legacy_unknown_files: bool = setting(
        default=False,
        meaning="Whether beginnings of DICOM files are looked for under their old name .unk, too.",
    )
    idle_timeout: float = setting(default=60.0, meaning=_SILENCE, check=positive, ours=True)
    hybrid_mode: str = setting(default="Disabled", meaning=_HYBRID)
    migration_from_file_system_enabled: bool = setting(default=False, meaning=_MIGRATION)
    storage_encryption: StorageEncryptionSettings | None = setting(
        default=None, meaning="Encryption of the files in the object store."
    )
