"""The settings of an archive: a frozen tree of sections, named as in Orthanc's configuration."""

from repertory.conf import orthanc_warnings
from repertory.conf.advanced_storage import AdvancedStorageSettings
from repertory.conf.brokers import NatsSettings, RabbitMqSettings
from repertory.conf.databases import MysqlSettings, OdbcSettings, PostgresqlSettings
from repertory.conf.derived import Derived
from repertory.conf.dicom import DicomSettings
from repertory.conf.encryption import StorageEncryptionSettings
from repertory.conf.fields import (
    not_negative,
    one_of,
    one_to,
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
from repertory.conf.nodes import NodesSettings
from repertory.conf.object_storage import (
    AwsS3StorageSettings,
    AzureBlobStorageSettings,
    BlobStorageSettings,
    GoogleCloudStorageSettings,
)
from repertory.conf.resources import DelayedDeletionSettings, StableAgesSettings, TrashSettings
from repertory.conf.tiering import TieringSettings
from repertory.conf.tls import older_cipher_names, tls_version
from repertory.conf.tracing import TracingSettings
from repertory.conf.transcoding import transfer_syntax_or_empty
from repertory.conf.webhooks import WebhookSettings
from repertory.conf.worklists import WorklistsSettings


@section("")
class Settings(DicomSettings, Derived):
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
    front_end_processes: int = setting(
        default=0,
        meaning="How many processes serve the REST API, and take the instances that come by DICOM,"
        " beside the main one; 0: the main one does.",
        check=not_negative,
        ours=True,
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
    metrics_enabled: bool = setting(
        default=True, meaning="Whether metrics are collected (/tools/metrics-prometheus)."
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
    ssl_minimum_protocol_version: int = setting(
        default=4,
        meaning="The oldest version of TLS that is spoken: 0 to 2: 1.0; 3: 1.1; 4: 1.2; 5: 1.3.",
        check=tls_version,
    )
    ssl_ciphers_accepted: list[str] = setting(
        default_factory=list,
        meaning="The ciphers of TLS 1.2 and older that are accepted, as OpenSSL names them; empty:"
        " the usual ones.",
        check=older_cipher_names,
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
    ingest_transcoding: str = setting(
        default="",
        meaning="The transfer syntax that files get when they come in; empty: each keeps its own.",
        check=transfer_syntax_or_empty,
    )
    ingest_transcoding_of_compressed: bool = setting(
        default=True, meaning="Whether IngestTranscoding is for files whose pixels are compressed."
    )
    ingest_transcoding_of_uncompressed: bool = setting(
        default=True,
        meaning="Whether IngestTranscoding is for files whose pixels are not compressed.",
    )
    dicom_lossy_transcoding_quality: int = setting(
        default=90,
        meaning="The quality of transfer syntaxes that lose something: 1 to 100.",
        check=one_to(100),
    )
    transcoder_threads_count: int = setting(
        default=4,
        meaning="How many processes transcode at a time; they are started when they are needed.",
        check=positive,
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
    rabbit_mq: dict[str, RabbitMqSettings] = setting(
        default_factory=dict,
        meaning="Exchanges of RabbitMQ that events are published to, by name.",
        name="RabbitMQ",
        ours=True,
    )
    nats: dict[str, NatsSettings] = setting(
        default_factory=dict,
        meaning="Streams of NATS JetStream that events are published to, by name.",
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
    tiering: TieringSettings = setting(
        default_factory=TieringSettings,
        meaning="Rules by which files move between storages, and what comes back when it is read.",
        ours=True,
    )
    nodes: NodesSettings = setting(
        default_factory=NodesSettings,
        meaning="How the nodes of one archive, which share a database, notice that one has died.",
        ours=True,
    )
    storage_encryption: StorageEncryptionSettings | None = setting(
        default=None, meaning="Encryption of the files in the StorageDirectory.", ours=True
    )
    postgresql: PostgresqlSettings | None = setting(
        default=None, meaning="The index in PostgreSQL.", name="PostgreSQL"
    )
    mysql: MysqlSettings | None = setting(
        default=None, meaning="The index in MariaDB.", name="MySQL"
    )
    odbc: OdbcSettings | None = setting(
        default=None, meaning="The index in a database server, by ODBC."
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
    tracing: TracingSettings = setting(
        default_factory=TracingSettings, meaning="Traces of requests through the archive."
    )
    worklists: WorklistsSettings = setting(
        default_factory=WorklistsSettings,
        meaning="What modalities are told of the examinations that are scheduled.",
    )
    trash: TrashSettings = setting(
        default_factory=TrashSettings,
        meaning="What becomes of deleted resources before their files are removed.",
    )
