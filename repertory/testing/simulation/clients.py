"""What clients ask, and what the model learns from the answers."""

from collections.abc import Callable
from typing import Any

from repertory.actors.messages.attachments import RecompressAttachment, RemoveReleased
from repertory.actors.messages.base import Question
from repertory.actors.messages.housekeeping import (
    PauseHousekeeping,
    PutStudyFirst,
    ResumeHousekeeping,
    RunHousekeeping,
)
from repertory.actors.messages.integrity import AwaitCheck, BeginCheck
from repertory.actors.messages.jobs import SubmitJob
from repertory.actors.messages.reconstruction import ReconstructResource
from repertory.actors.messages.trash import EmptyTrash
from repertory.errors import RepertoryError
from repertory.model import ContentType, Level
from repertory.testing.simulation.annotating import Annotating
from repertory.testing.simulation.archiving import Archiving
from repertory.testing.simulation.asking import NUMBER
from repertory.testing.simulation.books import Violation
from repertory.testing.simulation.catalog import id_of
from repertory.testing.simulation.controlling import Controlling
from repertory.testing.simulation.plans import Step
from repertory.testing.simulation.restoring import Restoring
from repertory.testing.simulation.storing import Storing
from repertory.testing.simulation.tiering import Tiering


class Clients(Storing, Annotating, Controlling, Archiving, Restoring, Tiering):
    """Does what a plan wants clients to do; one strand for each request."""

    def act(self, step: Step) -> None:
        """Do one step; runs in a strand of its own."""
        act: Callable[..., None] = getattr(self, step.kind)
        act(*step.values)

    def compress(self, level: int, number: int) -> None:
        """Compress an instance's file, or an attachment."""
        self._recompress(level, number, compressed=True)

    def uncompress(self, level: int, number: int) -> None:
        """Uncompress it."""
        self._recompress(level, number, compressed=False)

    def _recompress(self, level: int, number: int, *, compressed: bool) -> None:
        content_type = ContentType.DICOM if level == Level.INSTANCE else NUMBER
        self._try(
            RecompressAttachment(
                level=Level(level),
                id=id_of(Level(level), number),
                content_type=content_type,
                compressed=compressed,
            )
        )

    def reconstruct(self, level: int, number: int) -> None:
        """Reconstruct a resource, and bring its files into the form of new ones."""
        self._try(
            ReconstructResource(
                level=Level(level), id=id_of(Level(level), number), rewrite_files=True
            )
        )

    def submit_reconstruction(self, level: int, number: int) -> None:
        """Have a job reconstruct a resource, and do not wait for it."""
        word, id_ = Level(level).word, id_of(Level(level), number)
        parameters = {"Level": word, "ID": id_, "ReconstructFiles": True}
        self._try(SubmitJob(type="Reconstruct", parameters=parameters))

    def flush(self) -> None:
        """Wait until what was released is removed."""
        self._try(RemoveReleased())

    def keep(self, number: int, wish: int) -> None:
        """Tell the housekeeper what to do, where there is one."""
        study = id_of(Level.STUDY, number)
        wishes: tuple[Question[Any], ...] = (
            PauseHousekeeping(),
            ResumeHousekeeping(),
            RunHousekeeping(),
            RunHousekeeping(force=True),
            PutStudyFirst(id=study),
        )
        if self._world.setup.housekeeper:
            self._try(wishes[wish])

    def empty_trash(self) -> None:
        """Give up what is in the trash."""
        self._try(EmptyTrash())

    def check(self) -> None:
        """Check the whole archive while it is used."""
        self._try(BeginCheck(checksums=True))
        try:
            state = self.ask(AwaitCheck())
        except RepertoryError:
            return
        troubles = self._world.troubles
        report = state.report
        if report is not None and not troubles and (report.damaged or report.counters):
            raise Violation("a check finds nothing", f"{report}")
