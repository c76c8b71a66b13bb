"""Buckets of the three kinds of object stores, from what is configured."""

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from repertory.errors import CannotStart
from repertory.storage.areas.azure_account import AzureAccount
from repertory.storage.areas.bucket import Bucket

if TYPE_CHECKING:
    from obstore.store import ObjectStore

MISSING = (
    "An object store is configured, and the library for it is not installed:"
    " pip install 'repertory[objectstore]'."
)

_FIRST_TRY = timedelta(seconds=10)
_FIRST_TRY_RETRIES = 1
_RETRY_WINDOW = timedelta(seconds=180)


def s3_bucket(
    name: str,
    *,
    region: str,
    access_key: str = "",
    secret_key: str = "",
    endpoint: str = "",
    virtual_addressing: bool = True,
    sign_payload: bool | None = None,
    connect_timeout: float = 30.0,
    request_timeout: float = 1200.0,
    idle_timeout: float = 60.0,
    max_connections: int = 25,
    max_retries: int = 10,
    part_size: int = 5 << 20,
    parts_at_once: int = 10,
    storage_class: str = "",
    tags: Mapping[str, str] | None = None,
) -> Bucket:
    """A bucket of S3, or of a server that speaks its protocol.

    ``sign_payload`` is whether a request is signed with the SHA-256 of its body, and not its head
    alone; ``None``: only without TLS (Amazon S3 API Reference, x-amz-content-sha256).
    """
    is_plain = endpoint.startswith("http://")
    config: dict[str, Any] = {
        "region": region,
        "virtual_hosted_style_request": virtual_addressing,
        "unsigned_payload": not (is_plain if sign_payload is None else sign_payload),
    }
    if access_key:
        config |= {"access_key_id": access_key, "secret_access_key": secret_key}
    if endpoint:
        config["endpoint"] = _with_bucket(endpoint, name) if virtual_addressing else endpoint

    def make(patient: bool) -> "ObjectStore":
        store = _library()
        made: ObjectStore = store.S3Store(
            name,
            config=config,
            client_options=_client(
                patient=patient,
                connect=connect_timeout,
                request=request_timeout,
                idle=idle_timeout,
                pool=max_connections,
                plain=is_plain,
            ),
            retry_config=_retries(max_retries, patient=patient),
        )
        return made

    return Bucket(
        place=f'the S3 bucket "{name}"',
        options="BucketName, Region, Endpoint, AccessKey and SecretKey in AwsS3Storage",
        make=make,
        attributes={"Storage-Class": storage_class} if storage_class else {},
        tags=tags or {},
        part_size=part_size,
        parts_at_once=parts_at_once,
        tells_sums=True,
    )


def azure_container(
    name: str,
    *,
    account: AzureAccount,
    create: bool = True,
    access_tier: str = "",
    idle_timeout: float = 60.0,
    section: str = "AzureBlobStorage",
) -> Bucket:
    """A container of Azure Blob Storage."""

    def make(patient: bool) -> "ObjectStore":
        store = _library()
        made: ObjectStore = store.AzureStore(
            container_name=name,
            config=account.config,
            client_options=_client(
                patient=patient, idle=idle_timeout, plain=account.endpoint.startswith("http://")
            ),
            retry_config=_retries(patient=patient),
        )
        return made

    return Bucket(
        place=f'the Azure container "{name}"',
        options=f"ContainerName and the account in {section}",
        make=make,
        prepare=(lambda: account.create_container(name)) if create else _nothing,
        attributes={"Storage-Class": access_tier} if access_tier else {},
    )


def google_bucket(name: str, *, service_account_file: str, idle_timeout: float = 60.0) -> Bucket:
    """A bucket of Google Cloud Storage."""

    def make(patient: bool) -> "ObjectStore":
        store = _library()
        made: ObjectStore = store.GCSStore(
            name,
            config={"service_account": service_account_file},
            # Whoever writes an endpoint without TLS into the account's file means an emulator.
            client_options=_client(patient=patient, idle=idle_timeout, plain=True),
            retry_config=_retries(patient=patient),
        )
        return made

    return Bucket(
        place=f'the Google bucket "{name}"',
        options="BucketName and ServiceAccountFile in GoogleCloudStorage",
        make=make,
    )


def _nothing() -> bool:
    return False


def _library() -> Any:
    try:
        from obstore import store  # noqa: PLC0415 - optional
    except ImportError:
        raise CannotStart(MISSING) from None
    return store


def _with_bucket(endpoint: str, bucket: str) -> str:
    scheme, _, host = endpoint.partition("://")
    return f"{scheme}://{bucket}.{host}"


def _client(
    *,
    patient: bool,
    connect: float = 30.0,
    request: float = 1200.0,
    idle: float = 60.0,
    pool: int = 25,
    plain: bool = False,
) -> dict[str, Any]:
    first = _FIRST_TRY.total_seconds()
    bounds = (connect, request, idle) if patient else (first, first, first)
    waits = [
        timedelta(seconds=min(own, bound))
        for own, bound in zip((connect, request, idle), bounds, strict=True)
    ]
    return {
        "connect_timeout": waits[0],
        "timeout": waits[1],
        "read_timeout": waits[2],
        "pool_max_idle_per_host": str(pool),
        "allow_http": plain,
    }


def _retries(number: int = 10, *, patient: bool) -> dict[str, Any]:
    return {
        "max_retries": number if patient else min(number, _FIRST_TRY_RETRIES),
        "retry_timeout": _RETRY_WINDOW if patient else _FIRST_TRY,
        "backoff": {
            "init_backoff": timedelta(milliseconds=50),
            "max_backoff": timedelta(seconds=2),
            "base": 2,
        },
    }
