"""How far a pass of housekeeping is, as the index keeps it: Orthanc's state, and ours beside it."""

import json
from collections.abc import Collection, Mapping
from dataclasses import astuple, dataclass, field, replace
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
from repertory.places import TrashCursor

log = structlog.get_logger(__name__)

OLDEST = "1.9.0"
"""What Orthanc takes for the version of a last pass that it knows nothing of."""


_FORM, _SYNTAX, _KEY = "StorageCompression", "IngestTranscoding", "StorageEncryption"


@dataclass(frozen=True, slots=True)
class PassState:
    """A pass, and what the one before it has completed.

    No pass runs where there is no ``current`` configuration. ``position`` is how far it is and
    ``last`` the study it goes to; ``within`` is how far a study is that is taken out of turn.
    ``everything`` and ``files`` are what was asked of this pass besides what the triggers say.

    What was stored under other configurations has numbers (``KeptState.stored_under``):
    ``generation`` is the newest when the pass began, ``seen`` up to which, for each thing that
    configurations differ in, all is in line with the configuration of some complete pass.
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
    generation: int = 0
    seen: Mapping[str, int] = field(default_factory=dict)
    trash: TrashCursor | None = None
    """How far a pass is in the trash, once it has gone over all studies."""

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
                    "Generation": self.generation,
                    "Seen": dict(self.seen),
                    "Trash": None if self.trash is None else astuple(self.trash),
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
            trash = ours.get("Trash")
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
                generation=int(ours.get("Generation", 0)),
                seen={str(it): int(number) for it, number in ours.get("Seen", {}).items()},
                trash=None if trash is None else TrashCursor(*map(int, trash)),
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
    transcode: str = "",
) -> Chores:
    """What a pass has to do: what the triggers say, and what is asked for besides."""
    fired = {finding.trigger for finding in findings if finding.fires}
    transcodes = files or "IngestTranscodingChange" in fired
    return Chores(
        levels=levels if everything or "MainDicomTagsChange" in fired else frozenset(),
        form=form if transcodes or "StorageCompressionChange" in fired else None,
        transcode=transcode if transcodes else "",
        obsolete=everything or "UnnecessaryDicomAsJsonFiles" in fired,
        everything=everything,
        anew="StorageEncryptionChange" in fired,
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
        ingest_transcoding=(now if chores.transcode else old).ingest_transcoding,
        storage_compression=(now if chores.form is not None else old).storage_compression,
        encryption=(now if chores.anew else old).encryption,
        signatures=signatures,
    )


def strays_of(
    stored_under: Collection[tuple[int, str]], seen: Mapping[str, int], now: Configuration
) -> list[Configuration]:
    """The configurations under which something was stored that no pass has gone over since.

    Where one was, in what a configuration says, it is taken to be as it is ``now``.
    """
    found = []
    for number, text in stored_under:
        try:
            it = _configuration(json.loads(text)) or now
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            log.warning("housekeeping_state_unreadable", error=type(error).__name__)
            continue
        signatures = {
            level: (now if seen.get(level.word, 0) >= number else it).signatures.get(level, "")
            for level in Level
        }
        compressed, transcoded, encrypted = (
            now if seen.get(name, 0) >= number else it for name in (_FORM, _SYNTAX, _KEY)
        )
        stray = replace(
            now,
            storage_compression=compressed.storage_compression,
            ingest_transcoding=transcoded.ingest_transcoding,
            encryption=encrypted.encryption,
            signatures=signatures,
        )
        if stray != now:
            found.append(stray)
    return found


def seen_by(chores: Chores, state: PassState) -> dict[str, int]:
    """Up to which number all is in line, once a pass has done its chores."""
    done = [level.word for level in chores.levels]
    done += [_FORM] * (chores.form is not None)
    done += [_SYNTAX] * bool(chores.transcode)
    done += [_KEY] * chores.anew
    return {**state.seen, **dict.fromkeys(done, state.generation)}


def completed_after(state: PassState, now: Configuration) -> Configuration | None:
    """What the archive is in line with when a pass was given up, for another configuration.

    Where that pass had another aim, some of the archive is as it was and some is not: then it is in
    line with nothing, even if the configuration is the old one again.
    """
    aim, old = state.current, state.completed
    if aim is None:
        return old
    known = old or Configuration(orthanc_version=OLDEST)
    compression, signatures = known.storage_compression, dict(known.signatures)
    if aim.storage_compression != compression:
        compression = not now.storage_compression
    for level in Level:
        if aim.signatures.get(level) != signatures.get(level):
            signatures[level] = ""
    mixed = replace(known, storage_compression=compression, signatures=signatures)
    return old if mixed == known else mixed


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
        encryption=str(kept.get("StorageEncryption", "")),
        signatures={level: str(signatures.get(level.word, "")) for level in Level},
    )
