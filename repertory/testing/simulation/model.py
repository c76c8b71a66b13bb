"""What may be true, after what was asked and answered.

Each thing that can be read back is a register: a file, a metadata, a label, an attachment. What
was asked of it has a beginning and an end, and between them it took effect at some moment, for
sure, perhaps, or not at all. What a register holds at last is what somebody wrote whose end was
not followed by the beginning of something that surely took effect.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf
from typing import Any

ABSENT = None
PRESENT = "whatever it is"
"""The value of an answer that says only that there is something."""


@dataclass(eq=False)
class Deed:
    """Something that was asked of a register."""

    value: Any
    began: float
    ended: float = inf
    took_effect: bool | None = None
    """``None``: perhaps."""
    outlives: bool = False
    """Whether the next life of the process goes on with it."""
    at: int = 1
    """The process that was asked."""
    is_new: bool = False
    """Whether the answer says that it was not there before."""


@dataclass
class Register:
    """One thing that can be read back."""

    known: Any = ABSENT
    deeds: list[Deed] = field(default_factory=list)
    ever: set[Any] = field(default_factory=set)
    """What it has held at any time, or was to hold."""

    def possible(self, *, began: float = inf, ended: float = inf) -> set[Any]:
        """What somebody may read who asks at ``began`` and is answered at ``ended``."""
        sure = [deed.began for deed in self.deeds if deed.took_effect and deed.ended < began]
        latest = max(sure, default=-inf)
        values = {self.known} if latest == -inf else set()
        for deed in self.deeds:
            if deed.took_effect is not False and deed.began <= ended and latest <= deed.ended:
                values.add(deed.value)
        return values

    def allows(self, value: Any, *, began: float = inf, ended: float = inf) -> bool:
        """Whether that is one of them."""
        values = self.possible(began=began, ended=ended)
        if value in values:
            return True
        if value is ABSENT or PRESENT not in values:
            return False
        return value == self.known or any(
            deed.value == value and deed.began <= ended for deed in self.deeds
        )

    @property
    def is_stored_twice(self) -> bool:
        """Whether it was told to be new twice, though nobody wanted it to go."""
        there = self.known is not ABSENT
        came = sum(deed.is_new for deed in self.deeds)
        return came + there > 1 and came > 0 and not any(it.value is ABSENT for it in self.deeds)

    def settle(self, value: Any) -> None:
        """It was read while nobody wrote: what it holds is known."""
        self.known = value
        self.ever.add(value)
        self.deeds.clear()


class Model:
    """All registers, by name."""

    def __init__(self, names: Iterable[tuple[Any, ...]]) -> None:
        self.registers = {name: Register() for name in names}

    def of(self, *name: Any) -> Register:
        """A register."""
        return self.registers[name]

    def end_all(self, moment: float, at: int | None = None) -> None:
        """A process died, or all: what was not answered by now will not happen any more."""
        for register in self.registers.values():
            for deed in register.deeds:
                if not deed.outlives and at in {None, deed.at}:
                    deed.ended = min(deed.ended, moment)
