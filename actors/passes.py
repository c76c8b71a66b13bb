"""How far a pass of housekeeping is, as the index keeps it: Orthanc's state, and ours beside it."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import structlog

from repertory.housekeeping import (
    BEGINNING,
    Chores,
    Configuration,
    Finding,
    Position,
    configuration_object,
    stamp,
)
from repertory.model import Compression, Level

log = structlog.get_logger(__name__)

OLDEST = "1.9.0"
"""What Orthanc takes for the version of a last pass that it knows nothing of."""


@dataclass(frozen=True, slots=True)
class PassState:
    """A pass, and what the one before it has completed.

    No pass runs where there is no ``current`` configuration. ``position`` is how far it is and
    ``last`` the study it goes to; ``within`` is how far a study is that is taken out of turn.
    ``everything`` and ``files`` are what was asked of this pass besides what the triggers say.
    """

    started: float | None = None
    current: Configuration | None = None
    completed: Configuration | None = None
    position: Position = BEGINNING
    within: Position = BEGINNING
    last: int = 0
    done: int = 0
    everything: bool = False
    files: bool = False

    @property
    def runs(self) -> bool:
        """Whether a pass is under way."""
        return self.current is not None

    @property
    def processed(self) -> int:
        """The number of the last study that is done; -1 where no pass runs."""
        return self.position.study - self.position.is_within if self.runs else -1

    @property
    def to_process(self) -> int:
        """The number of the last study that there is to do; -1 where no pass runs."""
        return self.last if self.runs else -1

    def text(self) -> str:
        """The state as it is kept: what Orthanc would keep, and the rest in a member of ours."""
        return json.dumps(
            {
                "Version": 1,
                "LastProcessedChange": self.processed,
                "LastChangeToProcess": self.to_process,
                "LastTimeStarted": stamp(self.started),
                "CurrentlyProcessingConfiguration": configuration_object(self.current),
                "LastProcessedConfiguration": configuration_object(self.completed),
                "Repertory": {
                    "Position": self.position,
                    "Within": self.within,
                    "Last": self.last,
                    "Done": self.done,
                    "Everything": self.everything,
                    "Files": self.files,
                },
            }
        )

    @classmethod
    def of(cls, text: str) -> "PassState":
        """The state that was kept; of an Orthanc's, only what its last pass has completed.

        How far an Orthanc was is told in numbers of changes, and cannot be taken up. What cannot
        be read counts as nothing, so that all is looked at anew.
        """
        if not text:
            return cls()
        try:
            kept = json.loads(text)
            completed = _configuration(kept["LastProcessedConfiguration"])
            if "Repertory" not in kept:
                return cls(completed=completed)
            ours, started = kept["Repertory"], kept["LastTimeStarted"]
            return cls(
                started=None if started is None else _moment(started),
                current=_configuration(kept["CurrentlyProcessingConfiguration"]),
                completed=completed,
                position=Position(*map(int, ours["Position"])),
                within=Position(*map(int, ours["Within"])),
                last=int(ours["Last"]),
                done=int(ours["Done"]),
                everything=bool(ours["Everything"]),
                files=bool(ours["Files"]),
            )
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            log.warning("housekeeping_state_unreadable", error=type(error).__name__)
            return cls()


def chores_of(
    findings: Collection[Finding],
    *,
    levels: frozenset[Level],
    form: Compression,
    everything: bool,
    files: bool,
) -> Chores:
    """What a pass has to do: what the triggers say, and what is asked for besides."""
    fired = {finding.trigger for finding in findings if finding.fires}
    return Chores(
        levels=levels if everything or "MainDicomTagsChange" in fired else frozenset(),
        form=form if files or "StorageCompressionChange" in fired else None,
        obsolete=everything or "UnnecessaryDicomAsJsonFiles" in fired,
        everything=everything,
    )


def completed_by(chores: Chores, now: Configuration, before: Configuration | None) -> Configuration:
    """The configuration that the archive is in line with after a pass.

    What the pass did not do (a trigger is off, a level left out) stays as it was, so that it is
    still found to be missing when somebody switches it on.
    """
    old = before or Configuration(orthanc_version=OLDEST)
    signatures = {
        level: (now if level in chores.levels else old).signatures.get(level, "") for level in Level
    }
    return replace(
        old,
        orthanc_version=now.orthanc_version if chores.obsolete else old.orthanc_version,
        storage_compression=(now if chores.form is not None else old).storage_compression,
        signatures=signatures,
    )


def _moment(text: str) -> float:
    return datetime.strptime(text, "%Y%m%dT%H%M%S.%f").replace(tzinfo=UTC).timestamp()


def _configuration(kept: Mapping[str, Any] | None) -> Configuration | None:
    if kept is None:
        return None
    signatures = kept["MainDicomTagsSignature"]
    return Configuration(
        orthanc_version=str(kept["OrthancVersion"]),
        dicom_web_version=str(kept.get("DicomWebVersion", "")),
        storage_compression=bool(kept["StorageCompressionEnabled"]),
        ingest_transcoding=str(kept.get("IngestTranscoding", "")),
        signatures={level: str(signatures.get(level.word, "")) for level in Level},
    )
