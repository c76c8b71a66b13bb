"""The trash as JSON."""

from repertory.http.reports import stamp
from repertory.http.views import Object, path_of
from repertory.maintags import NAMES
from repertory.model import Metadata, Tags
from repertory.trash import RestoreReceipt, TrashContent, TrashedResource, TrashEntry

_METADATA_WORDS = {int(item): item.word for item in Metadata}


def entry(it: TrashEntry) -> Object:
    """One deletion."""
    return {
        "ID": str(it.number),
        "ResourceType": it.level.word,
        "ResourceID": it.id,
        "MainDicomTags": _tags(it.main_tags),
        "DeletionDate": stamp(it.deleted_at),
        "ExpiryDate": stamp(it.expires_at),
        "CountPatients": it.patients,
        "CountStudies": it.studies,
        "CountSeries": it.series,
        "CountInstances": it.instances,
        "CountFiles": it.files,
        "Size": str(it.size),
    }


def content(it: TrashContent) -> Object:
    """One deletion, with what is in it."""
    return entry(it.entry) | {"Resources": [_resource(resource) for resource in it.resources]}


def receipt(it: RestoreReceipt) -> Object:
    """What came back."""
    return {
        "ResourceType": it.resource.level.word,
        "ID": it.resource.id,
        "Path": path_of(it.resource.level, it.resource.id),
        "Restored": it.restored,
        "Kept": it.kept,
    }


def _resource(it: TrashedResource) -> Object:
    return {
        "Type": it.level.word,
        "ID": it.id,
        "MainDicomTags": _tags(it.main_tags),
        "Metadata": {
            _METADATA_WORDS.get(number, str(number)): it.metadata[number]
            for number in sorted(it.metadata)
        },
        "Labels": list(it.labels),
    }


def _tags(tags: Tags) -> Object:
    return {NAMES.get(tag, tag): value for tag, value in tags.items()}
