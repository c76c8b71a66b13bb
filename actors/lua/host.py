"""What scripts ask for, done by the archive's actors and by a crew; and what they print."""

import re
from functools import partial
from typing import Any

import structlog

from repertory.actors.crew import Crew
from repertory.actors.lua.calls import Caller, Programs
from repertory.actors.lua.values import text_of
from repertory.actors.messages.rest_api import CallRestApi, RestAnswer
from repertory.actors.reply import Reply
from repertory.actors.switchboard import Switchboard
from repertory.errors import RepertoryError
from repertory.model import OriginKind

log = structlog.get_logger(__name__)

Outcome = tuple[Any, ...]

LONGEST_OUTPUT = 16 << 20
"""Characters that a script may print for whoever had it executed."""

_OWN_WORDS = re.compile(
    r"attempt to (index|call|perform arithmetic on|compare|concatenate|get length of)"
    r"|bad argument #\d+|not enough memory"
    r"|stopped: (the archive ends|it ran for|it waited for|too many)"
)
"""How Lua's own messages begin, and ours: no value is quoted so far. What a script says itself may
be about patients."""
_PLACE = re.compile(r'(?:\[string "[^"]*"\]|[^\s:]+):\d+')


class Output:
    """What a script prints for whoever had it executed."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._room = LONGEST_OUTPUT

    def add(self, line: str) -> None:
        """Take a line, while there is room."""
        self._room -= len(line) + 1
        if self._room >= 0:
            self._lines.append(f"{line}\n")

    @property
    def is_full(self) -> bool:
        """Whether it was too much, so that some of it is missing."""
        return self._room < 0

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self._lines)


class ScriptHost:
    """Does what scripts ask for. Its methods never raise, but for defects: see ``LuaMachine``."""

    def __init__(self, *, board: Switchboard, crew: Crew, caller: Caller, patience: float) -> None:
        self._board = board
        self._crew = crew
        self._caller = caller
        self._patience = patience
        self._programs = Programs()
        self.output: Output | None = None
        """Where the script that runs just now prints; the log where there is none."""

    def close(self) -> None:
        """End the programs that run, and wait for nobody else."""
        self._programs.end()
        self._crew.leave()

    def perform(self, kind: str, words: tuple[Any, ...]) -> Reply[Outcome]:
        """Begin a piece of work; its outcome is what the script gets."""
        if kind == "shell":
            return self._crew.do(partial(self._programs.run, text_of(words[0])))
        if kind == "program":
            program = [text_of(word) for word in words[0].values()]
            return self._crew.do(partial(self._programs.run, program))
        method, address, body, headers = words
        sent = {text_of(k): text_of(v) for k, v in headers.items()} if headers else {}
        if kind == "http":
            send = self._caller.send
            return self._crew.do(partial(send, text_of(method), text_of(address), body, sent))
        called = CallRestApi(
            method=text_of(method),
            uri=text_of(address),
            body=body,
            headers=tuple(sent.items()),
            origin=OriginKind.LUA,
        )
        return self._board.ask_soon(called).then(_seen_by_scripts)

    def outcome_of(self, kind: str, reply: Reply[Outcome]) -> Outcome:
        """What a script gets, also where the work failed."""
        if reply.error is None:
            return reply.get()
        log.warning("script_work_failed", kind=kind, reason=type(reply.error).__name__)
        return (0, b"") if kind in {"rest", "http"} else (-1,)

    def wait(self, kind: str, words: tuple[Any, ...]) -> Outcome:
        """Do a piece of work while the script, and its actor, wait."""
        reply = self.perform(kind, words)
        try:
            return reply.get(timeout=self._patience)
        except RepertoryError as error:
            late: Reply[Outcome] = Reply()
            late.refuse(error)
            return self.outcome_of(kind, late)

    def say(self, way: str, text: str) -> None:
        """Take what a script prints or logs."""
        if way == "print" and self.output is not None:
            self.output.add(text)
        elif way == "warning":
            log.warning("script_said", text=text)
        elif way == "error":
            log.error("script_said", text=text)
        else:
            log.info("script_said", text=text)

    def call_failed(self, function: str, status: int, address: str) -> None:
        """Take note that a function could not do what it should."""
        # What is asked for may be a patient.
        path = address.partition("?")[0]
        log.warning("script_call_failed", function=function, status=status, path=path)

    def set_credentials(self, username: str, password: str) -> None:
        """Take the name and the password for requests to others."""
        self._caller = self._caller.with_credentials(username, password)

    def set_timeout(self, seconds: float) -> None:
        """Take the patience for requests to others."""
        self._caller = self._caller.with_timeout(seconds)


def log_failure(function: str, message: str) -> None:
    """Tell where a script failed, and why as far as Lua itself says it."""
    place = _PLACE.match(message)
    reason = _OWN_WORDS.match(message[place.end() + 2 :] if place else message)
    log.error(
        "script_failed",
        function=function,
        at=place.group() if place else "",
        reason=reason.group() if reason else "an error of its own",
    )


def _seen_by_scripts(answer: RestAnswer) -> Outcome:
    return answer.status, answer.body
