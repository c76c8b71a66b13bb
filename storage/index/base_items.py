"""What resources have besides their tags: parts of ``IndexReader`` and ``IndexWriter``.

Metadata, labels, attachments, the protection of patients, and the log of exports.
"""

from collections.abc import Sequence
from typing import Protocol

from repertory.items import ExportPage, MetadataValue, Revision
from repertory.model import Attachment, Level, ResourceId, ResourceRef


class ItemsReader(Protocol):
    """What is read of them."""

    def list_metadata(self, level: Level, id_: ResourceId) -> dict[int, str]:
        """The metadata of a resource, by number, in ascending order."""

    def describe_metadata(self, level: Level, id_: ResourceId, number: int) -> MetadataValue | None:
        """One metadata of a resource; ``None`` where it has none of that number."""

    def list_labels(self, level: Level, id_: ResourceId) -> tuple[str, ...]:
        """The labels of a resource, sorted."""

    def list_all_labels(self) -> tuple[str, ...]:
        """The labels that any resource has, sorted."""

    def list_attachments(self, level: Level, id_: ResourceId) -> tuple[Attachment, ...]:
        """The attachments of a resource, in ascending order of their content types."""

    def check_attachment(
        self, level: Level, id_: ResourceId, content_type: int, expected: Revision | None
    ) -> None:
        """Raise what ``replace_attachment`` would raise, as far as can be known before."""

    def describe_protection(self, id_: ResourceId) -> bool:
        """Whether a patient is protected; ``BadParameter`` where there is none."""

    def list_exports(self, since: int, limit: int) -> ExportPage:
        """Exports after ``since``, at most ``limit``; 0 is no limit."""

    def describe_last_export(self) -> ExportPage:
        """The newest export alone."""


class ItemsWriter(Protocol):
    """What changes of them."""

    def set_metadata(
        self,
        level: Level,
        id_: ResourceId,
        number: int,
        value: str,
        *,
        expected: Revision | None,
        now: float,
    ) -> MetadataValue:
        """Write a metadata and log it.

        ``expected`` is the revision that must be there if any is; ``None``: whatever is there.

        Raises:
            RevisionConflict: another revision is there.
        """

    def delete_metadata(
        self,
        level: Level,
        id_: ResourceId,
        number: int,
        *,
        expected: Revision | None,
        now: float,
    ) -> None:
        """Delete a metadata and log it; ``UnknownItem`` where there is none."""

    def add_label(self, level: Level, id_: ResourceId, label: str) -> None:
        """Give a resource a label; ``BadParameter`` for what cannot be one."""

    def remove_label(self, level: Level, id_: ResourceId, label: str) -> None:
        """Take a label from a resource; ``BadParameter`` for what cannot be one."""

    def replace_attachment(
        self,
        level: Level,
        id_: ResourceId,
        attachment: Attachment,
        *,
        expected: Revision | None,
        now: float,
    ) -> Attachment:
        """Give a resource an attachment, release the one before, log it; as it is now.

        Raises:
            RevisionConflict: another revision than ``expected`` is there.
        """

    def delete_attachment(
        self,
        level: Level,
        id_: ResourceId,
        content_type: int,
        *,
        expected: Revision | None,
        now: float,
    ) -> None:
        """Take an attachment away, release it, log it; ``UnknownItem`` where there is none."""

    def set_protection(self, id_: ResourceId, *, protected: bool) -> None:
        """Protect a patient, or end it; ``BadParameter`` where there is none."""

    def record_exports(self, resources: Sequence[ResourceRef], remote: str, now: float) -> None:
        """Log that resources were sent to ``remote``."""

    def clear_exports(self) -> None:
        """Empty the log of exports; numbering goes on."""
