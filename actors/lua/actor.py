"""Runs the Lua scripts: tells them what happens, asks them what to let in."""

import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from repertory.actors.base import RepertoryActor, handles
from repertory.actors.crew import Crew
from repertory.actors.lua.callbacks import (
    FILTERS,
    FINALIZE,
    HEART_BEAT,
    INITIALIZE,
    Callback,
    callback_for,
    query_of,
)
from repertory.actors.lua.calls import Caller
from repertory.actors.lua.host import Outcome, Output, ScriptHost
from repertory.actors.lua.machine import Limits, LuaMachine, ScriptError
from repertory.actors.lua.runs import Runs
from repertory.actors.lua.turns import READER, LuaTurns
from repertory.actors.messages.base import Event, message
from repertory.actors.messages.changes import ChangesLogged
from repertory.actors.messages.following import HoldLog, LetGoOfLog, ListEvents
from repertory.actors.messages.jobs import JobFailed, JobSubmitted, JobSucceeded
from repertory.actors.messages.rest_api import CallRestApi, RestAnswer
from repertory.actors.messages.scripting import (
    AskLuaFilter,
    ExecuteScript,
    FilterQuery,
    LuaFiltersChanged,
)
from repertory.actors.reply import Reply, gather
from repertory.actors.switchboard import Switchboard
from repertory.errors import CannotStart, NotPredicate, ScriptFailed
from repertory.events import EventPage
from repertory.jobs import JobId
from repertory.model import OriginKind

log = structlog.get_logger(__name__)

"""Names the scripts among those who read the log of changes."""

PAGE = 500
MOST_WAITING = 10_000
"""Callbacks that wait in memory; what comes after them waits in the log of changes."""


@message
class NextCallback(Event):
    """A callback is over, or one came; the actor tells it to itself."""


@message
class HeartBeatDue(Event):
    """It is time for OnHeartBeat; the actor tells it to itself."""


@message
class PageRead(Event):
    """A page of the log of changes is there; the actor tells it to itself."""

    reply: Reply[EventPage]


@message
class CallbackPrepared(Event):
    """What a callback is to be told is there; the actor tells it to itself."""

    callback: Callback
    reply: Reply[tuple[Any, ...]]


@message
class WorkDone(Event):
    """What a script waits for is done; the actor tells it to itself."""

    run: int
    kind: str
    reply: Reply[Outcome]


@message
class PatienceEnded(Event):
    """A script that others wait for took too long; the actor tells it to itself."""

    run: int


@dataclass(frozen=True, slots=True)
class LuaOptions:
    """What the actor runs, and within which limits."""

    scripts: tuple[Path, ...] = ()
    heart_beat: float = 0.0
    limits: Limits = field(default_factory=Limits)
    configuration: Mapping[str, Any] = field(default_factory=dict)


class LuaActor(LuaTurns, RepertoryActor):
    """Owns the Lua machine: every script of the archive runs in this actor's thread.

    Callbacks that tell of events come one after the other, in the order of the log of changes.
    While one waits (for the REST API, for another server), the actor filters what comes in and
    executes what it is asked to, so a script may well cause what its own filter decides on.
    """

    rank = 7

    def __init__(
        self,
        *,
        board: Switchboard,
        options: LuaOptions,
        crew: Crew,
        read_only: bool = False,
        shared: bool = False,
    ) -> None:
        """Take what the actor works with; an archive that is ``read_only`` has no changes.

        Where it is ``shared``, one node at a time tells its scripts what happens.
        """
        super().__init__(board=board)
        self._follows = not read_only
        self._shared = shared
        self._is_on = not shared
        self._options = options
        caller = Caller(longest=options.limits.memory)
        self._host = ScriptHost(
            board=board, crew=crew, caller=caller, patience=options.limits.seconds
        )
        self._waiting: deque[Callback] = deque()
        self._at_work = False
        self._position = 0
        self._reading = False
        self._grown = False
        self._filters: frozenset[str] = frozenset()

    def open(self) -> None:
        """Load the scripts; what happens from now on is told to them."""
        self._machine = LuaMachine(
            self._host, limits=self._options.limits, configuration=self._options.configuration
        )
        self._runs = Runs(self._machine, self._host, self._go_on)
        for script in self._options.scripts:
            self._load(script)
        if self._follows:
            self._position = self.board.ask(HoldLog(reader=READER))
        self._join_nodes()
        self._note_filters()
        self._add(Callback(INITIALIZE, ""))
        if self._options.heart_beat > 0:
            self.tell_self(HeartBeatDue(), after=self._options.heart_beat)

    def close(self) -> None:
        """Tell the scripts, and answer those who wait for one."""
        self._runs.give_up_all("stopped: the archive ends")
        if self._machine.has(FINALIZE):
            self._runs.finish(FINALIZE)
        self._host.close()
        if self._follows and not self._shared:  # or it is the last word on how far it was
            self.board.ask_soon(LetGoOfLog(reader=READER))

    def _load(self, script: Path) -> None:
        try:
            self._machine.load(script.read_bytes(), script.name)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise CannotStart(f"LuaScripts: {script.name} cannot be read: {reason}.") from error
        except ScriptError as error:
            raise CannotStart(f"LuaScripts: {script.name}: {error}.") from error
        log.info("script_loaded", script=script.name)

    # What happens

    @handles(ChangesLogged)
    def changes_logged(self, _event: ChangesLogged) -> None:
        """Read what happened, unless that is being done or so much waits already."""
        self._grown = True
        self._read()

    def _read(self) -> None:
        if not self._is_on:
            return
        if self._grown and not self._reading and len(self._waiting) < MOST_WAITING:
            self._grown, self._reading = False, True
            page = self.board.ask_soon(ListEvents(since=self._position, limit=PAGE))
            page.on_done(lambda reply: self.board.tell(self.actor_ref, PageRead(reply=reply)))

    @handles(PageRead)
    def page_read(self, read: PageRead) -> None:
        """Take note of the callbacks that scripts have for it."""
        self._reading = False
        page = read.reply.get()  # an error is logged; the next change reads again
        if not self._is_on:
            return
        self._grown = self._grown or not page.done
        for event in page.events:
            callback = callback_for(event)
            if callback is not None and self._machine.has(callback.name):
                self._add(callback)
        if page.last > self._position:
            self._position = page.last
            self._let_go()
        self._read()

    @handles(JobSubmitted)
    def job_submitted(self, event: JobSubmitted) -> None:
        """Call OnJobSubmitted."""
        self._add_job("OnJobSubmitted", event.id)

    @handles(JobSucceeded)
    def job_succeeded(self, event: JobSucceeded) -> None:
        """Call OnJobSuccess."""
        self._add_job("OnJobSuccess", event.id)

    @handles(JobFailed)
    def job_failed(self, event: JobFailed) -> None:
        """Call OnJobFailure."""
        self._add_job("OnJobFailure", event.id)

    def _add_job(self, name: str, id_: JobId) -> None:
        if self._machine.has(name):
            self._add(Callback(name, id_))

    @handles(HeartBeatDue)
    def heart_beat_due(self, _event: HeartBeatDue) -> None:
        """Call OnHeartBeat, unless the last one still waits for its turn."""
        self.tell_self(HeartBeatDue(), after=self._options.heart_beat)
        if not any(callback.name == HEART_BEAT for callback in self._waiting):
            self._add(Callback(HEART_BEAT, ""))

    def _add(self, callback: Callback) -> None:
        self._waiting.append(callback)
        if len(self._waiting) == 1 and not self._at_work:
            self.tell_self(NextCallback())

    @handles(NextCallback)
    def next_callback(self, _event: NextCallback) -> None:
        """Prepare the callback that waited for longest."""
        if self._at_work or not self._waiting:
            return
        callback = self._waiting.popleft()
        self._read()
        if not self._machine.has(callback.name):
            self.tell_self(NextCallback())
            return
        self._at_work = True
        calls = [
            CallRestApi(method="GET", uri=uri, origin=OriginKind.LUA) for uri in callback.reads
        ]
        gather([self.board.ask_soon(call) for call in calls]).on_done(
            lambda reply: self.board.tell(
                self.actor_ref, CallbackPrepared(callback=callback, reply=reply)
            )
        )

    @handles(CallbackPrepared)
    def callback_prepared(self, event: CallbackPrepared) -> None:
        """Call it, unless what it is about is gone already."""
        callback = event.callback
        answers: tuple[RestAnswer, ...] = () if event.reply.error else event.reply.get()
        if event.reply.error is not None or any(answer.status != 200 for answer in answers):
            log.info("callback_skipped", function=callback.name, id=callback.id)
            self._over()
            return
        words = callback.words(*(json.loads(answer.body) for answer in answers))
        first = (callback.id,) if callback.id else ()
        self._runs.call(callback.name, (*first, *words), self._told)
        self._note_filters()

    def _told(self, _value: Any, _error: ScriptError | None) -> None:
        self._over()

    def _over(self) -> None:
        self._at_work = False
        self.tell_self(NextCallback())

    # What scripts are asked

    @handles(AskLuaFilter)
    def ask_lua_filter(self, query: AskLuaFilter) -> Reply[bool]:
        """Ask the filter of that name; let in what there is none for any more."""
        name = query.name
        reply: Reply[bool] = Reply()
        if not self._machine.has(name):
            reply.set(True)
            return reply

        def answer(value: Any, error: ScriptError | None) -> None:
            if error is not None:
                reply.refuse(ScriptFailed("A filter of the scripts failed."))
            elif isinstance(value, bool):
                reply.set(value)
            else:
                log.error("filter_undecided", function=name)
                reply.refuse(NotPredicate(f"{name} answered neither true nor false."))

        self._ask_in_time(name, query.words, answer)
        return reply

    @handles(FilterQuery)
    def filter_query(self, query: FilterQuery) -> Reply[Mapping[str, Any]]:
        """Ask the filter of that name; the query as it is, where there is none any more."""
        reply: Reply[Mapping[str, Any]] = Reply()
        if not self._machine.has(query.name):
            reply.set(query.query)
            return reply

        def answer(value: Any, error: ScriptError | None) -> None:
            if error is not None:
                reply.refuse(ScriptFailed("A filter of the scripts failed."))
            elif (filtered := query_of(self._machine.plain(value))) is not None:
                reply.set(filtered)
            else:
                log.error("filter_undecided", function=query.name)
                reply.refuse(ScriptFailed(f"{query.name} answered no query."))

        self._ask_in_time(query.name, (query.query, query.about), answer)
        return reply

    @handles(ExecuteScript)
    def execute_script(self, command: ExecuteScript) -> Reply[str]:
        """Run a script to its end; others go on while it waits."""
        reply: Reply[str] = Reply()
        output = Output()

        def answer(_value: Any, error: ScriptError | None) -> None:
            if error is not None:
                reply.refuse(ScriptFailed(str(error)))
            elif output.is_full:
                reply.refuse(ScriptFailed("The script printed too much."))
            else:
                reply.set(output.text)

        try:
            self._runs.execute(command.text, answer, output)
        except ScriptError as error:
            raise ScriptFailed(str(error)) from error
        self._note_filters()
        return reply

    def _ask_in_time(
        self,
        name: str,
        words: tuple[Any, ...],
        answer: Callable[[Any, ScriptError | None], None],
    ) -> None:
        run = self._runs.call(name, words, answer)
        if run is not None:
            ended = PatienceEnded(run=run.number)
            run.alarm = self.tell_self(ended, after=self._options.limits.seconds)

    @handles(PatienceEnded)
    def patience_ended(self, event: PatienceEnded) -> None:
        """Give up a filter that waits for too long."""
        self._runs.give_up(event.run, "stopped: it waited for longer than LuaTimeLimit")

    @handles(WorkDone)
    def work_done(self, event: WorkDone) -> None:
        """Let a script go on."""
        self._runs.resume(event.run, event.kind, event.reply)
        self._note_filters()

    def _go_on(self, run: int, kind: str, reply: Reply[Outcome]) -> None:
        self.board.tell(self.actor_ref, WorkDone(run=run, kind=kind, reply=reply))

    def _note_filters(self) -> None:
        """Tell everyone where scripts defined a filter, or dropped one."""
        filters = frozenset(name for name in FILTERS if self._machine.has(name))
        if filters != self._filters:
            self._filters = filters
            self.board.publish(LuaFiltersChanged(names=filters))
