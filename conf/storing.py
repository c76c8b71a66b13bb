"""Options at the root about what is kept, where, and how much of it."""

from repertory.conf.fields import (
    named_or_not,
    not_empty,
    not_negative,
    one_of,
    one_to,
    overwriting,
    positive,
    section,
    setting,
)


@section("")
class StoringSettings:
    """A part of ``Settings``, apart from it for length only."""

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
