"""Nodes that share an index: who lives, and who does what.

A node counts its beats. Another one that has seen them stand still for long enough, by its own
clock, dismisses it: from then on, in the same transaction, nothing is its any more, and whatever it
still wants to write of what it had is refused.
"""

from collections.abc import Collection, Sequence

from repertory.nodes import Node, Pulse
from repertory.storage.index.database import Database, Question
from repertory.storage.index.operations.duties import TAKE
from repertory.storage.index.operations.group import Group
from repertory.storage.index.operations.placing import release_copies_of

LIST = "SELECT name, title, beats FROM nodes ORDER BY name"
LIST_DUTIES = "SELECT name, node FROM duties"
ENTER = "INSERT INTO nodes (name, title, beats) VALUES (?, ?, 0)"
BEAT = "UPDATE nodes SET beats = beats + 1, held = ? WHERE name = ?"
DISMISS = "DELETE FROM nodes WHERE name = ? AND beats = ?"
LEAVE = "DELETE FROM nodes WHERE name = ?"
WAITING = "SELECT 1 FROM released WHERE node IS NULL LIMIT 1"
OWNERS = (
    "SELECT DISTINCT node FROM jobs WHERE node IS NOT NULL",
    "SELECT DISTINCT node FROM released WHERE node IS NOT NULL",
    "SELECT DISTINCT node FROM duties",
    "SELECT DISTINCT node FROM copies WHERE node IS NOT NULL",
)


def list_nodes(db: Database) -> tuple[Node, ...]:
    """Those that are taken for alive."""
    return tuple(Node(*row) for row in db.all(LIST))


def enter_node(db: Database, group: Group, name: str, title: str) -> int:
    """Become a node; how many copies were released that nodes of before had left unfinished."""
    group.writing = True
    living = {row[0] for row in db.all(LIST)}
    owners = {row[0] for rows in db.gather([Question(sql) for sql in OWNERS]) for row in rows}
    count = sum(_strip(db, group, owner) for owner in sorted(owners - living))
    count += release_copies_of(db, group, None)
    db.execute(ENTER, (name, title))
    group.join(name)
    group.tell_hold()
    return count


def beat(
    db: Database,
    group: Group,
    suspects: Sequence[tuple[str, int]],
    wants: Collection[str],
) -> Pulse | None:
    """Say that one lives, dismiss ``suspects`` that have not said so since, take free duties.

    ``None``: this node was dismissed itself, and has nothing any more.
    """
    group.writing = True
    if not db.execute(BEAT, (group.held_here(), group.node)):
        return None
    dismissed = []
    for name, beats in suspects:
        if db.execute(DISMISS, (name, beats)):
            _strip(db, group, name)
            dismissed.append(name)
    nodes, held, waiting = db.gather([Question(LIST), Question(LIST_DUTIES), Question(WAITING)])
    duties: dict[str, str] = dict(held)
    for duty in sorted(set(wants) - duties.keys()):
        db.execute(TAKE, (duty, group.node))
        duties[duty] = group.node
    return Pulse(
        nodes=tuple(Node(*row) for row in nodes),
        duties=duties,
        dismissed=tuple(dismissed),
        waiting=bool(waiting),
    )


def leave_node(db: Database, group: Group) -> None:
    """Be no node any more; what was under way goes on elsewhere."""
    if group.node:
        group.writing = True
        # The name stays: with it, nothing more can be done of what needs a node that lives.
        _strip(db, group, group.node)
        db.execute(LEAVE, (group.node,))


def _strip(db: Database, group: Group, name: str) -> int:
    """Take from a node all that it has; how many copies were released that it was making."""
    for table in ("jobs", "released"):
        db.execute(f"UPDATE {table} SET node = NULL WHERE node = ?", (name,))  # noqa: S608
    db.execute("DELETE FROM duties WHERE node = ?", (name,))
    return release_copies_of(db, group, name)
