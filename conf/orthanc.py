"""The options of Orthanc 1.13 that Repertory knows but does not honour (yet).

Each comes with the values that change nothing here: what Repertory does anyway. Any other value
is reported when it is read, so that nobody relies on an option that has no effect. Orthanc's own
defaults are in its two sample files (Configuration.json and AdvancedConfiguration.json).
"""

from collections.abc import Mapping
from typing import Any

NOT_HONOURED: Mapping[str, tuple[Any, ...]] = {
    # The archive
    "TemporaryDirectory": (),
    # Threads, memory and caches
    "DicomParserCacheSize": (256,),
    "DicomParserMemoryCapacity": (256,),
    "DicomParserThreadsCount": (2,),
    "HttpThreadsCount": (50,),
    "JobsEngineThreadsCount": ({"ResourceModification": 1},),
    "LoaderThreads": (4,),
    "MaximumConcurrentDcmtkTranscoders": (0,),
    "SequentialDicomReaderThreadsCount": (4,),
    "SequentialDicomReaderWindowCapacity": (128,),
    "SequentialDicomReaderWindowSize": (4,),
    "StorageLoaderThreadsCount": (4,),
    "StorageMemoryCapacity": (512,),
    "TranscoderCacheSize": (256,),
    "TranscoderMemoryCapacity": (256,),
    "ZipLoaderThreads": (0,),
    # Jobs and archives
    "LimitJobs": (10,),
    "MaximumFileSizeInArchiveMB": (4096,),
    "MediaArchiveSize": (1,),
    "SynchronousZipStream": (True,),
    # The REST API and what is served beside it
    "HttpCompressionEnabled": (False,),
    "OrthancExplorerEnabled": (False,),
    "RestApiWriteToFileSystemEnabled": (False,),
    "TcpNoDelay": (True,),
    "WebDavDeleteAllowed": (False,),
    "WebDavEnabled": (False,),
    "WebDavUploadAllowed": (True, False),
    # Requests that Orthanc sends
    "HttpVerbose": (False,),
    "Pkcs11": ({},),
    # The DICOM protocol
    # DICOM files
    "BuiltinDecoderTranscoderOrder": ("After",),
    "Locale": (),
    # Logs, scripts and plugins
    "DeidentifyLogs": (True,),
    "DeidentifyLogsDicomVersion": ("2008", "2017c", "2021b", "2023b"),
    "Plugins": ([],),
    "PythonVerbose": (False,),
}
"""Options at the root, with the values that change nothing."""

SECTIONS: frozenset[str] = frozenset(
    {
        "Authorization",
        "AwsS3Storage",
        "AzureBlobStorage",
        "BlobStorage",
        "DelayedDeletion",
        "DicomWeb",
        "Education",
        "Gdcm",
        "GoogleCloudStorage",
        "Housekeeper",
        "Indexer",
        "Java",
        "MongoDB",
        "MultitenantDicom",
        "Neuro",
        "OHIF",
        "OrthancExplorer2",
        "STL",
        "ServeFolders",
        "StoneWebViewer",
        "Transfers",
        "WebViewer",
        "WholeSlideImaging",
        "Worklists",
    }
)
"""Sections of Orthanc's official plugins."""

PARTLY_HONOURED: Mapping[str, Mapping[str, tuple[Any, ...]]] = {
    # The queue is part of the index here.
    "DelayedDeletion": {"Path": ()},
    # Files are named as Orthanc does unless it is told otherwise; the folders of others are not
    # adopted file by file.
    "AdvancedStorage": {
        "DelayedDeletion": ({},),
        "Indexer": ({},),
        "MaxPathLength": (256,),
        "NamingScheme": ("OrthancDefault",),
        "OtherAttachmentsPrefix": ("",),
    },
    # Large files always go in parts; the SDK of Amazon is not here.
    # Counters and children are consistent at any time; the schema is made at the first start.
    "PostgreSQL": {
        "AllowInconsistentChildCounts": (True, False),
        "HousekeepingInterval": (),
        "PrepareIndex": (True,),
    },
    "Odbc": {"StorageConnectionString": ("",)},
    "AwsS3Storage": {
        "EnableAwsSdkLogs": (False,),
        "UseTransferManager": (True, False),
    },
}
"""Options within the sections that Repertory has, with the values that change nothing."""

UNSUPPORTED: Mapping[str, str] = {
    "Pkcs11": "is not supported, and has no effect: keys in hardware tokens and smart cards are not"
    " used. A peer can have a CertificateFile.",
}
"""Options at the root of which somebody must hear apart, as what depends on them will fail."""

REFUSED: Mapping[str, str] = {}
"""Options that are not honoured and must not be passed over, with the reason."""


def changes_nothing(section: str, name: str, value: Any) -> bool:
    """Whether it makes no difference that an option of Orthanc has no effect here."""
    known = NOT_HONOURED if not section else PARTLY_HONOURED.get(section, {})
    if value in (known.get(name) or ()):
        return True
    if section or name not in SECTIONS:
        return False
    # A plugin that is switched off, or has nothing to do.
    return value == {} or (isinstance(value, dict) and value.get("Enable") is False)


def is_known(section: str, name: str) -> bool:
    """Whether Orthanc has an option, or a section at the root, of this name."""
    if section:
        return name in PARTLY_HONOURED.get(section, {})
    return name in NOT_HONOURED or name in SECTIONS


def names(section: str) -> list[str]:
    """All names that ``is_known`` says yes to."""
    return sorted(PARTLY_HONOURED.get(section, {})) if section else [*NOT_HONOURED, *SECTIONS]
