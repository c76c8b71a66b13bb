"""The archive as a whole: what it is, and how much it holds."""

from aiohttp import web

from repertory.actors.messages.places import ListPlaces
from repertory.actors.messages.system import DescribeIndex, DescribeTotals
from repertory.conf.storages import storage_names
from repertory.errors import ShuttingDown
from repertory.http import views
from repertory.http.answers import answer
from repertory.http.bridge import BOARD, SETTINGS, ask
from repertory.http.routing import Routes
from repertory.version import (
    DATABASE_VERSION,
    ORTHANC_API_VERSION,
    ORTHANC_VERSION,
    VERSION,
)

routes = Routes()

_MAIN_DICOM_TAGS = {
    "Patient": "0010,0010;0010,0020;0010,0030;0010,0040;0010,1000",
    "Study": (
        "0008,0020;0008,0030;0008,0050;0008,0080;0008,0090;0008,0201;0008,1030;0020,000d;"
        "0020,0010;0032,1032;0032,1060"
    ),
    "Series": (
        "0008,0021;0008,0031;0008,0060;0008,0070;0008,0201;0008,1010;0008,103e;0008,1070;"
        "0018,0010;0018,0015;0018,0024;0018,1030;0018,1090;0018,1400;0020,000e;0020,0011;"
        "0020,0037;0020,0105;0020,1002;0040,0244;0040,0245;0040,0254;0040,0275;0054,0081;"
        "0054,0101;0054,1000"
    ),
    "Instance": (
        "0008,0012;0008,0013;0008,0018;0020,0012;0020,0013;0020,0032;0020,0037;0020,0100;"
        "0020,4000;0028,0008;0054,1330"
    ),
}
"""Orthanc's main DICOM tags, which the index keeps of every file."""


@routes.get("/system")
async def describe_system(request: web.Request) -> web.Response:
    """Tell which archive this is, which contract it keeps, and how it is set up.

    `Version` and `ApiVersion` are those of the Orthanc whose contract is kept;
    `RepertoryVersion` is our own. The answer is 503 once the archive cannot go on.
    """
    if request.app[BOARD].dead is not None:
        raise ShuttingDown
    index = await ask(request, DescribeIndex())
    settings = request.app[SETTINGS]
    return answer(
        {
            "ApiVersion": ORTHANC_API_VERSION,
            "Capabilities": {
                "HasExtendedChanges": True,
                "HasExtendedFind": True,
                "HasKeyValueStores": False,
                "HasQueues": False,
                "HasReserveQueueValue": False,
            },
            "CheckRevisions": settings.check_revisions,
            "DatabaseBackendPlugin": None,
            "DatabaseServerIdentifier": index.identifier,
            "DatabaseVersion": DATABASE_VERSION,
            "DicomAet": settings.dicom_aet,
            "DicomPort": settings.dicom_port,
            "HasLabels": True,
            "HttpPort": settings.http_port,
            "IngestTranscoding": settings.ingest_transcoding,
            # Orthanc's meaning: others may come, and need not say who they are.
            "IsHttpServerSecure": settings.authentication_required
            or not settings.remote_access_allowed,
            "MainDicomTags": _MAIN_DICOM_TAGS
            | {level.word: tags for level, tags in index.signatures.items()},
            "MaximumPatientCount": settings.maximum_patient_count,
            "MaximumStorageMode": settings.maximum_storage_mode,
            "MaximumStorageSize": settings.maximum_storage_size,
            "Name": settings.name,
            "OverwriteInstances": settings.overwrite_mode != "Never",
            "OverwriteInstancesMode": settings.overwrite_mode,
            "PatientLevelEnabled": settings.patient_level_enabled,
            "Performance": {
                "ConcurrentJobs": settings.concurrent_jobs,
                "DicomThreadsCount": settings.dicom_threads_count
                or settings.dicom_maximum_associations,
                "MaximumStorageCacheSize": settings.maximum_storage_cache_size,
                "TranscoderThreadsCount": settings.transcoder_threads_count,
            },
            "PluginsEnabled": True,
            "ReadOnly": settings.read_only,
            "RepertoryVersion": VERSION,
            "StorageAreaPlugin": None,
            "StorageCompression": settings.storage_compression,
            "StoreMD5ForAttachments": settings.store_md5_for_attachments,
            "UserMetadata": settings.user_metadata,
            "Version": ORTHANC_VERSION,
        }
    )


@routes.get("/statistics")
async def describe_totals(request: web.Request) -> web.Response:
    """Tell how many resources of each level there are, and how many bytes their files have.

    Sizes in bytes are strings, sizes in megabytes are numbers, as in Orthanc. Where files lie in
    several storages, `Storages` tells how many, and how many bytes, each of them holds.
    """
    view = views.totals(await ask(request, DescribeTotals()))
    if len(storage_names(request.app[SETTINGS])) > 1:
        places = await ask(request, ListPlaces())
        view["Storages"] = {
            place.name: {"CountFiles": place.files, "DiskSize": str(place.size)}
            for place in places
            if place.files or place.name in storage_names(request.app[SETTINGS])
        }
    return answer(view)
