"""The settings of an archive: a frozen tree of sections, named as in Orthanc's configuration."""

from repertory.conf.fields import (
    application_entity_title,
    not_empty,
    not_negative,
    one_of,
    port,
    positive,
    section,
    setting,
    user_numbers,
    users,
)


@section("DelayedDeletion")
class DelayedDeletionSettings:
    """How files of deleted resources are removed."""

    enable: bool = setting(True, "Whether files are removed after the request was answered.")
    throttle_delay_ms: int = setting(
        0, "Milliseconds to wait after each file that was removed.", check=not_negative
    )


@section("")
class Settings:
    """The whole configuration; options at the root, and a field for each section."""

    name: str = setting("MyOrthanc", "The name of this archive, shown in /system.")
    storage_directory: str = setting(
        "RepertoryStorage", "The folder that holds the DICOM files.", check=not_empty, path=True
    )
    index_directory: str = setting(
        "", "The folder that holds the index; empty: the storage directory.", path=True
    )
    sync_storage_area: bool = setting(
        True, "Whether each file is on the medium before its upload is answered."
    )
    index_synchronous: str = setting(
        "FULL",
        "FULL: what was answered survives a power cut. NORMAL: it survives a crash of the server.",
        check=one_of("FULL", "NORMAL"),
        ours=True,
    )
    index_readers: int = setting(
        2, "How many actors answer queries of the index.", check=positive, ours=True
    )
    storage_threads: int = setting(
        4, "How many threads write and read files at once.", check=positive, ours=True
    )
    store_md5_for_attachments: bool = setting(
        True, "Whether MD5 sums of files are kept.", name="StoreMD5ForAttachments"
    )
    maximum_request_body_size_mb: int = setting(
        8192,
        "The largest body of a request in megabytes; larger ones are answered by 413. 0: no limit.",
        name="MaximumRequestBodySizeMB",
        check=not_negative,
    )
    spool_threshold_mb: int = setting(
        4,
        "Bodies larger than this, in megabytes, go to the disk while they arrive.",
        name="SpoolThresholdMB",
        check=positive,
        ours=True,
    )
    stable_age: int = setting(
        60, "Seconds without a new instance after which a resource is stable.", check=not_negative
    )
    http_server_enabled: bool = setting(True, "Whether the REST API is served.")
    http_port: int = setting(8042, "The TCP port of the REST API; 0: one that is free.", check=port)
    http_bind_address: str = setting(
        "", "The address to listen on; empty: all if remote access is allowed.", ours=True
    )
    http_bind_addresses: list[str] = setting(
        list, "The same as HttpBindAddress, as Orthanc writes it: a list, of one address."
    )
    http_describe_errors: bool = setting(True, "Whether errors are described in a JSON body.")
    # Orthanc's HttpVerbose is about the requests that it sends itself.
    http_verbose: bool = setting(
        False, "Whether each request is logged at level info.", name="HttpLogRequests", ours=True
    )
    http_request_timeout: int = setting(
        30, "Seconds that a client may stay silent within a request.", check=not_negative
    )
    keep_alive: bool = setting(True, "Whether connections stay open between requests.")
    keep_alive_timeout: int = setting(
        1, "Seconds that an idle connection stays open.", check=positive
    )
    remote_access_allowed: bool = setting(
        False, "Whether other computers than this one may connect."
    )
    authentication_enabled: bool | None = setting(
        None, "Whether users must authenticate; not set: where remote access is allowed."
    )
    registered_users: dict[str, str] = setting(
        dict, "Names and passwords of the users.", check=users, secret=True
    )
    ssl_enabled: bool = setting(False, "Whether the REST API is served over TLS.")
    ssl_certificate: str = setting(
        "certificate.pem",
        "The PEM file with the server's certificate and private key.",
        path=True,
    )
    ssl_verify_peers: bool = setting(
        False, "Whether clients must show a certificate that is trusted."
    )
    ssl_trusted_client_certificates: str = setting(
        "trustedClientCertificates.pem",
        "The PEM file with the certificates to trust.",
        path=True,
    )
    dicom_aet: str = setting(
        "ORTHANC",
        "The application entity title of the archive.",
        check=application_entity_title,
    )
    dicom_port: int = setting(4242, "The TCP port of the DICOM protocol.", check=port)
    user_metadata: dict[str, int] = setting(
        dict, "Names of user-defined metadata, with their numbers.", check=user_numbers
    )
    malloc_arena_max: int = setting(
        5,
        "How many pools of memory the threads of the server share; 0: as the system does.",
        check=not_negative,
    )
    delayed_deletion: DelayedDeletionSettings = setting(
        DelayedDeletionSettings, "How files of deleted resources are removed."
    )

    @property
    def authentication_required(self) -> bool:
        """Whether users must authenticate, where the option says so or where it says nothing."""
        if self.authentication_enabled is None:
            return self.remote_access_allowed
        return self.authentication_enabled
