"""Scripts under way: begun, waiting for something, going on, over."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from repertory.actors.clock import Appointment
from repertory.actors.lua.host import Outcome, Output, ScriptHost, log_failure
from repertory.actors.lua.machine import Finished, LuaMachine, ScriptError, Step, Waiting
from repertory.actors.reply import Reply

Done = Callable[[Any, ScriptError | None], None]
"""Gets what a function of a script returned, or its error."""

MOST = 100
"""How many may be under way at a time, each but one waiting for something."""


@dataclass(slots=True)
class Run:
    """A function of a script under way; it has no name where a script as a whole is executed."""

    number: int
    name: str
    done: Done
    output: Output | None = None
    alarm: Appointment | None = None


class Runs:
    """All runs of one machine; in the machine's thread alone.

    Args:
        machine: who runs them.
        host: who does what they wait for.
        go_on: told from any thread that what a run waits for is done.
    """

    def __init__(
        self,
        machine: LuaMachine,
        host: ScriptHost,
        go_on: Callable[[int, str, Reply[Outcome]], None],
    ) -> None:
        self._machine = machine
        self._host = host
        self._go_on = go_on
        self._numbers = itertools.count(1)
        self._runs: dict[int, Run] = {}

    def call(self, name: str, words: tuple[Any, ...], done: Done) -> Run | None:
        """Begin a function of the scripts; the run, if it is not over at once."""
        run = Run(next(self._numbers), name, done)
        return self._begin(run, partial(self._machine.call, run.number, name, *words))

    def execute(self, text: str, done: Done, output: Output) -> None:
        """Begin a script that is no file; it prints to ``output``.

        Raises:
            ScriptError: it is no Lua.
        """
        function = self._machine.compile(text.encode(), "line")
        run = Run(next(self._numbers), "", done, output)
        self._begin(run, partial(self._machine.start, run.number, function))

    def resume(self, number: int, kind: str, reply: Reply[Outcome]) -> None:
        """Let a run go on with what it waited for, unless it was given up."""
        run = self._runs.get(number)
        if run is not None:
            outcome = self._host.outcome_of(kind, reply)
            self._advance(run, partial(self._machine.resume, number, outcome))

    def give_up(self, number: int, reason: str) -> None:
        """End a run that waits, unless it is over."""
        run = self._runs.pop(number, None)
        if run is not None:
            self._machine.forget(number)
            self._end(run, None, ScriptError(reason))

    def give_up_all(self, reason: str) -> None:
        """End all."""
        for number in tuple(self._runs):
            self.give_up(number, reason)

    def finish(self, name: str) -> None:
        """Run a function to its end, and wait for all it asks; an error is logged."""
        try:
            step = self._machine.call(0, name)
            while isinstance(step, Waiting):
                step = self._machine.resume(0, self._host.wait(step.kind, step.words))
        except ScriptError as error:
            log_failure(name, str(error))

    def _begin(self, run: Run, go: Callable[[], Step]) -> Run | None:
        if len(self._runs) >= MOST:
            self._end(run, None, ScriptError("stopped: too many scripts are under way"))
            return None
        self._runs[run.number] = run
        self._advance(run, go)
        return self._runs.get(run.number)

    def _advance(self, run: Run, go: Callable[[], Step]) -> None:
        value, failure = None, None
        self._host.output = run.output
        try:
            step = go()
        except ScriptError as error:
            step, failure = None, error
        finally:
            self._host.output = None
        if isinstance(step, Waiting):
            work = self._host.perform(step.kind, step.words)
            work.on_done(partial(self._go_on, run.number, step.kind))
            return
        if isinstance(step, Finished):
            value = step.value
        del self._runs[run.number]
        self._end(run, value, failure)

    def _end(self, run: Run, value: Any, failure: ScriptError | None) -> None:
        if run.alarm is not None:
            run.alarm.cancel()
        if failure is not None and run.name:
            log_failure(run.name, str(failure))
        run.done(value, failure)
