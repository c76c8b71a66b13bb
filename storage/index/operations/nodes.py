"""Nodes that share an index: who lives, and who does what.

A node counts its beats. Another one that has seen them stand still for long enough, by its own
clock, dismisses it: from then on, in the same transaction, nothing is its any more, and whatever it
still wants to write of what it had is refused.
"""

from collections.abc import Collection, Mapping, Sequence

from repertory.nodes import CALLBACKS, Node, Pulse
from repertory.storage.index.database import Database, Question
from repertory.storage.index.operations.duties import TAKE
from repertory.storage.index.operations.group import Group
from repertory.storage.index.operations.placing import release_copies_of
from repertory.storage.index.operations.properties import KEEP

LIST = "SELECT name, title, beats FROM nodes ORDER BY name"
LIST_DUTIES = "SELECT name, node FROM duties"
ENTER = "INSERT INTO nodes (name, title, beats) VALUES (?, ?, 0)"
BEAT = "UPDATE nodes SET beats = beats + 1, held = ? WHERE name = ?"
DISMISS = "DELETE FROM nodes WHERE name = ? AND beats = ?"
LEAVE = "DELETE FROM nodes WHERE name = ?"
WAITING = "SELECT 1 FROM released WHERE node IS NULL LIMIT 1"
TOLD = "callbacks"
READ_TOLD = f"SELECT value FROM properties WHERE name = '{TOLD}'"  # noqa: S608 - a constant
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
    if not living:
        # As ever: callbacks hear of what happens from the first start on.
        db.execute("DELETE FROM properties WHERE name = ?", (TOLD,))
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
    if dismissed:
        group.join(group.node)  # what they needed of the log, nobody does any more
    asked = (LIST, LIST_DUTIES, WAITING, READ_TOLD)
    nodes, held, waiting, told = db.gather([Question(sql) for sql in asked])
    duties: dict[str, str] = dict(held)
    for duty in sorted(set(wants) - duties.keys()):
        db.execute(TAKE, (duty, group.node))
        duties[duty] = group.node
    return Pulse(
        nodes=tuple(Node(*row) for row in nodes),
        duties=duties,
        dismissed=tuple(dismissed),
        waiting=bool(waiting),
        told=_tell(db, group, duties, int(told[0][0]) if told else None),
    )


def _tell(db: Database, group: Group, duties: Mapping[str, str], told: int | None) -> int | None:
    """Take down up to where callbacks were told here, if it is here that they are told."""
    here = group.held_here()
    if here is None or duties.get(CALLBACKS) != group.node:
        return told
    if here != told:
        db.execute(KEEP, (TOLD, str(here)))
    return here


def leave_node(db: Database, group: Group) -> None:
    """Be no node any more; what was under way goes on elsewhere."""
    if group.node:
        group.writing = True
        _tell(db, group, dict(db.all(LIST_DUTIES)), None)
        # The name stays: with it, nothing more can be done of what needs a node that lives.
        _strip(db, group, group.node)
        db.execute(LEAVE, (group.node,))


def _strip(db: Database, group: Group, name: str) -> int:
    """Take from a node all that it has; how many copies were released that it was making."""
    for table in ("jobs", "released"):
        db.execute(f"UPDATE {table} SET node = NULL WHERE node = ?", (name,))  # noqa: S608
    db.execute("DELETE FROM duties WHERE node = ?", (name,))
    return release_copies_of(db, group, name)
