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
    tags_by_level,
    user_numbers,
    users,
)


@section("DelayedDeletion")
class DelayedDeletionSettings:
    """How files of deleted resources are removed."""

    enable: bool = setting(
        default=True, meaning="Whether files are removed after the request was answered."
    )
    throttle_delay_ms: int = setting(
        default=0,
        meaning="Milliseconds to wait after each file that was removed.",
        check=not_negative,
    )


@section("")
class Settings:
    """The whole configuration; options at the root, and a field for each section."""

    name: str = setting(default="MyOrthanc", meaning="The name of this archive, shown in /system.")
    storage_directory: str = setting(
        default="RepertoryStorage",
        meaning="The folder that holds the DICOM files.",
        check=not_empty,
        path=True,
    )
    index_directory: str = setting(
        default="",
        meaning="The folder that holds the index; empty: the storage directory.",
        path=True,
    )
    sync_storage_area: bool = setting(
        default=True, meaning="Whether each file is on the medium before its upload is answered."
    )
    index_synchronous: str = setting(
        default="FULL",
        meaning="FULL: what was answered survives a power cut; NORMAL: a crash of the server.",
        check=one_of("FULL", "NORMAL"),
        ours=True,
    )
    index_readers: int = setting(
        default=2, meaning="How many actors answer queries of the index.", check=positive, ours=True
    )
    storage_threads: int = setting(
        default=4,
        meaning="How many threads read and write files.",
        check=positive,
        ours=True,
    )
    store_md5_for_attachments: bool = setting(
        default=True, meaning="Whether MD5 sums of files are kept.", name="StoreMD5ForAttachments"
    )
    maximum_request_body_size_mb: int = setting(
        default=8192,
        meaning="Megabytes that a request may have; larger ones are answered by 413. 0: no limit.",
        name="MaximumRequestBodySizeMB",
        check=not_negative,
    )
    spool_threshold_mb: int = setting(
        default=4,
        meaning="Bodies larger than this, in megabytes, go to the disk while they arrive.",
        name="SpoolThresholdMB",
        check=positive,
        ours=True,
    )
    stable_age: int = setting(
        default=60,
        meaning="Seconds without a new instance after which a resource is stable.",
        check=not_negative,
    )
    http_server_enabled: bool = setting(default=True, meaning="Whether the REST API is served.")
    http_port: int = setting(
        default=8042, meaning="The TCP port of the REST API; 0: one that is free.", check=port
    )
    http_bind_address: str = setting(
        default="",
        meaning="The address to listen on; empty: all if remote access is allowed.",
        ours=True,
    )
    http_bind_addresses: list[str] = setting(
        default_factory=list,
        meaning="The same as HttpBindAddress, as Orthanc writes it: a list, of one address.",
    )
    http_describe_errors: bool = setting(
        default=True, meaning="Whether errors are described in a JSON body."
    )
    # Orthanc's HttpVerbose is about the requests that it sends itself.
    http_verbose: bool = setting(
        default=False,
        meaning="Whether each request is logged at level info.",
        name="HttpLogRequests",
        ours=True,
    )
    http_request_timeout: int = setting(
        default=30,
        meaning="Seconds that a client may stay silent within a request.",
        check=not_negative,
    )
    keep_alive: bool = setting(
        default=True, meaning="Whether connections stay open between requests."
    )
    keep_alive_timeout: int = setting(
        default=1, meaning="Seconds that an idle connection stays open.", check=positive
    )
    remote_access_allowed: bool = setting(
        default=False, meaning="Whether other computers than this one may connect."
    )
    authentication_enabled: bool | None = setting(
        default=None,
        meaning="Whether users must authenticate; not set: where remote access is allowed.",
    )
    registered_users: dict[str, str] = setting(
        default_factory=dict, meaning="Names and passwords of the users.", check=users, secret=True
    )
    ssl_enabled: bool = setting(default=False, meaning="Whether the REST API is served over TLS.")
    ssl_certificate: str = setting(
        default="certificate.pem",
        meaning="The PEM file with the server's certificate and private key.",
        path=True,
    )
    ssl_verify_peers: bool = setting(
        default=False, meaning="Whether clients must show a certificate that is trusted."
    )
    ssl_trusted_client_certificates: str = setting(
        default="trustedClientCertificates.pem",
        meaning="The PEM file with the certificates to trust.",
        path=True,
    )
    dicom_aet: str = setting(
        default="ORTHANC",
        meaning="The application entity title of the archive.",
        check=application_entity_title,
    )
    dicom_port: int = setting(
        default=4242, meaning="The TCP port of the DICOM protocol.", check=port
    )
    user_metadata: dict[str, int] = setting(
        default_factory=dict,
        meaning="Names of user-defined metadata, with their numbers.",
        check=user_numbers,
    )
    extra_main_dicom_tags: dict[str, list[str]] = setting(
        default_factory=dict,
        meaning="Tags that the index keeps besides its own, by level: names, or gggg,eeee.",
        check=tags_by_level,
    )
    case_sensitive_pn: bool = setting(
        default=False,
        meaning="Whether searches heed the case of names of persons, where they do not say it.",
        name="CaseSensitivePN",
    )
    storage_access_on_find: str = setting(
        default="Always",
        meaning="When searches may read files: Always, for their Answers alone, or Never.",
        check=one_of("Always", "Never", "Answers"),
    )
    limit_find_results: int = setting(
        default=0,
        meaning="How many patients, studies or series one search finds at most; 0: no limit.",
        check=not_negative,
    )
    limit_find_instances: int = setting(
        default=0,
        meaning="How many instances one search finds at most; 0: no limit.",
        check=not_negative,
    )
    malloc_arena_max: int = setting(
        default=5,
        meaning="How many pools of memory the threads of the server share; 0: as the system does.",
        check=not_negative,
    )
    delayed_deletion: DelayedDeletionSettings = setting(
        default_factory=DelayedDeletionSettings,
        meaning="How files of deleted resources are removed.",
    )

    @property
    def authentication_required(self) -> bool:
        """Whether users must authenticate, where the option says so or where it says nothing."""
        if self.authentication_enabled is None:
            return self.remote_access_allowed
        return self.authentication_enabled
