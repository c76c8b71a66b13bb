"""Which passes the housekeeper makes: what is compared, when one begins, when it is over."""

from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from repertory.actors.clock import Clock
from repertory.actors.messages.housekeeping import DescribeKeptState, RecordState
from repertory.actors.pace import Pace
from repertory.actors.passes import PassState, chores_of, strays_of
from repertory.actors.triggers import TRIGGERS
from repertory.conf.housekeeper import HousekeeperSettings
from repertory.housekeeping import Chores, Configuration, Finding, KeptState
from repertory.model import Compression, Level

if TYPE_CHECKING:
    from repertory.actors.switchboard import Switchboard

log = structlog.get_logger(__name__)


class HousekeeperBeginnings:
    """A part of ``HousekeeperActor``, apart from it for length only."""

    board: "Switchboard"
    clock: Clock
    _settings: HousekeeperSettings
    _now: Configuration
    _form: Compression
    _levels: frozenset[Level]
    _name: str
    _kept: KeptState
    _state: PassState
    _chores: Chores
    _pace: Pace
    _at_once: bool
    _has_news: bool
    _paused: bool

    def _look(self) -> list[Finding]:
        now = replace(
            self._now, signatures={it: self._now.signatures.get(it, "") for it in self._levels}
        )
        last = self._state.completed
        strays = strays_of(self._kept.stored_under, self._state.seen, now)
        return [trigger.look(self._settings.triggers, last, now, strays) for trigger in TRIGGERS]

    def _recall(self) -> KeptState:
        question = DescribeKeptState(number=self._settings.global_property_id)
        self._kept = self.board.ask(question)
        return self._kept

    def _read_kept(self) -> None:
        kept = self._recall()
        self._name, self._paused = kept.name, kept.is_paused
        self._state = PassState.of(kept.text)

    def _look_again(self) -> None:
        """Begin a pass if something came that the last one has not gone over."""
        kept = self._recall()
        if any(finding.fires for finding in self._look()):
            self._begin(kept.last_study, everything=False, files=False)
        self._has_news = False

    def _chores_of(self, findings: list[Finding], state: PassState) -> Chores:
        return chores_of(
            findings,
            levels=self._levels,
            form=self._form,
            everything=state.everything,
            files=state.files or self._settings.force_reconstruct_files,
            transcode=self._now.ingest_transcoding,
        )

    def _begin(self, last: int, *, everything: bool, files: bool) -> None:
        """Begin a pass at the first study, up to the newest: later ones are in order already."""
        state = PassState(
            started=self.clock.now(),
            current=self._now,
            completed=self._state.completed,
            last=last,
            everything=everything,
            files=files,
            generation=max((number for number, _ in self._kept.stored_under), default=0),
            seen=self._state.seen,
        )
        self.board.ask(RecordState(name=self._name, state=state.text()))
        self._state = state
        self._chores = self._chores_of(self._look(), state)
        self._pace.forget()
        log.info("housekeeping_begun", everything=everything)

    def _note_end(self) -> None:
        self._chores = Chores()
        self._at_once = False
        self._has_news = True
        self._pace.forget()
        log.info("housekeeping_completed", studies=self._state.done)
