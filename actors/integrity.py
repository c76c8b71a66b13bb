"""Whether files and index agree: one check at a time, a step for each message."""

import structlog

from repertory.actors.base import RepertoryActor, handles
from repertory.actors.checking import YOUNG, Check, Steps
from repertory.actors.messages.base import Event, message
from repertory.actors.messages.integrity import AwaitCheck, BeginCheck, DescribeIntegrity
from repertory.actors.reply import Reply
from repertory.actors.switchboard import Switchboard
from repertory.errors import Forbidden, IndexBusy, RepertoryError, ShuttingDown
from repertory.integrity import IntegrityReport, IntegrityState

log = structlog.get_logger(__name__)


@message
class CheckDue(Event):
    """The answer to a step of the check has come; the actor tells it to itself."""

    answer: Reply[object]


class IntegrityActor(RepertoryActor):
    """Compares the index with the storage area, and mends what can be mended.

    Each step is a question to another actor; until its answer comes, this one waits for nothing.
    A check ends with the archive: it keeps nothing that the next one would need.
    """

    rank = 5

    def __init__(
        self, *, board: Switchboard, young: float = YOUNG, read_only: bool = False
    ) -> None:
        """Take what the actor works with.

        Args:
        board: the switchboard.
        young: a file without a row that was written less than so many seconds ago is let be: its
            row may come.
        read_only: whether to refuse repairs (``ReadOnly``).
        """
        super().__init__(board=board)
        self._young = young
        self._read_only = read_only
        self._check: Check | None = None
        self._steps: Steps
        self._report: IntegrityReport | None = None
        self._problem = ""
        self._waiting: list[Reply[IntegrityState]] = []

    def close(self) -> None:
        """Drop the check that runs."""
        if self._check is not None:
            log.info("check_abandoned", phase=self._check.phase)
            self._steps.close()
        for reply in self._waiting:
            reply.refuse(ShuttingDown())

    @handles(BeginCheck)
    def begin_check(self, command: BeginCheck) -> IntegrityState:
        """Begin a check, unless one runs."""
        if self._check is not None:
            raise IndexBusy("The archive is being checked already: nothing was done.")
        if command.repair and self._read_only:
            raise Forbidden("The archive is read-only.")
        self._check = Check(
            now=self.clock.now,
            checksums=command.checksums,
            repair=command.repair,
            young=self._young,
        )
        self._steps = self._check.steps()
        self._problem = ""
        log.info("check_begun", checksums=command.checksums, repair=command.repair)
        first: Reply[object] = Reply()
        first.set(None)
        self._go_on(first)
        return self._state()

    @handles(DescribeIntegrity)
    def describe_integrity(self, _query: DescribeIntegrity) -> IntegrityState:
        """How far the check is."""
        return self._state()

    @handles(AwaitCheck)
    def await_check(self, _query: AwaitCheck) -> Reply[IntegrityState]:
        """Answer when no check runs."""
        reply: Reply[IntegrityState] = Reply()
        if self._check is None:
            reply.set(self._state())
        else:
            self._waiting.append(reply)
        return reply

    @handles(CheckDue)
    def check_due(self, event: CheckDue) -> None:
        """Do the next step."""
        check = self._check
        if check is None:
            return
        try:
            if event.answer.error is None:
                question = self._steps.send(event.answer.get())
            else:
                question = self._steps.throw(event.answer.error)
        except StopIteration:
            self._report = check.report()
            self._log_report(self._report)
            self._end()
        except RepertoryError as error:
            log.warning("check_failed", phase=check.phase, error=type(error).__name__)
            self._problem = str(error)
            self._end()
        except Exception:
            self._problem = "The check failed by a defect; see the log."
            self._end()
            raise
        else:
            self._go_on(self.board.ask_soon(question))

    def _go_on(self, answer: "Reply[object]") -> None:
        answer.on_done(lambda reply: self.board.tell(self.actor_ref, CheckDue(answer=reply)))

    def _end(self) -> None:
        self._check = None
        waiting, self._waiting = self._waiting, []
        for reply in waiting:
            reply.set(self._state())

    def _state(self) -> IntegrityState:
        check = self._check
        if check is None:
            return IntegrityState("", 0, 0, self._report, self._problem)
        return IntegrityState(check.phase, check.done, check.total, self._report)

    def _log_report(self, report: IntegrityReport) -> None:
        say = log.info if report.is_sound else log.warning
        say(
            "check_finished",
            files=report.files,
            damaged=len(report.damaged),
            orphans=len(report.orphans),
            counters=len(report.counters),
            marked=report.marked,
            moved=report.moved,
            corrected=report.corrected,
        )
