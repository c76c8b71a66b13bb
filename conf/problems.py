"""What is wrong, or odd, in a configuration."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong or odd.

    ``file`` and ``line`` say where, as far as it is known; ``option`` is the name with its
    section: ``DelayedDeletion.Enable``; ``text`` is a sentence.
    """

    text: str
    file: str = ""
    line: int | None = None
    option: str = ""

    def __str__(self) -> str:
        place = f"{self.file}, line {self.line}" if self.line else self.file
        return f"{place}: {self.text}" if place else self.text


class InvalidSettings(ValueError):
    """The archive cannot start from this configuration: ``problems`` says everything at once.

    The text names files of the server: it is for whoever starts the archive, not for its clients.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        lines = "".join(f"\n  {problem}" for problem in self.problems)
        super().__init__(f"The configuration cannot be used:{lines}")
