"""The settings of an archive: a frozen tree of sections, named as in Orthanc's configuration."""

from repertory.conf import orthanc_warnings
from repertory.conf.advanced_storage import AdvancedStorageSettings
from repertory.conf.encryption import StorageEncryptionSettings
from repertory.conf.fields import (
    application_entity_title,
    not_negative,
    one_of,
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
from repertory.conf.storing import StoringSettings
from repertory.conf.webhooks import WebhookSettings


@section("")
class Settings(StoringSettings):
    """The whole configuration; options at the root, and a field for each section."""

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

    @property
    def content_types(self) -> dict[str, tuple[int, str]]:
        """The number and the MIME type of each name in UserContentType."""
        unknown = "application/octet-stream"
        return {
            name: (kind, unknown) if isinstance(kind, int) else (int(kind[0]), str(kind[1]))
            for name, kind in self.user_content_type.items()
        }

    @property
    def scripts(self) -> tuple[str, ...]:
        """The Python files to run at the start."""
        single = (self.python_script,) if self.python_script else ()
        return (*single, *self.python_scripts)

    @property
    def is_limited(self) -> bool:
        """Whether the archive may become full before the disk does."""
        return self.maximum_storage_size > 0 or self.maximum_patient_count > 0

    @property
    def is_scripted(self) -> bool:
        """Whether there are Lua scripts, or may be."""
        return bool(self.lua_scripts) or self.execute_lua_enabled

    @property
    def overwrite_mode(self) -> str:
        """What ``overwrite_instances`` says, as a word."""
        if isinstance(self.overwrite_instances, bool):
            return "Always" if self.overwrite_instances else "Never"
        return self.overwrite_instances

    @property
    def authentication_required(self) -> bool:
        """Whether users must authenticate, where the option says so or where it says nothing."""
        if self.authentication_enabled is None:
            return self.remote_access_allowed
        return self.authentication_enabled
