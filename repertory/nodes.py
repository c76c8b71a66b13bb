"""The words for nodes: processes that serve one archive together, by one index."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

DELIVERY: Final = "delivery"
CALLBACKS: Final = "callbacks"
HOUSEKEEPING: Final = "housekeeping"
TIERING: Final = "tiering"
DUTIES: Final = (CALLBACKS, DELIVERY, HOUSEKEEPING, TIERING)
"""What one node alone does at a time."""


def base_of(name: str) -> str:
    """What the names have in common that a process has as a node, one after the other."""
    return name.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Node:
    """A node as the index knows it.

    ``name`` is its own as long as it is taken for alive: given up for dead, it comes back with
    another one. ``title`` is what people call it; ``beats`` grows while it lives.
    """

    name: str
    title: str
    beats: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulse:
    """What a node learns when it says that it lives.

    ``nodes`` are all that are taken for alive, ``duties`` who has each of them, ``dismissed`` those
    that were given up for dead just now. ``waiting`` says that there are files to be removed that
    nobody has taken. ``told`` is the number up to which callbacks were told of the log.
    """

    nodes: tuple[Node, ...]
    duties: Mapping[str, str]
    dismissed: tuple[str, ...] = ()
    waiting: bool = False
    told: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodesState:
    """The nodes as one of them sees them: its own name, the others, and who has which duty."""

    name: str
    nodes: tuple[Node, ...]
    duties: Mapping[str, str]
