"""How an archive searches, and what it warns of."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from repertory.storage.main_tags import MAIN_DICOM_TAGS, MainDicomTags


@dataclass(frozen=True, slots=True)
class FindingRules:
    """How an archive searches.

    ``main_tags`` are what the index keeps. ``storage_access`` is ``Always`` where files may be
    read, ``Answers`` where only for what is shown of a resource, or ``Never``. ``warnings`` says
    which of Orthanc's warnings are given (``Warnings``); those that are not named are.
    """

    main_tags: MainDicomTags = MAIN_DICOM_TAGS
    case_sensitive_pn: bool = False
    storage_access: str = "Always"
    warnings: Mapping[str, bool] = field(default_factory=dict)

    @property
    def may_search_files(self) -> bool:
        """Whether files may be read to find out what matches."""
        return self.storage_access == "Always"

    @property
    def may_show_files(self) -> bool:
        """Whether files may be read for what is shown of a resource."""
        return self.storage_access != "Never"

    def warns(self, name: str) -> bool:
        """Whether a warning is given."""
        return self.warnings.get(name, True)
