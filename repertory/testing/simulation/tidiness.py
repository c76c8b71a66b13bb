"""What the housekeeper and the trash owe: looked at while nobody asks anything."""

from collections.abc import Callable
from typing import Any

from repertory.actors.messages.following import ListDeadLetters
from repertory.actors.messages.housekeeping import DescribeHousekeeping, ResumeHousekeeping
from repertory.actors.messages.resources import DeleteResource
from repertory.actors.messages.trash import ListTrash, RestoreTrash
from repertory.errors import LeaseLost, UnknownResource
from repertory.model import Compression, ContentType, Level, Metadata
from repertory.testing.simulation.books import Violation
from repertory.testing.simulation.catalog import COUNT, id_of
from repertory.testing.simulation.world import World

ROUNDS = 180.0
"""Seconds after which the time of an entry is up for sure: the trash is looked at each minute."""


_TRIES = 20
_TRY_AGAIN = 30.0
"""Seconds after which whoever was told to try again does; a node that was given up comes back."""


def resume(world: World) -> None:
    """Let the housekeeper go on if somebody has paused it."""
    if not world.setup.housekeeper:
        return
    for _ in range(_TRIES):
        try:
            world.board.ask(ResumeHousekeeping())
        except LeaseLost:
            world.scheduler.sleep(_TRY_AGAIN, "the time to try again")
        else:
            return
    raise Violation("who tries again is heard", "the housekeeper's duty is nobody's")


def check_order(world: World, *, forms: bool) -> None:
    """All is in line with the configuration, but for the studies that are told to have failed."""
    if not world.setup.housekeeper:
        return
    status = world.board.ask(DescribeHousekeeping())
    if status.condition != "Idle" and not status.backlog.failed:
        raise Violation("a pass ends", f"the housekeeper is {status.condition}")
    failed = {failure.study for failure in status.backlog.failures}
    wanted = Compression.ZSTANDARD if world.setup.compression else Compression.NONE
    reader = world.reader()
    try:
        for number in range(COUNT):
            if id_of(Level.STUDY, number) in failed:
                continue
            for level in Level:
                id_ = id_of(level, number)
                try:
                    found = reader.list_metadata(level, id_)
                except UnknownResource:
                    continue
                if found.get(Metadata.MAIN_DICOM_TAGS_SIGNATURE) != world.signatures[level]:
                    raise Violation("all is in order", f"{level.word} {id_} has old tags")
                if level is Level.INSTANCE and forms:
                    file, *_ = reader.describe_attachment(level, id_, ContentType.DICOM)
                    if file.compression is not wanted:
                        raise Violation("all is in order", f"{id_} has the form {file.compression}")
    finally:
        reader.close()


def check_trash(world: World, read_all: Callable[[], dict[Any, object]]) -> None:
    """What expired is gone; what is deleted and restored is as it was."""
    now = world.scheduler.clock.now()
    if [entry for entry in world.board.ask(ListTrash()) if entry.expires_at + ROUNDS < now]:
        raise Violation("what expired goes", "entries are left whose time is up")
    if not world.setup.retention:
        return
    before = read_all()
    there = (one for one in range(COUNT) if before["file", one] is not None)
    number = next(there, None)
    if number is None:
        return
    for level in (Level.INSTANCE, Level.STUDY):
        id_ = id_of(level, number)
        world.board.ask(DeleteResource(level=level, id=id_))
        if read_all() == before:
            raise Violation("restored as it was", "what was deleted is there")
        world.board.ask(RestoreTrash(name=id_))
        after = read_all()
        if wrong := {name for name in before if before[name] != after[name]}:
            raise Violation("restored as it was", f"{wrong} are not what they were")


def check_events(world: World) -> None:
    """Whoever is told of events has heard of each, or there is a dead letter of it."""
    listener = world.listener
    if listener is None:
        return
    letters = world.board.ask(ListDeadLetters(name=listener.name, limit=100_000))
    dead = {letter.event.number for letter in letters}
    if unheard := sorted(world.books.due - dead):
        raise Violation("each event comes", f"nobody has heard of {unheard}")
    if wrong := sorted(number for number in dead if not listener.is_refused(number)):
        raise Violation("each event comes", f"{wrong} were put aside, though nobody refused them")
