"""How an event is written for whoever is outside."""

import json
from typing import Any

from repertory.events import ArchiveEvent
from repertory.maintags import NAMES


def event_body(archive: str, event: ArchiveEvent, *, main_tags: bool) -> bytes:
    """An event as JSON.

    Args:
        archive: the archive's identifier.
        event: the event.
        main_tags: whether to tell its main DICOM tags.
    """
    written: dict[str, Any] = {
        "Archive": archive,
        "Seq": event.number,
        "ChangeType": event.type.word,
        "ResourceType": event.level.word,
        "ID": event.id,
        "Path": f"/{event.level.plural}/{event.id}",
        "Date": event.date,
        "Parents": {level.word: id_ for level, id_ in sorted(event.parents.items())},
    }
    if main_tags:
        tags = event.main_tags.items()
        written["MainDicomTags"] = {NAMES.get(tag, tag): value for tag, value in tags}
    return json.dumps(written, ensure_ascii=False).encode()
