"""What a message is: commands, queries and events."""

from dataclasses import dataclass
from typing import Generic, TypeVar, dataclass_transform

R = TypeVar("R")
T = TypeVar("T")


class Message:
    """Something said to an actor, or by one."""

    __slots__ = ()


class Question(Message, Generic[R]):
    """A message that is answered by an ``R``, or by an error."""

    __slots__ = ()


class Command(Question[R]):
    """Asks for a change."""

    __slots__ = ()


class Query(Question[R]):
    """Asks to know; changes nothing."""

    __slots__ = ()


class Event(Message):
    """Says, in the past tense, what happened; whoever listens is told, nobody answers."""

    __slots__ = ()


@dataclass_transform(kw_only_default=True, frozen_default=True)
def message(cls: type[T]) -> type[T]:
    """Make ``cls`` a frozen dataclass with slots, built by keyword."""
    return dataclass(frozen=True, slots=True, kw_only=True)(cls)
