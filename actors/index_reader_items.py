"""The index readers' handlers for what belongs to resources: metadata, labels and so on."""

from repertory.actors.base import handles
from repertory.actors.messages.attachments import CheckAttachment, ListAttachments
from repertory.actors.messages.exports import DescribeLastExport, ListExports
from repertory.actors.messages.labels import ListAllLabels, ListLabels
from repertory.actors.messages.metadata import DescribeMetadata, ListMetadata
from repertory.actors.messages.resources import DescribeProtection, OrderSlices
from repertory.errors import Forbidden, UnknownItem, UnknownResource
from repertory.items import ExportPage, MetadataValue, SliceOrder, is_user_number
from repertory.model import Attachment, Level
from repertory.storage.index.base import IndexReader
from repertory.storage.slices import order_slices


class IndexReaderItems:
    """A part of ``IndexReaderActor``, apart from it for length only."""

    _reader: IndexReader

    @handles(ListMetadata)
    def list_metadata(self, query: ListMetadata) -> dict[int, str]:
        """All metadata of a resource."""
        return self._reader.list_metadata(query.level, query.id)

    @handles(DescribeMetadata)
    def describe_metadata(self, query: DescribeMetadata) -> MetadataValue | None:
        """One metadata of a resource."""
        return self._reader.describe_metadata(query.level, query.id, query.number)

    @handles(ListLabels)
    def list_labels(self, query: ListLabels) -> tuple[str, ...]:
        """The labels of a resource."""
        return self._reader.list_labels(query.level, query.id)

    @handles(ListAllLabels)
    def list_all_labels(self, _query: ListAllLabels) -> tuple[str, ...]:
        """The labels of all resources."""
        return self._reader.list_all_labels()

    @handles(ListAttachments)
    def list_attachments(self, query: ListAttachments) -> tuple[Attachment, ...]:
        """The attachments of a resource."""
        return self._reader.list_attachments(query.level, query.id)

    @handles(CheckAttachment)
    def check_attachment(self, query: CheckAttachment) -> None:
        """Refuse what would be refused when it is stored."""
        if not is_user_number(query.content_type):
            raise Forbidden("Only the users' own attachments can be written.")
        try:
            self._reader.check_attachment(query.level, query.id, query.content_type, query.expected)
        except UnknownResource as error:
            raise UnknownItem("There is no such resource.") from error

    @handles(DescribeProtection)
    def describe_protection(self, query: DescribeProtection) -> bool:
        """Whether a patient is protected."""
        return self._reader.describe_protection(query.id)

    @handles(OrderSlices)
    def order_slices(self, query: OrderSlices) -> SliceOrder:
        """The slices of a series in order."""
        found = self._reader.describe_children(Level.SERIES, query.id, Level.INSTANCE)
        return order_slices(found)

    @handles(ListExports)
    def list_exports(self, query: ListExports) -> ExportPage:
        """Some exports."""
        return self._reader.list_exports(query.since, query.limit)

    @handles(DescribeLastExport)
    def describe_last_export(self, _query: DescribeLastExport) -> ExportPage:
        """The newest export."""
        return self._reader.describe_last_export()
