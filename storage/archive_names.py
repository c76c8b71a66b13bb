"""The names of files within an archive (spec, Archive names inside the ZIP)."""

import re
from collections import defaultdict

from repertory.model import ResourceDescription, ResourceId

_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]')
_SPACES = re.compile(r"\s+")
_PATIENT_TAGS = ("0010,0020", "0010,0010")
_STUDY_TAGS = ("0008,0050", "0008,1030")
_SERIES_TAGS = ("0020,0011", "0008,0060", "0008,103e")
_MODALITY = "0008,0060"


class ArchiveNames:
    """Names the files of one archive, each once.

    A folder for the patient, one for the study, one for the series, and a number in it. What no
    file system takes is left out of the names, and what is not ASCII, unless ``utf8``.
    """

    def __init__(self, *, utf8: bool) -> None:
        self._utf8 = utf8
        self._folders: dict[ResourceId, str] = {}
        self._used: set[str] = set()
        self._numbers: dict[ResourceId, int] = defaultdict(int)

    def next_name(
        self,
        patient: ResourceDescription,
        study: ResourceDescription,
        series: ResourceDescription,
    ) -> str:
        """The path of the next instance of a series."""
        above = self._folder(patient, "", _PATIENT_TAGS, "Unknown Patient")
        above = self._folder(study, above, _STUDY_TAGS, "Unknown Study")
        folder = self._folder(series, above, _SERIES_TAGS, "Unknown Series")
        self._numbers[series.id] += 1
        modality = self._clean(series.main_tags.get(_MODALITY, "") or "")[:2].strip()
        number = self._numbers[series.id]
        return f"{folder}{modality}{number:0{8 - len(modality)}}.dcm"

    def _folder(
        self, resource: ResourceDescription, above: str, tags: tuple[str, ...], unknown: str
    ) -> str:
        folder = self._folders.get(resource.id)
        if folder is None:
            words = [self._clean(resource.main_tags.get(tag, "") or "") for tag in tags]
            name = " - ".join(word for word in words if word) or unknown
            folder = self._folders[resource.id] = f"{self._unused(above + name)}/"
        return folder

    def _unused(self, path: str) -> str:
        """The path, with a number where another resource has it, in whatever case."""
        unused, count = path, 1
        while unused.casefold() in self._used:
            count += 1
            unused = f"{path}-{count}"
        self._used.add(unused.casefold())
        return unused

    def _clean(self, value: str) -> str:
        if not self._utf8:
            value = value.encode("ascii", "ignore").decode()
        # A name that ends with a dot is none on Windows, and those of dots alone mean folders.
        return _SPACES.sub(" ", _FORBIDDEN.sub("", value.replace("\t", " "))).strip(" .")[:100]
