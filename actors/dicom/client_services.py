"""The parts of ``DicomClientActor`` that are about services besides storage and query."""

from typing import TYPE_CHECKING, Any

from repertory.actors.base import handles
from repertory.actors.dicom.lanes import Lanes
from repertory.actors.dicom.options import ClientOptions
from repertory.actors.dicom.query_filter import QueryFilter
from repertory.actors.messages.modalities import GetResource, QueryWorklists, Target
from repertory.actors.messages.scripting import FiltersChanged
from repertory.actors.reply import Reply
from repertory.actors.switchboard import Switchboard
from repertory.modalities import Modality
from repertory.storage.dicom.tags_json import in_form
from repertory.storage.worklists import resolved

if TYPE_CHECKING:
    from repertory.actors.dicom.requesting import Requestor


class ClientServices:
    """A part of ``DicomClientActor``."""

    board: Switchboard
    _lanes: Lanes
    _options: ClientOptions
    _filters: QueryFilter

    if TYPE_CHECKING:

        @property
        def _requestor(self) -> Requestor: ...
        def _modality(self, target: Target) -> Modality: ...

    @handles(FiltersChanged)
    def filters_changed(self, event: FiltersChanged) -> None:
        """Ask the scripts from now on, or do not."""
        self._filters.note(event)

    @handles(QueryWorklists)
    def query_worklists(self, command: QueryWorklists) -> Reply[tuple[dict[str, Any], ...]]:
        """C-FIND of worklists."""
        from repertory.actors.dicom import calling  # noqa: PLC0415 - who never calls needs it not

        modality, requestor = self._modality(command.target), self._requestor
        identifier = resolved(command.keys)

        def find() -> tuple[dict[str, Any], ...]:
            found = calling.find_worklists(
                requestor,
                modality,
                identifier,
                local_aet=command.local_aet,
                timeout=command.timeout,
            )
            return tuple(in_form(it, command.form) for it in found)

        return self._lanes.do(modality, find)

    @handles(GetResource)
    def get_resource(self, command: GetResource) -> Reply[int]:
        """C-GET."""
        from repertory.actors.dicom import calling, calling_get  # noqa: PLC0415 - see above
        from repertory.actors.dicom.wanted import wanted  # noqa: PLC0415 - see above

        modality, requestor = self._modality(command.target), self._requestor
        identifier = calling.identifier_of(command.level, command.keys)
        return self._lanes.do(
            modality,
            lambda: calling_get.get(
                requestor,
                self.board,
                modality,
                command.level,
                identifier,
                classes=wanted(self._options.storage, accepted_only=self._options.accepted_only),
                spool_threshold=self._options.spool_threshold,
                title=command.local_aet or modality.local_aet or self._options.aet,
                timeout=command.timeout,
            ),
        )
