"""The settings of an archive: a frozen tree of sections, named as in Orthanc's configuration."""

from repertory.conf import orthanc_warnings
from repertory.conf.advanced_storage import AdvancedStorageSettings
from repertory.conf.derived import Derived
from repertory.conf.encryption import StorageEncryptionSettings
from repertory.conf.fields import (
    application_entity_title,
    named_or_not,
    not_empty,
    not_negative,
    one_of,
    one_to,
    overwriting,
    port,
    positive,
    section,
    setting,
    tags_by_level,
    user_content_types,
    user_numbers,
    users,
)
from repertory.conf.housekeeper import HousekeeperSettings
from repertory.conf.object_storage import (
    AwsS3StorageSettings,
    AzureBlobStorageSettings,
    BlobStorageSettings,
    GoogleCloudStorageSettings,
)
from repertory.conf.resources import DelayedDeletionSettings, StableAgesSettings, TrashSettings
from repertory.conf.webhooks import WebhookSettings


@section("")
class Settings(Derived):
    """The whole configuration; options at the root, and a field for each section."""

    name: str = setting(default="MyOrthanc", meaning="The name of this archive, shown in /system.")
    database_server_identifier: str | None = setting(
        default=None,
        meaning="The name of this server; not set: what its index was named when it was made.",
        check=named_or_not,
    )
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
    storage_compression: bool = setting(
        default=False, meaning="Whether new files are compressed; those that are there stay."
    )
    storage_compression_format: str = setting(
        default="Zstandard",
        meaning="How files are compressed: Zstandard, or ZlibWithSize as Orthanc does.",
        check=one_of("Zstandard", "ZlibWithSize"),
        ours=True,
    )
    storage_compression_level: int = setting(
        default=3,
        meaning="The effort to compress files: 1 (fast) to 19 (small), for zlib to 9.",
        check=one_to(19),
        ours=True,
    )
    maximum_storage_cache_size: int = setting(
        default=128,
        meaning="Megabytes of files that are kept in memory once they were read; 0: none.",
        check=not_negative,
    )
    verify_reads: bool = setting(
        default=True,
        meaning="Whether the MD5 sum of a file is checked when it is read as a whole.",
        ours=True,
    )
    store_dicom: bool = setting(
        default=True,
        meaning="Whether DICOM files are kept; false: only what the index says of them.",
    )
    maximum_storage_size: int = setting(
        default=0,
        meaning="Megabytes that all stored files may have together; 0: no limit.",
        check=not_negative,
    )
    maximum_patient_count: int = setting(
        default=0, meaning="How many patients there may be; 0: no limit.", check=not_negative
    )
    maximum_storage_mode: str = setting(
        default="Recycle",
        meaning="Recycle: the patients that were quiet for longest make room; Reject: nobody does.",
        check=one_of("Recycle", "Reject"),
    )
    overwrite_instances: bool | str = setting(
        default="Never",
        meaning="Never, Always (or false, true) or IfChanged: whether an instance that is there"
        " already is replaced.",
        check=overwriting,
    )
    patient_level_enabled: bool = setting(
        default=True,
        meaning="Whether patients count; false forbids the limits by which they are recycled.",
    )
    read_only: bool = setting(
        default=False, meaning="Whether nothing can be changed: the routes that write are absent."
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
    user_content_type: dict[str, int | tuple[int | str, ...]] = setting(
        default_factory=dict,
        meaning=(
            "Names of user-defined attachments, with their numbers, or their numbers and MIME"
            ' types: [1025, "application/pdf"].'
        ),
        check=user_content_types,
    )
    check_revisions: bool = setting(
        default=False,
        meaning=(
            "Whether metadata and attachments are overwritten and deleted only by clients that"
            " name, in the header If-Match, the revision that they have seen."
        ),
    )
    log_exported_resources: bool = setting(
        default=False, meaning="Whether /exports lists what was sent to modalities and peers."
    )
    changes_stream_heartbeat: float = setting(
        default=15.0,
        meaning="Seconds of silence after which /changes/stream says that it is still there.",
        check=positive,
        ours=True,
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
    lua_scripts: list[str] = setting(
        default_factory=list,
        meaning="Lua scripts that are told what happens, and filter what comes in.",
        path=True,
    )
    lua_heart_beat_period: int = setting(
        default=0,
        meaning="Seconds between two calls of OnHeartBeat; 0: none.",
        check=not_negative,
    )
    lua_time_limit: float = setting(
        default=10.0,
        meaning="Seconds that a callback of a Lua script may be at work, what it waits for apart.",
        check=positive,
        ours=True,
    )
    lua_memory_limit: int = setting(
        default=512,
        meaning="Megabytes that all Lua scripts may use together.",
        name="LuaMemoryLimitMB",
        check=positive,
        ours=True,
    )
    execute_lua_enabled: bool = setting(
        default=False,
        meaning="Whether users may run Lua scripts of their own (/tools/execute-script).",
    )
    warnings: dict[str, bool] = setting(
        default_factory=dict,
        meaning="Which warnings of searches the log leaves out: Orthanc's names, and false.",
        check=orthanc_warnings.known,
    )
    concurrent_jobs: int = setting(
        default=2,
        meaning="How many jobs run at a time; 0: as many as there are processors.",
        check=not_negative,
    )
    jobs_history_size: int = setting(
        default=10,
        meaning="How many jobs that are over can still be looked at.",
        check=not_negative,
    )
    save_jobs: bool = setting(
        default=True,
        meaning="Whether a start goes on with the jobs of the last run; false discards them.",
    )
    zip_use_utf8: bool = setting(
        default=False,
        meaning="Whether names in ZIP archives keep letters beyond ASCII.",
    )
    archive_threads: int = setting(
        default=2,
        meaning="Threads that compress what goes into ZIP archives; as many make them.",
        check=positive,
        ours=True,
    )
    malloc_arena_max: int = setting(
        default=5,
        meaning="How many pools of memory the threads of the server share; 0: as the system does.",
        check=not_negative,
    )
    python_scripts: list[str] = setting(
        default_factory=list,
        meaning="Python files that are run at the start, and may ask to be told of events.",
        path=True,
        ours=True,
    )
    python_script: str = setting(
        default="",
        meaning="The same as PythonScripts, as Orthanc writes it: one file.",
        path=True,
    )
    webhooks: dict[str, WebhookSettings] = setting(
        default_factory=dict,
        meaning="Who is told by HTTP of what happens in the archive: webhooks by name.",
        ours=True,
    )
    delayed_deletion: DelayedDeletionSettings = setting(
        default_factory=DelayedDeletionSettings,
        meaning="How files of deleted resources are removed.",
    )
    housekeeper: HousekeeperSettings = setting(
        default_factory=HousekeeperSettings,
        meaning="How the archive is put in order after its configuration has changed.",
    )
    stable_ages: StableAgesSettings = setting(
        default_factory=StableAgesSettings,
        meaning="StableAge for some instances.",
    )
    advanced_storage: AdvancedStorageSettings = setting(
        default_factory=AdvancedStorageSettings,
        meaning="Several storages: which there are, and how files are moved between them.",
    )
    storage_encryption: StorageEncryptionSettings | None = setting(
        default=None, meaning="Encryption of the files in the StorageDirectory.", ours=True
    )
    aws_s3_storage: AwsS3StorageSettings | None = setting(
        default=None, meaning="Files in a bucket of S3."
    )
    azure_blob_storage: AzureBlobStorageSettings | None = setting(
        default=None, meaning="Files in a container of Azure Blob Storage."
    )
    blob_storage: BlobStorageSettings | None = setting(
        default=None, meaning="Files in a container of Azure, as it was configured long ago."
    )
    google_cloud_storage: GoogleCloudStorageSettings | None = setting(
        default=None, meaning="Files in a bucket of Google Cloud Storage."
    )
    trash: TrashSettings = setting(
        default_factory=TrashSettings,
        meaning="What becomes of deleted resources before their files are removed.",
    )
