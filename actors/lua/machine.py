"""A Lua of our own: scripts, their callbacks, and what keeps both within their limits.

lupa is imported here and nowhere else, and only where scripts are wanted.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.resources import files
from typing import Any, Protocol

from repertory.actors.lua.values import NoJson, dump_json, parse_json, text_of, to_json, to_lua
from repertory.errors import CannotStart

_PACKAGE = "repertory.actors.lua"


class ScriptError(Exception):
    """What Lua says of an error in a script: where, and why."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A callback waits for the host: for what ``kind`` of work, and on what."""

    kind: str
    words: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Finished:
    """A callback returned a value: true, false, a number, bytes, a table, or ``None``."""

    value: Any


Step = Waiting | Finished


class Host(Protocol):
    """Whoever runs the machine: does what scripts ask for."""

    def say(self, way: str, text: str) -> None:
        """Take what a script prints (``print``), or logs (``info``, ``warning``, ``error``)."""

    def call_failed(self, function: str, status: int, address: str) -> None:
        """Take note that a function could not do what it should."""

    def wait(self, kind: str, words: tuple[Any, ...]) -> tuple[Any, ...]:
        """Do a piece of work at once, for who cannot yield; its outcome."""

    def set_credentials(self, username: str, password: str) -> None:
        """Take the name and the password for requests to others."""

    def set_timeout(self, seconds: float) -> None:
        """Take the patience for requests to others."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a callback may use: seconds of its own, and bytes for all scripts together."""

    seconds: float = 10.0
    memory: int = 512 << 20


@dataclass(slots=True)
class _Budget:
    left: float
    began: float = 0.0


class LuaMachine:
    """Runs scripts, and callbacks as coroutines; it belongs to one thread.

    Time counts while Lua is at work, not while a callback waits.

    Raises:
        CannotStart: lupa is not installed.
    """

    def __init__(
        self,
        host: Host,
        *,
        limits: Limits = Limits(),
        configuration: Mapping[str, Any],
    ) -> None:
        lua = _import_lupa()
        self._errors: tuple[type[BaseException], ...] = (lua.LuaError, lua.LuaMemoryError)
        self._limits = limits
        self._budgets: dict[int, _Budget] = {}
        self._current: _Budget | None = None
        self._wait = host.wait
        self._runtime = lua.LuaRuntime(
            encoding=None,
            source_encoding="utf-8",
            attribute_filter=_hide,
            register_eval=False,
            register_builtins=False,
            unpack_returned_tuples=True,
            max_memory=limits.memory,
        )
        table = self._runtime.table_from

        def configured() -> Any:
            return to_lua(configuration, table)

        # None of these may raise: the script could catch the error, which is one of Python's.
        functions = {
            b"expired": self._expired,
            b"say": lambda way, text: host.say(text_of(way), text_of(text)),
            b"failed": lambda name, status, address: host.call_failed(
                text_of(name), int(status), text_of(address)
            ),
            b"wait": lambda kind, *words: host.wait(text_of(kind), words),
            b"parse_json": lambda text: parse_json(text, table),
            b"dump_json": lambda value, keep: dump_json(value, lua.lua_type, keep_strings=keep),
            b"configuration": configured,
            b"set_credentials": lambda name, word: host.set_credentials(
                text_of(name), text_of(word)
            ),
            b"set_timeout": lambda seconds: host.set_timeout(float(seconds)),
        }
        self._table = table
        self._kind_of = lua.lua_type
        self._lua = self._runtime.execute(_source("prelude.lua"), table(functions))
        self.load(_source("toolbox.lua"), "toolbox")

    def load(self, text: bytes, name: str) -> None:
        """Run a script to its end, where it defines its callbacks; it waits for what it asks.

        Raises:
            ScriptError: it is no Lua, or failed.
        """
        step = self.start(0, self.compile(text, f"@{name}"))
        while isinstance(step, Waiting):
            step = self.resume(0, self._wait(step.kind, step.words))

    def compile(self, text: bytes, name: str) -> Any:
        """Make a function of a script.

        Raises:
            ScriptError: it is no Lua.
        """
        compiled = self._guarded(self._lua[b"compile"], text, name.encode())
        if isinstance(compiled, tuple):
            raise ScriptError(text_of(compiled[1]))
        return compiled

    def has(self, name: str) -> bool:
        """Whether scripts define a function."""
        return bool(self._lua[b"has"](name.encode()))

    def plain(self, value: Any) -> Any:
        """What a function answered, as a value of JSON; ``None`` where it is none."""
        try:
            return to_json(value, self._kind_of, keep_strings=True)
        except NoJson:
            return None

    def call(self, number: int, name: str, *words: Any) -> Step:
        """Begin a callback; see ``start``. ``words`` are values of JSON."""
        return self.start(number, self._lua[b"named"](name.encode()), *words)

    def start(self, number: int, function: Any, *words: Any) -> Step:
        """Begin what from now on is known by a number, up to its end or until it waits.

        Raises:
            ScriptError: it failed.
        """
        self._budgets[number] = _Budget(left=self._limits.seconds)
        try:
            given = [to_lua(word, self._table) for word in words]
        except self._errors as error:
            raise ScriptError(_reason(error)) from None
        return self._step(number, b"start", function, *given)

    def resume(self, number: int, outcome: tuple[Any, ...]) -> Step:
        """Go on with what waits, to its end or until it waits again.

        Raises:
            ScriptError: it failed.
        """
        return self._step(number, b"resume", *outcome)

    def forget(self, number: int) -> None:
        """Let what waits never go on."""
        self._budgets.pop(number, None)
        self._lua[b"forget"](number)

    def _step(self, number: int, way: bytes, *words: Any) -> Step:
        budget = self._budgets[number]
        budget.began = time.monotonic()
        before, self._current = self._current, budget
        try:
            outcome = self._guarded(self._lua[way], number, *words)
        except ScriptError:
            self._budgets.pop(number, None)
            raise
        finally:
            self._current = before
            budget.left -= time.monotonic() - budget.began
        kind, *rest = outcome if isinstance(outcome, tuple) else (outcome,)
        if kind == b"waits":
            return Waiting(text_of(rest[0]), tuple(rest[1:]))
        self._budgets.pop(number, None)
        if kind == b"failed":
            raise ScriptError(text_of(rest[0]))
        return Finished(rest[0] if rest else None)

    def _guarded(self, function: Any, *words: Any) -> Any:
        try:
            return function(*words)
        except self._errors as error:
            raise ScriptError(_reason(error)) from None

    def _expired(self) -> bool:
        budget = self._current
        return budget is not None and time.monotonic() - budget.began > budget.left


def _import_lupa() -> Any:
    try:
        # Lua 5.3, as in Orthanc's own builds; an archive without scripts needs none.
        return import_module("lupa.lua53")
    except ImportError:
        raise CannotStart(
            "LuaScripts and ExecuteLuaEnabled need lupa: install repertory[lua]."
        ) from None


def _hide(_thing: object, _name: object, _setting: bool) -> str:
    raise AttributeError


def _source(name: str) -> bytes:
    return files(_PACKAGE).joinpath(name).read_bytes()


def _reason(error: BaseException) -> str:
    said = error.args[0] if error.args else ""
    # What follows is Lua's way to the error, which is ours.
    return text_of(said).partition("\nstack traceback:")[0] or "not enough memory"
