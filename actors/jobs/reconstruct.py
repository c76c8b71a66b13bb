"""Reconstructing a resource, or the whole archive."""

from typing import Self

from repertory.actors.jobs.base import Job, Parameters, Turn
from repertory.actors.messages.reconstruction import (
    FindNextSeries,
    ReconstructionReport,
    ReconstructResource,
)
from repertory.actors.messages.resources import ListChildren
from repertory.actors.messages.system import DescribeTotals
from repertory.actors.reply import Reply
from repertory.errors import BadParameter, UnknownResource
from repertory.jobs import JobFailure, JobStep, Object
from repertory.model import Level, ResourceId, ResourceRef

_LEVELS = {level.word: level for level in Level}


class Reconstruct(Job):
    """Makes what the index says of resources anew from their files, a series with each step.

    Without a resource it goes through all series of the archive in the order of their arrival, also
    those that come meanwhile. Instances that cannot be read are reported.
    """

    type = "Reconstruct"

    def __init__(
        self, resource: ResourceRef | None, *, rewrite_files: bool, this_level_only: bool
    ) -> None:
        self._resource = resource
        self._rewrite_files = rewrite_files
        self._this_level_only = this_level_only

    @classmethod
    def read(cls, parameters: Parameters) -> Self:
        """``Level`` and ``ID``, or neither; ``ReconstructFiles`` and so on as in the REST API."""
        resource = None
        if "ID" in parameters:
            level = _LEVELS.get(parameters.need("Level", str))
            if level is None:
                raise BadParameter("The field Level must be Patient, Study, Series or Instance.")
            resource = ResourceRef(level, ResourceId(parameters.need("ID", str)))
        return cls(
            resource,
            rewrite_files=parameters.get("ReconstructFiles", default=False),
            this_level_only=parameters.get("LimitToThisLevelMainDicomTags", default=False),
        )

    def step(self, turn: Turn) -> Reply[JobStep]:
        """Reconstruct the next series, or find out which there are."""
        if self._resource is None:
            return self._next_of_all(turn)
        if self._this_level_only or self._resource.level > Level.STUDY:
            return self._reconstruct(turn, self._resource, {"Total": 1}, is_last=True)
        if "Left" not in turn.position:
            return self._list(turn, self._resource)
        first, *left = turn.position["Left"]
        rest = {**turn.position, "Left": left}
        series = ResourceRef(Level.SERIES, ResourceId(first))
        return self._reconstruct(turn, series, rest, is_last=not left)

    def content(self, position: Object) -> Object:
        """How many series there are, how many are done, and how many instances they had."""
        content: Object = {
            "Description": "Reconstruction",
            "SeriesCount": position.get("Total", 0),
            "DoneSeriesCount": position.get("Done", 0),
            "InstancesCount": position.get("Instances", 0) + position.get("Failed", 0),
            "FailedInstancesCount": position.get("Failed", 0),
        }
        if self._resource is not None:
            content["Resources"] = [{"ID": self._resource.id, "Type": self._resource.level.word}]
            content["ParentResources"] = [self._resource.id]
        return content

    def _list(self, turn: Turn, resource: ResourceRef) -> Reply[JobStep]:
        question = ListChildren(level=resource.level, id=resource.id, at=Level.SERIES)

        def ends(series: tuple[ResourceId, ...]) -> JobStep:
            return turn.ends({"Left": list(series), "Total": len(series)}, done=not series)

        return turn.board.ask_soon(question).then(ends)

    def _next_of_all(self, turn: Turn) -> Reply[JobStep]:
        position = turn.position

        def begin(found: tuple[int, ResourceId] | None) -> JobStep | Reply[JobStep]:
            if found is None:
                return turn.ends(position, done=True)
            number, id_ = found
            after = {**position, "After": number}
            return self._reconstruct(turn, ResourceRef(Level.SERIES, id_), after, is_last=False)

        if "Total" not in position:
            return turn.board.ask_soon(DescribeTotals()).then(
                lambda totals: turn.ends({"Total": totals.series})
            )
        question = FindNextSeries(after=position.get("After", 0))
        return turn.board.ask_soon(question).then(begin)

    def _reconstruct(
        self,
        turn: Turn,
        resource: ResourceRef,
        position: Object,
        *,
        is_last: bool,
    ) -> Reply[JobStep]:
        question = ReconstructResource(
            level=resource.level,
            id=resource.id,
            rewrite_files=self._rewrite_files,
            this_level_only=self._this_level_only,
        )
        outcome: Reply[JobStep] = Reply()

        def note(reply: Reply[ReconstructionReport]) -> None:
            gone = isinstance(reply.error, UnknownResource) and resource != self._resource
            if reply.error is not None and not gone:
                outcome.refuse(reply.error)
                return
            # A series that is gone meanwhile needs nothing any more.
            report = ReconstructionReport(reconstructed=0) if gone else reply.get()
            done = position.get("Done", 0) + 1
            after = {
                **position,
                "Done": done,
                "Instances": position.get("Instances", 0) + report.reconstructed,
                "Failed": position.get("Failed", 0) + len(report.failures),
            }
            outcome.set(
                turn.ends(
                    after,
                    progress=min(done / max(position.get("Total", 0), 1), 1.0),
                    done=is_last,
                    failures=tuple(JobFailure(it.id, it.reason) for it in report.failures),
                )
            )

        turn.board.ask_soon(question).on_done(note)
        return outcome
