"""What makes a pass of housekeeping necessary: a class for each option ``Triggers.*``."""

import re
from abc import ABC, abstractmethod
from collections.abc import Collection
from typing import ClassVar

from repertory.conf.housekeeper import TriggersSettings
from repertory.housekeeping import Configuration, Finding
from repertory.storage.pixels.syntaxes import LOSSY

NEWS = (1, 9, 1)
"""The Orthanc that keeps tags as JSON no more."""

_STRAY = "Since the last pass, something was stored under another configuration. {}"
_UNKNOWN = "It is not known with which {} the archive was filled: the index is looked through."


class Trigger(ABC):
    """Compares the configuration with the one that the last complete pass was made for.

    ``option`` is the name of its option within ``Housekeeper.Triggers``, ``field`` that of the
    setting.
    """

    option: ClassVar[str]
    field: ClassVar[str]

    def look(
        self,
        settings: TriggersSettings,
        last: Configuration | None,
        now: Configuration,
        strays: Collection[Configuration] = (),
    ) -> Finding:
        """Whether it fires, and why, or why not; ``last`` is ``None`` before the first pass.

        ``strays`` are those under which something was stored that no pass has gone over since.
        """
        enabled: bool = getattr(settings, self.field)
        fires, reason = self._compare(last, now)
        for stray in strays:
            if not fires:
                fires, why = self._compare(stray, now)
                reason = _STRAY.format(why) if fires else reason
        if not enabled:
            fires, reason = False, f"It is switched off. {reason}"
        return Finding(self.option, enabled, fires, reason)

    @abstractmethod
    def _compare(self, last: Configuration | None, now: Configuration) -> tuple[bool, str]:
        """Whether there is something to do, and the reason in a sentence."""


class StorageCompressionChange(Trigger):
    """StorageCompression was switched: files are stored anew in the form that new ones get."""

    option = "StorageCompressionChange"
    field = "storage_compression_change"

    def _compare(self, last: Configuration | None, now: Configuration) -> tuple[bool, str]:
        # Like Orthanc: where nothing is known, files are taken to be as they came.
        before = last is not None and last.storage_compression
        if before == now.storage_compression:
            return False, "StorageCompression is as it was."
        return (
            True,
            f"StorageCompression was switched {'on' if now.storage_compression else 'off'}.",
        )


class MainDicomTagsChange(Trigger):
    """The main DICOM tags are others: what the index keeps of each file is read anew."""

    option = "MainDicomTagsChange"
    field = "main_dicom_tags_change"

    def _compare(self, last: Configuration | None, now: Configuration) -> tuple[bool, str]:
        if last is None:
            return True, _UNKNOWN.format("main DICOM tags")
        changed = [
            level.word
            for level in sorted(now.signatures)
            if last.signatures.get(level) != now.signatures.get(level)
        ]
        if not changed:
            return False, "The main DICOM tags are as they were."
        return True, f"The main DICOM tags have changed: {', '.join(changed)}."


class UnnecessaryDicomAsJsonFiles(Trigger):
    """An Orthanc before 1.9.1 kept the tags of each file as JSON beside it, which nothing reads."""

    option = "UnnecessaryDicomAsJsonFiles"
    field = "unnecessary_dicom_as_json_files"

    def _compare(self, last: Configuration | None, now: Configuration) -> tuple[bool, str]:
        if last is None:
            return True, _UNKNOWN.format("version of Orthanc")
        if _is_before(last.orthanc_version, NEWS) and not _is_before(now.orthanc_version, NEWS):
            return True, f"The last pass was one of Orthanc {last.orthanc_version}."
        return False, "The last pass has released them."


class IngestTranscodingChange(Trigger):
    """IngestTranscoding is another one: files are stored anew in it, unless it loses something."""

    option = "IngestTranscodingChange"
    field = "ingest_transcoding_change"

    def _compare(self, last: Configuration | None, now: Configuration) -> tuple[bool, str]:
        # Like StorageCompression: where nothing is known, files are taken to be as they came.
        before = "" if last is None else last.ingest_transcoding
        if before == now.ingest_transcoding:
            return False, "IngestTranscoding is as it was."
        if not now.ingest_transcoding:
            return False, "IngestTranscoding was switched off: files stay as they are."
        if now.ingest_transcoding in LOSSY:
            return False, "IngestTranscoding loses something: files stay as they are."
        return True, f"IngestTranscoding is {now.ingest_transcoding} now."


class StorageEncryptionChange(Trigger):
    """Files are encrypted under another key, or no more: all are stored anew."""

    option = "StorageEncryptionChange"
    field = "storage_encryption_change"

    def _compare(self, last: Configuration | None, now: Configuration) -> tuple[bool, str]:
        # Where nothing is known, files are taken to be clear, as Orthanc's are.
        before = "" if last is None else last.encryption
        if before == now.encryption:
            return False, "StorageEncryption is as it was."
        if not now.encryption:
            return True, "StorageEncryption was switched off."
        return True, f"New files are encrypted under the key {now.encryption}."


class DicomWebCacheChange(Trigger):
    """The cache of DICOMweb is out of date. It has its seat, but there is no DICOMweb yet."""

    option = "DicomWebCacheChange"
    field = "dicom_web_cache_change"

    def _compare(self, last: Configuration | None, now: Configuration) -> tuple[bool, str]:
        if last is None or last.dicom_web_version == now.dicom_web_version:
            return False, "There is no DICOMweb cache (yet)."
        return False, "DICOMweb has changed, but there is no DICOMweb cache (yet)."


TRIGGERS: tuple[Trigger, ...] = (
    StorageCompressionChange(),
    MainDicomTagsChange(),
    UnnecessaryDicomAsJsonFiles(),
    IngestTranscodingChange(),
    StorageEncryptionChange(),
    DicomWebCacheChange(),
)


def _is_before(version: str, other: tuple[int, ...]) -> bool:
    """Whether a version of Orthanc is older; one that is no number is the newest ("mainline")."""
    parts = re.findall(r"\d+", version)
    return bool(parts) and tuple(map(int, parts)) < other
